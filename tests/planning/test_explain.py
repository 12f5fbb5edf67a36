"""What binds and what one unit more is worth: against hand sums, and against solving again with one unit more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import linopy
import numpy as np
import pytest
import xarray as xr

from gigawatt.entities.capital import PowerTarget
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.planning import plan
from gigawatt.planning.explain import bounds
from gigawatt.planning.families import LIMITS, Scarcity, unregistered
from gigawatt.planning.formulation import formulation, insist
from gigawatt.planning.repeat import Repeated, repeated, worth_usd
from gigawatt.planning.terms import terms
from tests.planning.cases import (
    START,
    large_inputs,
    month,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_site,
    performance_of,
)

RETIRING = 12


@pytest.mark.parametrize("life_months", [60, RETIRING])
def test_every_family_of_a_built_model_is_registered(life_months: int) -> None:
    whole = large_inputs(site_count=3, platform_count=2)
    ahead = replace(whole.contracts[0], paid_on_signature_count=1)  # type: ignore[type-var]  # a dataclass
    paying = replace(ahead, id="paying", investor=whole.programme, recipient="nvidia")  # type: ignore[call-arg, type-var]
    inputs = replace(
        whole,
        contracts=(ahead, paying),
        offers=tuple(replace(item, life_months=life_months) for item in whole.offers),
        targets=(PowerTarget(facility_mw=100.0, deadline=month(60), platforms=("gen-0",)),),
    )
    with linopy.options as options:
        options(semantics="v1")
        built = formulation(inputs, terms=terms(inputs, performance_of(inputs)))
        insist(built)
    names = set(built.model.constraints)
    assert {"energized", "supply", "targets", "runs", "minimum_cash"} <= names
    assert not unregistered(names)
    assert unregistered({"novelty"}) == {"novelty"}


def test_scarcities_have_a_family_of_their_own() -> None:
    assert {family.scarcity for family in LIMITS.values()} >= {
        Scarcity.POWER,
        Scarcity.CHIPS,
        Scarcity.MONEY,
        Scarcity.DEMAND,
        Scarcity.DEADLINES,
    }


def test_power_by_hand() -> None:
    # One more MW in a month carries one more rack if it is there for good, so the months' values add up to 8.76 - 1
    inputs = napkin_inputs()
    values = plan(inputs, napkin_performance(inputs)).marginals["energized"]
    assert values.attrs["units"] == "USD/MW"
    assert float(values.sum()) == pytest.approx(7.76e6)


def test_an_empty_site_is_not_bound_by_power() -> None:
    # Beta is never built on: its energy costs 2000 USD/MWh, twice what a rack earns. Gamma has no power before July.
    inputs = napkin_inputs(
        sites=(
            napkin_site(),
            napkin_site("beta", energy_price_usd_per_mwh=2000.0),
            napkin_site("gamma", power_steps=(PowerStep(start=date(2026, 7, 1), facility_mw=5.0),)),
        )
    )
    chosen = plan(inputs, napkin_performance(inputs))
    bound = [item for item in bounds(inputs, marginals=chosen.marginals) if item.scarcity is Scarcity.POWER]
    assert "beta" not in {item.label for item in bound}
    assert {item.period for item in bound if item.label == "gamma" and item.waits} <= set(range(6))
    assert "power binds at 2 of 3 sites" in chosen.binding[0]
    (alpha, _, gamma) = chosen.marginals["site_filled_fraction"].values
    assert alpha == pytest.approx(np.ones(12))
    assert gamma == pytest.approx([0.0] * 6 + [1.0] * 6)


def test_a_site_that_racks_do_not_fill_is_not_called_bound() -> None:
    # Divisible racks would fill the last 0.9 MW of 1.9, whole ones cannot: full by lack of room for a block.
    # With 2.5 of 10 MW supplied the site stands empty for the most part, and chips bind.
    slow = napkin_offer(
        supply=(SupplyStep(start=START, racks_per_month=2.0), SupplyStep(start=month(1), racks_per_month=0.0))
    )
    inputs = napkin_inputs(offers=(slow,))
    found = bounds(inputs, marginals=plan(inputs, napkin_performance(inputs)).marginals)
    assert {item.scarcity for item in found} == {Scarcity.CHIPS}
    narrow = napkin_inputs(sites=(napkin_site(power_steps=(PowerStep(start=START, facility_mw=1.9),)),))
    found = bounds(narrow, marginals=plan(narrow, napkin_performance(narrow)).marginals)
    assert {item.scarcity for item in found} == {Scarcity.POWER}


def _large() -> tuple[Inputs, Performance]:
    """Money short, milestones in play, and a target that costs something: every scarcity binds somewhere."""
    inputs = large_inputs(site_count=4, platform_count=2, period_count=20, price_factor=0.45)
    asked = PowerTarget(facility_mw=650.0, deadline=month(21), platforms=("gen-0", "gen-1"))
    hard = replace(
        inputs,
        targets=(asked,),
        treasury=replace(inputs.treasury, opening_cash_usd=3e9),
        solver=replace(inputs.solver, gap_fraction=0.02, time_limit_s=20.0),
    )
    return hard, performance_of(hard)


@pytest.fixture(scope="module")
def large() -> Iterator[tuple[BuildPlan, Repeated]]:
    inputs, performance = _large()
    chosen = plan(inputs, performance)
    with linopy.options as options:
        options(semantics="v1")
        again = repeated(inputs, performance, chosen)
        assert again is not None
        yield chosen, again


_UNITS = {"energized": 1.0, "supply": 1.0 / 8.0, "demand": 0.01, "minimum_cash": -1.0, "targets": -1.0, "runs": -0.001}
"""One more MW, one more rack (blocks are of 8), 1e10 tokens, a million USD lent, a MW and a thousandth less asked."""


@pytest.mark.parametrize("family", list(_UNITS))
def test_marginal_values_are_confirmed_by_solving_again(family: str, large: tuple[BuildPlan, Repeated]) -> None:
    chosen, again = large
    stated = again.built.model.constraints[family].rhs
    values, unit = chosen.marginals[family].transpose(*stated.dims), _UNITS[family]
    per_unit = abs(unit) * LIMITS[family].scale(again.built.terms)
    places = _highest(values, count=3)
    assert places, family
    for place in places:
        if family in {"energized", "targets"}:  # power that comes stays: one more MW from that period on
            place = place | {"period": slice(place["period"], None)}  # noqa: PLW2901
        bump = xr.zeros_like(stated)
        bump[place] = unit
        predicted = float((values * per_unit).transpose(*stated.dims)[place].sum())
        assert worth_usd(again, **{family: stated + bump}) == pytest.approx(predicted, rel=0.05), place


def _highest(values: xr.DataArray, *, count: int) -> list[dict[str, Any]]:
    order = [int(flat) for flat in np.argsort(values.values, axis=None)[::-1][:count]]
    found = [np.unravel_index(flat, values.shape) for flat in order if values.values.flat[flat] > 0.0]
    return [{str(dim): int(at) for dim, at in zip(values.dims, where, strict=True)} for where in found]
