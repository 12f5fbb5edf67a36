"""What racks in service do: the plan's allocation of each period, as far as racks and demand reach.

A site's racks of a platform are shared between services and runs as the plan shares them in the period. A run
that is not done when its last planned period ends keeps its last share, out of idle racks first and then out of
the racks that serve, until it is done.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Luck, Performance
from gigawatt.timeline import FloatArray
from gigawatt.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Shares of the racks in service, and what a rack does with its time.

    `serving_share` `(site, platform, service, month)`, `training_share` and `overtime_share` (beyond the plan)
    `(site, platform, run, month)`; `tokens_per_rack` `(platform, service, month)`, `flop_per_rack`
    `(platform, run, month)`, of a fully ramped rack; `demand_tokens` `(service, month)`; `compute_flop` `(run,)`.
    """

    serving_share: FloatArray
    training_share: FloatArray
    overtime_share: FloatArray
    tokens_per_rack: FloatArray
    flop_per_rack: FloatArray
    demand_tokens: FloatArray
    compute_flop: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done in a month: `served_tokens` `(platform, service)`, `serving_racks` assigned `(platform, service)`,
    `training_flop` `(run,)`, and `trained_flop` since the start `(run,)`.
    """

    served_tokens: FloatArray
    serving_racks: FloatArray
    training_flop: FloatArray
    trained_flop: FloatArray


def assignment(inputs: Inputs, performance: Performance, plan: BuildPlan, *, luck: Luck) -> Assignment:
    """The plan's allocation as shares of its installed racks, with the rates of this luck."""
    serving = _shares(inputs, plan.decisions, name="serving_racks", workload="service")
    planned, overtime = _training_shares(inputs, plan.decisions)
    by_month = inputs.calendar.period_of_month
    return Assignment(
        serving_share=serving[..., by_month],
        training_share=planned[..., by_month],
        overtime_share=overtime[..., by_month],
        tokens_per_rack=_tokens_per_rack(inputs, performance, luck=luck),
        flop_per_rack=_flop_per_rack(inputs, performance, luck=luck),
        demand_tokens=np.array(
            [[s.demand_tokens_per_month[day] for day in inputs.calendar.months] for s in inputs.services]
        ).reshape(len(inputs.services), inputs.calendar.month_count),
        compute_flop=np.array([run.compute_flop for run in inputs.runs]),
    )


def work_of_month(
    trained_flop: FloatArray,
    given: Assignment,
    *,
    installed_racks: FloatArray,
    ramped_racks: FloatArray,
    month: int,
) -> Work:
    """Training first, as the plan shares racks out, then the tokens that the remaining racks serve up to demand.

    `installed_racks` and `ramped_racks` (in full-output equivalents) are `(site, platform)`.
    """
    run_share, training_flop = _train(trained_flop, given, ramped_racks=ramped_racks, month=month)
    serving_share = given.serving_share[..., month]
    left = np.clip(1.0 - run_share.sum(axis=2), 0.0, None)
    wanted = serving_share.sum(axis=2)
    kept = np.divide(left, wanted, out=np.ones_like(left), where=wanted > left)
    racks_share = serving_share * kept[:, :, None]
    capacity = np.einsum("spv,sp->pv", racks_share, ramped_racks) * given.tokens_per_rack[..., month]
    return Work(
        served_tokens=capacity * _fill(capacity.sum(axis=0), limit=given.demand_tokens[:, month]),
        serving_racks=np.einsum("spv,sp->pv", racks_share, installed_racks),
        training_flop=training_flop,
        trained_flop=trained_flop + training_flop,
    )


def _train(
    trained_flop: FloatArray, given: Assignment, *, ramped_racks: FloatArray, month: int
) -> tuple[FloatArray, FloatArray]:
    """Share of the racks that each run takes `(site, platform, run)`, and its FLOP of the month `(run,)`."""
    planned = given.training_share[..., month]
    overtime = given.overtime_share[..., month]
    free = np.clip(1.0 - planned.sum(axis=2, keepdims=True), 0.0, None)
    asked = overtime.sum(axis=2, keepdims=True)
    share = planned + overtime * np.divide(free, asked, out=np.ones_like(asked), where=asked > free)
    capacity = np.einsum("spr,sp,pr->r", share, ramped_racks, given.flop_per_rack[..., month])
    used = _fill(capacity, limit=np.clip(given.compute_flop - trained_flop, 0.0, None))
    return share * used, capacity * used


