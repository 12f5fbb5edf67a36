"""What racks in service do: the plan's allocation of each period, as far as racks and demand reach.

Racks of one platform are alike wherever they stand, so they form one pool that services and runs share as the plan
shares it in the period. Where the plan places work at sites, the racks of each site are a pool of their own, and what
is late at one site is late there alone. A run that is not done when its last planned period ends keeps its last share,
out of idle racks first and then out of the racks that serve, until it is done.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Luck, Performance
from gigawatt.performance.software import software_fraction
from gigawatt.timeline import FloatArray
from gigawatt.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Shares of each platform's pool, and what a rack does with its time.

    `serving_share` `(pool, platform, service, month)`, `training_share` and `overtime_share` (beyond the plan)
    `(pool, platform, run, month)`; `tokens_per_rack` `(platform, service, month)`, `flop_per_rack`
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
    """What was done in a month.

    `served_tokens` `(platform, service)`, `serving_share` of the pools `(pool, platform, service)`; `training_flop` of
    the month and `trained_flop` since the start `(run,)`.
    """

    served_tokens: FloatArray
    serving_share: FloatArray
    training_flop: FloatArray
    trained_flop: FloatArray


def assignment(inputs: Inputs, performance: Performance, plan: BuildPlan, *, luck: Luck) -> Assignment:
    """The plan's allocation as shares of its own racks in service, with the rates of this luck."""
    pool = _pools(inputs, plan)
    services = [service.id for service in inputs.services]
    serving = _shares(inputs, plan.decisions["serving_racks"].sel(service=services), pool=pool)
    planned, overtime = _training_shares(inputs, plan, pool=pool)
    by_month = inputs.calendar.period_of_month
    return Assignment(
        serving_share=serving[..., by_month],
        training_share=planned[..., by_month] * _may_train(inputs),
        overtime_share=overtime[..., by_month],
        tokens_per_rack=_tokens_per_rack(inputs, performance, luck=luck),
        flop_per_rack=_flop_per_rack(inputs, performance, plan, luck=luck),
        demand_tokens=np.array(
            [[s.demand_tokens_per_month[day] for day in inputs.calendar.months] for s in inputs.services]
        ).reshape(len(inputs.services), inputs.calendar.month_count),
        compute_flop=np.array([run.compute_flop for run in inputs.runs]),
    )


def work_of_month(trained_flop: FloatArray, given: Assignment, *, output_racks: FloatArray, month: int) -> Work:
    """Training first, as the plan shares racks out, then the tokens that the remaining racks serve up to demand.

    `output_racks` are the racks of each pool in full-output equivalents, `(pool, platform)`.
    """
    run_share, training_flop = _train(trained_flop, given, output_racks=output_racks, month=month)
    planned = given.serving_share[..., month]
    left = np.clip(1.0 - run_share.sum(axis=-1), 0.0, None)
    serving_share = planned * _fill(planned.sum(axis=-1), limit=left)[..., None]
    capacity = (serving_share * output_racks[..., None]).sum(axis=0) * given.tokens_per_rack[..., month]
    return Work(
        served_tokens=capacity * _fill(capacity.sum(axis=0), limit=given.demand_tokens[:, month]),
        serving_share=serving_share,
        training_flop=training_flop,
        trained_flop=trained_flop + training_flop,
    )


def _train(
    trained_flop: FloatArray, given: Assignment, *, output_racks: FloatArray, month: int
) -> tuple[FloatArray, FloatArray]:
    """Share of the pools that each run takes `(pool, platform, run)`, and its FLOP of the month `(run,)`."""
    planned = given.training_share[..., month]
    overtime = given.overtime_share[..., month]
    free = np.clip(1.0 - planned.sum(axis=-1), 0.0, None)
    share = planned + overtime * _fill(overtime.sum(axis=-1), limit=free)[..., None]
    capacity = ((share * output_racks[..., None]).sum(axis=0) * given.flop_per_rack[..., month]).sum(axis=0)
    used = _fill(capacity, limit=np.clip(given.compute_flop - trained_flop, 0.0, None))
    return share * used, capacity * used


def _fill(capacity: FloatArray, *, limit: FloatArray) -> FloatArray:
    """The part of each capacity that the limit lets be used, in 0..1."""
    return np.divide(limit, capacity, out=np.ones_like(capacity), where=capacity > limit)


_LEAST_RACKS = 1e-3
"""Less than this is what a solver's tolerance leaves behind, not racks."""


def site_pools(inputs: Inputs) -> bool:
    """Whether the racks of each site are a pool of their own, or those of all sites one."""
    placed = any(run.placement is not None for run in inputs.runs)
    return placed or any(service.sites is not None for service in inputs.services)


def pooled(inputs: Inputs, by_site: FloatArray) -> FloatArray:
    """Racks by pool, `(pool, ...)`, out of racks by site `(site, ...)`."""
    return by_site if site_pools(inputs) else by_site.sum(axis=0, keepdims=True)


def _pools(inputs: Inputs, plan: BuildPlan) -> FloatArray:
    """Racks of each platform that the plan has in service, `(pool, platform, period)`."""
    at = {"site": [site.id for site in inputs.sites], "platform": [offer.platform.id for offer in inputs.offers]}
    racks = plan.decisions["installed_racks"].sel(at).transpose("site", "platform", "period")
    return pooled(inputs, np.asarray(racks.values, dtype=np.float64))


