"""Draws have the medians and bands that the inputs state."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.site import PowerStep
from gigawatt.simulation import expected_luck, sampled_luck
from gigawatt.simulation.luck import performance_spread
from tests.samples import PLANT, PLATFORM, exactly, site, small_inputs, small_performance


def slow_inputs():
    """A site whose power slips by ten months, with an uncertain operation."""
    base = small_inputs(sites=(site("alpha", slip_median_months=10.0),))
    operation = replace(
        base.operation,
        slip_spread=exactly(0.5),
        availability=Ranged(low=0.90, best=0.95, high=0.97),
        training_ettr=Ranged(low=0.80, best=0.90, high=0.99),
        software_first=Ranged(low=0.36, best=0.60, high=0.90),
    )
    costs = replace(base.costs, spreads={"building_usd_per_facility_mw": Ranged(low=0.7, best=1.0, high=1.5)})
    offers = (replace(base.offers[0], price_spread=Ranged(low=0.9, best=1.0, high=1.1)),)
    return replace(base, operation=operation, costs=costs, offers=offers)


@pytest.fixture(scope="module")
def draws():
    inputs, performance, rng = slow_inputs(), small_performance(), np.random.default_rng(7)
    return [sampled_luck(inputs, performance, rng=rng) for _ in range(1000)]


def test_expected_luck_is_the_median():
    luck = expected_luck(slow_inputs())
    assert luck.slip_months == {"alpha": (10, 10)}
    assert luck.performance_factor == {PLATFORM.id: 1.0}
    assert (luck.availability_fraction, luck.training_ettr_fraction) == (0.95, 0.90)


def test_half_months_round_up():
    assert expected_luck(small_inputs(sites=(site(slip_median_months=2.5),))).slip_months == {"alpha": (3, 3)}


def test_spread_comes_from_the_band():
    # The sample's band is 0.8 to 1.2: ln(1.2/0.8) / (2 x 1.28155) = 0.405465 / 2.563103 = 0.158193.
    assert performance_spread(small_inputs(), small_performance()) == {PLATFORM.id: pytest.approx(0.158193, abs=1e-6)}


def test_spread_of_a_platform_that_cannot_run_is_zero():
    performance = small_performance()
    nothing = replace(performance, serving=performance.serving * np.nan, training=performance.training * np.nan)
    assert performance_spread(small_inputs(), nothing) == {PLATFORM.id: 0.0}


def test_sampled_slips_are_lognormal_and_common_to_a_site(draws):
    slips = np.array([luck.slip_months["alpha"] for luck in draws])
    assert (slips[:, 0] == slips[:, 1]).all()
    # P90 of a lognormal of median 10 and spread 0.5: 10 x exp(0.5 x 1.28155) = 18.98; P10: 5.27. Months are whole.
    assert np.median(slips[:, 0]) == pytest.approx(10.0, abs=0.5)
    assert np.quantile(slips[:, 0], 0.9) == pytest.approx(19.0, abs=1.0)
    assert np.quantile(slips[:, 0], 0.1) == pytest.approx(5.3, abs=0.8)


def test_sampled_operation_has_its_quantiles(draws):
    availability = np.array([luck.availability_fraction for luck in draws])
    assert np.quantile(availability, [0.1, 0.5, 0.9]) == pytest.approx([0.90, 0.95, 0.97], abs=0.004)
    ettr = np.array([luck.training_ettr_fraction for luck in draws])
    assert np.quantile(ettr, [0.1, 0.5, 0.9]) == pytest.approx([0.80, 0.90, 0.99], abs=0.008)
    assert ettr.max() <= 1.0
    software = np.array([luck.software_first_fraction for luck in draws])
    assert np.quantile(software, [0.1, 0.5, 0.9]) == pytest.approx([0.36, 0.60, 0.90], abs=0.02)


def test_sampled_performance_repeats_the_band(draws):
    factors = np.array([luck.performance_factor[PLATFORM.id] for luck in draws])
    # Around 1 with spread 0.158193: P90 / P10 = 1.5, the band's own 1.2 / 0.8.
    low, middle, high = np.quantile(factors, [0.1, 0.5, 0.9])
    assert middle == pytest.approx(1.0, abs=0.02)
    assert high / low == pytest.approx(1.5, rel=0.04)


def test_costs_of_plants_and_energy_have_the_range_of_their_figures():
    spreads = {"cost_usd_per_mw": Ranged(low=0.6, best=1.0, high=1.5)}
    places = tuple(
        site(
            name,
            plants=(replace(PLANT, spreads=spreads),),
            energy_price_spread=Ranged(low=0.8, best=1.0, high=1.6),
        )
        for name in ("alpha", "beta")
    )
    inputs, performance, rng = small_inputs(sites=places), small_performance(), np.random.default_rng(7)
    drawn = [sampled_luck(inputs, performance, rng=rng) for _ in range(1000)]
    costs = np.array([luck.plant_cost_factor["alpha/gas-engine/cost_usd_per_mw"] for luck in drawn])
    assert np.quantile(costs, [0.1, 0.5, 0.9]) == pytest.approx([0.6, 1.0, 1.5], abs=0.05)
    assert {"cost_usd_per_mw"} == {key.rsplit("/", 1)[1] for luck in drawn for key in luck.plant_cost_factor}
    # Engines of one name are bought in one market, and energy is dear everywhere or cheap everywhere.
    for name in ("plant_cost_factor", "energy_price_factor"):
        assert all(len(set(getattr(luck, name).values())) == 1 and len(getattr(luck, name)) == 2 for luck in drawn)
    prices = np.array([luck.energy_price_factor["beta"] for luck in drawn])
    assert np.quantile(prices, [0.1, 0.5, 0.9]) == pytest.approx([0.8, 1.0, 1.6], abs=0.05)


def test_no_uncertainty_is_the_expectation():
    inputs = slow_inputs()
    certain = replace(
        inputs,
        costs=replace(inputs.costs, spreads={"building_usd_per_facility_mw": exactly(1.0)}),
        offers=(replace(inputs.offers[0], price_spread=exactly(1.0)),),
        operation=replace(
            inputs.operation,
            slip_spread=exactly(0.0),
            availability=exactly(0.95),
            training_ettr=exactly(0.9),
            software_first=exactly(0.6),
        ),
    )
    sure = small_performance()
    sure = replace(
        sure,
        serving=sure.serving.sel(quantile=[0.5, 0.5, 0.5]).assign_coords(quantile=[0.1, 0.5, 0.9]),
        training=sure.training.sel(quantile=[0.5, 0.5, 0.5]).assign_coords(quantile=[0.1, 0.5, 0.9]),
    )
    assert sampled_luck(certain, sure, rng=np.random.default_rng(1)) == expected_luck(certain)


def test_the_same_seed_draws_the_same_luck():
    inputs, performance = slow_inputs(), small_performance()
    first = sampled_luck(inputs, performance, rng=np.random.default_rng(3))
    assert first == sampled_luck(inputs, performance, rng=np.random.default_rng(3))
    assert first != sampled_luck(inputs, performance, rng=np.random.default_rng(4))


def test_a_site_without_power_steps_has_no_slips():
    empty: tuple[PowerStep, ...] = ()
    assert expected_luck(small_inputs(sites=(site(power_steps=empty),))).slip_months == {"alpha": ()}


def test_sampled_costs_and_prices_have_their_quantiles(draws):
    building = np.array([luck.cost_factor["building_usd_per_facility_mw"] for luck in draws])
    assert np.quantile(building, [0.1, 0.5, 0.9]) == pytest.approx([0.7, 1.0, 1.5], abs=0.04)
    price = np.array([luck.price_factor[PLATFORM.id] for luck in draws])
    assert np.quantile(price, [0.1, 0.5, 0.9]) == pytest.approx([0.9, 1.0, 1.1], abs=0.01)
    assert all(set(luck.cost_factor) == {"building_usd_per_facility_mw"} for luck in draws)


def test_what_is_sure_is_not_sampled():
    luck = sampled_luck(small_inputs(), small_performance(), rng=np.random.default_rng(7))
    assert luck.cost_factor == {}
    assert luck.price_factor == {PLATFORM.id: 1.0}
