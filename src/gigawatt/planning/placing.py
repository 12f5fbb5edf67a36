"""Decisions on placed runs: where and when each begins, and what that holds; nothing of it without placed runs."""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import Fleet
from gigawatt.planning.jobs import Jobs, first_month
from gigawatt.timeline import Calendar

_LEAST_RACKS = 1e-3
_ANYHOW = ("platform", "site_count", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """`place` 1 where a job begins at a site `(job, site, platform, site_count, start)`.

    `begun` says whether it begins so at all `(job, platform, site_count, start)`; it is whole where `place` is.
    """

    place: linopy.Variable
    begun: linopy.Variable


def starts(model: linopy.Model, *, jobs: Jobs) -> Starts:
    """Adds the decisions on placed runs: each job has as many sites as parts, and one start."""
    upper = jobs.fits.astype(np.float64)
    place = model.add_variables(lower=0.0, upper=upper, integer=True, name="place")
    once = jobs.fits.any("site")
    begun = model.add_variables(lower=0.0, upper=1.0, coords={dim: once[dim].values for dim in once.dims}, name="begun")
    model.add_constraints(place.sum("site") - jobs.racks.site_count * begun == 0.0, name="job_sites")
    model.add_constraints(begun.sum(_ANYHOW) <= 1.0, name="job_once")
    several = (jobs.racks.site_count > 1) & jobs.possible
    if bool(several.any()):
        model.add_constraints(place - begun <= 0.0, name="job_parts", mask=several)
    return Starts(place=place, begun=begun)


def held_racks(jobs: Jobs, place: linopy.Variable) -> linopy.LinearExpression:
    """Racks at full output that placed runs hold in each period, `(site, platform, period)`."""
    held: linopy.LinearExpression = (jobs.racks * jobs.share * place).sum(["job", "site_count", "start"])
    return held


def site_racks(
    model: linopy.Model,
    inputs: Inputs,
    *,
    jobs: Jobs,
    limits: Fleet,
    choose: Starts,
    arrivals: linopy.Variable,
    in_service: linopy.Variable,
) -> None:
    """A job's racks stand at its site at full output, from the first month of each period on."""
    output = first_month(limits.output_share, inputs.calendar)
    missing = ((limits.alive.rename(later="now") - output) * limits.block_racks * arrivals).sum("period")
    standing = limits.block_racks * in_service
    ready = standing - missing.rename(now="period")
    model.add_constraints(held_racks(jobs, choose.place) - ready <= 0.0, name="job_racks", mask=_wanted(jobs))


def _wanted(jobs: Jobs) -> xr.DataArray:
    """Where a job may hold racks, `(site, platform, period)`."""
    return (jobs.possible & (jobs.share > 0.0)).any(["job", "site_count", "start"])


def job_training(model: linopy.Model, inputs: Inputs, *, jobs: Jobs, choose: Starts, training: linopy.Variable) -> None:
    """A placed run's racks of each month, at all its sites, are those of its job."""
    by_month = _by_month(jobs.racks * jobs.racks.site_count * jobs.share, inputs)
    held = (by_month * choose.begun).sum(["site_count", "start"])
    own = training.sel(run=jobs.of_run.job.values).rename(run="job")
    model.add_constraints(own - held == 0.0, name="job_training")


def _by_month(by_period: xr.DataArray, inputs: Inputs) -> xr.DataArray:
    """Values of each month's period."""
    chosen = by_period.isel(period=xr.DataArray(inputs.calendar.period_of_month, dims="month"))
    return chosen.drop_vars("period").assign_coords(month=np.arange(inputs.calendar.month_count))


def unplaced(per_run: xr.DataArray, jobs: Jobs | None) -> xr.DataArray:
    """Values of runs, 0 for those that are placed."""
    return per_run if jobs is None else per_run.where(jobs.of_run.sum("job") < 1.0, 0.0).transpose(*per_run.dims)


def done_fraction(jobs: Jobs, choose: Starts) -> linopy.LinearExpression:
    """Part of each run that is done by being placed, `(run,)`."""
    done: linopy.LinearExpression = (jobs.of_run * choose.begun.sum(_ANYHOW)).sum("job")
    return done


def done_by_period(inputs: Inputs, *, jobs: Jobs, begun: xr.DataArray) -> xr.DataArray:
    """Part of each run that placed runs do in each period, `(run, period)`."""
    hours = xr.DataArray(inputs.calendar.period_hours, dims="period", coords={"period": jobs.share.period})
    time = jobs.share * hours
    whole = time.sum("period")
    part = (time / whole.where(whole > 0.0)).fillna(0.0)
    return (jobs.of_run * (part * begun).sum(_ANYHOW)).sum("job")


def held_by_job(jobs: Jobs, place: xr.DataArray) -> xr.DataArray:
    """Racks at full output that each placed run holds, `(job, site, platform, period)`."""
    held = (jobs.racks * jobs.share * place).sum(["site_count", "start"])
    return held.transpose("job", "site", "platform", "period")


def held_by_run(jobs: Jobs, place: xr.DataArray) -> xr.DataArray:
    """The same by run, 0 for runs that are not placed, `(site, platform, run, period)`."""
    return (held_by_job(jobs, place) * jobs.of_run).sum("job").transpose("site", "platform", "run", "period")


def ready_racks(limits: Fleet, *, calendar: Calendar, arrived_blocks: xr.DataArray) -> xr.DataArray:
    """Racks at full output in the first month of each period, `(site, platform, period)`."""
    full = first_month(limits.output_share, calendar).rename(period="came", now="period") * limits.block_racks
    return (arrived_blocks.rename(period="came") * full).sum("came")


def settle_starts(inputs: Inputs, *, jobs: Jobs, choose: Starts, training: linopy.Variable) -> None:
    """Whole starts, and the racks that follow from them."""
    place = choose.place.solution.round()
    choose.place.solution = place
    choose.begun.solution = place.sum("site") / jobs.racks.site_count
    by_month = _by_month(held_by_run(jobs, place).sum("site"), inputs)
    own = jobs.of_run.sum("job") > 0.0
    training.solution = training.solution.where(~own, by_month).transpose(*training.dims)


def fix_starts(choose: Starts, place: xr.DataArray) -> None:
    """Holds every start where it is, `place` as the decision of that name."""
    kept = place.transpose(*choose.place.dims)
    choose.place.update(lower=kept, upper=kept)


def loosen_starts(jobs: Jobs, choose: Starts) -> None:
    """Lets runs begin wherever power and supply are not what forbids it."""
    choose.place.update(upper=jobs.possible.astype(np.float64))


def planned_place(jobs: Jobs, training_racks: xr.DataArray) -> xr.DataArray:
    """Starts as the racks of a plan tell them, `training_racks` `(site, platform, run, period)`."""
    place = xr.zeros_like(jobs.possible, dtype=np.float64)
    racks = training_racks.transpose("run", "site", "platform", "period")
    for row, job in enumerate(jobs.racks.job.values):
        at, on, when = np.nonzero(racks.sel(run=job).values > _LEAST_RACKS)
        if not at.size:
            continue
        sites, start = np.unique(at), int(when.min()) - int(jobs.first_period.values[row])
        if sites.size <= place.sizes["site_count"] and 0 <= start < place.sizes["start"]:
            chosen = {"site": sites, "platform": int(on[0]), "site_count": sites.size - 1, "start": start}
            place[{"job": row, **chosen}] = 1.0
    return place
