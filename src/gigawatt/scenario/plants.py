"""Power plants and grid steps of a site's own as a scenario states them; the catalogue completes the kinds it knows."""

from typing import TypedDict

from gigawatt.entities.site import Battery, Burning, GridStep, Payments, Plant, Sun, Working
from gigawatt.facility.sun import sun_share_fraction
from gigawatt.scenario.checks import unique_ids
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.plant_figures import BATTERY, GAS_KINDS, plant_number, plant_spreads
from gigawatt.scenario.schema import CloudTable, PlantTable, SiteTable
from gigawatt.units import (
    CARBON_INTENSITY,
    DURATION_HOURS,
    DURATION_MONTHS,
    ENERGY_PRICE,
    FRACTION,
    FUEL_CARBON,
    FUEL_PRICE,
    HEAT_RATE,
    MONEY_PER_FACILITY_MW,
    RENT_PER_FACILITY_MW,
    STORAGE_COST,
)

_FUEL_KEYS = ("energy_cost", "heat_rate", "fuel_price", "variable_operation", "carbon")
_STORAGE_KEYS = ("duration", "round_trip", "storage_cost", "firm_duration")


def site_plants(desk: Desk, table: SiteTable, index: int, *, latitude_degree: float) -> tuple[Plant, ...]:
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
    unique_ids(desk.scenario, [f"{index}/{plant.id or plant.kind}" for plant in table.plants], key="site")
    return tuple(
        _plant(desk, plant, ("site", index, "plant", place), latitude_degree=latitude_degree)
        for place, plant in enumerate(table.plants)
    )


def _plant(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, latitude_degree: float) -> Plant:
    if table.kind != BATTERY:
        _refuse_keys(desk, table, at, keys=_STORAGE_KEYS, because="it stores nothing")
    lead = plant_number(desk, table, at, key="lead", dimension=DURATION_MONTHS)
    slip = 0.0 if table.slip is None else desk.number(table.slip, *at, "slip")
    return Plant(
        id=table.id or table.kind,
        most_mw=desk.number(table.most, *at, "most"),
        unit_mw=_unit_mw(desk, table, at),
        lead_months=round(lead) if table.lead is None else desk.whole(lead, table.lead, *at, "lead"),
        slip_median_months=slip,
        cost_usd_per_mw=_cost_usd_per_mw(desk, table, at),
        fixed_usd_per_mw_month=plant_number(desk, table, at, key="fixed_operation", dimension=RENT_PER_FACILITY_MW),
        payments=Payments(
            desk.choose(
                table.payments,
                *at,
                "payments",
                default=Payments.PROGRESS,
                note="builders are paid as the plant comes along",
            )
        ),
        spreads=plant_spreads(desk, table, at),
        **_work(desk, table, at, latitude_degree=latitude_degree),
    )


class _Work(TypedDict):
    """The fields of a `Plant` that say what it does."""

    works: Working
    energy_usd_per_mwh: float
    firm_fraction: float
    energy_fraction: float
    carbon_t_per_mwh: float


def _work(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, latitude_degree: float) -> _Work:
    match table.kind:
        case "grid":
            return _connection(desk, table, at)
        case "solar":
            return _sun(desk, table, at, latitude_degree=latitude_degree)
        case "battery":
            return _battery(desk, table, at)
        case _:
            return _burning(desk, table, at)


