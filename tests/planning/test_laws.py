"""What must hold for every programme, whatever its numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gigawatt.entities.capital import CostBook, PowerBasis, Treasury
from gigawatt.entities.contracts import MilestoneTranches
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import Leased, PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.planning import plan
from gigawatt.planning.fleet import energized_facility_mw, fleet
from tests.planning.cases import (
    START,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.samples import small_inputs, small_performance

few = settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
_SLACK = 2e-6


@st.composite
def programmes(draw: st.DrawFn) -> Inputs:
    """Two sites, one of them leased, short of money, with tranches, ramp, lead time, deposit and retirement."""
    calendar = napkin_calendar(month_count=24, months_per_period=3)
    lease = Leased(
        lessor="landlord", rent_usd_per_it_mw_month=draw(st.integers(50, 200)) * 1e3, escalator_fraction_per_year=0.03
    )
    steps = tuple(PowerStep(start=month(draw(st.integers(0, 6)) + 6 * i), facility_mw=6.0 * (i + 1)) for i in range(2))
    offer = napkin_offer(
        supply=(SupplyStep(start=START, racks_per_month=float(draw(st.integers(1, 4)))),),
        lead_months=draw(st.sampled_from([0, 4])),
        deposit_fraction=0.3,
        life_months=draw(st.sampled_from([9, 60])),
        book_life_months=60,
        residual_fraction=0.0,
        block_racks_count=2,
        price_usd_per_rack=draw(st.integers(1, 4)) * 1e6,
    )
    tranches = MilestoneTranches(
        id="tranches",
        investor="nvidia",
        recipient="openai",
        unit_mw=4.0,
        basis=PowerBasis.IT,
        amount_usd=3e6,
        cap_usd=9e6,
        platforms=("box",),
        sites=("alpha", "beta"),
        signed=START,
        paid_on_signature_count=0,
        payment_lag_months=2,
        binding=True,
    )
    base = napkin_inputs(
        calendar=calendar,
        discount_rate_fraction=0.1,
        offers=(offer,),
        sites=(
            napkin_site("alpha", peak_pue=1.2, power_steps=steps, energy_price_usd_per_mwh=50.0, construction_months=6),
            napkin_site("beta", power_steps=steps[1:], ownership=lease),
        ),
        services=(napkin_service(calendar, racks=float(draw(st.integers(3, 12)))),),
        contracts=(tranches,),
        treasury=Treasury(opening_cash_usd=draw(st.integers(3, 30)) * 1e6, minimum_cash_usd=1e6),
        costs=CostBook(
            building_usd_per_facility_mw=1e6,
            cooling_usd_per_facility_mw=0.0,
            power_usd_per_facility_mw=0.0,
            grid_usd_per_facility_mw=0.0,
            network_usd_per_it_mw=0.2e6,
            storage_usd_per_it_mw=0.0,
            facility_operation_fraction_per_year=0.03,
            systems_operation_fraction_per_year=0.02,
            facility_book_life_months=240,
            facility_residual_fraction=0.0,
        ),
    )
    return replace(base, operation=replace(base.operation, ramp_months=2))


def best(inputs: Inputs) -> BuildPlan:
    return plan(inputs, napkin_performance(inputs))


def at_most(less: BuildPlan, more: BuildPlan) -> bool:
    """Whether the first value is no higher than the second, as far as both gaps can tell."""
    return less.objective_value <= more.bound * (1.0 + _SLACK) + 1.0


@few
@given(programmes())
def test_racks_are_conserved_and_power_is_kept(inputs: Inputs) -> None:
    rows = best(inputs).decisions
    standing = (rows["arrived_racks"] - rows["retired_racks"]).cumsum("period")
    assert np.allclose(standing, rows["installed_racks"])
    assert np.allclose(rows["installed_racks"] % 2.0, 0.0)
    lead = int(fleet(inputs).lead_periods[0])
    ordered = rows["ordered_racks"].values
    assert np.array_equal(ordered[..., : ordered.shape[-1] - lead], rows["arrived_racks"].values[..., lead:])
    drawn = (rows["installed_racks"] * fleet(inputs).rack_facility_mw).sum("platform").transpose("site", "period")
    energized = energized_facility_mw(inputs).values
    assert (drawn.values <= rows["built_facility_mw"].values + 1e-6).all()
    assert (rows["built_facility_mw"].values <= energized + 1e-6).all()
    assert (np.diff(rows["built_facility_mw"].values, axis=1) >= 0.0).all()
    assert (rows["cash_usd"].values >= inputs.treasury.minimum_cash_usd - 10.0).all()


@few
@given(programmes(), st.integers(1, 6))
def test_later_energization_is_never_worth_more(inputs: Inputs, months: int) -> None:
    late = tuple(replace(site, slip_median_months=float(months)) for site in inputs.sites)
    assert at_most(best(replace(inputs, sites=late)), best(inputs))


@few
@given(programmes(), st.integers(1, 3))
def test_more_supply_is_never_worth_less(inputs: Inputs, racks: int) -> None:
    (offer,) = inputs.offers
    (step,) = offer.supply
    more = replace(offer, supply=(replace(step, racks_per_month=step.racks_per_month + racks),))
    assert at_most(best(inputs), best(replace(inputs, offers=(more,))))


@few
@given(programmes())
def test_doubling_all_prices_and_money_doubles_the_value(inputs: Inputs) -> None:
    once, twice = best(inputs), best(_doubled(inputs))
    assert twice.objective_value == pytest.approx(2.0 * once.objective_value, rel=1e-5, abs=10.0)


def _doubled(inputs: Inputs) -> Inputs:
    """The same programme in half-dollars."""
    (offer,), (service,), (tranches,) = inputs.offers, inputs.services, inputs.contracts
    alpha, beta = inputs.sites
    assert isinstance(tranches, MilestoneTranches)
    assert isinstance(beta.ownership, Leased)
    lease = replace(beta.ownership, rent_usd_per_it_mw_month=2.0 * beta.ownership.rent_usd_per_it_mw_month)
    price = {day: 2.0 * usd for day, usd in service.input_price_usd_per_mtoken.items()}
    costs = inputs.costs
    return replace(
        inputs,
        offers=(replace(offer, price_usd_per_rack=2.0 * offer.price_usd_per_rack),),
        sites=(
            replace(alpha, energy_price_usd_per_mwh=2.0 * alpha.energy_price_usd_per_mwh),
            replace(beta, ownership=lease, energy_price_usd_per_mwh=2.0 * beta.energy_price_usd_per_mwh),
        ),
        services=(replace(service, input_price_usd_per_mtoken=price, output_price_usd_per_mtoken=price),),
        contracts=(replace(tranches, amount_usd=2.0 * tranches.amount_usd, cap_usd=2.0 * tranches.cap_usd),),
        treasury=Treasury(
            opening_cash_usd=2.0 * inputs.treasury.opening_cash_usd,
            minimum_cash_usd=2.0 * inputs.treasury.minimum_cash_usd,
        ),
        costs=replace(
            costs,
            building_usd_per_facility_mw=2.0 * costs.building_usd_per_facility_mw,
            network_usd_per_it_mw=2.0 * costs.network_usd_per_it_mw,
        ),
    )


def test_the_same_inputs_give_the_same_plan() -> None:
    inputs, performance = small_inputs(), small_performance()
    assert plan(inputs, performance).decisions.identical(plan(inputs, performance).decisions)
