"""The composition: each stage gets what the earlier ones made, and the bands are quantiles of the draws."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.stages import Appraisal, BuildPlan, History, Inputs, Luck, Performance, Study
from gigawatt.study import Origin, Stages, run
from tests.report import studies

ORIGIN = Origin(scenario_sha256="a" * 64, catalogue_sha256="b" * 64, seed=7, draws_count=9)
INPUTS = studies.inputs()
PAST = studies.history()
APPRAISED = studies.appraisal(PAST)


def _luck(factor: float) -> Luck:
    return Luck(
        slip_months={},
        performance_factor={"x": factor},
        availability_fraction=1.0,
        training_ettr_fraction=1.0,
        software_first_fraction=1.0,
    )


def _expected(_inputs: Inputs) -> Luck:
    return _luck(1.0)


def _sampled(_inputs: Inputs, _performance: Performance, *, rng: np.random.Generator) -> Luck:
    return _luck(float(rng.uniform(0.0, 1.0)))


def _simulated(_inputs: Inputs, _performance: Performance, _plan: BuildPlan, *, luck: Luck) -> History:
    factor = luck.performance_factor["x"]
    state = PAST.state.map(lambda array: array * factor, keep_attrs=True)
    return replace(PAST, state=state)


def _appraised(_inputs: Inputs, _plan: BuildPlan, history: History) -> Appraisal:
    factor = float(history.state["served_tokens"].sum() / PAST.state["served_tokens"].sum())
    rate = float("nan") if factor < 0.5 else factor
    kept = APPRAISED.milestones if factor > 0.5 else APPRAISED.milestones[:3]
    return replace(APPRAISED, npv_usd=factor * 1e9, irr_fraction=rate, milestones=kept)


STAGES = Stages(
    evaluate=lambda _inputs: studies.performance(),
    plan=lambda _inputs, _performance, *, report, **_stop: (report("searching"), studies.build_plan(PAST))[1],
    simulate=_simulated,
    appraise=_appraised,
    expected_luck=_expected,
    sampled_luck=_sampled,
)


def _run(origin: Origin = ORIGIN) -> tuple[Study, list[tuple[str, float, str]]]:
    heard: list[tuple[str, float, str]] = []

    def progress(stage: str, fraction: float, detail: str = "") -> None:
        heard.append((stage, fraction, detail))

    return run(INPUTS, origin=origin, progress=progress, stages=STAGES), heard


def test_the_expected_history_is_the_studys_history() -> None:
    study, heard = _run()
    assert float(study.history.state["served_tokens"].sum()) == pytest.approx(float(PAST.state["served_tokens"].sum()))
    assert [stage for stage, fraction, _ in heard if fraction == 0.0 and stage != "plan"] == [
        "performance", "simulation", "appraisal", "risk",
    ]  # fmt: skip
    assert ("plan", 0.0, "searching") in heard


def test_bands_are_drawn_values_at_the_stated_ranks() -> None:
    study, _ = _run()
    rng = np.random.default_rng(7)
    drawn = np.sort([rng.uniform(0.0, 1.0) for _ in range(9)]) * 1e9
    # Of nine draws P10 is the 1st (9 x 0.1 = 0.9, up to 1), P50 the 5th, P90 the 9th (8.1, up to 9).
    assert study.bands.headline["npv_usd"] == pytest.approx((drawn[0], drawn[4], drawn[8]))
    peak = float(PAST.state["energized_facility_mw"].sum(("site", "platform")).max())
    monthly = study.bands.monthly["energized_facility_mw"].sel(quantile=0.5)
    assert float(monthly.max()) == pytest.approx(drawn[4] / 1e9 * peak)


def test_a_figure_that_many_draws_lack_has_no_band() -> None:
    study, _ = _run()
    assert all(np.isnan(study.bands.headline["irr_fraction"]))


def test_a_milestone_that_a_draw_never_reaches_is_infinitely_late() -> None:
    study, _ = _run()
    low, _, high = study.bands.headline["last_milestone_month"]
    assert low == INPUTS.calendar.month_index(APPRAISED.milestones[-1].reached)
    assert high == float("inf")


def test_the_same_seed_gives_the_same_hash_and_another_seed_another() -> None:
    first, again = _run()[0], _run()[0]
    other = _run(replace(ORIGIN, seed=8))[0]
    assert first.manifest == again.manifest
    assert first.manifest.content_sha256 != other.manifest.content_sha256


def test_without_draws_there_are_no_bands() -> None:
    study, _ = _run(replace(ORIGIN, draws_count=0))
    assert study.bands.headline == {}
    assert study.bands.monthly.sizes["quantile"] == 0
