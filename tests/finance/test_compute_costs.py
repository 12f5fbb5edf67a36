"""The levelized cost of compute: layers by hand, and sums that must meet."""

import polars as pl
import pytest

from gigawatt.entities.hardware import Precision
from gigawatt.finance.compute_costs import compute_costs, waterfall
from tests.finance.programmes import RACK, eight_racks, paid
from tests.samples import PLATFORM

PLAYED = eight_racks(discount_rate_fraction=0.0)
COSTS = compute_costs(PLAYED.inputs, PLAYED.history, flows=PLAYED.appraisal.flows)
HOURS = 8 * 72 * PLAYED.inputs.calendar.month_hours[6:].sum()


def layer(table: pl.DataFrame, name: str) -> dict[str, float]:
    (row,) = table.filter(pl.col("layer") == name).to_dicts()
    return row


def test_layers_by_hand():
    # Undiscounted, a layer is what was paid for it; eight racks of 72 run from July to the end of the horizon.
    table = waterfall(COSTS)
    for name in ("systems", "network", "building", "energy", "facility operation"):
        spent = paid(PLAYED, name)["amount_usd"].sum()
        assert layer(table, name)["cost_usd"] == pytest.approx(spent)
        assert layer(table, name)["usd_per_accelerator_hour"] == pytest.approx(spent / HOURS)


def test_other_units_by_hand():
    whole = layer(waterfall(COSTS), "all")
    hours_per_year = 365.25 * 24
    pflop_per_s = PLATFORM.accelerator.peak_dense_flop_per_s[Precision.FP8] / 1e15
    assert whole["usd_per_pflop_year"] == pytest.approx(whole["cost_usd"] / (HOURS / hours_per_year * pflop_per_s))
    # IT power: 8 racks of 0.132 MW; facility: x 1.25
    it_mw = float(PLAYED.history.state["energized_it_mw"].values.max())
    years = PLAYED.inputs.calendar.month_hours[6:].sum() / hours_per_year
    assert whole["usd_per_it_mw_year"] == pytest.approx(whole["cost_usd"] / (it_mw * years))
    pue = PLAYED.inputs.sites[0].peak_pue
    assert whole["usd_per_facility_mw_year"] == pytest.approx(whole["usd_per_it_mw_year"] / pue)


def test_the_sum_is_the_cost_of_an_hour():
    (row,) = PLAYED.appraisal.unit_costs.to_dicts()
    assert layer(waterfall(COSTS, platform=RACK), "all")["usd_per_accelerator_hour"] == pytest.approx(
        row["usd_per_accelerator_hour"]
    )


def test_tokens_bear_the_hours_that_serve():
    # All racks serve all the time: layer by layer, spending over tokens.
    tokens = PLAYED.history.state["served_tokens"].values.sum() / 1e6
    table = waterfall(COSTS)
    for name in ("systems", "energy", "all"):
        row = layer(table, name)
        assert row["usd_per_mtoken"] == pytest.approx(row["cost_usd"] / tokens)
    assert waterfall(COSTS, site=COSTS.sites[0])["usd_per_mtoken"].null_count() == table.height


def test_sites_and_platforms_add_up():
    whole = waterfall(COSTS)["cost_usd"]
    by_site = sum(waterfall(COSTS, site=name)["cost_usd"] for name in COSTS.sites)
    by_platform = sum(waterfall(COSTS, platform=name)["cost_usd"] for name in COSTS.platforms)
    assert by_site.to_list() == pytest.approx(whole.to_list())
    assert by_platform.to_list() == pytest.approx(whole.to_list())


def test_what_never_ran_has_no_cost():
    table = waterfall(COSTS, site="nowhere")
    assert table["usd_per_accelerator_hour"].null_count() == table.height
    assert table["cost_usd"].sum() == 0.0
