"""A programme of eight racks, small enough to add up by hand."""

from dataclasses import dataclass, replace

import polars as pl

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.site import Ownership
from gigawatt.entities.stages import Appraisal, BuildPlan, History, Inputs
from gigawatt.finance import appraise
from gigawatt.simulation import expected_luck, simulate
from tests.samples import PLATFORM, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

RACK = PLATFORM.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A programme with its plan, its expected history and its accounts."""

    inputs: Inputs
    plan: BuildPlan
    history: History
    appraisal: Appraisal


def play(inputs: Inputs, plan: BuildPlan, *, performance=None) -> Played:
    history = simulate(inputs, performance or small_performance(), plan, luck=expected_luck(inputs))
    return Played(inputs=inputs, plan=plan, history=history, appraisal=appraise(inputs, plan, history))


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


def paid(played: Played, purpose: str) -> pl.DataFrame:
    """Payments of a purpose, in order of month."""
    return played.appraisal.flows.filter(pl.col("purpose") == purpose)


def without_builder(inputs: Inputs) -> Inputs:
    """The inputs with nobody who builds for others."""
    return replace(inputs, parties=tuple(p for p in inputs.parties if PartyRole.BUILDER not in p.roles))
