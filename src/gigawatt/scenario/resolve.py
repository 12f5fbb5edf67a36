"""From what a person wrote to what the stages need: nouns only, every figure with its evidence."""

from gigawatt.catalog import Catalog
from gigawatt.entities.assumptions import OperationAssumptions
from gigawatt.entities.capital import Treasury
from gigawatt.entities.stages import EndValue, Goal, Inputs, Objective, SolverSettings
from gigawatt.provenance import Ledger
from gigawatt.scenario.agreements import Setting
from gigawatt.scenario.agreements.supplies import supplied
from gigawatt.scenario.contracts import contracts, cost_book, targets
from gigawatt.scenario.cooling import with_cooling, with_heat
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.estate import sites
from gigawatt.scenario.kernels import assumed_engine, assumed_step, kernel_efficiency, law_evidence, operator_law
from gigawatt.scenario.loading import Scenario
from gigawatt.scenario.objectives import goals_of
from gigawatt.scenario.offers import offers
from gigawatt.scenario.people import parties
from gigawatt.scenario.resales import check_resales
from gigawatt.scenario.schema import MONTHS_PER_PERIOD, Period, ProgrammeTable
from gigawatt.scenario.workloads import runs, services
from gigawatt.timeline import Calendar, months_between
from gigawatt.units import DURATION_MONTHS, DURATION_SECONDS, FRACTION, MONTHS_PER_YEAR, RATIO, YEARLY_SHARE

LONGEST_YEARS = 50


def resolve(scenario: Scenario, catalog: Catalog) -> Inputs:
    """The scenario with everything looked up, completed and checked.

    Raises a ScenarioError where entries contradict each other, and a CatalogError where the catalogue lacks a
    figure that the scenario does not supply.
    """
    desk = Desk(scenario, catalog)
    programme = scenario.document.programme
    calendar = _calendar(desk, programme)
    offered = offers(desk)
    platforms = tuple(offer.platform.id for offer in offered)
    offered = with_heat(desk, offered)
    estate = with_cooling(desk, sites(desk, platforms=platforms), offers=offered)
    principal = desk.party(programme.party, "programme", "party", default=programme.name)
    customers = desk.party(programme.customers, "programme", "customers", default="Customers")
    written = Setting(programme=principal, calendar=calendar, sites=estate, offers=offered)
    agreements = contracts(desk, written)
    setting = supplied(written, agreements)
    operation = _operation(desk)
    check_resales(desk, setting.offers, calendar=calendar, operation=operation)
    law = operator_law(desk)
    goals = _goals(desk, programme)
    return Inputs(
        name=scenario.name,
        title=scenario.title,
        programme=principal,
        customers=customers,
        calendar=calendar,
        objective=goals[0].objective,
        goals=goals if len(goals) > 1 or goals[0].text != goals[0].objective else (),
        discount_rate_fraction=desk.number_or(
            programme.discount_rate,
            "programme",
            "discount_rate",
            default="assumptions/finance/discount-rate",
            dimension=FRACTION,
        ),
        offers=setting.offers,
        sites=setting.sites,
        services=services(desk, calendar=calendar, sites=setting.sites),
        runs=runs(desk, calendar=calendar, sites=setting.sites),
        parties=parties(desk, setting, customers=customers, offers=setting.offers, contracts=agreements),
        contracts=agreements,
        targets=targets(desk, setting),
        treasury=_treasury(desk, programme),
        costs=cost_book(desk),
        operator_law=law,
        efficiency=kernel_efficiency(desk, law=law),
        step=assumed_step(desk),
        engine=assumed_engine(desk),
        operation=operation,
        end_value=EndValue(
            desk.choose(
                programme.end_value,
                "programme",
                "end_value",
                default=EndValue.NOTHING,
                note="the plan counts nothing of what still stands when it ends",
            )
        ),
        solver=_solver(desk),
        carbon_cap_t_per_year=None
        if programme.carbon_cap is None
        else desk.number(programme.carbon_cap, "programme", "carbon_cap"),
        ledger=Ledger().merged(*desk.entries, *law_evidence(desk, offered, law=law)),
    )


def _calendar(desk: Desk, programme: ProgrammeTable) -> Calendar:
    period = Period(
        desk.choose(programme.period, "programme", "period", default=Period.QUARTER, note="plans decide by the quarter")
    )
    calendar = Calendar(
        start=programme.start,
        month_count=_month_count(desk, programme),
        months_per_period=MONTHS_PER_PERIOD[period],
    )
    if calendar.month_count % calendar.months_per_period:
        raise desk.refuse(
            "programme",
            "months" if programme.end is None else "end",
            found=f"{calendar.month_count} months",
            expected=f"a multiple of {calendar.months_per_period} months, because the period is a {period}",
            fix='Move the end, or write period = "month".',
        )
    return calendar


