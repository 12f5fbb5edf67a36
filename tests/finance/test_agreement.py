"""An undisturbed history is the plan, and its accounts are the plan's own money."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan
from gigawatt.units import CENTS_PER_USD
from tests.finance.programmes import play
from tests.samples import TRANCHES, service, site, small_inputs, small_performance


@pytest.fixture(scope="module")
def played():
    """One site planned by the solver; racks deliver in full at once, so that plan and history mean the same months."""
    base = small_inputs(sites=(site("alpha", slip_median_months=1.5),), services=(service(tokens_per_month=5e13),))
    inputs = replace(
        base,
        operation=replace(base.operation, ramp_months=0),
        contracts=(replace(TRANCHES, unit_mw=5.0), *base.contracts[1:]),
        targets=(),
    )
    return play(inputs, plan(inputs, small_performance()))


def test_present_value_is_the_plans(played):
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9)


def test_cash_is_the_plans_in_every_period(played):
    inputs = played.inputs
    net_usd = monthly_usd(played.appraisal.flows, party=inputs.programme, calendar=inputs.calendar)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(net_usd)
    at_period_end = cash[inputs.calendar.months_per_period - 1 :: inputs.calendar.months_per_period]
    slack = played.appraisal.flows.height / CENTS_PER_USD
    assert at_period_end == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)


def test_racks_tokens_training_and_milestones_are_the_plans(played):
    decisions, state = played.plan.decisions, played.history.state
    step = played.inputs.calendar.months_per_period
    assert (state["installed_racks"].values[..., ::step] == decisions["installed_racks"].values).all()
    tokens = state["served_tokens"].sum("platform").values.reshape(1, -1, step).sum(axis=2)
    assert tokens == pytest.approx(decisions["served_tokens"].values, rel=1e-9, abs=1.0)
    assert state["training_flop"].sum() == pytest.approx(float(decisions["training_flop"].sum()), rel=1e-9)
    assert len(played.appraisal.milestones) == decisions["milestones_count"].values[0, -1] > 0
