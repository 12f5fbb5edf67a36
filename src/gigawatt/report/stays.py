"""Where and when placed runs hold racks, as the plan has it."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Study
from gigawatt.facility.electrical import facility_power_mw, rack_it_power_mw
from gigawatt.timeline import Calendar

_LEAST_RACKS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A run at a site: from `first` (a month's first day) to before `end`, with the most racks that it holds there."""

    run: str
    site: str
    platform: str
    first: date
    end: date
    racks_count: float
    facility_mw: float


def stays(study: Study) -> tuple[Stay, ...]:
    """Every stay of a placed run, in the order of runs and sites."""
    return tuple(
        stay
        for run in study.inputs.runs
        if run.placement is not None
        for site in study.inputs.sites
        for offer in study.inputs.offers
        if (stay := _stay(study, run=run.id, site=site, platform=offer.platform)) is not None
    )


def _stay(study: Study, *, run: str, site: Site, platform: Platform) -> Stay | None:
    racks = study.plan.decisions["training_racks"].sel(run=run, site=site.id, platform=platform.id)
    busy = np.flatnonzero(racks.values > _LEAST_RACKS)
    if not busy.size:
        return None
    calendar, most = study.inputs.calendar, float(racks.max())
    it_mw = rack_it_power_mw(platform, fabric_power_fraction=study.inputs.operation.fabric_power.best)
    return Stay(
        run=run,
        site=site.id,
        platform=platform.id,
        first=calendar.periods[busy[0]],
        end=_end_of(calendar, int(busy[-1])),
        racks_count=most,
        facility_mw=most * facility_power_mw(it_mw, pue=site.peak_pue),
    )


def _end_of(calendar: Calendar, period: int) -> date:
    """The first day after a period."""
    longer = Calendar(
        start=calendar.start,
        month_count=calendar.month_count + calendar.months_per_period,
        months_per_period=calendar.months_per_period,
    )
    return longer.periods[period + 1]
