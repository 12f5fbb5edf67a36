"""What the sites' own power plants cost the programme: building, standing, and fuel and care of what they make."""

from collections.abc import Iterator

from gigawatt.entities.stages import BuildPlan, History, Inputs
from gigawatt.finance.costs import building_spend_mw
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.finance.parties import bearers


def plant_streams(inputs: Inputs, plan: BuildPlan, history: History) -> Iterator[Stream]:
    """Building is paid to the site's builder over the lead time, as is operation each month; fuel to its utility."""
    for site in inputs.sites:
        who = bearers(inputs, site)
        for plant in site.plants:
            label = f"{site.id}/{plant.id}"
            standing = plan.decisions["plant_mw"].sel(plant=label).values[inputs.calendar.period_of_month]
            spend_mw = building_spend_mw(standing, construction_months=plant.lead_months)
            made_mwh = history.state["generated_mwh"].sel(plant=label).values
            for payee, purpose, amount_usd in (
                (who.builder, Purpose.POWER_PLANT, spend_mw * plant.cost_usd_per_mw),
                (who.builder, Purpose.PLANT_OPERATION, standing * plant.fixed_usd_per_mw_month),
                (site.utility, Purpose.GENERATION, made_mwh * plant.energy_usd_per_mwh),
            ):
                yield Stream(payer=inputs.programme, payee=payee, purpose=purpose, amount_usd=amount_usd, site=site.id)