def _racks(inputs: Inputs, given: xr.DataArray) -> FloatArray:
    """Racks of each platform given to each workload, `(pool, platform, workload, period)`."""
    workload = next(str(name) for name in given.dims if name not in {"site", "platform", "period"})
    at = {"site": [site.id for site in inputs.sites], "platform": [offer.platform.id for offer in inputs.offers]}
    racks = given.sel(at).transpose("site", "platform", workload, "period")
    return pooled(inputs, np.asarray(racks.values, dtype=np.float64))


def _shares(inputs: Inputs, given: xr.DataArray, *, pool: FloatArray) -> FloatArray:
    """Racks given to each workload over the plan's racks in service, `(pool, platform, workload, period)`.

    Where the plan has no racks the shares of the period before it hold on, for racks that power kept waiting.
    """
    racks = _racks(inputs, given)
    known = pool[..., None, :] > _LEAST_RACKS
    shares = np.divide(racks, pool[..., None, :], out=np.zeros_like(racks), where=known)
    latest = np.maximum.accumulate(np.where(known, np.arange(pool.shape[-1]), 0), axis=-1)
    return np.take_along_axis(np.clip(shares, 0.0, 1.0), np.broadcast_to(latest, shares.shape), axis=-1)


def _training_shares(inputs: Inputs, plan: BuildPlan, *, pool: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Planned shares, and those that hold after a run's last planned period, `(pool, platform, run, period)`."""
    given = plan.decisions["training_racks"].sel(run=[run.id for run in inputs.runs])
    shares = _shares(inputs, given, pool=pool)
    periods = np.arange(inputs.calendar.period_count)
    busy = _racks(inputs, given).sum(axis=(0, 1)) > _LEAST_RACKS
    last = np.where(busy, periods, -1).max(axis=1, initial=-1)
    after = (periods > last[:, None]) & (last[:, None] >= 0)
    held = np.take_along_axis(shares, np.maximum(last, 0)[None, None, :, None], axis=-1)
    return np.where(after, 0.0, shares), np.where(after, held, 0.0)


def _may_train(inputs: Inputs) -> FloatArray:
    """1 from the month in which each run may start, `(run, month)`."""
    months = np.arange(inputs.calendar.month_count)
    earliest = np.array([inputs.calendar.month_index(run.earliest) for run in inputs.runs], dtype=np.int64)
    return np.asarray(months >= earliest[:, None], dtype=np.float64)


def _tokens_per_rack(inputs: Inputs, performance: Performance, *, luck: Luck) -> FloatArray:
    """Tokens that a rack serves in each month at mean traffic, `(platform, service, month)`."""
    services = [service.id for service in inputs.services]
    rate = _rate(inputs, performance.serving["tokens_per_s_per_rack"].sel(service=services), luck=luck)
    used = luck.availability_fraction * inputs.operation.serving_load.best
    software = software_fraction(inputs, first_fraction=luck.software_first_fraction).values
    hours = used * software * inputs.calendar.month_hours
    return np.asarray(rate[:, :, None] * hours[:, None, :] * SECONDS_PER_HOUR, dtype=np.float64)


def _flop_per_rack(inputs: Inputs, performance: Performance, plan: BuildPlan, *, luck: Luck) -> FloatArray:
    """Model FLOP of a training rack in each month, `(platform, run, month)`."""
    runs = [run.id for run in inputs.runs]
    rate = _rate(inputs, _at_planned_sites(inputs, performance, plan).sel(run=runs), luck=luck)
    return rate[:, :, None] * luck.training_ettr_fraction * inputs.calendar.month_hours * SECONDS_PER_HOUR


def _at_planned_sites(inputs: Inputs, performance: Performance, plan: BuildPlan) -> xr.DataArray:
    """Model FLOP/s of a rack over as many sites as the plan puts each run on, `(platform, run, quantile)`."""
    rates = performance.training["flop_per_s_per_rack"]
    spread = performance.training.get("spread_flop_per_s_per_rack")
    if spread is None:
        return rates
    used = (plan.decisions["training_racks"] > _LEAST_RACKS).any(["platform", "period"]).sum("site")
    placed = {run.id: int(used.sel(run=run.id)) for run in inputs.runs if run.placement is not None}
    own = [
        spread.sel(run=name, site_count=placed[name]) if placed.get(name, 1) > 1 else rates.sel(run=name)
        for name in rates.run.values
    ]
    return xr.concat([rate.drop_vars("site_count", errors="ignore") for rate in own], dim="run")


def _rate(inputs: Inputs, rates: xr.DataArray, *, luck: Luck) -> FloatArray:
    """Median rates times this luck's factor, `(platform, workload)`; 0 where a pair cannot run."""
    platforms = [offer.platform.id for offer in inputs.offers]
    workload = next(str(name) for name in rates.dims if name not in {"platform", "quantile"})
    median = rates.sel(quantile=0.5, platform=platforms).transpose("platform", workload).values
    factor = np.array([luck.performance_factor[platform] for platform in platforms])
    return np.asarray(np.nan_to_num(median, nan=0.0) * factor[:, None], dtype=np.float64)