def _burning(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> _Work:
    return _Work(
        works=Burning(),
        energy_usd_per_mwh=_energy_usd_per_mwh(desk, table, at),
        firm_fraction=plant_number(desk, table, at, key="firm", dimension=FRACTION),
        energy_fraction=plant_number(desk, table, at, key="energy", dimension=FRACTION),
        carbon_t_per_mwh=_carbon_t_per_mwh(desk, table, at),
    )


def _connection(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> _Work:
    """A step of the connection is firm, and what comes through it is bought and emits as the site's energy does."""
    refused = (*_FUEL_KEYS, "firm", "energy")
    _refuse_keys(desk, table, at, keys=refused, because="energy through the connection is bought")
    return _Work(works=GridStep(), energy_usd_per_mwh=0.0, firm_fraction=1.0, energy_fraction=1.0, carbon_t_per_mwh=0.0)


def _sun(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, latitude_degree: float) -> _Work:
    """Panels give what the sun gives at the site's latitude, and cost nothing to run."""
    _refuse_keys(desk, table, at, keys=_FUEL_KEYS, because="the sun is free and clean")
    mean_fraction = plant_number(desk, table, at, key="energy", dimension=FRACTION)
    try:
        share = sun_share_fraction(latitude_degree, mean_fraction=mean_fraction)
    except ValueError as error:
        raise desk.refuse(
            *at,
            "energy",
            found=str(error),
            expected="the mean of a year that the sun can give",
            fix='Write it like energy = "25 percent".',
        ) from error
    return _Work(
        works=Sun(share_fraction=tuple(tuple(float(value) for value in row) for row in share)),
        energy_usd_per_mwh=0.0,
        firm_fraction=plant_number(desk, table, at, key="firm", dimension=FRACTION),
        energy_fraction=1.0,
        carbon_t_per_mwh=0.0,
    )


def _battery(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> _Work:
    """A battery is firm as far as it lasts as long as it may be needed at a stretch, or as is stated."""
    _refuse_keys(desk, table, at, keys=(*_FUEL_KEYS, "energy"), because="a battery only stores")
    duration_h = plant_number(desk, table, at, key="duration", dimension=DURATION_HOURS)
    if table.firm is None:
        firm = min(1.0, duration_h / plant_number(desk, table, at, key="firm_duration", dimension=DURATION_HOURS))
    else:
        _refuse_keys(desk, table, at, keys=("firm_duration",), because="firm is stated")
        firm = desk.number(table.firm, *at, "firm")
    round_trip = plant_number(desk, table, at, key="round_trip", dimension=FRACTION)
    if round_trip == 0.0:
        raise desk.refuse(
            *at, "round_trip", found="0 percent", expected="a part that comes back", fix='Write it like "85 percent".'
        )
    return _Work(
        works=Battery(duration_h=duration_h, round_trip_fraction=round_trip),
        energy_usd_per_mwh=0.0,
        firm_fraction=firm,
        energy_fraction=1.0,
        carbon_t_per_mwh=0.0,
    )


def _cost_usd_per_mw(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    """The cost of a megawatt, a battery's with the storage that goes with it."""
    cost_usd_per_mw = plant_number(desk, table, at, key="cost", dimension=MONEY_PER_FACILITY_MW)
    if table.kind != BATTERY:
        return cost_usd_per_mw
    duration_h = plant_number(desk, table, at, key="duration", dimension=DURATION_HOURS)
    return cost_usd_per_mw + duration_h * plant_number(desk, table, at, key="storage_cost", dimension=STORAGE_COST)


def _refuse_keys(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, keys: tuple[str, ...], because: str) -> None:
    for key in keys:
        if getattr(table, key) is not None:
            raise desk.refuse(
                *at,
                key,
                found=f'{key} of a plant of kind "{table.kind}"',
                expected=f"nothing, for {because}",
                fix=f"Leave out {key}.",
            )


def _unit_mw(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float | None:
    """The size of a whole unit, of which at least one must be allowed."""
    if table.unit is None:
        return None
    unit_mw, most_mw = desk.number(table.unit, *at, "unit"), table.most.value
    if not 0.0 < unit_mw <= most_mw:
        raise desk.refuse(
            *at,
            "unit",
            found=f"units of {unit_mw:g} MW where {most_mw:g} MW may be built",
            expected="units above zero and no larger than most",
            fix="Raise most, or state smaller units.",
        )
    return unit_mw


def _energy_usd_per_mwh(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    """Fuel and care of a MWh: as stated, or heat rate x fuel price + variable operation."""
    if table.energy_cost is None:
        fuel_usd_per_mmbtu = plant_number(desk, table, at, key="fuel_price", dimension=FUEL_PRICE)
        care_usd_per_mwh = plant_number(desk, table, at, key="variable_operation", dimension=ENERGY_PRICE)
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
    if table.carbon is not None or table.kind not in GAS_KINDS:
        return plant_number(desk, table, at, key="carbon", dimension=CARBON_INTENSITY)
    default = f"assumptions/{table.kind}/fuel-carbon"
    fuel_t_per_mmbtu = desk.number_or(None, *at, "carbon", default=default, dimension=FUEL_CARBON)
    return _heat_mmbtu_per_mwh(desk, table, at) * fuel_t_per_mmbtu


def _heat_mmbtu_per_mwh(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> float:
    return plant_number(desk, table, at, key="heat_rate", dimension=HEAT_RATE)
