"""Allocations of platforms, each best plan worked out by hand. Amounts in MUSD; the napkin's rack earns 8.76 a year."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.hardware import Allocation
from gigawatt.entities.stages import Inputs
from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan
from gigawatt.units import CENTS_PER_USD
from tests.finance.programmes import play
from tests.planning.cases import month, napkin_inputs, napkin_offer
from tests.planning.test_optima import best, racks, value
from tests.samples import offer, small_inputs, small_performance

MILLION = 1e6


def window(
    last: int, *, first: int = 0, most: float | None = None, least: float = 0.0, price: float | None = None
) -> Allocation:
    """Months `first` to `last` of the napkin's year."""
    return Allocation(
        first=month(first),
        last=month(last),
        most_racks_count=most,
        least_racks_count=least,
        shortfall_usd_per_rack=price,
    )


def bought(*windows: Allocation, **changes: object) -> Inputs:
    return napkin_inputs(offers=(napkin_offer(allocations=windows, **changes),))


def test_no_more_than_is_set_aside() -> None:
    # 3 racks until March, 8760 h; 7 more in April, 6600 h: 3 x 7.76 + 7 x 5.6 = 62.48. One more rack in the window
    # comes 2160 h earlier: 2.16
    chosen = best(bought(window(2, most=3.0)))
    assert value(chosen) == pytest.approx(62.48)
    assert racks(chosen) == [3.0] * 3 + [10.0] * 9
    assert chosen.marginals["allocated"].sel(window="box[0]").item() == pytest.approx(2.16 * MILLION, rel=1e-4)
    assert "the allocation of box[0] binds (one more rack is worth 2.16 MUSD)" in chosen.binding[0]


def test_windows_follow_and_overlap() -> None:
    # 2 until February and 4 until April: 2 x 7.76 from January, 2 more in March (8760 - 1416 = 7344 h) x 6.344, the
    # other 6 in May (5880 h) x 4.88: 15.52 + 12.688 + 29.28 = 57.488
    chosen = best(bought(window(1, most=2.0), window(3, most=4.0)))
    assert value(chosen) == pytest.approx(57.488)
    assert racks(chosen)[:5] == [2.0, 2.0, 4.0, 4.0, 10.0]


def test_what_must_be_taken_is_taken_at_a_loss() -> None:
    # At 9 a rack loses 0.24 in the year. Four must be taken by June: all in January, -0.96; one less is worth 0.24
    chosen = best(bought(window(5, least=4.0), price_usd_per_rack=9e6))
    assert value(chosen) == pytest.approx(-0.96)
    assert racks(chosen) == [4.0] * 12
    assert chosen.marginals["purchases"].item() == pytest.approx(0.24 * MILLION, rel=1e-4)
    assert "the minimum purchase of box[0] binds (one rack less of it is worth 0.24 MUSD)" in chosen.binding[0]


@pytest.mark.parametrize(("price_usd", "missing", "npv"), [(0.3e6, 0.0, -0.96), (0.1e6, 4.0, -0.40)])
def test_racks_are_taken_or_paid_for(price_usd: float, missing: float, npv: float) -> None:
    # A rack loses 0.24: dearer to leave at 0.3, cheaper at 0.1
    chosen = best(bought(window(5, least=4.0, price=price_usd), price_usd_per_rack=9e6))
    assert value(chosen) == pytest.approx(npv)
    assert chosen.decisions["missing_racks"].values.tolist() == [missing]


def test_what_is_missing_is_paid_in_the_last_month_of_its_window() -> None:
    # Nothing pays at 20 a rack; 4 x 0.5 fall due in June, and cash is lower from then on
    chosen = best(bought(window(5, least=4.0, price=0.5e6), price_usd_per_rack=20e6))
    assert np.diff(chosen.decisions["cash_usd"].values, prepend=1e9).tolist() == [0.0] * 5 + [-2e6] + [0.0] * 6


def test_a_window_that_ends_after_the_horizon_asks_for_nothing() -> None:
    chosen = best(bought(window(12, least=4.0), price_usd_per_rack=9e6))
    assert value(chosen) == pytest.approx(0.0)


def test_several_windows_are_met_by_one_delivery() -> None:
    # Two by March and three of January to June: three in all, at a loss of 0.24 each
    chosen = best(bought(window(2, least=2.0), window(5, least=3.0), price_usd_per_rack=9e6))
    assert value(chosen) == pytest.approx(-0.72)


def test_the_accounts_pay_what_the_plan_pays() -> None:
    # 3000 racks do not fit the site's 250 MW: what is missing is paid for, in the plan's cash as in the accounts
    asked = Allocation(
        first=date(2027, 1, 1),
        last=date(2028, 12, 1),
        most_racks_count=None,
        least_racks_count=3000.0,
        shortfall_usd_per_rack=0.05e6,
    )
    base = small_inputs(contracts=(), targets=(), runs=(), offers=(replace(offer(), allocations=(asked,)),))
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    performance = small_performance()
    performance = replace(performance, training=performance.training.isel(run=slice(0, 0)))
    played = play(inputs, plan(inputs, performance))
    missing = float(played.plan.decisions["missing_racks"].sum())
    assert 0.0 < missing < 3000.0
    assert played.appraisal.opex_usd["shortfall"] == pytest.approx(missing * 0.05e6)
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9)
    net_usd = monthly_usd(played.appraisal.flows, party=inputs.programme, calendar=inputs.calendar)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(net_usd)
    slack = played.appraisal.flows.height / CENTS_PER_USD
    assert cash[2::3] == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)
