"""What the sites' own power plants and grid steps cost the programme: building, standing, fuel and care."""

from collections.abc import Iterator

from gigawatt.entities.site import GridStep, Payments, Plant
from gigawatt.entities.stages import BuildPlan, History, Inputs
from gigawatt.finance.costs import building_spend_mw
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.finance.parties import bearers


def plant_streams(inputs: Inputs, plan: BuildPlan, history: History) -> Iterator[Stream]:
    """Building is paid to the site's builder evenly over lead time and expected slip, from the planned beginning on.

    Where a plant comes later or earlier than planned, payments by progress end when it stands; by schedule they end as
    planned. What would fall behind the horizon is left out. Operation is paid to the builder in each month in which a
    plant stands, fuel to the site's utility.
    """
    for site in inputs.sites:
        who = bearers(inputs, site)
        for plant in site.plants:
            label = f"{site.id}/{plant.id}"
            planned = plan.decisions["plant_mw"].sel(plant=label).values[inputs.calendar.period_of_month]
            late = int(history.state["plant_late_months"].sel(plant=label))
            spend_mw = building_spend_mw(
                planned,
                construction_months=plant.expected_lead_months,
                late_months=late if plant.payments is Payments.PROGRESS else 0,
            )
            standing = history.state["plant_mw"].sel(plant=label).values
            made_mwh = history.state["generated_mwh"].sel(plant=label).values
            for payee, purpose, amount_usd in (
                (who.builder, plant_purpose(plant), spend_mw * plant.cost_usd_per_mw),
                (who.builder, Purpose.PLANT_OPERATION, standing * plant.fixed_usd_per_mw_month),
                (site.utility, Purpose.GENERATION, made_mwh * plant.energy_usd_per_mwh),
            ):
                yield Stream(payer=inputs.programme, payee=payee, purpose=purpose, amount_usd=amount_usd, site=site.id)


def plant_purpose(plant: Plant) -> Purpose:
    """The layer that building a plant counts to: a step of the connection is grid."""
    return Purpose.GRID if isinstance(plant.works, GridStep) else Purpose.POWER_PLANT
