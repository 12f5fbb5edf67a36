"""A plant's figures, stated or the catalogue's of its kind, and what its costs may turn out to be."""

from collections.abc import Mapping
from math import hypot

from gigawatt.entities.assumptions import SURE, Ranged
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.schema import PlantTable
from gigawatt.units import (
    DURATION_HOURS,
    ENERGY_PRICE,
    FUEL_PRICE,
    HEAT_RATE,
    MONEY_PER_FACILITY_MW,
    RENT_PER_FACILITY_MW,
    STORAGE_COST,
    Dimension,
)

GAS_KINDS = ("gas-engine", "gas-turbine")
"""Kinds of plants that burn gas, which the catalogue knows."""

BATTERY = "battery"
KNOWN_KINDS = (*GAS_KINDS, "grid", "solar", BATTERY)
"""Kinds that the catalogue knows."""


def plant_number(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, key: str, dimension: Dimension) -> float:
    """The figure `key` as stated, or the catalogue's of a kind that it knows."""
    stated: Stated | None = getattr(table, key)
    if stated is None and table.kind not in KNOWN_KINDS:
        raise desk.refuse(
            *at,
            key,
            found=f'nothing, for a plant of kind "{table.kind}"',
            expected=f"{dimension.name}; the catalogue knows only {', '.join(KNOWN_KINDS)}",
            fix=f"Write it like {key} = {dimension.example}.",
        )
    return desk.number_or(stated, *at, key, default=_default(table, key), dimension=dimension)


def plant_spreads(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> Mapping[str, Ranged]:
    """What the costs of a `Plant` may turn out to be, by their names there, as factors; sure ones left out."""
    spreads = {
        "cost_usd_per_mw": _capital_spread(desk, table, at),
        "fixed_usd_per_mw_month": _spread(desk, table, at, key="fixed_operation", dimension=RENT_PER_FACILITY_MW),
        "energy_usd_per_mwh": _energy_spread(desk, table, at),
    }
    return {name: found for name, found in spreads.items() if found != SURE}


def _default(table: PlantTable, key: str) -> str:
    return f"assumptions/{table.kind}/{key.replace('_', '-')}"


def _spread(desk: Desk, table: PlantTable, at: tuple[Step, ...], *, key: str, dimension: Dimension) -> Ranged:
    return desk.spread(getattr(table, key), *at, key, default=_default(table, key), dimension=dimension)


def _capital_spread(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> Ranged:
    cost = _spread(desk, table, at, key="cost", dimension=MONEY_PER_FACILITY_MW)
    if table.kind != BATTERY:
        return cost
    storage = _spread(desk, table, at, key="storage_cost", dimension=STORAGE_COST)
    duration_h = plant_number(desk, table, at, key="duration", dimension=DURATION_HOURS)
    power_usd = plant_number(desk, table, at, key="cost", dimension=MONEY_PER_FACILITY_MW)
    storage_usd = duration_h * plant_number(desk, table, at, key="storage_cost", dimension=STORAGE_COST)
    return _combined(power_usd + storage_usd, (power_usd, cost), (storage_usd, storage))


def _energy_spread(desk: Desk, table: PlantTable, at: tuple[Step, ...]) -> Ranged:
    """Of energy that is free or bought, sure; of fuel and care, that of what they are made of."""
    if table.kind in KNOWN_KINDS and table.kind not in GAS_KINDS:
        return SURE
    if table.energy_cost is not None:
        return _spread(desk, table, at, key="energy_cost", dimension=ENERGY_PRICE)
    rate = plant_number(desk, table, at, key="heat_rate", dimension=HEAT_RATE)
    fuel_usd = rate * plant_number(desk, table, at, key="fuel_price", dimension=FUEL_PRICE)
    care_usd = plant_number(desk, table, at, key="variable_operation", dimension=ENERGY_PRICE)
    return _combined(
        fuel_usd + care_usd,
        (fuel_usd, _spread(desk, table, at, key="heat_rate", dimension=HEAT_RATE)),
        (fuel_usd, _spread(desk, table, at, key="fuel_price", dimension=FUEL_PRICE)),
        (care_usd, _spread(desk, table, at, key="variable_operation", dimension=ENERGY_PRICE)),
    )


def _combined(total_usd: float, *parts: tuple[float, Ranged]) -> Ranged:
    """Range of a sum, as factors of it, whose parts vary by factors that know nothing of each other.

    Widths add up in quadrature, to the first order; an amount that is a product stands once for each of its factors.
    """
    if total_usd == 0.0:
        return SURE
    below = hypot(*(usd * (spread.best - spread.low) for usd, spread in parts)) / total_usd
    above = hypot(*(usd * (spread.high - spread.best) for usd, spread in parts)) / total_usd
    return Ranged(low=1.0 - below, best=1.0, high=1.0 + above)
