"""What a rack does in a month, and what is asked of it: tokens and model FLOP as labelled arrays.

Racks of one platform are alike wherever they stand, so in this first cut they form one pool per platform: services
and runs draw on the pool, and a run may spread over sites and platforms.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, Performance
from gigawatt.entities.workload import TrainingRun
from gigawatt.performance.software import software_fraction
from gigawatt.planning.fleet import in_period, month_axis
from gigawatt.planning.reach import may_be_served
from gigawatt.timeline import Calendar
from gigawatt.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Rates of a rack at full output, and demand.

    `tokens_per_rack` `(platform, service, month)`, 0 where the pair cannot run; `demand_tokens` `(service, month)`;
    `flop_per_rack` `(platform, run, month)`, 0 outside the run's window; `compute_flop` `(run,)`.
    """

    tokens_per_rack: xr.DataArray
    demand_tokens: xr.DataArray
    flop_per_rack: xr.DataArray
    compute_flop: xr.DataArray


def work(inputs: Inputs, performance: Performance) -> Work:
    """Median rates of every pair, and everything that is asked of the fleet."""
    calendar = inputs.calendar
    runs = [run.id for run in inputs.runs]
    hours = month_axis(calendar).copy(data=calendar.month_hours)
    in_window = xr.DataArray(
        np.array([window_months(run, calendar) for run in inputs.runs]).reshape(len(runs), calendar.month_count),
        dims=("run", "month"),
        coords={"run": runs, "month": hours.month},
    )
    used = inputs.operation.availability.best * inputs.operation.serving_load.best
    tokens_per_s = _median(inputs, performance.serving["tokens_per_s_per_rack"], items=[s.id for s in inputs.services])
    served = xr.DataArray([float(may_be_served(inputs, service)) for service in inputs.services], dims="service")
    software = software_fraction(inputs, first_fraction=inputs.operation.software_first.best)
    flop_per_s = _median(inputs, performance.training["flop_per_s_per_rack"], items=runs)
    flop = flop_per_s * inputs.operation.training_ettr.best * in_window * hours * SECONDS_PER_HOUR
    return Work(
        tokens_per_rack=tokens_per_s * served * used * hours * SECONDS_PER_HOUR * software,
        demand_tokens=_demand(inputs),
        flop_per_rack=flop.transpose("platform", "run", "month"),
        compute_flop=xr.DataArray([run.compute_flop for run in inputs.runs], dims="run", coords={"run": runs}),
    )


def window_months(run: TrainingRun, calendar: Calendar) -> list[bool]:
    """Whether the run may train in each month: from `earliest` to the end of the month of `deadline`, `(month,)`."""
    first, last = calendar.month_index(run.earliest), calendar.month_index(run.deadline)
    return [first <= month <= last for month in range(calendar.month_count)]


def no_more_than_asked(asked: Work, racks: xr.DataArray, *, calendar: Calendar) -> xr.DataArray:
    """Racks given to runs `(platform, run, month)`, less those that only idle racks let a run have beyond its FLOP.

    The earliest periods keep theirs; within a period all months give up the same part.
    """
    by_period = in_period(calendar)
    flop = (asked.flop_per_rack * racks).sum("platform") @ by_period
    before = flop.cumsum("period") - flop
    left = (asked.compute_flop - before).clip(0.0)
    part = (left / flop.where(flop > 0.0)).fillna(1.0).clip(max=1.0)
    return (racks * (part @ by_period)).transpose(*racks.dims)


def _median(inputs: Inputs, rates: xr.DataArray, *, items: list[str]) -> xr.DataArray:
    """Median rate of each pair in the inputs' own order, 0 where the pair cannot run, `(platform, workload)`."""
    workload = next(str(dim) for dim in rates.dims if dim not in {"platform", "quantile"})
    platforms = [offer.platform.id for offer in inputs.offers]
    median = rates.sel(quantile=0.5, method="nearest").drop_vars("quantile").fillna(0.0)
    return median.sel({"platform": platforms, workload: items}).transpose("platform", workload)


def _demand(inputs: Inputs) -> xr.DataArray:
    calendar = inputs.calendar
    rows = [[service.demand_tokens_per_month[day] for day in calendar.months] for service in inputs.services]
    return xr.DataArray(
        np.array(rows, dtype=np.float64).reshape(len(inputs.services), calendar.month_count),
        dims=("service", "month"),
        coords={"service": [service.id for service in inputs.services], "month": np.arange(calendar.month_count)},
    )
