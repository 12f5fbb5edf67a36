"""What each party stands to lose: the programme stops, a tranche is withheld, demand is half, a lessee defaults.

Each case keeps the plan (all of it, or up to its stop), lets it play out with expected luck and appraises it. The plan
is not made anew: who pays for a surprise is seen before anybody has answered it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from gigawatt.entities.contracts import MilestoneTranches, ResidualGuarantee
from gigawatt.entities.stages import Appraisal, Inputs, Study
from gigawatt.finance.stress import defaulted, exposure, loan_defaulted, stopped_at, with_demand, withheld
from gigawatt.study import STAGES, Stages
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, MONTHS_PER_YEAR

HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that goes wrong: `name` in words, `appraise` what the accounts come to then."""

    name: str
    appraise: Callable[[Study, Stages], Appraisal]


def cases(study: Study) -> tuple[Case, ...]:
    """What can go wrong in a study: a stop at each gigawatt, each tranche that does not bind, half the demand, and the
    default of each guaranteed lessee, and on each loan, in each calendar year but the first.
    """
    energized = float(study.history.state["energized_facility_mw"].sum(("site", "platform")).max())
    gigawatts = int(energized / MEGAWATTS_PER_GIGAWATT + 1e-6)
    stops = [stop(gigawatt) for gigawatt in range(1, gigawatts + 1)]
    offered = [c for c in study.inputs.contracts if isinstance(c, MilestoneTranches) and not c.binding]
    tranches = [c for c in offered if c.cap_usd >= c.amount_usd]
    held = (hold_back(c.id, after_count=0) for c in tranches)
    return (*stops, *held, less_demand(HALF), *_defaults(study.inputs), *_loan_defaults(study))


def stop(gigawatt: int) -> Case:
    """Nobody orders or builds any more once so many gigawatts stand."""

    def appraise(study: Study, stages: Stages) -> Appraisal:
        plan = stopped_at(study.inputs, study.plan, gigawatt=gigawatt)
        history = stages.simulate(study.inputs, study.performance, plan, luck=stages.expected_luck(study.inputs))
        return stages.appraise(study.inputs, plan, history)

    return Case(name=f"stops at {gigawatt} GW", appraise=appraise)


def hold_back(contract: str, *, after_count: int) -> Case:
    """An investor pays no more than so many tranches of a contract that does not bind it."""

    def appraise(study: Study, stages: Stages) -> Appraisal:
        return _played(withheld(study.inputs, contract=contract, after_count=after_count), study, stages)

    return Case(name=f"{contract} withheld after {after_count}", appraise=appraise)


def less_demand(factor: float) -> Case:
    """Demand for every service is multiplied by `factor`."""

    def appraise(study: Study, stages: Stages) -> Appraisal:
        return _played(with_demand(study.inputs, factor=factor), study, stages)

    return Case(name=f"demand x {factor:g}", appraise=appraise)


def default(lessee: str, month: date) -> Case:
    """A lessee pays no rent from a month on; its guarantees are called."""

    def appraise(study: Study, _stages: Stages) -> Appraisal:
        return defaulted(study.inputs, study.history, appraisal=study.appraisal, lessee=lessee, month=month)

    return Case(name=f"{lessee} defaults in {month:%Y-%m}", appraise=appraise)


def loan_default(loan: str, month: date) -> Case:
    """A loan is not served from a month on; its lender seizes what secures it."""

    def appraise(study: Study, _stages: Stages) -> Appraisal:
        return loan_defaulted(study.inputs, appraisal=study.appraisal, loan=loan, month=month)

    return Case(name=f"{loan} defaults in {month:%Y-%m}", appraise=appraise)


def exposures(study: Study, *, chosen: tuple[Case, ...], stages: Stages = STAGES) -> pl.DataFrame:
    """What each case costs each party: `case` and the columns of `finance.stress.exposure`."""
    found = []
    for case in chosen:
        stressed = case.appraise(study, stages)
        table = exposure(study.inputs, base=study.appraisal, stressed=stressed)
        found.append(table.select(pl.lit(case.name).alias("case"), pl.all()))
    return pl.concat(found) if found else pl.DataFrame(schema={"case": pl.String, "party": pl.String})


def _played(inputs: Inputs, study: Study, stages: Stages) -> Appraisal:
    """The study's plan under other inputs."""
    history = stages.simulate(inputs, study.performance, study.plan, luck=stages.expected_luck(inputs))
    return stages.appraise(inputs, study.plan, history)


def _defaults(inputs: Inputs) -> list[Case]:
    """The default of each guaranteed lessee at the start of each calendar year but the first."""
    lessees = sorted({c.lessee for c in inputs.contracts if isinstance(c, ResidualGuarantee)})
    years = np.unique([day.year for day in inputs.calendar.months])[1:]
    return [default(lessee, date(int(year), 1, 1)) for lessee in lessees for year in years]


def _loan_defaults(study: Study) -> list[Case]:
    """The default on each loan at the start of each calendar year in which something is owed."""
    months = study.inputs.calendar.months
    owed = study.appraisal.loans.filter(pl.col("balance_usd") > 0.0).sort("contract", "month")
    ends = owed.filter(pl.col("month").dt.month() == MONTHS_PER_YEAR, pl.col("month") < months[-1])
    return [
        loan_default(loan, date(month.year + 1, 1, 1)) for loan, month in ends.select("contract", "month").iter_rows()
    ]
