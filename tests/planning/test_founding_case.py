"""The founding case explains itself: what binds in each year, and marginal values that solving again confirms.

The whole scenario, `loi-2025`, to the last month: performance, plan, and the plan's linear programme solved again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import linopy
import numpy as np
import pytest
import xarray as xr

from gigawatt.catalog import load
from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.planning import plan
from gigawatt.planning.explanation import Explanation, explanation
from gigawatt.planning.families import LIMITS
from gigawatt.planning.repeat import Repeated, repeated, worth_usd
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from gigawatt.study import performance_of

PLACES_COUNT = 5
CONFIRMED = 0.05
NOTHING_USD = 1e5
"""What does not bind is worth less: a two-millionth of the programme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """The founding case planned, explained, and its linear programme ready to be solved again."""

    inputs: Inputs
    performance: Performance
    plan: BuildPlan
    answer: Explanation
    again: Repeated


@pytest.fixture(scope="module")
def founded() -> Iterator[Founded]:
    inputs = resolve(read("loi-2025"), load())
    performance = performance_of(inputs)
    chosen = plan(inputs, performance)
    with linopy.options as options:
        options(semantics="v1")
        again = repeated(inputs, performance, chosen)
        assert again is not None
        answer = explanation(inputs, performance, chosen, time_limit_s=20.0)
        yield Founded(inputs=inputs, performance=performance, plan=chosen, answer=answer, again=again)


def test_what_binds_is_named_in_each_year(founded: Founded) -> None:
    told = founded.plan.binding
    assert [line.partition(":")[0] for line in told] == [str(year) for year in range(2026, 2034)]
    assert any("power binds at" in line for line in told)
    assert any("chip supply binds" in line for line in told)


UNITS = {"energized": 1.0, "supply": 1.0, "demand": 0.01, "targets": -1.0, "runs": -0.001}
"""One more MW, one more rack, 1e10 tokens; one MW and a thousandth of a run less asked."""


@pytest.mark.parametrize("family", list(UNITS))
def test_one_unit_more_is_worth_what_is_said(family: str, founded: Founded) -> None:
    stated = founded.again.built.model.constraints[family].rhs
    values = stated.copy(data=founded.plan.marginals[family].transpose(*stated.dims).values)
    scale = LIMITS[family].scale(founded.again.built.terms) * xr.ones_like(stated)
    size = scale.transpose(*stated.dims)  # racks come in blocks, and the model counts blocks
    unit = UNITS[family] / size if family == "supply" else UNITS[family] * xr.ones_like(stated)
    confirmed = 0
    for flat in np.argsort(values.values, axis=None)[::-1][:PLACES_COUNT]:
        at = dict(zip(values.dims, map(int, np.unravel_index(flat, values.shape)), strict=True))
        if family in {"energized", "targets"}:  # power that comes stays: one more MW from that period on
            at["period"] = slice(at["period"], None)  # type: ignore[assignment]  # a span of periods
        bump = xr.zeros_like(stated)
        bump[at] = unit[at]
        predicted = float((values * size * abs(unit))[at].sum())
        worth = worth_usd(founded.again, **{family: stated + bump})
        assert worth == pytest.approx(predicted, rel=CONFIRMED, abs=NOTHING_USD), at
        confirmed += 1
    assert confirmed >= 2


def test_a_megawatt_more_in_the_scenario_is_worth_what_the_site_is_said_to_be(founded: Founded) -> None:
    """Not the limit of one model but the scenario itself is changed: every step of the site's power by one MW."""
    best = max(founded.answer.sites, key=lambda site: founded.answer.sites[site].usd_per_mw)
    said_usd = founded.answer.sites[best].usd_per_mw
    assert said_usd > 1e6
    sites = tuple(
        replace(site, power_steps=tuple(replace(step, facility_mw=step.facility_mw + 1.0) for step in site.power_steps))
        if site.id == best
        else site
        for site in founded.inputs.sites
    )
    more = repeated(replace(founded.inputs, sites=sites), founded.performance, founded.plan)
    assert more is not None
    assert more.npv_usd - founded.again.npv_usd == pytest.approx(said_usd, rel=CONFIRMED)
