"""Where and when placed runs hold racks, as the plan has it."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Study
from gigawatt.entities.workload import TrainingRun
from gigawatt.facility.electrical import facility_power_mw, rack_it_power_mw
from gigawatt.performance.trained import job_accelerators_count
from gigawatt.timeline import Calendar

_LEAST_RACKS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A run at a site, from `first` (a month's first day) to before `end`, with the racks of its job there."""

    run: str
    site: str
    platform: str
    first: date
    end: date
    racks_count: float
    facility_mw: float


def stays(study: Study) -> tuple[Stay, ...]:
    """Every stay of a placed run, in the order of runs and sites."""
    return tuple(stay for run in study.inputs.runs if run.placement is not None for stay in _stays(study, run=run))


def _stays(study: Study, *, run: TrainingRun) -> tuple[Stay, ...]:
    """A run's equal parts at its sites."""
    held = study.plan.decisions["training_racks"].sel(run=run.id) > _LEAST_RACKS
    sites = [site for site in study.inputs.sites if bool(held.sel(site=site.id).any())]
    offers = {offer.platform.id: offer.platform for offer in study.inputs.offers}
    used = [offers[name] for name in offers if bool(held.sel(platform=name).any())]
    return tuple(
        _stay(study, run=run, site=site, platform=platform, sites_count=len(sites))
        for site in sites
        for platform in used
        if bool(held.sel(site=site.id, platform=platform.id).any())
    )


def _stay(study: Study, *, run: TrainingRun, site: Site, platform: Platform, sites_count: int) -> Stay:
    held = study.plan.decisions["training_racks"].sel(run=run.id, site=site.id, platform=platform.id) > _LEAST_RACKS
    busy, calendar = np.flatnonzero(held.values), study.inputs.calendar
    last_month = (int(busy[-1]) + 1) * calendar.months_per_period - 1
    accelerators = job_accelerators_count(run, platform, sites_count=sites_count) / sites_count
    racks = accelerators / platform.accelerators_per_rack_count
    it_mw = rack_it_power_mw(platform, fabric_power_fraction=study.inputs.operation.fabric_power.best)
    return Stay(
        run=run.id,
        site=site.id,
        platform=platform.id,
        first=calendar.periods[busy[0]],
        end=month_after(calendar.months[last_month]),
        racks_count=racks,
        facility_mw=racks * facility_power_mw(it_mw, pue=site.peak_pue),
    )


def month_after(day: date) -> date:
    """The first day of the next month: a deadline is the end of its month."""
    return Calendar(start=day, month_count=2, months_per_period=1).months[1]
