"""What the plan builds and gives up beside racks and halls: power of the sites' own, racks sold, racks missing."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from gigawatt.entities.site import GridStep
from gigawatt.entities.stages import Study
from gigawatt.report.cells import Cell, Table, heads_of, row_of
from gigawatt.report.wording import counted, listing, month_name, short_month
from gigawatt.units import MEGAWATTS_PER_GIGAWATT

_LEAST_MW = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPower:
    """A plant or a grid step that the plan builds: `steps` are the months in which it grows, with all of it then.

    `generated_mwh` over the horizon as it plays out, below zero what a battery loses.
    """

    site: str
    plant: str
    steps: tuple[tuple[date, float], ...]
    firm_mw: float
    generated_mwh: float
    is_grid: bool

    @property
    def most_mw(self) -> float:
        """What stands in the end."""
        return self.steps[-1][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Racks of a platform that leave a site early in a month, by the plan, at an age."""

    site: str
    platform: str
    month: date
    age_months: int
    racks_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Racks that an allocation, by its key, makes the programme pay for without taking them."""

    allocation: str
    racks_count: float


def own_power(study: Study) -> tuple[OwnPower, ...]:
    """Every plant and grid step that the plan builds, in the order of sites."""
    found = []
    for site in study.inputs.sites:
        for plant in site.plants:
            label = f"{site.id}/{plant.id}"
            standing = study.plan.decisions["plant_mw"].sel(plant=label).values
            grown = np.flatnonzero(np.diff(standing, prepend=0.0) > _LEAST_MW)
            if not grown.size:
                continue
            periods = study.inputs.calendar.periods
            found.append(
                OwnPower(
                    site=site.id,
                    plant=plant.id,
                    steps=tuple((periods[index], float(standing[index])) for index in grown),
                    firm_mw=float(standing[-1]) * plant.firm_fraction,
                    generated_mwh=float(study.history.state["generated_mwh"].sel(plant=label).sum()),
                    is_grid=isinstance(plant.works, GridStep),
                )
            )
    return tuple(found)


def sales(study: Study) -> tuple[Sale, ...]:
    """Racks that leave before their life ends, in the order of sites, platforms, ages and months."""
    if "sold_racks" not in study.plan.decisions:
        return ()
    periods, sold = study.inputs.calendar.periods, study.plan.decisions["sold_racks"]
    return tuple(
        Sale(
            site=site.id,
            platform=offer.platform.id,
            month=periods[index],
            age_months=item.age_months,
            racks_count=float(racks[index]),
        )
        for site in study.inputs.sites
        for offer in study.inputs.offers
        for rank, item in enumerate(offer.resale)
        for racks in (sold.sel(site=site.id, platform=offer.platform.id, resale=rank).values,)
        for index in np.flatnonzero(racks > 0.0)
    )


def missing(study: Study) -> tuple[Missing, ...]:
    """Racks paid for without being taken, by allocation."""
    if "missing_racks" not in study.plan.decisions:
        return ()
    racks = study.plan.decisions["missing_racks"]
    return tuple(
        Missing(allocation=_key(str(window)), racks_count=float(racks.sel(window=window)))
        for window in racks["window"].values
        if float(racks.sel(window=window)) > 0.0
    )


def _key(window: str) -> str:
    platform, _, place = window.partition("[")
    return f"platform.{platform}.allocation[{place}"


def own_power_table(study: Study) -> Table:
    """Plants and grid steps that are built, empty where there are none."""
    rows = tuple(
        row_of(
            item.site,
            item.plant,
            listing([f"{mw:,.0f} MW from {short_month(day)}" for day, mw in item.steps]),
            Cell(text=f"{item.firm_mw:,.0f} MW", sort=item.firm_mw),
            Cell(
                text="bought" if item.is_grid else f"{item.generated_mwh / MEGAWATTS_PER_GIGAWATT:,.0f} GWh",
                sort=item.generated_mwh,
            ),
        )
        for item in own_power(study)
    )
    return Table(heads=heads_of("Site", "Plant", "In all", "#Firm", "#Generated over the horizon"), rows=rows)


def estate_words(study: Study) -> str:
    """Power of the sites' own, racks sold and racks missing, in sentences; empty where there is nothing of it."""
    built, sold, lacking = own_power(study), sales(study), missing(study)
    said = []
    if built:
        firm_mw, sites = sum(item.firm_mw for item in built), {item.site for item in built}
        said.append(f"Plants and grid steps add {firm_mw:,.0f} MW of firm power at {counted(len(sites), 'site')}.")
    if sold:
        racks, first = sum(sale.racks_count for sale in sold), min(sale.month for sale in sold)
        said.append(f"{racks:,.0f} racks leave before their life ends, the first in {month_name(first)}.")
    if lacking:
        said.append(
            listing([f"{item.racks_count:,.0f} racks of {item.allocation}" for item in lacking])
            + " are paid for without being taken."
        )
    return " ".join(said)
