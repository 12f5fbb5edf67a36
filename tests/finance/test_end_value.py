"""What is left when the horizon ends, by hand: eight racks stand from July 2027 for 30 months."""

from dataclasses import replace

import polars as pl
import pytest

from gigawatt.entities.hardware import Resale
from gigawatt.entities.site import Leased
from gigawatt.finance.compute_costs import END_VALUE, LAYER_NAMES, compute_costs, waterfall
from gigawatt.finance.end_value import end_values, present_end_value_usd
from gigawatt.finance.statements import statements
from tests.finance.programmes import RACK, Played, eight_racks, paid, play
from tests.samples import offer, site, small_inputs
from tests.simulation.plans import small_plan

LEASE = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03)


def left(played: Played) -> dict[tuple[str, str], float]:
    """Value by owner and layer."""
    table = end_values(played.inputs, played.history, flows=played.appraisal.flows)
    summed = table.group_by("owner", "layer").agg(pl.col("value_usd").sum())
    return {(owner, layer): usd for owner, layer, usd in summed.iter_rows()}


def test_books_by_hand() -> None:
    # 30 of 60 months are written off of the racks, 30 of 240 of a hall of 2 MW
    found = left(eight_racks())
    assert found["openai", "systems"] == pytest.approx(8 * 3.5e6 / 2)
    assert found["openai", "network"] == pytest.approx(8 * 0.132 * 5e6 / 2)
    assert found["openai", "building"] == pytest.approx(2 * 6.5e6 * 210 / 240)


def test_the_residual_stays() -> None:
    # 1 - 30/60 x (1 - 10 %)
    played = eight_racks(offers=(replace(offer(), residual_fraction=0.1),))
    assert left(played)["openai", "systems"] == pytest.approx(8 * 3.5e6 * 0.55)


def test_what_used_racks_sell_for_counts_where_it_is_stated() -> None:
    # 40 % after 24 months, nothing after 60: a third in between, at 30
    resale = (Resale(age_months=24, value_fraction=0.4),)
    found = left(eight_racks(offers=(replace(offer(), resale=resale, buyer="customers"),)))
    assert found["openai", "systems"] == pytest.approx(8 * 3.5e6 / 3)
    assert found["openai", "network"] == pytest.approx(8 * 0.132 * 5e6 / 2)


def test_racks_whose_life_is_over_are_gone() -> None:
    found = left(eight_racks(offers=(replace(offer(), life_months=12),)))
    assert found["openai", "systems"] == 0.0
    assert found["openai", "building"] > 0.0


def test_what_is_paid_and_not_in_service_counts_at_cost() -> None:
    # Ordered in the last quarter: a deposit of a fifth
    inputs = small_inputs(sites=(site("alpha"),), runs=(), contracts=())
    played = play(inputs, small_plan(inputs, ordered={("alpha", RACK, 11): 8}, built={}))
    assert left(played)["openai", "systems"] == pytest.approx(0.2 * 8 * 3.5e6)


def test_a_rented_hall_is_its_owners() -> None:
    found = left(eight_racks(LEASE))
    assert found["landlord", "building"] == pytest.approx(2 * 6.5e6 * 210 / 240)
    assert ("openai", "building") not in found


def test_it_is_discounted_from_the_day_after() -> None:
    # Three years at 10 %
    played = eight_racks()
    total = sum(left(played).values())
    flows = played.appraisal.flows
    assert present_end_value_usd(played.inputs, played.history, flows=flows, owner="openai") == pytest.approx(
        total / 1.1**3
    )


def test_without_resale_it_is_what_the_balance_sheet_carries() -> None:
    played = eight_racks(LEASE)
    sheets = statements(played.inputs, played.history, appraisal=played.appraisal).balance_sheet
    found = left(played)
    for party in ("openai", "landlord"):
        last = sheets.filter(pl.col("party") == party).sort("month").row(-1, named=True)
        carried = last["fixed_assets_usd"] - last["accumulated_depreciation_usd"]
        assert sum(usd for (owner, _), usd in found.items() if owner == party) == pytest.approx(carried, abs=0.05)


def test_the_cost_of_an_hour_is_less_by_what_is_left() -> None:
    played = eight_racks(discount_rate_fraction=0.0)
    spent = sum(paid(played, name)["amount_usd"].sum() for name in LAYER_NAMES if name != END_VALUE)
    hours = 8 * 72 * played.inputs.calendar.month_hours[6:].sum()
    table = waterfall(compute_costs(played.inputs, played.history, flows=played.appraisal.flows))
    end, whole = table[-2:].iter_rows(named=True)
    assert (end["layer"], whole["layer"]) == (END_VALUE, "all")
    assert end["cost_usd"] == pytest.approx(-sum(left(played).values()))
    assert whole["usd_per_accelerator_hour"] == pytest.approx((spent - sum(left(played).values())) / hours)
