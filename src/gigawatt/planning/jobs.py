"""Training runs that stand somewhere: one job each, at which sites, on which platform, from when to when.

A placed run begins with a period and holds the racks of its job, at full output, period after period until it is done;
in the last one it holds as many as finish it by the period's end. How long that takes follows from the throughput
of the job on a platform, over one site or over several with what their line costs. So a start is one binary per site,
platform, number of sites and period; everything else about the run follows from it.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, Performance
from gigawatt.entities.workload import Placement, TrainingRun
from gigawatt.performance.trained import job_accelerators_count
from gigawatt.planning.fleet import Fleet
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import SECONDS_PER_HOUR

_EVEN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Placed runs as arrays; `start` counts from the first period in which each may begin.

    `racks` that the job takes at each of its sites `(job, platform, site_count)`; `share` of a period in which it holds
    them `(job, platform, site_count, start, period)`; `possible` `(job, site, platform, site_count, start)` where the
    run may begin by its window and the site's platforms, `fits` where power and supply can also carry it there;
    `of_run` `(run, job)` 1 where a job is a run's; `first_period` `(job,)`;
    `least_h` the shortest that each takes, infinite where it cannot run at all, and `window_h` the whole periods that
    it has `(job,)`.
    """

    racks: xr.DataArray
    share: xr.DataArray
    possible: xr.DataArray
    fits: xr.DataArray
    of_run: xr.DataArray
    first_period: xr.DataArray
    least_h: xr.DataArray
    window_h: xr.DataArray


def placed_runs(inputs: Inputs) -> tuple[tuple[TrainingRun, Placement], ...]:
    """The runs that stand somewhere, each with where it may."""
    return tuple((run, run.placement) for run in inputs.runs if run.placement is not None)


def jobs(inputs: Inputs, performance: Performance, *, limits: Fleet) -> Jobs | None:
    """The placed runs of a scenario; None without any."""
    placed = placed_runs(inputs)
    if not placed:
        return None
    counts = np.arange(1, max(where.most_sites_count for _, where in placed) + 1)
    coords = {
        "job": np.array([run.id for run, _ in placed]),
        "platform": np.array([offer.platform.id for offer in inputs.offers]),
        "site_count": counts,
    }
    rate = _flop_per_h(inputs, performance, counts=counts)
    windows = [_window(run, inputs.calendar) for run, _ in placed]
    share = np.stack(
        [
            _shares(run.compute_flop, rate[row], window=windows[row], calendar=inputs.calendar)
            for row, (run, _) in enumerate(placed)
        ]
    )
    latest = max(1, *(last - first + 1 for first, last in windows))
    held = xr.DataArray(
        share[..., :latest, :],
        dims=("job", "platform", "site_count", "start", "period"),
        coords={**coords, "start": np.arange(latest), "period": limits.supply_blocks.period.values},
    )
    racks = xr.DataArray(_racks(inputs, counts=counts), dims=("job", "platform", "site_count"), coords=coords)
    first = xr.DataArray([float(window[0]) for window in windows], dims="job", coords={"job": coords["job"]})
    possible = (held.sum("period") > 0.0) & limits.taken & _allowed(inputs, coords["job"], limits)
    possible = possible.transpose("job", "site", "platform", "site_count", "start")
    return Jobs(
        racks=racks,
        share=held,
        possible=possible,
        fits=possible & _fits(racks, held, limits=limits, calendar=inputs.calendar),
        of_run=xr.DataArray(
            [[float(run.id == job.id) for job, _ in placed] for run in inputs.runs],
            dims=("run", "job"),
            coords={"run": [run.id for run in inputs.runs], "job": coords["job"]},
        ),
        first_period=first,
        least_h=first.copy(data=[_needed_h(run.compute_flop, rate[row]).min() for row, (run, _) in enumerate(placed)]),
        window_h=first.copy(data=[float(inputs.calendar.period_hours[a : b + 1].sum()) for a, b in windows]),
    )


