"""A small fleet, month by month, with the sums in the comments."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gigawatt.entities.site import PowerStep
from gigawatt.errors import ScenarioError
from gigawatt.simulation import expected_luck, simulate
from gigawatt.units import SECONDS_PER_HOUR
from tests.samples import PLATFORM, offer, run, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

RACK = PLATFORM.id


def alone(**changes):
    """The sample with its first site only."""
    return small_inputs(sites=(site("alpha"),), **changes)


def test_racks_arrive_after_the_lead_time_and_carry_their_power():
    inputs = alone()
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0})
    state = simulate(inputs, small_performance(), plan, luck=expected_luck(inputs)).state.sel(site="alpha")
    # Ordered in January 2027, six months of lead: in service from July, month 6.
    racks = state["installed_racks"].sel(platform=RACK).values
    assert racks.tolist() == [0] * 6 + [8] * 30
    assert state["in_transit_racks"].sel(platform=RACK).values.tolist() == [8] * 6 + [0] * 30
    # A rack draws 120 kW x 1.1 (fabric) = 0.132 MW IT; 8 racks 1.056 MW IT; at a peak PUE of 1.25, 1.32 MW facility.
    assert state["energized_it_mw"].sel(platform=RACK).values[6] == pytest.approx(1.056)
    assert state["energized_facility_mw"].sel(platform=RACK).values[6] == pytest.approx(1.32)
    # July has 31 x 24 = 744 h. Mean IT power is 80 % of 1.056 = 0.8448 MW; with the annual PUE of 1.2: 754.24 MWh.
    assert state["energy_mwh"].values[6] == pytest.approx(0.8448 * 1.2 * 744)
    assert state["rack_hours"].sel(platform=RACK).values[6] == 8 * 744


def test_tokens_ramp_up_and_stop_at_demand():
    inputs = alone(services=(service(tokens_per_month=4e12),), runs=())
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0})
    state = simulate(inputs, small_performance(), plan, luck=expected_luck(inputs)).state
    served = state["served_tokens"].sel(platform=RACK, service="chat").values
    # 8 racks x 500,000 token/s x 0.95 available x 0.5 load = 1.9e6 token/s.
    # July (744 h): 1.9e6 x 3600 x 744 = 5.089e12, of which a third in the first month of a two-month ramp: 1.696e12.
    assert served[5] == 0.0
    assert served[6] == pytest.approx(1.9e6 * SECONDS_PER_HOUR * 744 / 3)
    # August: two thirds, 3.393e12. September (720 h): 4.925e12 could be served, 4e12 are wanted.
    assert served[7] == pytest.approx(1.9e6 * SECONDS_PER_HOUR * 744 * 2 / 3)
    assert served[8:] == pytest.approx(np.full(28, 4e12))
    # Half of the tokens of a request are output.
    assert state["output_tokens"].values[0, 0] == pytest.approx(served / 2)
    assert state["serving_rack_hours"].values[0, 0, 8] == 8 * 720


def test_racks_wait_for_late_power_and_enter_first_in_first_out():
    two = replace(PLATFORM, id="small", rack_power_w=60_000.0)
    late = site("alpha", power_steps=(PowerStep(start=date(2027, 9, 1), facility_mw=1.32),), platforms=(RACK, "small"))
    more = replace(late, power_steps=(*late.power_steps, PowerStep(start=date(2028, 2, 1), facility_mw=10.0)))
    inputs = small_inputs(sites=(more,), offers=(offer(), offer(platform=two)), runs=())
    plan = small_plan(
        inputs,
        ordered={("alpha", "small", 0): 3, ("alpha", RACK, 0): 7, ("alpha", "small", 1): 9},
        built={("alpha", 0): 10.0},
    )
    performance = small_performance()
    both = performance.serving.reindex(platform=[RACK, "small"], method=None)
    performance = replace(performance, serving=both, training=performance.training.reindex(platform=[RACK, "small"]))
    state = simulate(inputs, performance, plan, luck=expected_luck(inputs)).state.sel(site="alpha")
    large = state["installed_racks"].sel(platform=RACK).values
    small = state["installed_racks"].sel(platform="small").values
    # Delivered in July, power in September. 1.32 MW: 7 x 0.165 = 1.155, then 2 x 0.0825 = 0.165 of the three small.
    assert (large[7], small[7]) == (0, 0)
    assert (large[8], small[8]) == (7, 2)
    # The nine of October wait behind the third; in February 2028, month 13, all are in.
    assert (large[12], small[12]) == (7, 2)
    assert (large[13], small[13]) == (7, 12)
    assert state["in_transit_racks"].sel(platform="small").values[12] == 10


def test_racks_retire_by_age_in_service():
    inputs = alone(offers=(replace(offer(), life_months=7),))
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0})
    luck = expected_luck(inputs)
    # In service from July 2027 (6), seven months: due in month 13, leaves with the next quarter, month 15.
    racks = simulate(inputs, small_performance(), plan, luck=luck).state
    assert racks["installed_racks"].values[0, 0].tolist() == [0] * 6 + [8] * 9 + [0] * 21
    assert np.flatnonzero(racks["retired_racks"].values[0, 0]).tolist() == [15]
    # Power four months late: in service from November 2027 (10), due in month 17, leaves in month 18.
    late = replace(luck, slip_months={"alpha": (4, 4)})
    racks = simulate(inputs, small_performance(), plan, luck=late).state
    assert racks["installed_racks"].values[0, 0].tolist() == [0] * 10 + [8] * 8 + [0] * 18


def test_a_run_that_falls_behind_goes_on_with_its_last_share():
    # 8 racks, half of them train in 2028: 4 x 1.2e17 FLOP/s x 0.9 ETTR = 4.32e17 FLOP/s.
    # January 2028 (744 h): 1.157e24. All of 2028 has 8,784 h: 1.366e25. The run needs one month of 2029 more.
    year = 4 * 1.2e17 * 0.9 * SECONDS_PER_HOUR * 8784
    january = 4 * 1.2e17 * 0.9 * SECONDS_PER_HOUR * 744
    inputs = alone(runs=(replace(run(), compute_flop=year + january / 2),), services=(service(tokens_per_month=1e18),))
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0}, training_share=0.5)
    state = simulate(inputs, small_performance(), plan, luck=expected_luck(inputs)).state
    flop = state["training_flop"].sel(run="run-1").values
    assert flop[:12].sum() == 0.0
    assert flop[12] == pytest.approx(january)
    assert flop[24] == pytest.approx(january / 2)
    assert flop[25:].sum() == 0.0
    # A quarter of the fleet's January 2029 went to the run; three quarters of 8 racks served.
    racks = state["serving_rack_hours"].values[0, 0] / inputs.calendar.month_hours
    assert racks[11] == pytest.approx(8)
    assert racks[12] == pytest.approx(4)
    assert racks[24] == pytest.approx(6)
    assert racks[25] == pytest.approx(8)


def test_slips_are_listed_with_dates():
    inputs = alone()
    plan = small_plan(inputs, ordered={}, built={})
    luck = replace(expected_luck(inputs), slip_months={"alpha": (7, 7)})
    slips = simulate(inputs, small_performance(), plan, luck=luck).slips
    expected = pl.DataFrame(
        {
            "site": ["alpha", "alpha"],
            "step": [1, 2],
            "planned": [date(2027, 7, 1), date(2028, 7, 1)],
            "actual": [date(2028, 2, 1), date(2029, 2, 1)],
        }
    )
    assert slips.equals(expected)


def test_a_pair_that_cannot_run_serves_nothing():
    inputs = alone()
    performance = small_performance()
    refused = replace(performance, serving=performance.serving * np.nan)
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0})
    assert simulate(inputs, refused, plan, luck=expected_luck(inputs)).state["served_tokens"].sum() == 0.0


def test_power_steps_that_fall_are_refused():
    falling = (
        PowerStep(start=date(2027, 7, 1), facility_mw=100.0),
        PowerStep(start=date(2028, 1, 1), facility_mw=50.0),
    )
    inputs = small_inputs(sites=(site("alpha", power_steps=falling),))
    with pytest.raises(ScenarioError, match=r"sites\.alpha\.power_steps"):
        simulate(inputs, small_performance(), small_plan(inputs, ordered={}, built={}), luck=expected_luck(inputs))


def test_a_programme_without_services_or_runs_still_has_a_history():
    inputs = alone(services=(), runs=())
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 0): 100.0})
    state = simulate(inputs, small_performance(), plan, luck=expected_luck(inputs)).state
    assert state["installed_racks"].values[0, 0, -1] == 8
    assert dict(state.sizes) == {"site": 1, "platform": 1, "month": 36, "service": 0, "run": 0}


def test_every_variable_has_a_unit():
    inputs = small_inputs()
    state = simulate(
        inputs, small_performance(), small_plan(inputs, ordered={}, built={}), luck=expected_luck(inputs)
    ).state
    assert all(variable.attrs["units"] for variable in state.data_vars.values())
