"""The composition root: the only module that runs one stage after another.

The plan's expected history is the study's history; sampled histories of the same plan give its bands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import xarray as xr

from gigawatt import __version__
from gigawatt.catalog import load
from gigawatt.catalog.serving_operators import calibrated_laws
from gigawatt.entities.actuals import Actuals
from gigawatt.entities.assumptions import OperatorLaw
from gigawatt.entities.stages import (
    Appraisal,
    Bands,
    BuildPlan,
    History,
    Inputs,
    Luck,
    Manifest,
    Performance,
    Study,
)
from gigawatt.finance import appraise, operating_cost_usd
from gigawatt.finance.end_value import present_end_value_usd
from gigawatt.finance.paid import as_paid
from gigawatt.performance import evaluate
from gigawatt.planning import plan
from gigawatt.planning.replan import Replanned, replan
from gigawatt.planning.stopping import Stop
from gigawatt.simulation import expected_luck, sampled_luck, simulate
from gigawatt.store import content_sha256

QUANTILES = (0.1, 0.5, 0.9)
LEAST_KNOWN_FRACTION = 0.9


class Progress(Protocol):
    """Told which stage a study is in and how far that stage is; `detail` is what the stage itself says."""

    def __call__(self, stage: str, fraction: float, detail: str = "") -> None:
        """`fraction` runs from 0 to 1."""


def performance_of(inputs: Inputs) -> Performance:
    """The performance stage under the operator law that the inputs name."""
    if inputs.operator_law is OperatorLaw.ROOFLINE:
        return evaluate(inputs)
    return evaluate(inputs, operators=partial(calibrated_laws, load()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The functions that a study is composed of; tests put their own in."""

    evaluate: Callable[[Inputs], Performance] = performance_of
    plan: Callable[..., BuildPlan] = plan
    simulate: Callable[..., History] = simulate
    appraise: Callable[..., Appraisal] = appraise
    expected_luck: Callable[[Inputs], Luck] = expected_luck
    sampled_luck: Callable[..., Luck] = sampled_luck


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a study is made from, for its manifest."""

    scenario_sha256: str
    catalogue_sha256: str
    seed: int
    draws_count: int


STAGES = Stages()


def run(
    inputs: Inputs, *, origin: Origin, progress: Progress, stages: Stages = STAGES, stop: Stop | None = None
) -> Study:
    """The whole answer to a scenario: performance, plan, expected history, accounts, bands and manifest.

    Where `stop` is asked for while the plan is searched for, the study is that of the best plan so far.
    """
    progress("performance", 0.0)
    performance = stages.evaluate(inputs)
    progress("plan", 0.0)
    build_plan = stages.plan(inputs, performance, report=lambda line: progress("plan", 0.0, str(line)), stop=stop)
    return _told(inputs, performance, build_plan, origin=origin, progress=progress, stages=stages)


def run_again(
    study: Study,
    *,
    actuals: Actuals,
    churn_fraction: float,
    draws_count: int,
    progress: Progress,
    stop: Stop | None = None,
) -> tuple[Study, Replanned]:
    """A study planned anew from the day of the actuals on, and what the planning changed.

    Performance, scenario and seed stay those of `study`. Where `stop` is asked for while the plan is searched for, the
    study is that of the best plan so far.
    """
    progress("plan", 0.0)
    anew = replan(
        study.inputs,
        study.performance,
        study.plan,
        actuals=actuals,
        churn_fraction=churn_fraction,
        report=lambda line: progress("plan", 0.0, str(line)),
        stop=stop,
    )
    origin = Origin(
        scenario_sha256=study.manifest.scenario_sha256,
        catalogue_sha256=study.manifest.catalogue_sha256,
        seed=study.manifest.seed,
        draws_count=draws_count,
    )
    told = _told(anew.inputs, study.performance, anew.plan, origin=origin, progress=progress, stages=STAGES)
    return told, anew


def _told(
    inputs: Inputs,
    performance: Performance,
    build_plan: BuildPlan,
    *,
    origin: Origin,
    progress: Progress,
    stages: Stages,
) -> Study:
    """A plan with its expected history, its accounts, its bands and its manifest."""
    progress("simulation", 0.0)
    history = stages.simulate(inputs, performance, build_plan, luck=stages.expected_luck(inputs))
    progress("appraisal", 0.0)
    appraisal = stages.appraise(inputs, build_plan, history)
    bands = _sampled_bands(
        inputs,
        performance,
        build_plan,
        reached_count=len(appraisal.milestones),
        origin=origin,
        progress=progress,
        stages=stages,
    )
    bare = Study(
        inputs=inputs,
        performance=performance,
        plan=build_plan,
        history=history,
        appraisal=appraisal,
        bands=bands,
        manifest=_manifest(inputs, origin=origin),
    )
    return replace(bare, manifest=replace(bare.manifest, content_sha256=content_sha256(bare)))


def _manifest(inputs: Inputs, *, origin: Origin) -> Manifest:
    return Manifest(
        version=__version__,
        scenario=inputs.name,
        scenario_sha256=origin.scenario_sha256,
        catalogue_sha256=origin.catalogue_sha256,
        seed=origin.seed,
        content_sha256="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    """One sampled history, reduced to what the bands need."""

    energized_facility_mw: xr.DataArray
    served_tokens: xr.DataArray
    headline: Mapping[str, float]


def _sampled_bands(
    inputs: Inputs,
    performance: Performance,
    build_plan: BuildPlan,
    *,
    reached_count: int,
    origin: Origin,
    progress: Progress,
    stages: Stages,
) -> Bands:
    rng = np.random.default_rng(origin.seed)
    draws: list[_Draw] = []
    for index in range(origin.draws_count):
        progress("risk", index / origin.draws_count)
        luck = stages.sampled_luck(inputs, performance, rng=rng)
        history = stages.simulate(inputs, performance, build_plan, luck=luck)
        paid = as_paid(inputs, luck)
        appraisal = stages.appraise(paid, build_plan, history)
        draws.append(_draw(paid, history, appraisal, reached_count=reached_count))
    return bands_of(inputs, draws)


def _draw(paid: Inputs, history: History, appraisal: Appraisal, *, reached_count: int) -> _Draw:
    energized = history.state["energized_facility_mw"].sum(("site", "platform"))
    served = history.state["served_tokens"].sum(("platform", "service"))
    headline = {
        "npv_usd": appraisal.npv_usd,
        "npv_with_end_value_usd": appraisal.npv_usd
        + present_end_value_usd(paid, history, flows=appraisal.flows, owner=paid.programme),
        "irr_fraction": appraisal.irr_fraction,
        "peak_funding_usd": appraisal.peak_funding_usd,
        "capex_usd": sum(appraisal.capex_usd.values()),
        "opex_usd": operating_cost_usd(appraisal.opex_usd),
        "revenue_usd": appraisal.revenue_usd,
        "served_tokens": float(served.sum()),
        "energized_facility_mw": float(energized.max()),
        "milestones_usd": sum(milestone.amount_usd for milestone in appraisal.milestones),
        "last_milestone_month": _last_milestone_month(paid, appraisal, reached_count),
        **_training_finish_months(paid, history),
    }
    return _Draw(energized_facility_mw=energized, served_tokens=served, headline=headline)


def _last_milestone_month(inputs: Inputs, appraisal: Appraisal, reached_count: int) -> float:
    """Months from the start until as many milestones are reached as in the expected history; infinite if never."""
    reached = sorted(inputs.calendar.month_index(milestone.reached) for milestone in appraisal.milestones)
    if reached_count == 0 or len(reached) < reached_count:
        return float("inf")
    return float(reached[reached_count - 1])


def _training_finish_months(inputs: Inputs, history: History) -> dict[str, float]:
    """Months from the start until each run has had its computation; infinite if never."""
    done = history.state["training_flop"].cumsum("month")
    finish: dict[str, float] = {}
    for run_ in inputs.runs:
        enough = done.sel(run=run_.id).values >= run_.compute_flop * (1.0 - 1e-9)
        finish[f"training_finish_month/{run_.id}"] = float(np.argmax(enough)) if enough.any() else float("inf")
    return finish


def bands_of(inputs: Inputs, draws: list[_Draw]) -> Bands:
    """P10, P50 and P90 of the draws: each quantile is a value that was drawn (inverse of the step function)."""
    if not draws:
        empty = xr.DataArray(
            np.empty((0, inputs.calendar.month_count)), dims=("quantile", "month"), coords={"quantile": np.empty(0)}
        )
        monthly = {
            "energized_facility_mw": empty.assign_attrs(units="MW facility"),
            "served_tokens": empty.assign_attrs(units="token"),
        }
        return Bands(monthly=xr.Dataset(monthly), headline={}, draws_count=0)
    monthly = {
        "energized_facility_mw": _monthly_band([draw.energized_facility_mw for draw in draws], units="MW facility"),
        "served_tokens": _monthly_band([draw.served_tokens for draw in draws], units="token"),
    }
    headline = {name: _band([draw.headline[name] for draw in draws]) for name in draws[0].headline}
    return Bands(monthly=xr.Dataset(monthly), headline=headline, draws_count=len(draws))


def _monthly_band(arrays: list[xr.DataArray], *, units: str) -> xr.DataArray:
    stacked = xr.concat(arrays, dim="draw")
    values = np.quantile(stacked.transpose("draw", "month").values, QUANTILES, axis=0, method="inverted_cdf")
    coords = (
        {"quantile": list(QUANTILES), "month": arrays[0]["month"]}
        if "month" in arrays[0].coords
        else {"quantile": list(QUANTILES)}
    )
    return xr.DataArray(values, dims=("quantile", "month"), coords=coords, attrs={"units": units})


def _band(values: list[float]) -> tuple[float, float, float]:
    """Quantiles of the draws; NaN when the figure does not exist in so many of them that a quantile would mislead."""
    known = [value for value in values if not np.isnan(value)]
    if len(known) < LEAST_KNOWN_FRACTION * len(values):
        return (float("nan"), float("nan"), float("nan"))
    low, middle, high = np.quantile(known, QUANTILES, method="inverted_cdf")
    return (float(low), float(middle), float(high))