def _fill(capacity: FloatArray, *, limit: FloatArray) -> FloatArray:
    """The part of each capacity that the limit lets be used, in 0..1."""
    return np.divide(limit, capacity, out=np.ones_like(capacity), where=capacity > limit)


def _shares(inputs: Inputs, decisions: xr.Dataset, *, name: str, workload: str) -> FloatArray:
    """Racks given to each workload over the plan's installed racks, `(site, platform, workload, period)`.

    Where the plan has nothing installed the shares of the period before it hold on, for racks that power kept waiting.
    """
    rows = {"site": [site.id for site in inputs.sites], "platform": [offer.platform.id for offer in inputs.offers]}
    given = decisions[name].sel(rows).transpose("site", "platform", workload, "period")
    racks = given.sel({workload: [item.id for item in (inputs.services if workload == "service" else inputs.runs)]})
    installed = decisions["installed_racks"].sel(rows).transpose("site", "platform", "period").values[:, :, None, :]
    known = installed > _LEAST_RACKS
    shares = np.divide(racks.values, installed, out=np.zeros(racks.shape), where=known)
    periods = np.arange(inputs.calendar.period_count)
    latest = np.maximum.accumulate(np.where(known, periods, 0), axis=3)
    return np.take_along_axis(np.clip(shares, 0.0, 1.0), np.broadcast_to(latest, shares.shape), axis=3)


_LEAST_RACKS = 0.5
"""Racks are whole; a solver's trace of one is none."""


def _training_shares(inputs: Inputs, decisions: xr.Dataset) -> tuple[FloatArray, FloatArray]:
    """Planned shares, and those that hold after a run's last planned period, `(site, platform, run, period)`."""
    shares = _shares(inputs, decisions, name="training_racks", workload="run")
    runs = [run.id for run in inputs.runs]
    racks = decisions["training_racks"].sel(run=runs).transpose("site", "platform", "run", "period").values
    periods = np.arange(inputs.calendar.period_count)
    busy = racks.sum(axis=(0, 1)) > _LEAST_RACKS
    last = np.where(busy, periods, -1).max(axis=1, initial=-1)
    after = (periods > last[:, None]) & (last[:, None] >= 0)
    held = np.take_along_axis(shares, np.maximum(last, 0)[None, None, :, None], axis=3)
    return np.where(after, 0.0, shares), np.where(after, held, 0.0)


def _tokens_per_rack(inputs: Inputs, performance: Performance, *, luck: Luck) -> FloatArray:
    """Tokens that a rack serves in each month at mean traffic, `(platform, service, month)`."""
    services = [service.id for service in inputs.services]
    rate = _rate(inputs, performance.serving["tokens_per_s_per_rack"].sel(service=services), luck=luck)
    used = luck.availability_fraction * inputs.operation.serving_load.best
    return rate[:, :, None] * used * inputs.calendar.month_hours * SECONDS_PER_HOUR


def _flop_per_rack(inputs: Inputs, performance: Performance, *, luck: Luck) -> FloatArray:
    """Model FLOP of a training rack in each month, `(platform, run, month)`."""
    runs = [run.id for run in inputs.runs]
    rate = _rate(inputs, performance.training["flop_per_s_per_rack"].sel(run=runs), luck=luck)
    return rate[:, :, None] * luck.training_ettr_fraction * inputs.calendar.month_hours * SECONDS_PER_HOUR


def _rate(inputs: Inputs, rates: xr.DataArray, *, luck: Luck) -> FloatArray:
    """Median rates times this luck's factor, `(platform, workload)`; 0 where a pair cannot run."""
    platforms = [offer.platform.id for offer in inputs.offers]
    workload = next(str(name) for name in rates.dims if name not in {"platform", "quantile"})
    median = rates.sel(quantile=0.5, platform=platforms).transpose("platform", workload).values
    factor = np.array([luck.performance_factor[platform] for platform in platforms])
    return np.asarray(np.nan_to_num(median, nan=0.0) * factor[:, None], dtype=np.float64)
