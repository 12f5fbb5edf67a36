"""Tiny programmes whose best plan is worked out by hand in the comment of each test. Amounts in MUSD unless said."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import xarray as xr

from gigawatt.entities.capital import CostBook, PowerBasis, PowerTarget, Treasury
from gigawatt.entities.contracts import EquityRound, Instalment, MilestoneTranches
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import Cloud, Leased, PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs, Objective, SolveStatus
from gigawatt.planning import plan
from gigawatt.planning.work import no_more_than_asked, work
from tests.planning.cases import (
    FREE,
    HOURS_2026,
    NAPKIN_PLATFORM,
    START,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.samples import run

MILLION = 1e6
CALENDAR = napkin_calendar()
TRANCHES = MilestoneTranches(
    id="tranches",
    investor="nvidia",
    recipient="openai",
    unit_mw=2.0,
    basis=PowerBasis.FACILITY,
    amount_usd=8e6,
    cap_usd=8e6,
    platforms=("box",),
    sites=("alpha",),
    signed=START,
    paid_on_signature_count=0,
    payment_lag_months=0,
    binding=True,
)


def best(inputs: Inputs) -> BuildPlan:
    return plan(inputs, napkin_performance(inputs))


def value(chosen: BuildPlan) -> float:
    return chosen.objective_value / MILLION


def racks(chosen: BuildPlan, name: str = "installed_racks") -> list[float]:
    return [float(count) for count in chosen.decisions[name].sum(["site", "platform"]).values]


def test_power_bound() -> None:
    # 10 MW carry 10 racks all year: 10 x (8.76 - 1) = 77.6
    chosen = best(napkin_inputs())
    assert value(chosen) == pytest.approx(77.6)
    assert racks(chosen) == [10.0] * 12
    assert chosen.status is SolveStatus.OPTIMAL
    assert chosen.bound == pytest.approx(77.6e6)


def test_supply_bound() -> None:
    # 2 racks a month: 2, 4, 6, 8, then 10. Rack-hours: 2x744 + 4x672 + 6x744 + 8x720 + 10x5880 = 73,200; 73.2 - 10
    slow = napkin_offer(supply=(SupplyStep(start=START, racks_per_month=2.0),))
    chosen = best(napkin_inputs(offers=(slow,)))
    assert value(chosen) == pytest.approx(63.2)
    assert racks(chosen) == [2.0, 4.0, 6.0, 8.0] + [10.0] * 8


def test_supply_does_not_carry_over() -> None:
    # 1.5 racks a month is one whole rack a month: what is left of a month is lost
    slow = napkin_offer(supply=(SupplyStep(start=START, racks_per_month=1.5),))
    assert racks(best(napkin_inputs(offers=(slow,))))[:4] == [1.0, 2.0, 3.0, 4.0]


def test_blocks() -> None:
    # Blocks of 4: 2 blocks fit into 10 MW, 8 x 7.76 = 62.08
    chosen = best(napkin_inputs(offers=(napkin_offer(block_racks_count=4),)))
    assert value(chosen) == pytest.approx(62.08)
    assert racks(chosen, "arrived_racks") == [8.0] + [0.0] * 11


def test_demand_bound() -> None:
    # Demand of 3.5 racks. The fourth rack earns 0.5 x 8.76 = 4.38 for 1: buy it. 3.5 x 8.76 - 4 = 26.66
    chosen = best(napkin_inputs(services=(napkin_service(CALENDAR, racks=3.5),)))
    assert value(chosen) == pytest.approx(26.66)
    assert float(chosen.decisions["served_tokens"].sum()) == pytest.approx(3.5e9 * 8760)


def test_a_rack_that_does_not_pay_is_not_bought() -> None:
    # At 5 MUSD the fourth rack loses 5 - 4.38: three racks, 3 x (8.76 - 5) = 11.28
    dear = napkin_offer(price_usd_per_rack=5e6)
    chosen = best(napkin_inputs(offers=(dear,), services=(napkin_service(CALENDAR, racks=3.5),)))
    assert value(chosen) == pytest.approx(11.28)


def test_nothing_pays() -> None:
    # A rack at 9 never earns its price within the year: build nothing
    chosen = best(napkin_inputs(offers=(napkin_offer(price_usd_per_rack=9e6),)))
    assert value(chosen) == 0.0
    assert racks(chosen) == [0.0] * 12
    assert chosen.gap_fraction == 0.0


def test_lead_time_and_deposit() -> None:
    # Ordered in January, in service in April: 6600 h. At 21 % a year a quarter discounts by 1.21^-0.25 = 1.1^-0.5.
    # Per rack: -0.2 - 0.8 x 1.21^-0.25 + sum of hours x 1.21^(-i/12) for i = 3..11, in thousands
    late = napkin_offer(lead_months=3, deposit_fraction=0.2)
    chosen = best(napkin_inputs(offers=(late,), discount_rate_fraction=0.21))
    earned = sum(HOURS_2026[i] * 1.21 ** (-i / 12) for i in range(3, 12)) / 1000
    assert value(chosen) == pytest.approx(10 * (earned - 0.2 - 0.8 * 1.21**-0.25))
    assert racks(chosen, "ordered_racks") == [10.0] + [0.0] * 11
    assert racks(chosen, "arrived_racks")[3] == 10.0


def test_retirement_and_replacement() -> None:
    # Six months of life: racks of January retire in July and are bought anew: 10 x (8.76 - 2) = 67.6
    chosen = best(napkin_inputs(offers=(napkin_offer(life_months=6),)))
    assert value(chosen) == pytest.approx(67.6)
    assert racks(chosen) == [10.0] * 12
    assert racks(chosen, "retired_racks") == [0.0] * 6 + [10.0] + [0.0] * 5


def test_a_rack_that_dies_too_young() -> None:
    # Six months earn at most 4416 h = 4.416, less than the price of 5
    assert value(best(napkin_inputs(offers=(napkin_offer(life_months=6, price_usd_per_rack=5e6),)))) == 0.0


def test_milestone_unlocks_cash() -> None:
    # Cash 2 buys 2 racks, paid with the order in January and in service in February. They earn the tranche of 8 and
    # 2 x 0.672 = 1.344 there, which buys the other 8 racks for March: 1.344 + 10 x 7.344 - 10 = 64.784
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    chosen = best(napkin_inputs(offers=(prepaid,), treasury=purse, contracts=(TRANCHES,)))
    assert value(chosen) == pytest.approx(64.784)
    assert racks(chosen)[:3] == [0.0, 2.0, 10.0]
    assert chosen.decisions["milestones_count"].values.tolist() == [[0.0] + [1.0] * 11]
    assert chosen.decisions["cash_usd"].values[:3] == pytest.approx([0.0, 1.344e6, 1.344e6 + 7.44e6])


def test_without_the_milestone_money_is_short() -> None:
    # As above without the tranche: February's 1.344 buys 1 rack for March; 0.344 + 3 x 0.744 = 2.576 buys 2 for April;
    # 0.576 + 5 x 0.72 = 4.176 buys 4 for May; 0.176 + 9 x 0.744 = 6.872 buys the last for June.
    # Rack-hours: 2x672 + 3x744 + 5x720 + 9x744 + 10x(8760 - 3624 + ...) with June..December = 5136 h:
    # 1.344 + 2.232 + 3.6 + 6.696 + 51.36 - 10 = 55.232
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    chosen = best(napkin_inputs(offers=(prepaid,), treasury=purse))
    assert racks(chosen)[:6] == [0.0, 2.0, 3.0, 5.0, 9.0, 10.0]
    assert value(chosen) == pytest.approx(55.232)


def test_tranche_paid_late() -> None:
    # With a lag of two months the 8 come in April. Until then as without: 3 racks in March, 5 in April, whose
    # 0.576 + 3.6 + 8 buy 5 for May: 1.344 + 2.232 + 3.6 + 10 x 5.88 - 10 = 55.976
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    late = replace(TRANCHES, payment_lag_months=2)
    chosen = best(napkin_inputs(offers=(prepaid,), treasury=purse, contracts=(late,)))
    assert racks(chosen)[:5] == [0.0, 2.0, 3.0, 5.0, 10.0]
    assert value(chosen) == pytest.approx(55.976)


def test_tranche_on_signature() -> None:
    # The only tranche is paid on signature in January: 2 + 8 = 10 racks at once, in service from February:
    # 10 x (8.016 - 1) = 70.16. No milestone brings money, though one is reached.
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    chosen = best(
        napkin_inputs(offers=(prepaid,), treasury=purse, contracts=(replace(TRANCHES, paid_on_signature_count=1),))
    )
    assert value(chosen) == pytest.approx(70.16)
    assert chosen.decisions["cash_usd"].values[:2] == pytest.approx([0.0, 6.72e6])


def test_second_tranche_waits_for_its_own_unit() -> None:
    # Two tranches of 1, the first on signature; the second needs 4 MW. Cash 2 + 1 buys 3 racks for February; they earn
    # 3 x 0.672 = 2.016 and no tranche; 2 racks for March: 5 MW, the second tranche: 0.016 + 5 x 0.744 + 1 = 4.736
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    two = replace(TRANCHES, amount_usd=1e6, cap_usd=2e6, paid_on_signature_count=1)
    chosen = best(napkin_inputs(offers=(prepaid,), treasury=purse, contracts=(two,)))
    assert racks(chosen)[:4] == [0.0, 3.0, 5.0, 9.0]
    assert chosen.decisions["cash_usd"].values[2] == pytest.approx(0.736e6)
    assert chosen.decisions["milestones_count"].values[0][:3].tolist() == [0.0, 1.0, 2.0]


def test_milestone_stays_when_racks_retire() -> None:
    # Three months of life and supply in January only: 2 racks till March. The tranche, paid in May, is earned all the
    # same and lets nothing else be bought: 2 x 2.16 - 2 = 2.32, and cash ends at 2 + 2.32 + 8
    once = napkin_offer(
        life_months=3,
        supply=(
            SupplyStep(start=START, racks_per_month=2.0),
            SupplyStep(start=date(2026, 2, 1), racks_per_month=0.0),
        ),
    )
    late = replace(TRANCHES, payment_lag_months=4)
    purse = Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0)
    chosen = best(napkin_inputs(offers=(once,), treasury=purse, contracts=(late,)))
    assert value(chosen) == pytest.approx(2.32)
    assert chosen.decisions["milestones_count"].values[0].tolist() == [1.0] * 12
    assert chosen.decisions["cash_usd"].values[-1] == pytest.approx(12.32e6)


def test_tranche_after_retirement_pays_for_new_racks() -> None:
    # The record of 2 MW in January is remembered: its 8 arrive in May, when the purse is empty for a dear rack.
    # Racks of January cost 2 and earn 2 x 2.16 = 4.32 by March; what was left (4.32) can't buy the new price of 10 in
    # May (a platform "late", in supply from May), 4.32 + 8 = 12.32 can: one rack at 10 earning 5.88 would lose money,
    # so the service must ask for it: 20 USD per Mtoken from May on makes it 117.6.
    once = napkin_offer(
        life_months=3,
        supply=(
            SupplyStep(start=START, racks_per_month=2.0),
            SupplyStep(start=date(2026, 2, 1), racks_per_month=0.0),
        ),
    )
    dear = napkin_offer(
        platform=replace(NAPKIN_PLATFORM, id="late"),
        price_usd_per_rack=10e6,
        lead_months=1,
        deposit_fraction=1.0,
        supply=(
            SupplyStep(start=date(2026, 6, 1), racks_per_month=1.0),
            SupplyStep(start=date(2026, 7, 1), racks_per_month=0.0),
        ),
    )
    price = {day: 1.0 if day < date(2026, 5, 1) else 20.0 for day in CALENDAR.months}
    asked = replace(napkin_service(CALENDAR), input_price_usd_per_mtoken=price, output_price_usd_per_mtoken=price)
    inputs = napkin_inputs(
        offers=(once, dear),
        sites=(napkin_site(platforms=("box", "late")),),
        services=(asked,),
        treasury=Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0),
        contracts=(replace(TRANCHES, payment_lag_months=4),),
    )
    # 2.32 from January's racks, then June..December 5136 h x 20: 102.72 - 10
    assert value(best(inputs)) == pytest.approx(2.32 + 92.72)


def test_lease_or_build() -> None:
    # Demand of 5 racks. Building costs 2.4 per MW; a lease 0.1 per MW and month, 1.2 in the year: lease.
    # 5 x (8.76 - 1 - 1.2) = 32.8
    costs = replace(FREE, building_usd_per_facility_mw=2.4e6)
    assert value(best(_two_sites(costs, rent_usd=0.1e6))) == pytest.approx(32.8)
    # At 0.3 a month, 3.6 in the year, build: 5 x (8.76 - 1 - 2.4) = 26.8
    chosen = best(_two_sites(costs, rent_usd=0.3e6))
    assert value(chosen) == pytest.approx(26.8)
    assert chosen.decisions["built_facility_mw"].sel(site="alpha").values.tolist() == [5.0] * 12


def _two_sites(costs: CostBook, *, rent_usd: float) -> Inputs:
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=rent_usd, escalator_fraction_per_year=0.0)
    return napkin_inputs(
        costs=costs,
        sites=(napkin_site("alpha"), napkin_site("beta", ownership=lease)),
        services=(napkin_service(CALENDAR, racks=5.0),),
    )


def test_rent_is_per_it_megawatt_and_escalates() -> None:
    # Two years at PUE 1.25: 10 MW carry 8 racks. Rent per IT MW 0.1, in the second year 0.11: 8 x (1.2 + 1.32) = 20.16.
    # 8 x (17.52 - 1) - 20.16 = 112
    calendar = napkin_calendar(month_count=24)
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=0.1e6, escalator_fraction_per_year=0.1)
    chosen = best(napkin_inputs(calendar=calendar, sites=(napkin_site(ownership=lease, peak_pue=1.25),)))
    assert value(chosen) == pytest.approx(112.0)


def test_cloud_pays_capacity_only() -> None:
    # 0.3 per MW and month, no rack to buy. Demand from July on only: 10 x (4.416 - 6 x 0.3) = 26.16, taken in July
    cloud = Cloud(provider="landlord", price_usd_per_facility_mw_month=0.3e6)
    demand = {day: 1e15 if day >= date(2026, 7, 1) else 0.0 for day in CALENDAR.months}
    asked = replace(napkin_service(CALENDAR), demand_tokens_per_month=demand)
    chosen = best(napkin_inputs(sites=(napkin_site(ownership=cloud),), services=(asked,)))
    assert value(chosen) == pytest.approx(26.16)
    assert racks(chosen) == [0.0] * 6 + [10.0] * 6


def test_building_is_paid_over_its_construction() -> None:
    # Power from May, 5880 h. Building at 3 per MW over 3 months: 10 each in February, March and April; in May racks for
    # 10 and 7.44 earned: 100, 90, 80, 70, 67.44. 58.8 - 10 - 30 = 18.8
    late = napkin_site(power_steps=(PowerStep(start=date(2026, 5, 1), facility_mw=10.0),), construction_months=3)
    purse = Treasury(opening_cash_usd=100e6, minimum_cash_usd=0.0)
    costs = replace(FREE, building_usd_per_facility_mw=3e6)
    chosen = best(napkin_inputs(costs=costs, sites=(late,), treasury=purse))
    assert value(chosen) == pytest.approx(18.8)
    assert chosen.decisions["cash_usd"].values[:5] == pytest.approx([100e6, 90e6, 80e6, 70e6, 67.44e6])
    # At 6 per MW the year is too short: 58.8 < 10 + 60
    dear = replace(FREE, building_usd_per_facility_mw=6e6)
    assert value(best(napkin_inputs(costs=dear, sites=(late,), treasury=purse))) == 0.0


def test_energy_and_operation() -> None:
    # Energy at PUE 1.2: 1 MW x 0.5 mean x 1.2 x 8760 h x 100 USD = 0.5256; operation 5 % of a rack's 1 + fabric 0.2,
    # and 10 % of the building's 1: per rack 8.76 - 1 - 0.2 - 1 - 0.5256 - 0.06 - 0.1 = 5.8744
    base = napkin_inputs()
    inputs = replace(
        base,
        sites=(napkin_site(annual_pue=1.2, energy_price_usd_per_mwh=100.0),),
        operation=replace(base.operation, mean_power=replace(base.operation.mean_power, best=0.5)),
        costs=replace(
            FREE,
            building_usd_per_facility_mw=1e6,
            network_usd_per_it_mw=0.15e6,
            storage_usd_per_it_mw=0.05e6,
            facility_operation_fraction_per_year=0.1,
            systems_operation_fraction_per_year=0.05,
        ),
    )
    assert value(best(inputs)) == pytest.approx(58.744)


def test_training_deadline() -> None:
    # 2 racks from January to the end of March: 2 x 2160 h x 1e21 FLOP. No service: the least is 2 racks, -2
    asked = replace(run(), compute_flop=4.32e24, earliest=START, deadline=date(2026, 3, 1))
    chosen = best(napkin_inputs(services=(), runs=(asked,)))
    assert value(chosen) == pytest.approx(-2.0)
    assert float(chosen.decisions["training_flop"].sum()) == pytest.approx(4.32e24)
    assert racks(chosen)[0] == 2.0


def test_training_takes_racks_from_serving() -> None:
    # 10 racks; the run takes 720 rack-hours of them, worth 0.72: 77.6 - 0.72 = 76.88
    asked = replace(run(), compute_flop=7.2e23, earliest=date(2026, 4, 1), deadline=date(2026, 4, 1))
    chosen = best(napkin_inputs(runs=(asked,)))
    assert value(chosen) == pytest.approx(76.88)
    assert float(chosen.decisions["training_racks"].isel(period=3).sum()) == pytest.approx(1.0)
    assert float(chosen.decisions["serving_racks"].isel(period=3).sum()) == pytest.approx(9.0)


def test_idle_racks_train_no_more_than_is_asked() -> None:
    # Two racks all year by quarter, each 1e21 FLOP an hour; 5e24 are asked for. The first quarter gives 2 x 2160 h,
    # 4.32e24; of the second's 2 x 2184 h, 4.368e24, only 0.68e24 are needed; the others are idle
    calendar = napkin_calendar(months_per_period=3)
    inputs = napkin_inputs(
        calendar=calendar, runs=(replace(run(), compute_flop=5e24, earliest=START, deadline=date(2026, 12, 1)),)
    )
    asked = work(inputs, napkin_performance(inputs))
    given = no_more_than_asked(asked, xr.full_like(asked.flop_per_rack, 2.0), calendar=calendar)
    by_quarter = (given * asked.flop_per_rack).sum(["platform", "run"]).values.reshape(4, 3).sum(axis=1)
    assert by_quarter == pytest.approx([4.32e24, 0.68e24, 0.0, 0.0])
    assert given.values[0, 0, 3:6] == pytest.approx(np.full(3, 2.0 * 0.68 / 4.368))
    # Racks that suffice stay as they are.
    few = xr.full_like(asked.flop_per_rack, 0.1)
    assert (no_more_than_asked(asked, few, calendar=calendar) == few).all()


def test_the_better_platform_is_chosen() -> None:
    # "fast" serves the same at half the power: 20 racks of it in 10 MW at 2 each: 20 x (8.76 - 2) = 135.2 > 77.6
    fast = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="fast", rack_power_w=0.5e6), price_usd_per_rack=2e6)
    inputs = napkin_inputs(offers=(napkin_offer(), fast), sites=(napkin_site(platforms=("box", "fast")),))
    assert value(best(inputs)) == pytest.approx(135.2)
    # A site that takes only "box" gets "box"
    assert value(best(replace(inputs, sites=(napkin_site(),)))) == pytest.approx(77.6)


def test_a_pair_that_cannot_run_is_left_out() -> None:
    fast = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="fast", rack_power_w=0.5e6))
    inputs = napkin_inputs(offers=(napkin_offer(), fast), sites=(napkin_site(platforms=("box", "fast")),))
    performance = napkin_performance(inputs)
    performance.serving["tokens_per_s_per_rack"].loc[{"platform": "fast"}] = np.nan
    chosen = plan(inputs, performance)
    assert value(chosen) == pytest.approx(77.6)
    assert float(chosen.decisions["installed_racks"].sel(platform="fast").sum()) == 0.0


def test_slips_delay_power_to_the_next_period() -> None:
    # A step of February slips by 2.4 months to April: by quarter that is the second: 6600 h, 10 x 5.6 = 56
    late = napkin_site(power_steps=(PowerStep(start=date(2026, 2, 1), facility_mw=10.0),), slip_median_months=2.4)
    calendar = napkin_calendar(months_per_period=3)
    assert value(best(napkin_inputs(calendar=calendar, sites=(late,)))) == pytest.approx(56.0)
    # One that comes in February itself waits for April as well: the quarter has begun
    early = replace(late, slip_median_months=0.0)
    assert value(best(napkin_inputs(calendar=calendar, sites=(early,)))) == pytest.approx(56.0)


def test_ramp() -> None:
    # Two ramp months: January 1/3, February 2/3, March 1: (248 + 448 + 744) of 2160 h; 10 x (8760 - 720) - 10 = 70.4
    base = napkin_inputs(calendar=napkin_calendar(months_per_period=3))
    chosen = best(replace(base, operation=replace(base.operation, ramp_months=2)))
    assert value(chosen) == pytest.approx(70.4)


def test_equity_comes_on_its_date() -> None:
    # No cash until the round of 5 in June, deposit 100 %, lead one month: 5 racks from July, 4.416 each. July's 3.72
    # buys 3, August's 0.72 + 8 x 0.744 = 6.672 the last 2: 5x744 + 8x744 + 10x(4416 - 1488): 3.72 + 5.952 + 29.28 - 10
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    given = EquityRound(
        id="round",
        investor="softbank",
        recipient="openai",
        instalments=(Instalment(on=date(2026, 6, 15), amount_usd=5e6),),
    )
    purse = Treasury(opening_cash_usd=0.0, minimum_cash_usd=0.0)
    chosen = best(napkin_inputs(offers=(prepaid,), treasury=purse, contracts=(given,)))
    assert racks(chosen)[5:9] == [0.0, 5.0, 8.0, 10.0]
    assert value(chosen) == pytest.approx(28.952)


def test_programme_as_investor_pays_its_tranches() -> None:
    # The programme owes 3 for each 4 MW, as soon as they stand: with cash 5 it may hold 7 racks (one payment, cash 2
    # left plus earnings) at first; each rack pays for itself at once (1 - 0.744), so January is bound by cash:
    # 5 - 0.256 n - 3 floor(n / 4) >= 0: n = 7 leaves 0.208, n = 8 would need 8.048
    paying = replace(TRANCHES, investor="openai", recipient="nvidia", unit_mw=4.0, amount_usd=3e6, cap_usd=6e6)
    purse = Treasury(opening_cash_usd=5e6, minimum_cash_usd=0.0)
    chosen = best(napkin_inputs(treasury=purse, contracts=(paying,)))
    assert racks(chosen)[:2] == [7.0, 10.0]
    assert chosen.decisions["cash_usd"].values[:2] == pytest.approx([0.208e6, 0.208e6 + 10 * 0.672e6 - 3e6 - 3e6])


def test_earliest_target() -> None:
    # 6 MW: power is there from June (the sixth month), one rack a month since January makes six by June: period 5.
    # Tokens are worthless, so only the six are bought.
    slow = napkin_offer(supply=(SupplyStep(start=START, racks_per_month=1.0),))
    steps = (PowerStep(start=START, facility_mw=5.0), PowerStep(start=date(2026, 6, 1), facility_mw=10.0))
    chosen = best(
        napkin_inputs(
            objective=Objective.EARLIEST_TARGET,
            offers=(slow,),
            sites=(napkin_site(power_steps=steps),),
            services=(napkin_service(CALENDAR, price_usd_per_mtoken=0.0),),
            targets=(PowerTarget(facility_mw=6.0, deadline=date(2026, 12, 1), platforms=(NAPKIN_PLATFORM.id,)),),
        )
    )
    assert (chosen.objective_value, chosen.bound) == (5.0, 5.0)
    assert racks(chosen)[5:] == [6.0] * 7


def test_served_tokens_at_a_loss_and_no_more() -> None:
    # Worthless tokens for 3.5 racks: all are served, by 4 racks and not by 10
    chosen = best(
        napkin_inputs(
            objective=Objective.SERVED_TOKENS,
            services=(napkin_service(CALENDAR, racks=3.5, price_usd_per_mtoken=0.0),),
        )
    )
    assert chosen.objective_value == pytest.approx(3.5e9 * 8760)
    assert racks(chosen) == [4.0] * 12


def test_target_forces_a_loss() -> None:
    # Racks at 9 lose 0.24 in the year and would not be bought; 3 MW by May are: the less they serve the worse, so they
    # come in January: 3 x (8.76 - 9) = -0.72
    dear = napkin_offer(price_usd_per_rack=9e6)
    chosen = best(
        napkin_inputs(
            offers=(dear,),
            targets=(PowerTarget(facility_mw=3.0, deadline=date(2026, 5, 1), platforms=(NAPKIN_PLATFORM.id,)),),
        )
    )
    assert value(chosen) == pytest.approx(-0.72)


def test_a_target_counts_only_its_platforms() -> None:
    # A second, cheaper platform of the same power; the target asks for 3 MW of the first: 3 racks of 1 MW each stand by
    # the deadline although the second would cost less.
    cheap = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="cheap"), price_usd_per_rack=1e6)
    dear = napkin_offer(price_usd_per_rack=9e6)
    target = PowerTarget(facility_mw=3.0, deadline=date(2026, 5, 1), platforms=(NAPKIN_PLATFORM.id,))
    site = napkin_site(platforms=(NAPKIN_PLATFORM.id, "cheap"))
    chosen = best(napkin_inputs(offers=(cheap, dear), sites=(site,), targets=(target,)))
    standing = chosen.decisions.installed_racks.sel(platform=NAPKIN_PLATFORM.id).isel(period=-1).sum()
    assert float(standing) == 3.0
