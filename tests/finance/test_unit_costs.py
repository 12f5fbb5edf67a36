"""What an hour and a token cost, by hand and against the sum of all spending."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gigawatt.finance.end_value import end_values
from gigawatt.finance.flows import TRANSFERS
from gigawatt.timeline import discount_factors
from tests.finance.programmes import RACK, eight_racks, paid, play
from tests.samples import site, small_inputs
from tests.simulation.plans import small_plan


def test_cost_of_an_hour_and_a_token_without_discounting():
    played = eight_racks(discount_rate_fraction=0.0)
    spent = played.appraisal.flows.filter(pl.col("kind").is_in(["capex", "opex"]))["amount_usd"].sum()
    spent -= end_values(played.inputs, played.history, flows=played.appraisal.flows)["value_usd"].sum()
    hours = 8 * 72 * played.inputs.calendar.month_hours[6:].sum()
    tokens = played.history.state["served_tokens"].values.sum()
    (row,) = played.appraisal.unit_costs.to_dicts()
    assert row["platform"] == RACK
    assert row["usd_per_accelerator_hour"] == pytest.approx(spent / hours)
    # All racks serve, so all of the cost is the tokens'.
    assert row["usd_per_mtoken"] == pytest.approx(spent / (tokens / 1e6))


def test_training_is_not_charged_to_tokens():
    inputs = small_inputs(sites=(site("alpha"),), contracts=())
    steady = replace(inputs, operation=replace(inputs.operation, ramp_months=0))
    orders, built = {("alpha", RACK, 0): 80}, {("alpha", 0): 100.0}
    idle = play(steady, small_plan(steady, ordered=orders, built=built)).appraisal.unit_costs
    busy = play(steady, small_plan(steady, ordered=orders, built=built, training_share=0.9)).appraisal.unit_costs
    assert busy["usd_per_accelerator_hour"].to_list() == idle["usd_per_accelerator_hour"].to_list()
    # A tenth of the racks serves a tenth of the tokens in 2028: a token takes the same rack-hours.
    assert busy["usd_per_mtoken"][0] == pytest.approx(idle["usd_per_mtoken"][0])
    # USD per hour x hours per million tokens: 72 accelerators serve 500,000 x 0.95 x 0.5 = 237,500 token/s.
    hours_per_mtoken = 1e6 / 237_500 / 3600 * 72
    assert idle["usd_per_mtoken"][0] == pytest.approx(idle["usd_per_accelerator_hour"][0] * hours_per_mtoken)


def test_costs_by_platform_add_up_to_all_spending_less_what_is_left():
    played = eight_racks()
    factors = discount_factors(played.inputs.calendar, annual_rate_fraction=0.1)
    worth = dict(zip(played.inputs.calendar.months, factors, strict=True))
    spending = played.appraisal.flows.filter(pl.col("kind").is_in(["capex", "opex"])).filter(
        ~pl.col("purpose").is_in([purpose.value for purpose in TRANSFERS])
    )
    present = sum(row["amount_usd"] * worth[row["month"]] for row in spending.to_dicts())
    present -= end_values(played.inputs, played.history, flows=played.appraisal.flows)["value_usd"].sum() / 1.1**3
    hours = played.history.state["rack_hours"].sum(("site", "platform")).values @ factors * 72
    assert played.appraisal.unit_costs["usd_per_accelerator_hour"][0] * hours == pytest.approx(present)


def test_a_platform_that_never_ran_has_no_cost():
    inputs = small_inputs()
    costs = play(inputs, small_plan(inputs, ordered={}, built={})).appraisal.unit_costs
    assert costs.to_dicts() == [{"platform": RACK, "usd_per_mtoken": None, "usd_per_accelerator_hour": None}]


def test_dearer_energy_makes_dearer_hours():
    cheap = eight_racks()
    dear = eight_racks(sites=(site("alpha", energy_price_usd_per_mwh=120.0),))
    added = dear.appraisal.unit_costs["usd_per_accelerator_hour"][0]
    added -= cheap.appraisal.unit_costs["usd_per_accelerator_hour"][0]
    # An accelerator draws 0.132 MW / 72 x 0.8 x 1.2 = 1.76 kWh an hour at the meter: $60/MWh more is 10.56 cents.
    assert added == pytest.approx(0.10560, abs=1e-5)
    assert np.isclose(2 * sum(paid(cheap, "energy")["amount_usd"]), sum(paid(dear, "energy")["amount_usd"]))
