"""Costs and prices of a draw are those of the inputs times their factors, and the capital follows."""

from dataclasses import replace

import pytest

from gigawatt.entities.assumptions import Ranged
from gigawatt.finance import appraise
from gigawatt.finance.paid import as_paid
from gigawatt.simulation import expected_luck
from tests.finance.programmes import eight_racks
from tests.samples import PLANT, PLATFORM, site, small_inputs


def test_expected_luck_changes_nothing():
    assert as_paid(small_inputs(), expected_luck(small_inputs())) == small_inputs()


def test_plants_and_energy_cost_what_was_drawn():
    engine = replace(PLANT, spreads={"cost_usd_per_mw": Ranged(low=0.5, best=1.0, high=2.0)})
    inputs = small_inputs(sites=(site("alpha", plants=(engine,)), site("beta")))
    luck = replace(
        expected_luck(inputs),
        plant_cost_factor={"alpha/gas-engine/cost_usd_per_mw": 1.5},
        energy_price_factor={"beta": 0.5},
    )
    alpha, beta = as_paid(inputs, luck).sites
    assert (alpha.plants[0].cost_usd_per_mw, alpha.plants[0].energy_usd_per_mwh) == (3e6, 50.0)
    assert (alpha.energy_price_usd_per_mwh, beta.energy_price_usd_per_mwh) == (60.0, 30.0)


def test_only_what_was_drawn_changes_and_in_proportion():
    played = eight_racks()
    luck = replace(
        expected_luck(played.inputs),
        cost_factor={"building_usd_per_facility_mw": 1.5},
        price_factor={PLATFORM.id: 0.9},
    )
    dearer = appraise(as_paid(played.inputs, luck), played.plan, played.history)
    before, after = played.appraisal.capex_usd, dearer.capex_usd
    assert min(before["building"], before["systems"]) > 0.0
    ratios = {layer: after[layer] / usd for layer, usd in before.items() if usd > 0.0}
    expected = {layer: {"building": 1.5, "systems": 0.9}.get(layer, 1.0) for layer in ratios}
    assert ratios == pytest.approx(expected, rel=1e-8)  # payments are whole cents
