"""Tables and pictures of what platforms do: bands by hand, deployments in words, measured and projected apart."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.stages import Study
from gigawatt.report import measures
from gigawatt.report.figures import serving_fronts, training_mfu
from gigawatt.report.rates import deployment_words, rates_table, training_rates_table


def test_cost_bands_move_with_the_rate_of_each_service(study: Study) -> None:
    """Rates are 0.8, 1 and 1.25 of the median for every service: costs are 1.25 and 0.8 of it."""
    costs = dict(study.appraisal.unit_costs.select("platform", "usd_per_mtoken").iter_rows())
    for platform, (quick, usual, slow) in measures.mtoken_cost_bands_usd(study).items():
        assert (quick, usual, slow) == pytest.approx((costs[platform] / 1.25, costs[platform], costs[platform] / 0.8))


def test_a_platform_that_serves_nothing_has_no_cost_band(study: Study) -> None:
    idle = replace(study.history, state=study.history.state.assign(served_tokens=study.history.state.served_tokens * 0))
    bands = measures.mtoken_cost_bands_usd(replace(study, history=idle))
    assert all(np.isnan(band).all() for band in bands.values())


def test_deployments_in_words(study: Study) -> None:
    here = study.performance.serving.isel(platform=0, service=0)
    assert deployment_words(here) == "2 prefill TP4 DP4 EP4 PP4 + 1 decode TP16 DP16 EP16 PP16"
    alone = here.assign(prefill_workers_count=here.prefill_workers_count * 0)
    assert deployment_words(alone) == "one worker TP16 DP16 EP16 PP16"


def test_every_pair_has_a_row_and_refusals_their_reason(study: Study) -> None:
    pairs = len(study.inputs.offers)
    assert len(rates_table(study).rows) == pairs * len(study.inputs.services)
    rows = training_rates_table(study).rows
    assert len(rows) == pairs * len(study.inputs.runs)
    known = {row.cells[-1].text for row in rows}
    assert known <= {"measured", "projected"}
    refused = [row for row in rows if row.cells[2].text == "–"]
    assert [row.cells[1].sub for row in refused] == list(study.performance.refusals.values())


def test_fronts_tell_measured_from_projected(study: Study) -> None:
    figure = serving_fronts(study)
    assert figure is not None
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.name]
    assert len(lines) == len(study.inputs.offers) * len(study.inputs.services)
    by_name = {offer.platform.name: offer.platform.measured for offer in study.inputs.offers}
    for line in lines:
        name, _, known = line.name.rpartition(", ")
        assert (known == "measured") == by_name[name] == (line.line.dash == "solid")
    assert json.loads(figure.to_json())


def test_nothing_to_serve_or_train_is_no_picture(study: Study) -> None:
    empty = replace(study, inputs=replace(study.inputs, services=(), runs=()))
    assert serving_fronts(empty) is None
    assert training_mfu(empty) is None
