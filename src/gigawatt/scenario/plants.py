"""Power plants of a site's own as a scenario states them; gas engines and turbines take the rest from the catalogue."""

from gigawatt.entities.site import Plant
from gigawatt.scenario.checks import unique_ids
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.schema import CloudTable, PlantTable, SiteTable
from gigawatt.units import (
    CARBON_INTENSITY,
    DURATION_MONTHS,
    ENERGY_PRICE,
    FRACTION,
    FUEL_CARBON,
    FUEL_PRICE,
    HEAT_RATE,
    MONEY_PER_FACILITY_MW,
    RENT_PER_FACILITY_MW,
    Dimension,
)

KNOWN_KINDS = ("gas-engine", "gas-turbine")
"""Kinds of plants that the catalogue knows."""


def site_plants(desk: Desk, table: SiteTable, index: int) -> tuple[Plant, ...]:
    """The plants that a site allows, in the scenario's order."""
    if table.plants and isinstance(table.ownership, CloudTable):
        raise desk.refuse(
            "site",
            index,
            "plant",
            found="power plants at a site of cloud capacity",
            expected="plants only where the programme pays for energy",
            fix="Leave them out, or own or lease the site.",
        )
    unique_ids(desk.scenario, [f"{index}/{plant.kind}" for plant in table.plants], key="site")
    return tuple(_plant(desk, plant, ("site", index, "plant", place)) for place, plant in enumerate(table.plants))


def _plant(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> Plant:
    lead = _number(desk, table, at, key="lead", dimension=DURATION_MONTHS)
    return Plant(
        id=table.kind,
        most_mw=desk.number(table.most, *at, "most"),
        lead_months=round(lead) if table.lead is None else desk.whole(lead, table.lead, *at, "lead"),
        cost_usd_per_mw=_number(desk, table, at, key="cost", dimension=MONEY_PER_FACILITY_MW),
        fixed_usd_per_mw_month=_number(desk, table, at, key="fixed_operation", dimension=RENT_PER_FACILITY_MW),
        energy_usd_per_mwh=_energy_usd_per_mwh(desk, table, at),
        firm_fraction=_number(desk, table, at, key="firm", dimension=FRACTION),
        energy_fraction=_number(desk, table, at, key="energy", dimension=FRACTION),
        carbon_t_per_mwh=_carbon_t_per_mwh(desk, table, at),
    )


def _energy_usd_per_mwh(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    """Fuel and care of a MWh: as stated, or heat rate x fuel price + variable operation."""
    if table.energy_cost is None:
        fuel_usd_per_mmbtu = _number(desk, table, at, key="fuel_price", dimension=FUEL_PRICE)
        care_usd_per_mwh = _number(desk, table, at, key="variable_operation", dimension=ENERGY_PRICE)
        return _heat_mmbtu_per_mwh(desk, table, at) * fuel_usd_per_mmbtu + care_usd_per_mwh
    if table.heat_rate or table.fuel_price or table.variable_operation:
        raise desk.refuse(
            *at,
            "energy_cost",
            found="energy_cost beside heat_rate, fuel_price or variable_operation",
            expected="the cost of a MWh as a whole, or its parts",
            fix="Leave out energy_cost, or all three of its parts.",
        )
    return desk.number(table.energy_cost, *at, "energy_cost")


def _carbon_t_per_mwh(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    """Emissions of a MWh: as stated, or heat rate x carbon of the gas."""
    if table.carbon is not None or table.kind not in KNOWN_KINDS:
        return _number(desk, table, at, key="carbon", dimension=CARBON_INTENSITY)
    default = f"assumptions/{table.kind}/fuel-carbon"
    fuel_t_per_mmbtu = desk.number_or(None, *at, "carbon", default=default, dimension=FUEL_CARBON)
    return _heat_mmbtu_per_mwh(desk, table, at) * fuel_t_per_mmbtu


def _heat_mmbtu_per_mwh(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    return _number(desk, table, at, key="heat_rate", dimension=HEAT_RATE)


def _number(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, key: str, dimension: Dimension) -> float:
    """The figure `key` as stated, or the catalogue's of a kind that it knows."""
    stated: Stated | None = getattr(table, key)
    if stated is None and table.kind not in KNOWN_KINDS:
        raise desk.refuse(
            *at,
            key,
            found=f'nothing, for a plant of kind "{table.kind}"',
            expected=f"{dimension.name}; the catalogue knows only {' and '.join(KNOWN_KINDS)}",
            fix=f"Write it like {key} = {dimension.example}.",
        )
    default = f"assumptions/{table.kind}/{key.replace('_', '-')}"
    return desk.number_or(stated, *at, key, default=default, dimension=dimension)
