"""Rules of a site beyond its power: pace of building, one vendor, a shared place, carbon and water."""

from datetime import date
from math import ceil
from typing import TypedDict

from gigawatt.entities.site import Plant
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.plants import site_plants
from gigawatt.scenario.schema import PowerStepTable, SiteTable
from gigawatt.timeline import Calendar
from gigawatt.units import CARBON_INTENSITY, DURATION_MONTHS, WATER_USE


class SiteRules(TypedDict):
    """The fields of a `Site` that hold its rules."""

    construction_mw_per_month: float | None
    one_vendor: bool
    same_place_as: str | None
    grid_carbon_t_per_mwh: float | None
    water_kl_per_mwh: float | None
    water_cap_kl_per_year: float | None
    plants: tuple[Plant, ...]


def site_rules(desk: Desk, table: SiteTable, index: int, *, latitude_degree: float) -> SiteRules:
    """What the scenario states; carbon and water per MWh only where a cap needs them."""
    at = ("site", index)
    rate, cap = table.construction_rate, table.water_cap
    return SiteRules(
        construction_mw_per_month=None if rate is None else desk.number(rate, *at, "construction_rate"),
        one_vendor=bool(table.one_vendor),
        same_place_as=None if table.same_place_as is None else _place(desk, table.same_place_as, index),
        grid_carbon_t_per_mwh=_carbon(desk, table, index),
        water_kl_per_mwh=_water(desk, table, index),
        water_cap_kl_per_year=None if cap is None else desk.number(cap, *at, "water_cap"),
        plants=site_plants(desk, table, index, latitude_degree=latitude_degree),
    )


def step_start(desk: Desk, table: PowerStepTable, index: int, position: int) -> date:
    """The month of a power step: as announced, or when the slowest of its equipment can have arrived, if that is later.

    Lead times are the catalogue's, from the month in which the equipment is ordered (the programme's start if silent).
    """
    at = ("site", index, "power", position, "equipment")
    ordered = table.ordered or desk.scenario.document.programme.start
    leads = (
        desk.number_or(None, *at, place, default=f"economics/lead-time/{name}", dimension=DURATION_MONTHS)
        for place, name in enumerate(table.equipment)
    )
    arrivals = (Calendar(start=ordered, month_count=ceil(lead) + 1, months_per_period=1).months[-1] for lead in leads)
    return max((table.start, *arrivals))


def _carbon(desk: Desk, table: SiteTable, index: int) -> float | None:
    if table.grid_carbon is None and desk.scenario.document.programme.carbon_cap is None:
        return None
    default, at = "assumptions/site/grid-carbon", ("site", index, "grid_carbon")
    return desk.number_or(table.grid_carbon, *at, default=default, dimension=CARBON_INTENSITY)


def _water(desk: Desk, table: SiteTable, index: int) -> float | None:
    if table.water_use is None and table.water_cap is None:
        return None
    default, at = "assumptions/site/water-use", ("site", index, "water_use")
    return desk.number_or(table.water_use, *at, default=default, dimension=WATER_USE)


def _place(desk: Desk, named: str, index: int) -> str:
    """The site that has the power; it must come with the same power and share nobody else's."""
    tables = desk.scenario.document.sites
    here = tables[index]
    for other in tables:
        if named == (other.id or other.catalog) and other is not here and other.same_place_as is None:
            if [step.model_dump() for step in other.power] == [step.model_dump() for step in here.power]:
                return named
            raise desk.refuse(
                "site",
                index,
                "power",
                found="other power steps than those of the place it shares",
                expected=f"the same steps as site {named}",
                fix="Copy its power, or leave out same_place_as.",
            )
    raise desk.refuse(
        "site",
        index,
        "same_place_as",
        found=f'"{named}"',
        expected="the id of another site, which has power of its own",
        fix="Name the site whose power this one shares.",
    )
