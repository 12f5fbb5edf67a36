"""Sentences stay true where there is nothing to say: no spread, no investors, no shortfall."""

from dataclasses import replace
from functools import partial

import polars as pl
import xarray as xr

from gigawatt.entities.stages import Goal, Objective, Study
from gigawatt.report import blocks, words
from gigawatt.report.summary import summary
from gigawatt.report.wording import difference_words, objective_words


def test_a_band_without_width_is_one_figure(study: Study) -> None:
    same = {**study.bands.headline, "energized_facility_mw": (196.0, 196.0, 196.0)}
    text = words.energized(replace(study, bands=replace(study.bands, headline=same)))
    assert "the greatest power is 196 MW at P10 and P90" in text


def test_a_programme_without_investors_says_so(study: Study) -> None:
    flows = study.appraisal.flows.filter(pl.col("kind") != "financing")
    alone = replace(study, appraisal=replace(study.appraisal, flows=flows))
    assert words.circle(alone) == "No contract brings in money from investors."
    assert "has no investors" in words.cash(alone)


def test_no_need_for_money_is_told_as_such(study: Study) -> None:
    rich = replace(study, appraisal=replace(study.appraisal, peak_funding_usd=0.0))
    assert "never spends more than it has taken in" in words.cash(rich)


def test_a_missing_rate_of_return_is_explained(study: Study) -> None:
    bare = replace(study, appraisal=replace(study.appraisal, irr_fraction=float("nan")))
    tile = next(tile for tile in blocks.tiles(bare) if tile.name == "Internal rate of return")
    assert (tile.value, tile.basis) == ("none", "no single yearly rate makes the cash flows worth zero")


def test_an_overdraft_within_a_period_is_told(study: Study) -> None:
    def with_minimum(usd: float) -> Study:
        treasury = replace(study.inputs.treasury, minimum_cash_usd=usd)
        return replace(study, inputs=replace(study.inputs, treasury=treasury))

    assert "below the minimum of $1.00 tn" in words.cash(with_minimum(1e12))
    assert "below the minimum" not in words.cash(with_minimum(-1e15))


def test_costs_of_platforms_that_serve_unlike_services_carry_a_warning(study: Study) -> None:
    served = study.history.state["served_tokens"]
    alike = xr.ones_like(served)
    apart = alike.where(
        (served["platform"] == served["platform"][0]) == (served["service"] == served["service"][0]), 0.0
    )
    says = [
        words.unit_costs(
            replace(study, history=replace(study.history, state=study.history.state.assign(served_tokens=t)))
        )
        for t in (alike, apart)
    ]
    assert "different shares" not in says[0]
    assert "different shares" in says[1]


def test_what_each_goal_reaches_is_told(study: Study) -> None:
    most = Goal(text="served-tokens within 5 percent", objective=Objective.SERVED_TOKENS, within_fraction=0.05)
    goals = (most, Goal(text="npv", objective=Objective.NPV))
    told = replace(
        study,
        inputs=replace(study.inputs, objective=Objective.SERVED_TOKENS, goals=goals),
        plan=replace(study.plan, objective=Objective.SERVED_TOKENS, goal_values=(2e15, 41.3e9)),
    )
    assert words.solution(told) == (
        "The solver proved this plan within 0.42% of the best fulfilment of its goals possible. "
        "Its goals, in order: served-tokens within 5 percent (2.00 quadrillion); npv ($41.3 bn)."
    )
    assert summary(told)["goals"] == [
        {"goal": "served-tokens within 5 percent", "value": 2e15, "month": None},
        {"goal": "npv", "value": 41.3e9, "month": None},
    ]
    assert "goals" not in words.solution(study)


def test_dates_are_told_by_the_calendar(study: Study) -> None:
    # From July 2026 by quarter, seven periods come before April 2028.
    goals = (
        Goal(text="earliest-target", objective=Objective.EARLIEST_TARGET),
        Goal(text="npv", objective=Objective.NPV),
    )
    dated = replace(
        study,
        inputs=replace(study.inputs, objective=Objective.EARLIEST_TARGET, goals=goals),
        plan=replace(study.plan, objective=Objective.EARLIEST_TARGET, objective_value=7.0, goal_values=(7.0, 41.3e9)),
    )
    assert "earliest-target (from Apr 2028)" in words.solution(dated)
    written = summary(dated)
    assert (written["objective_month"], written["goals"][0]["month"]) == ("2028-04", "2028-04")
    assert summary(study)["objective_month"] is None
    calendar = study.inputs.calendar
    say = partial(objective_words, Objective.EARLIEST_TARGET, calendar=calendar)
    assert say(float(calendar.period_count)) == "not within the plan"
    assert difference_words(Objective.EARLIEST_TARGET, 2.0, calendar=calendar) == "6 months"
