"""Power plants of a site, each best plan worked out by hand. Amounts in MUSD; the napkin's rack earns 8.76 a year."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gigawatt.entities.actuals import Actuals, PlantNews, SiteNews
from gigawatt.entities.site import GridStep, Payments, PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.finance import appraise
from gigawatt.finance.compute_costs import compute_costs, waterfall
from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan
from gigawatt.planning.replan import Replanned, replan
from gigawatt.simulation import expected_luck, simulate
from gigawatt.units import CENTS_PER_USD
from tests.finance.programmes import Played, play
from tests.planning.cases import (
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.planning.test_optima import best, racks, value
from tests.samples import PLANT, site, small_inputs, small_performance


def test_engines_carry_racks_beyond_the_connection() -> None:
    # 10 racks at the connection's free energy, 4 more on engines from March: 7344 h. Each earns 7.344, costs 1 for the
    # rack, 2 for the engine and 7344 h x 50 USD = 0.3672 for fuel: 77.6 + 4 x 3.9768 = 93.5072
    chosen = best(napkin_inputs(sites=(napkin_site(plants=(PLANT,)),)))
    assert value(chosen) == pytest.approx(93.5072)
    assert racks(chosen)[:4] == [10.0, 10.0, 14.0, 14.0]
    assert chosen.decisions["plant_mw"].values[0][:3].tolist() == pytest.approx([0.0, 0.0, 4.0])
    assert float(chosen.decisions["generated_mwh"].sum()) == pytest.approx(4 * 7344)
    assert chosen.marginals["site_filled_fraction"].values[0][-1] == pytest.approx(1.0)


def test_engines_are_built_where_the_connection_is_late_and_revenue_pays() -> None:
    # The connection comes in July (4416 h of 8760), engines run from March (7344 h). Four racks run from March on
    # engines until July, 2928 h x 50 USD, then on the free connection with six more, and four beyond it on engines,
    # 4416 h x 50 USD. Engines at 2 per MW; 0.012 per MW and year for ten months 0.01; racks earn 0.001 per hour:
    # 4 x (7.344 - 1 - 2 - 0.01 - 0.1464) + 6 x (4.416 - 1) + 4 x (4.416 - 1 - 0.2208) = 50.0272
    late = napkin_site(
        power_steps=(PowerStep(start=date(2026, 7, 1), facility_mw=10.0),),
        plants=(replace(PLANT, fixed_usd_per_mw_month=1000.0),),
    )
    chosen = best(napkin_inputs(sites=(late,)))
    assert value(chosen) == pytest.approx(50.0272)
    assert racks(chosen) == [0.0, 0.0, *[4.0] * 4, *[14.0] * 6]


def test_a_site_that_lives_on_engines_alone_counts_as_one_with_power() -> None:
    # Half of the 4 MW is firm: two racks from March
    half = replace(PLANT, firm_fraction=0.5)
    never = napkin_site(power_steps=(PowerStep(start=date(2027, 6, 1), facility_mw=10.0),), plants=(half,))
    chosen = best(napkin_inputs(sites=(never,)))
    assert racks(chosen) == [0.0, 0.0, *[2.0] * 10]
    assert "power binds at 1 of 1 sites" in chosen.binding[0]


def test_fixed_operation_can_make_engines_too_dear() -> None:
    # From March a rack on an engine brings 3.9768; ten months at 0.4 per MW cost more, at 0.39 less
    def with_engine(usd_per_mw_month: float) -> float:
        engine = replace(PLANT, fixed_usd_per_mw_month=usd_per_mw_month)
        return value(best(napkin_inputs(sites=(napkin_site(plants=(engine,)),))))

    assert with_engine(0.40e6) == pytest.approx(77.6)
    assert with_engine(0.39e6) == pytest.approx(77.6 + 4 * 0.0768)


def test_engines_that_do_not_pay_are_not_built() -> None:
    # At 6 per MW an engine and its rack cost 7.3672 and earn 7.344
    dear = replace(PLANT, cost_usd_per_mw=6e6)
    chosen = best(napkin_inputs(sites=(napkin_site(plants=(dear,)),)))
    assert value(chosen) == pytest.approx(77.6)
    assert float(chosen.decisions["plant_mw"].sum()) == 0.0


def test_sun_replaces_bought_energy_and_carries_no_rack() -> None:
    # 40 MW of panels at once, a quarter of the hours: 8760 x 10 MWh, all that ten racks take. Bought at 100 USD/MWh it
    # would cost 8.76; panels cost 0.1 per MW, 4: 77.6 - 4 = 73.6
    sun = replace(
        PLANT, id="solar", most_mw=80.0, lead_months=0, cost_usd_per_mw=0.1e6, energy_usd_per_mwh=0.0,
        firm_fraction=0.0, energy_fraction=0.25, carbon_t_per_mwh=0.0,
    )  # fmt: skip
    chosen = best(napkin_inputs(sites=(napkin_site(energy_price_usd_per_mwh=100.0, plants=(sun,)),)))
    assert value(chosen) == pytest.approx(73.6)
    assert float(chosen.decisions["plant_mw"].values[0][-1]) == pytest.approx(40.0)


def test_a_reserve_counts_as_far_as_it_is_firm() -> None:
    # Half of 4 MW is firm: two more racks from March, for 4 MW of engines at 2: each rack brings 7.344 - 1 - 4 - 0.3672
    half = replace(PLANT, firm_fraction=0.5)
    assert value(best(napkin_inputs(sites=(napkin_site(plants=(half,)),)))) == pytest.approx(77.6 + 2 * 1.9768)


def test_carbon_of_engines_counts() -> None:
    # The grid is clean; 0.45 t/MWh: 13,219.2 t for four racks from March. Half of that lets two run on engines
    chosen = best(
        napkin_inputs(
            sites=(napkin_site(plants=(PLANT,), grid_carbon_t_per_mwh=0.0),),
            carbon_cap_t_per_year=2 * 0.45 * 7344.0,
        )
    )
    assert value(chosen) == pytest.approx(77.6 + 2 * 3.9768)


def test_the_accounts_are_the_plans() -> None:
    engine = replace(
        PLANT,
        most_mw=50.0,
        lead_months=9,
        cost_usd_per_mw=0.2e6,
        fixed_usd_per_mw_month=900.0,
        energy_usd_per_mwh=20.0,
    )
    base = small_inputs(sites=(site("alpha", plants=(engine,)),), contracts=(), targets=(), runs=())
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    performance = small_performance()
    performance = replace(performance, training=performance.training.isel(run=slice(0, 0)))
    played = play(inputs, plan(inputs, performance))
    assert float(played.plan.decisions["plant_mw"].max()) > 0.0
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9)
    own, all_of_it = played.history.state["generated_mwh"].sum("plant"), played.history.state["energy_mwh"].sum("site")
    assert (own.values <= all_of_it.values * (1.0 + 1e-9)).all()
    spent = waterfall(compute_costs(inputs, played.history, flows=played.appraisal.flows))
    cost_usd = dict(zip(spent["layer"], spent["cost_usd"], strict=True))
    assert min(cost_usd[layer] for layer in ("power plant", "power plant operation", "generation")) > 0.0
    net_usd = monthly_usd(played.appraisal.flows, party=inputs.programme, calendar=inputs.calendar)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(net_usd)
    slack = played.appraisal.flows.height / CENTS_PER_USD
    step = inputs.calendar.months_per_period
    assert cash[step - 1 :: step] == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)


def remade(
    inputs: Inputs, chosen: BuildPlan, day: date, *sites: SiteNews, plants: tuple[PlantNews, ...] = ()
) -> Replanned:
    actuals = Actuals(as_of=day, sites=sites, racks=(), orders=(), quotes=(), cash_usd=None, plants=plants)
    return replan(inputs, napkin_performance(inputs), chosen, actuals=actuals, churn_fraction=0.01)


@pytest.mark.parametrize("day", [date(2026, 2, 1), date(2026, 8, 1)])
def test_a_plan_made_anew_keeps_engines_that_are_begun_or_stand(day: date) -> None:
    # 14 racks come in April, four of them on engines of March: begun in February, standing in August
    calendar = napkin_calendar(month_count=18)
    services, offers = (napkin_service(calendar),), (napkin_offer(lead_months=3),)
    inputs = napkin_inputs(calendar=calendar, services=services, offers=offers, sites=(napkin_site(plants=(PLANT,)),))
    chosen = best(inputs)
    assert chosen.decisions["plant_mw"].values[0][3] == pytest.approx(4.0)
    anew = remade(inputs, chosen, day)
    assert anew.is_unchanged
    assert value(anew.plan) == pytest.approx(value(chosen))
    for name in ("plant_mw", "generated_mwh", "arrived_racks"):
        assert anew.plan.decisions[name].values == pytest.approx(chosen.decisions[name].values)


def test_engines_that_stand_stay_when_the_connection_no_longer_needs_them() -> None:
    # Demand for 14 racks, four on engines from March. In June the connection has 20 MW: the engines stand, paid for,
    # and stop. Fuel of March to May alone: 2208 h x 4 MW
    calendar = napkin_calendar()
    inputs = napkin_inputs(services=(napkin_service(calendar, racks=14.0),), sites=(napkin_site(plants=(PLANT,)),))
    came = (PowerStep(start=date(2026, 1, 1), facility_mw=10.0), PowerStep(start=date(2026, 6, 1), facility_mw=20.0))
    more = SiteNews(site="alpha", slip_months=0, energized=came)
    anew = remade(inputs, best(inputs), date(2026, 6, 1), more)
    assert anew.plan.decisions["plant_mw"].values[0][-1] == pytest.approx(4.0)
    made = anew.plan.decisions["generated_mwh"].values[0]
    assert (made[:5].sum(), made[5:].sum()) == (pytest.approx(4 * 2208.0), pytest.approx(0.0))


STEP = replace(
    PLANT, id="grid", most_mw=8.0, lead_months=3, energy_usd_per_mwh=0.0, carbon_t_per_mwh=0.0, works=GridStep(),
    unit_mw=4.0,
)  # fmt: skip


def test_a_step_of_the_connection_is_built_whole() -> None:
    # From April (6600 h) a rack earns 6.6 - 1; demand is for 15, so five beyond the connection: 4 MW at 2 carry four,
    # 4 x (6.6 - 1) - 8 = 14.4; a second step for the fifth would cost 8 for 5.6. In any size 5 MW: 5 x (5.6 - 2) = 18
    def grown(unit_mw: float | None) -> BuildPlan:
        step = replace(STEP, unit_mw=unit_mw)
        inputs = napkin_inputs(
            services=(napkin_service(napkin_calendar(), racks=15.0),), sites=(napkin_site(plants=(step,)),)
        )
        return best(inputs)

    assert value(grown(4.0)) == pytest.approx(77.6 + 14.4)
    assert grown(4.0).decisions["plant_mw"].values[0].tolist() == [0.0] * 3 + [4.0] * 9
    assert value(grown(None)) == pytest.approx(77.6 + 18.0)


def test_energy_through_a_step_of_the_connection_is_bought() -> None:
    # At 100 USD/MWh a rack pays 0.876 in the year: 10 x (7.76 - 0.876). Eight more from April pay 0.66:
    # 8 x (6.6 - 1 - 0.66 - 2); nothing is generated
    chosen = best(napkin_inputs(sites=(napkin_site(energy_price_usd_per_mwh=100.0, plants=(STEP,)),)))
    assert value(chosen) == pytest.approx(68.84 + 8 * 2.94)
    assert float(chosen.decisions["generated_mwh"].sum()) == 0.0
    assert racks(chosen)[3] == 18.0


def test_of_two_steps_the_cheaper_is_taken_first_and_both_where_both_pay() -> None:
    # A rack brings 5.6 from April. 2 MW at 1, 2 MW at 5.5: 10 x 7.76 + 2 x 4.6 + 2 x 0.1; at 5.7 the dear one is left
    cheap = replace(STEP, id="near", most_mw=2.0, unit_mw=2.0, cost_usd_per_mw=1e6)

    def with_far(cost_usd_per_mw: float) -> float:
        far = replace(cheap, id="far", cost_usd_per_mw=cost_usd_per_mw)
        return value(best(napkin_inputs(sites=(napkin_site(plants=(far, cheap)),))))

    assert with_far(5.5e6) == pytest.approx(77.6 + 9.2 + 0.2)
    assert with_far(5.7e6) == pytest.approx(77.6 + 9.2)


def test_a_slip_is_expected_and_paid_over() -> None:
    # Lead 2 and a median slip of 1.5 months, rounded to 2: engines run from May, 5880 h. 4 x (5.88 - 1 - 2 - 0.294)
    late = replace(PLANT, slip_median_months=1.5)
    inputs = napkin_inputs(sites=(napkin_site(plants=(late,)),))
    chosen = best(inputs)
    assert value(chosen) == pytest.approx(77.6 + 4 * 2.586)
    assert racks(chosen)[3:5] == [10.0, 14.0]
    paid = waits(inputs, chosen, plant_slip_months={"alpha/gas-engine": 2})
    assert paid.appraisal.npv_usd == pytest.approx(chosen.objective_value)
    # Two months later than expected the four racks wait until July; what the engines cost is the same
    late_by_two = waits(inputs, chosen, plant_slip_months={"alpha/gas-engine": 4})
    assert late_by_two.history.state["installed_racks"].sum(["site", "platform"]).values.tolist() == [10] * 6 + [14] * 6
    assert late_by_two.history.state["plant_mw"].values[0].tolist() == [0.0] * 6 + [4.0] * 6
    assert paid.appraisal.npv_usd - late_by_two.appraisal.npv_usd == pytest.approx(4 * (1.464e6 - 1464 * 50.0))
    # 8 MUSD: by progress over the six months before July, by schedule over the four before May, late or not
    assert building_usd(late_by_two)[:7] == pytest.approx([8e6 / 6] * 6 + [0.0], abs=0.01)
    fixed = napkin_inputs(sites=(napkin_site(plants=(replace(late, payments=Payments.SCHEDULE),)),))
    late_all_the_same = waits(fixed, chosen, plant_slip_months={"alpha/gas-engine": 4})
    assert building_usd(late_all_the_same)[:7] == pytest.approx([2e6] * 4 + [0.0] * 3)


def building_usd(played: Played) -> list[float]:
    """What is paid for engines, by month."""
    flows = played.appraisal.flows.filter(pl.col("purpose") == "power plant")
    return monthly_usd(flows, party="builders", calendar=played.inputs.calendar).tolist()


def waits(inputs: Inputs, chosen: BuildPlan, **luck: object) -> Played:
    """The plan as it plays out when some luck is not the expected one."""
    performance = napkin_performance(inputs)
    seen = replace(expected_luck(inputs), **luck)  # type: ignore[arg-type]
    history = simulate(inputs, performance, chosen, luck=seen)
    appraisal = appraise(inputs, chosen, history)
    return Played(inputs=inputs, plan=chosen, history=history, appraisal=appraisal, performance=performance)


LATE = PlantNews(site="alpha", plant="gas-engine", slip_months=3)


def test_engines_that_come_late_make_racks_wait() -> None:
    # Begun in January for March, four racks on them. February hears that they come in June (5136 h instead of 7344):
    # 2208 h less of 1000 - 50 USD for each
    inputs = napkin_inputs(sites=(napkin_site(plants=(PLANT,)),))
    chosen = best(inputs)
    anew = remade(inputs, chosen, date(2026, 2, 1), plants=(LATE,))
    assert anew.plan.decisions["plant_mw"].values[0].tolist() == [0.0] * 5 + [4.0] * 7
    assert racks(anew.plan) == [10.0] * 5 + [14.0] * 7
    assert value(chosen) - value(anew.plan) == pytest.approx(4 * 2208 * 950e-6)
    assert played_npv(anew) == pytest.approx(anew.plan.objective_value)


def test_engines_that_stand_are_not_late_and_new_ones_take_longer() -> None:
    # Units of 2 MW. The first stands since March; demand for two racks more comes in October, for which a second one,
    # begun in May or later, would take five months instead of two: it comes in October all the same, begun in May
    engine = replace(PLANT, unit_mw=2.0, cost_usd_per_mw=0.2e6, fixed_usd_per_mw_month=1000.0)
    first = napkin_service(napkin_calendar(), racks=12.0)
    more = {
        day: tokens * (14.0 / 12.0 if day >= date(2026, 10, 1) else 1.0)
        for day, tokens in first.demand_tokens_per_month.items()
    }
    inputs = napkin_inputs(
        services=(replace(first, demand_tokens_per_month=more),),
        sites=(napkin_site(plants=(engine,)),),
    )
    chosen = best(inputs)
    assert chosen.decisions["plant_mw"].values[0].tolist() == [0.0, 0.0] + [2.0] * 7 + [4.0] * 3
    anew = remade(inputs, chosen, date(2026, 4, 1), plants=(LATE,))
    assert anew.plan.decisions["plant_mw"].values[0].tolist() == [0.0, 0.0] + [2.0] * 7 + [4.0] * 3
    assert anew.is_unchanged
    too_late = remade(inputs, chosen, date(2026, 7, 1), plants=(replace(LATE, slip_months=6),))
    assert too_late.plan.decisions["plant_mw"].values[0].tolist() == [0.0, 0.0] + [2.0] * 10


def played_npv(anew: Replanned) -> float:
    return waits(anew.inputs, anew.plan).appraisal.npv_usd