def _flop_per_h(
    inputs: Inputs, performance: Performance, *, counts: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> FloatArray:
    """Model FLOP in an hour of the whole job, 0 where it cannot run, `(job, platform, site_count)`."""
    one = performance.training["flop_per_s_per_rack"].sel(quantile=0.5, method="nearest")
    spread = performance.training.get("spread_flop_per_s_per_rack")
    rate = np.zeros((len(placed_runs(inputs)), len(inputs.offers), counts.size))
    for j, (run, where) in enumerate(placed_runs(inputs)):
        for p, offer in enumerate(inputs.offers):
            pair = {"platform": offer.platform.id, "run": run.id}
            rate[j, p, 0] = float(one.sel(pair))
            for c in range(1, where.most_sites_count):
                if spread is not None:
                    rate[j, p, c] = float(spread.sel(quantile=0.5, method="nearest").sel({**pair, "site_count": c + 1}))
    racks = _racks(inputs, counts=counts) * counts
    return np.nan_to_num(rate) * racks * inputs.operation.training_ettr.best * SECONDS_PER_HOUR


def _racks(inputs: Inputs, *, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> FloatArray:
    """Racks that a job takes at each of its sites, `(job, platform, site_count)`."""
    return np.array(
        [
            [
                [
                    job_accelerators_count(run, offer.platform, sites_count=int(count))
                    / (count * offer.platform.accelerators_per_rack_count)
                    for count in counts
                ]
                for offer in inputs.offers
            ]
            for run, _ in placed_runs(inputs)
        ]
    )


def _window(run: TrainingRun, calendar: Calendar) -> tuple[int, int]:
    """First and last whole period from `earliest` to the end of `deadline`'s month, out of order if none."""
    step = calendar.months_per_period
    first = max(0, -(-calendar.month_index(run.earliest) // step))
    last = min(calendar.period_count, (calendar.month_index(run.deadline) + 1) // step) - 1
    return first, last


def _shares(flop: float, flop_per_h: FloatArray, *, window: tuple[int, int], calendar: Calendar) -> FloatArray:
    """Share of each period in which the job holds its racks, `(platform, site_count, start, period)`.

    Nothing where it would not be done within its window.
    """
    first, last = window
    hours = calendar.period_hours
    shares = np.zeros((*flop_per_h.shape, calendar.period_count, calendar.period_count))
    needed_h = _needed_h(flop, flop_per_h)
    for start in range(max(0, last - first + 1)):
        before = np.concatenate([[0.0], np.cumsum(hours[first + start : last + 1])])
        held = np.clip((needed_h[..., None] - before[:-1]) / hours[first + start : last + 1], 0.0, 1.0)
        done = needed_h <= before[-1] * (1.0 + _EVEN)
        shares[..., start, first + start : last + 1] = held * done[..., None]
    return shares


def _needed_h(flop: float, flop_per_h: FloatArray) -> FloatArray:
    """Hours that a job takes, infinite where it cannot run."""
    needed_h: FloatArray = np.divide(flop, flop_per_h, out=np.full(flop_per_h.shape, np.inf), where=flop_per_h > 0.0)
    return needed_h


def _allowed(inputs: Inputs, names: np.ndarray[tuple[int], np.dtype[np.str_]], limits: Fleet) -> xr.DataArray:
    """Whether a run may stand at a site, and at so many, `(job, site, site_count)`."""
    placed = placed_runs(inputs)
    sites = limits.taken.site.values
    counts = np.arange(1, max(where.most_sites_count for _, where in placed) + 1)
    at = xr.DataArray(
        [[str(site) in where.sites for site in sites] for _, where in placed],
        dims=("job", "site"),
        coords={"job": names, "site": sites},
    )
    most = xr.DataArray([where.most_sites_count for _, where in placed], dims="job", coords={"job": names})
    return at & (xr.DataArray(counts, dims="site_count", coords={"site_count": counts}) <= most)


def _fits(racks: xr.DataArray, share: xr.DataArray, *, limits: Fleet, calendar: Calendar) -> xr.DataArray:
    """Whether as many racks can stand at full output when the job begins, by power and by what can be delivered."""
    output = first_month(limits.output_share, calendar)
    arrive = limits.supply_blocks.where(limits.supply_blocks.period >= limits.lead_periods, 0.0)
    supplied = (arrive * limits.block_racks).rename(period="came") * output.rename(period="came", now="period")
    ready = supplied.sum("came")
    powered = (limits.energized_facility_mw + limits.plant_firm_mw) / limits.rack_facility_mw
    most = powered.where(powered < ready, ready)
    fitting = (share <= 0.0) | (racks <= most * (1.0 + _EVEN))
    return fitting.all("period")


def first_month(monthly: xr.DataArray, calendar: Calendar) -> xr.DataArray:
    """Values of a period's first month, `month` becoming the period `now`."""
    chosen = monthly.isel(month=slice(None, None, calendar.months_per_period)).rename(month="now")
    return chosen.assign_coords(now=np.arange(calendar.period_count))