def _month_count(desk: Desk, programme: ProgrammeTable) -> int:
    if (programme.end is None) == (programme.months is None):
        raise desk.refuse(
            "programme",
            found="neither end nor months" if programme.end is None else "both end and months",
            expected="one of the two",
            fix='Write end = "2033-12", the last month, or months = 96.',
        )
    count = programme.months or 0 if programme.end is None else months_between(programme.start, programme.end) + 1
    if not 1 <= count <= LONGEST_YEARS * MONTHS_PER_YEAR:
        raise desk.refuse(
            "programme",
            "months" if programme.end is None else "end",
            found=f"{count} months",
            expected=f"1 to {LONGEST_YEARS * MONTHS_PER_YEAR} months from the start {programme.start.isoformat()[:7]}",
            fix="Move the end behind the start.",
        )
    return count


def _goals(desk: Desk, programme: ProgrammeTable) -> tuple[Goal, ...]:
    """The goals in order, each with what it needs to aim at."""
    goals = goals_of(
        desk.choose(programme.objective, "programme", "objective", default=Objective.NPV, note="plans maximize NPV")
    )
    for goal in goals:
        for objective in (goal.objective, *(weight.objective for weight in goal.weights)):
            _require_something_to_aim_at(desk, objective)
    return goals


def _require_something_to_aim_at(desk: Desk, objective: Objective) -> None:
    aimed = {Objective.EARLIEST_TARGET, Objective.COST_OF_TARGET}
    if objective in aimed and not desk.scenario.document.targets:
        raise desk.refuse(
            "programme",
            "objective",
            found=f'"{objective}" without a target',
            expected="a target to reach",
            fix='Add [[target]] with facility = "10 GW facility" and by = "2031-12".',
        )
    if objective is Objective.TRAINING_COMPUTE and not desk.scenario.document.runs:
        raise desk.refuse(
            "programme",
            "objective",
            found=f'"{objective}" without a training run',
            expected="a run whose window the computation falls in",
            fix="Add [[training]] with model, compute, earliest and deadline.",
        )


def _treasury(desk: Desk, programme: ProgrammeTable) -> Treasury:
    opening_usd = desk.number(programme.opening_cash, "programme", "opening_cash")
    if programme.minimum_cash is None:
        desk.choose(None, "programme", "minimum_cash", default="0 USD", note="cash never falls below zero")
        return Treasury(opening_cash_usd=opening_usd, minimum_cash_usd=0.0)
    minimum_usd = desk.number(programme.minimum_cash, "programme", "minimum_cash")
    if minimum_usd > opening_usd:
        raise desk.refuse(
            "programme",
            "minimum_cash",
            found=f'"{programme.minimum_cash.text}"',
            expected=f'at most the opening cash, "{programme.opening_cash.text}"',
            fix="Lower the minimum or raise the opening cash.",
        )
    return Treasury(opening_cash_usd=opening_usd, minimum_cash_usd=minimum_usd)


def _operation(desk: Desk) -> OperationAssumptions:
    stated = desk.scenario.document.operation
    at, known = "operation", "assumptions/operation"
    return OperationAssumptions(
        availability=desk.range_or(
            stated.availability, at, "availability", default=f"{known}/availability", dimension=FRACTION
        ),
        training_ettr=desk.range_or(
            stated.training_ettr, at, "training_ettr", default=f"{known}/training-ettr", dimension=FRACTION
        ),
        serving_load=desk.range_or(
            stated.serving_load, at, "serving_load", default=f"{known}/serving-load", dimension=FRACTION
        ),
        mean_power=desk.range_or(
            stated.mean_power, at, "mean_power", default=f"{known}/mean-power", dimension=FRACTION
        ),
        fabric_power=desk.range_or(
            stated.fabric_power, at, "fabric_power", default=f"{known}/fabric-power", dimension=FRACTION
        ),
        memory_usable=desk.range_or(
            stated.memory_usable, at, "memory_usable", default=f"{known}/memory-usable", dimension=FRACTION
        ),
        ramp_months=desk.months_or(stated.ramp, at, "ramp", default=f"{known}/ramp", dimension=DURATION_MONTHS),
        slip_spread=desk.range_or(
            stated.slip_spread, at, "slip_spread", default=f"{known}/slip-spread", dimension=RATIO
        ),
        software_first=desk.range_or(
            stated.software_first, at, "software_first", default=f"{known}/software-first", dimension=FRACTION
        ),
        software_halving_months=desk.months_or(
            stated.software_halving,
            at,
            "software_halving",
            default="assumptions/serving-engine/software-halving",
            dimension=DURATION_MONTHS,
        ),
        software_gain_fraction_per_year=desk.number_or(
            stated.software_gain, at, "software_gain", default=f"{known}/software-gain", dimension=YEARLY_SHARE
        ),
    )


def _solver(desk: Desk) -> SolverSettings:
    stated = desk.scenario.document.solver
    known = "assumptions/finance"
    return SolverSettings(
        gap_fraction=desk.number_or(stated.gap, "solver", "gap", default=f"{known}/solver-gap", dimension=FRACTION),
        time_limit_s=desk.number_or(
            stated.time_limit,
            "solver",
            "time_limit",
            default=f"{known}/solver-time-limit",
            dimension=DURATION_SECONDS,
        ),
    )
