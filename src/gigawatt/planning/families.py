"""The families of constraints by name: what each is in words, in which unit, and under which key a scenario states it.

`explain` and `conflicts` know a constraint by its family alone. A family that limits the plan belongs to a `Scarcity`
and has a marginal value; the others only say how decisions hang together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import xarray as xr

from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms
from gigawatt.units import MONTHS_PER_YEAR, PERCENT_PER_ONE, TOKENS_PER_MILLION

Scale = Callable[[Terms], float | xr.DataArray]


class Scarcity(StrEnum):
    """What a planner lacks where a constraint binds."""

    POWER = "power"
    CHIPS = "chips"
    MONEY = "money"
    DEMAND = "demand"
    CONSTRUCTION = "construction"
    DEADLINES = "deadlines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A limit or a demand of the scenario.

    `words` what one unit of it is, `unit` that unit, `key` where the scenario states it, `scale` how many units one
    unit of the model's own rows is. Without a `key` it is no statement that could be taken back. One unit more of it is
    one more in the rows `within` which it lies too, if any.
    """

    scarcity: Scarcity
    words: str
    unit: str
    key: str
    scale: Scale
    within: str = ""


def _one(_terms: Terms) -> float:
    return 1.0


def _block_racks(terms: Terms) -> xr.DataArray:
    return terms.fleet.block_racks


def _mtokens(_terms: Terms) -> float:
    return TOKEN_UNIT / TOKENS_PER_MILLION


def _usd(_terms: Terms) -> float:
    return MONEY_UNIT_USD


def _percent(_terms: Terms) -> float:
    return PERCENT_PER_ONE


LIMITS: Mapping[str, Family] = {
    "energized": Family(
        scarcity=Scarcity.POWER, words="energized power at a site", unit="MW", key="site.power", scale=_one
    ),
    "supply": Family(
        scarcity=Scarcity.CHIPS, words="supply of a platform", unit="rack", key="platform.supply", scale=_block_racks
    ),
    "allocated": Family(
        scarcity=Scarcity.CHIPS, words="allocation of a platform", unit="rack", key="platform.allocation", scale=_one
    ),
    "demand": Family(
        scarcity=Scarcity.DEMAND, words="demand for a service", unit="Mtoken", key="service.demand", scale=_mtokens
    ),
    "region_racks": Family(
        scarcity=Scarcity.CHIPS,
        words="racks in a region through a month",
        unit="rack",
        key="",
        scale=_one,
        within="allocation",
    ),
    "shared_power": Family(
        scarcity=Scarcity.POWER, words="power of a place used in several ways", unit="MW", key="site.power", scale=_one
    ),
    "construction": Family(
        scarcity=Scarcity.CONSTRUCTION,
        words="halls built at a site",
        unit="MW",
        key="site.construction_rate",
        scale=_one,
    ),
    "air_cooling": Family(
        scarcity=Scarcity.CONSTRUCTION,
        words="heat that a site's air takes away, in IT power",
        unit="MW",
        key="site.air_capacity",
        scale=_one,
    ),
    "liquid_cooling": Family(
        scarcity=Scarcity.CONSTRUCTION,
        words="heat that a site's liquid takes away, in IT power",
        unit="MW",
        key="site.liquid_capacity",
        scale=_one,
    ),
    "carbon": Family(
        scarcity=Scarcity.POWER, words="emissions allowed in a year", unit="t", key="programme.carbon_cap", scale=_one
    ),
    "water": Family(
        scarcity=Scarcity.POWER, words="water allowed at a site in a year", unit="kL", key="site.water_cap", scale=_one
    ),
    "minimum_cash": Family(
        scarcity=Scarcity.MONEY, words="cash lent for a period", unit="USD", key="programme.minimum_cash", scale=_usd
    ),
    "targets": Family(
        scarcity=Scarcity.DEADLINES, words="power that a target asks for", unit="MW", key="target", scale=_one
    ),
    "runs": Family(
        scarcity=Scarcity.DEADLINES, words="computation of a run", unit="percent", key="training", scale=_percent
    ),
    "purchases": Family(
        scarcity=Scarcity.DEADLINES,
        words="racks that must be taken",
        unit="rack",
        key="platform.allocation",
        scale=_one,
    ),
    "earliest_target": Family(
        scarcity=Scarcity.DEADLINES,
        words="power of the earliest target",
        unit="MW",
        key="programme.objective",
        scale=_one,
    ),
}
"""Families that limit the plan."""

BOOKKEEPING: frozenset[str] = frozenset(
    {
        "rack_balance",
        "delivered",
        "pool",
        "sold",
        "built",
        "expansion",
        "allocation",
        "serving_kept",
        "training_kept",
        "serving_ramped_up",
        "training_ramped_up",
        "capacity",
        "tranches_kept",
        "milestones",
        "level_standing",
        "level_arrived",
        "level_kept",
        "level_reached",
        "tranches_past_signature",
        "tranches_due",
        "tranches_full",
        "cash_balance",
        "leanest_end",
        *(f"leanest_{months}" for months in range(1, MONTHS_PER_YEAR)),
        "goal_kept",
        "front",
        "standing",
        "past",
        "in_lead",
        "ordered",
        "ordered_no_more",
        "past_served",
        "past_trained",
        "known_cash",
        "moved_more",
        "moved_less",
        "one_vendor",
        "job_sites",
        "job_once",
        "job_parts",
        "job_racks",
        "job_training",
        "regional_serving",
        "plant_growth",
        "plant_units",
        "day_use",
        "day_need",
        "day_power",
        "day_made",
        "battery_charge",
        "battery_discharge",
        "battery_full",
        "battery_balance",
        "battery_losses",
        "plant_energy",
        "plant_use",
        "plant_need",
        "vendor_power",
    }
)
"""Families that say how decisions hang together, or keep an earlier goal; nobody can have one unit more of them."""

CONTRACT = "contract "
"""Families of a single contract begin with this; what they come to is told by the contract's own payments."""

DIVISIBLE: frozenset[str] = frozenset({"arrivals", "sold"})
"""Whole-number decisions that are taken as divisible where marginal values are sought: blocks are small and many."""


def unregistered(names: set[str]) -> set[str]:
    """Those of the constraint names that no registry knows."""
    unlimited = {name for name in names - set(LIMITS) if not name.startswith(CONTRACT)}
    return {name for name in unlimited if name.partition(" ")[0] not in BOOKKEEPING}
