"""What must hold in every history, whatever the plan and the luck."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.simulation import simulate
from gigawatt.simulation.fleet import POWER_TOLERANCE_FRACTION
from tests.simulation.strategies import Case, cases, with_ample_power

FEW = settings(max_examples=40, deadline=None)


def history_of(case: Case):
    return simulate(case.inputs, case.performance, case.plan, luck=case.luck).state


@FEW
@given(cases())
def test_racks_are_conserved(case):
    state = history_of(case)
    ordered = np.cumsum(state["ordered_racks"].values, axis=2)
    retired = np.cumsum(state["retired_racks"].values, axis=2)
    elsewhere = state["installed_racks"].values + state["in_transit_racks"].values
    assert (ordered == elsewhere + retired).all()
    assert min(state[name].values.min() for name in ("installed_racks", "in_transit_racks", "retired_racks")) >= 0
    assert ordered[..., -1].sum() == case.plan.decisions["ordered_racks"].sum()


@FEW
@given(cases())
def test_power_in_service_never_exceeds_what_is_energized_and_built(case):
    state = history_of(case)
    used = state["energized_facility_mw"].sum("platform").values
    room = np.minimum(state["available_facility_mw"].values, state["built_facility_mw"].values)
    assert (used <= room * (1.0 + 2.0 * POWER_TOLERANCE_FRACTION)).all()


@FEW
@given(cases())
def test_nothing_beyond_demand_or_the_run(case):
    state = history_of(case)
    demand = [case.inputs.services[0].demand_tokens_per_month[day] for day in case.inputs.calendar.months]
    assert (state["served_tokens"].sum("platform").values[0] <= np.array(demand) * (1.0 + 1e-12)).all()
    assert state["training_flop"].sum() <= case.inputs.runs[0].compute_flop * (1.0 + 1e-12)
    working = state["serving_rack_hours"].sum("service") <= state["rack_hours"].sum("site") * (1.0 + 1e-9)
    assert working.all()


@FEW
@given(cases(life_months=st.just(60)), st.integers(0, 24))
def test_later_power_never_serves_more(case, slip):
    # Racks outlive the horizon here: otherwise a late rack may live into a month that a punctual one does not see.
    punctual = with_ample_power(case)
    late = replace(punctual.luck, slip_months=dict.fromkeys(punctual.luck.slip_months, (slip,)))
    before = history_of(punctual)["served_tokens"].sum("platform").values
    after = history_of(replace(punctual, luck=late))["served_tokens"].sum("platform").values
    assert (after <= before * (1.0 + 1e-9)).all()


@FEW
@given(cases())
def test_a_plan_with_room_plays_out_as_planned(case):
    state = history_of(with_ample_power(case))
    first_months = {"month": slice(None, None, case.inputs.calendar.months_per_period)}
    for name in ("ordered_racks", "installed_racks", "retired_racks"):
        assert (state[name].isel(first_months).values == case.plan.decisions[name].values).all()
