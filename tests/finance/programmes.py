"""A programme of eight racks, small enough to add up by hand."""

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.site import Ownership, PowerStep
from gigawatt.entities.stages import Appraisal, BuildPlan, History, Inputs, Performance
from gigawatt.finance import appraise
from gigawatt.simulation import expected_luck, simulate
from tests.samples import CALENDAR, PLATFORM, TRANCHES, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

RACK = PLATFORM.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A programme with its plan, its expected history and its accounts."""

    inputs: Inputs
    plan: BuildPlan
    history: History
    appraisal: Appraisal
    performance: Performance


def play(inputs: Inputs, plan: BuildPlan, *, performance=None) -> Played:
    rates = performance or small_performance()
    history = simulate(inputs, rates, plan, luck=expected_luck(inputs))
    appraisal = appraise(inputs, plan, history)
    return Played(inputs=inputs, plan=plan, history=history, appraisal=appraisal, performance=rates)


def eight_racks(ownership: Ownership | None = None, **changes) -> Played:
    """Eight racks ordered in January 2027 for one site with 2 MW built for July; demand of 4e12 tokens a month."""
    place = site("alpha") if ownership is None else site("alpha", ownership=ownership)
    inputs = small_inputs(
        **{
            "sites": (place,),
            "services": (service(tokens_per_month=4e12),),
            "runs": (),
            "contracts": (),
            **changes,
        }
    )
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 2): 2.0})
    return play(inputs, plan)


def hundreds_with_a_price() -> Played:
    """Two hundred racks, a hundred a quarter: two tranches of $0.5 bn that buy shares at a value of $9.5 bn."""
    power = (PowerStep(start=date(2027, 1, 1), facility_mw=1000.0),)
    terms = replace(TRANCHES, unit_mw=16.5, sites=("alpha",), pre_money_usd=dict.fromkeys(CALENDAR.months, 9.5e9))
    inputs = small_inputs(sites=(site("alpha", power_steps=power),), contracts=(terms,))
    ordered = {("alpha", RACK, 0): 100, ("alpha", RACK, 1): 100}
    return play(inputs, small_plan(inputs, ordered=ordered, built={("alpha", 0): 1000.0}))


def paid(played: Played, purpose: str) -> pl.DataFrame:
    """Payments of a purpose, in order of month."""
    return played.appraisal.flows.filter(pl.col("purpose") == purpose)


def without_builder(inputs: Inputs) -> Inputs:
    """The inputs with nobody who builds for others."""
    return replace(inputs, parties=tuple(p for p in inputs.parties if PartyRole.BUILDER not in p.roles))
