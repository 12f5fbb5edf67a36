"""The steps of the search against the whole problem given to the solver at once."""

from dataclasses import replace

import linopy
import numpy as np
import pytest

from gigawatt.entities.capital import Treasury
from gigawatt.entities.stages import Inputs, SolverSettings
from gigawatt.planning import plan
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.ladder import Rungs, dive, ladder, narrowed
from gigawatt.planning.rounding import whole_by_period
from gigawatt.planning.search import search, silent, values_of
from gigawatt.planning.terms import MONEY_UNIT_USD, terms
from tests.planning.cases import large_inputs, performance_of

POOR = Treasury(opening_cash_usd=2.5e8, minimum_cash_usd=0.0)
EXACT = SolverSettings(gap_fraction=1e-6, time_limit_s=60.0)


def programme(seed: int, **changes: object) -> Inputs:
    """Three sites over four years, short of money, whose racks retire after two years."""
    base = large_inputs(site_count=3, platform_count=2, period_count=16, seed=seed)
    tranches = replace(base.contracts[0], unit_mw=120.0, amount_usd=1.5e9, cap_usd=6e9)
    young = tuple(replace(offer, life_months=24, block_racks_count=64) for offer in base.offers)
    changed = replace(base, contracts=(tranches,), treasury=POOR, runs=(), offers=young, solver=EXACT)
    return replace(changed, **changes)  # type: ignore[arg-type]


def built_of(inputs: Inputs) -> Formulation:
    with linopy.options as options:
        options(semantics="v1")
        built = formulation(inputs, terms=terms(inputs, performance_of(inputs)))
        insist(built)
        built.model.add_objective(built.npv, sense="max", overwrite=True)
    return built


@pytest.mark.parametrize("seed", [2, 4])
def test_the_steps_find_what_one_search_for_everything_finds(seed: int) -> None:
    inputs = programme(seed)
    at_once = search(built_of(inputs).model, settings=EXACT, report=silent)
    assert plan(inputs, performance_of(inputs)).objective_value == pytest.approx(
        at_once.objective * MONEY_UNIT_USD, rel=1e-5
    )


def test_probing_rules_out_no_plan_above_its_cutoff() -> None:
    built = built_of(programme(4))
    best = search(built.model, settings=EXACT, report=silent)
    steps = ladder(built, settings=EXACT, time_s=60.0)
    counts = best.values[built.choose.tranches.labels.values]
    rungs, bound = narrowed(steps, counts, cutoff=best.objective * 0.98)
    assert bound >= best.objective
    assert (rungs.lower <= counts + 1e-6).all()
    assert (counts <= rungs.upper + 1e-6).all()
    assert (rungs.upper - rungs.lower).sum() < steps.free.upper.sum()


def test_a_dive_ends_in_whole_milestones_below_the_free_programme() -> None:
    built = built_of(programme(4))
    steps = ladder(built, settings=EXACT, time_s=60.0)
    found = dive(steps)
    assert found is not None
    counts = steps.counts(found)
    assert counts == pytest.approx(np.rint(counts), abs=1e-6)
    assert counts.max() >= 1.0
    assert found.objective <= steps.answer(steps.free).objective + 1e-6


def test_a_plan_is_found_only_where_it_is_worth_more_than_asked() -> None:
    built = built_of(programme(4))
    steps = ladder(built, settings=EXACT, time_s=60.0)
    free = steps.answer(steps.free)
    early = steps.free.by(0, 4, period=10)
    worth = steps.answer(early).objective
    assert worth < free.objective
    assert steps.worth(early, above=(worth + free.objective) / 2.0) is None
    again = steps.worth(early, above=worth * (1.0 - 1e-6))
    assert again is not None
    assert again.objective == pytest.approx(worth)


@pytest.mark.parametrize("seed", [2, 5])
def test_blocks_whole_by_period_are_a_plan_with_the_same_milestones(seed: int) -> None:
    offers = tuple(replace(offer, block_racks_count=8) for offer in programme(seed).offers)
    built = built_of(programme(seed, offers=offers))
    steps = ladder(built, settings=EXACT, time_s=60.0)
    divisible = dive(steps)
    assert divisible is not None
    rounded = whole_by_period(steps, divisible)
    assert rounded is not None
    blocks = rounded.values[built.choose.arrivals.labels.values]
    parts = divisible.values[built.choose.arrivals.labels.values]
    assert np.abs(parts - np.rint(parts)).max() > 0.01
    assert blocks == pytest.approx(np.rint(blocks), abs=1e-6)
    assert steps.counts(rounded) == pytest.approx(np.rint(steps.counts(divisible)), abs=1e-6)
    # At 3 sites of one platform each period rounds up or down by at most a block at a site
    assert 0.97 * divisible.objective <= rounded.objective <= divisible.objective + 1e-6
    whole = values_of(built.choose.arrivals, rounded.values).round()
    built.choose.arrivals.update(lower=whole, upper=whole)
    assert search(built.model, settings=EXACT, report=silent).found
    assert steps.answer(steps.free).objective >= divisible.objective


def test_a_rung_has_one_period() -> None:
    # Two periods free, then up to 2: rung 1 reached in period 1 is at least 1 from there and 0 before
    free = Rungs(lower=np.zeros((1, 4)), upper=np.array([[0.0, 2.0, 2.0, 2.0]]))
    placed = free.reached(0, 1, period=2)
    assert placed.lower.tolist() == [[0.0, 0.0, 1.0, 1.0]]
    assert placed.upper.tolist() == [[0.0, 0.0, 2.0, 2.0]]
