"""`gigawatt finance project`: what one project can borrow, what it pays the tax office and what its owners earn."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load, quantity
from gigawatt.catalog.dimensions import MONEY_PER_YEAR
from gigawatt.catalog.taxation import macrs_fractions, us_federal_tax
from gigawatt.cli.console import out, print_json
from gigawatt.cli.wide import print_whole
from gigawatt.errors import InputError
from gigawatt.finance.depreciation import half_step_straight_line_fractions
from gigawatt.finance.project import (
    AssetClass,
    EqualPrincipalLoan,
    Financing,
    LevelLoan,
    Loan,
    Project,
    ProjectReturns,
    SculptedLoan,
    project_returns,
)
from gigawatt.finance.returns import internal_rate_of_return_fraction
from gigawatt.finance.tax import Losses, RelievedAtOnce, TaxRegime
from gigawatt.report.wording import money, percent
from gigawatt.timeline import FloatArray
from gigawatt.units import (
    DURATION_MONTHS,
    FRACTION,
    GROWTH,
    LIFE,
    MONEY,
    MONTHS_PER_YEAR,
    RATIO,
    USD_PER_MILLION,
    YEARLY_SHARE,
    Dimension,
    parse,
)

_MOST_YEARS = 60
_TERMS = "assumptions/contract"


class LoanKind(StrEnum):
    """How the loan is sized and repaid."""

    SCULPTED = "sculpted"
    LEVEL = "level"
    EQUAL_PRINCIPAL = "equal-principal"
    NONE = "none"


class Schedule(StrEnum):
    """How the capital is written off for tax."""

    MACRS_5 = "macrs-5"
    MACRS_7 = "macrs-7"
    MACRS_15 = "macrs-15"
    STRAIGHT_LINE = "straight-line"


class LossRule(StrEnum):
    """What becomes of losses: they wait for income, or lower the tax of an owner who has other income."""

    CARRIED = "carried"
    RELIEVED = "relieved"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Reads options as quantities; what is left to the catalogue is noted in `taken`, option by figure."""

    catalog: Catalog
    taken: dict[str, str] = field(default_factory=dict)

    def number(self, text: str | None, option: str, dimension: Dimension, *, default: str = "") -> float:
        """The stated number, else that of the figure `default`, else 0."""
        if text is not None:
            return parse(text, dimension, where=option)
        if not default:
            return 0.0
        figure = self.catalog.figure(default)
        self.taken[option] = f"{figure.printed} ({default})"
        return quantity(figure, dimension)

    def years(self, text: str | None, option: str, *, default: str = "") -> int:
        """A duration in whole years."""
        months = self.number(text, option, LIFE if text is None else DURATION_MONTHS, default=default)
        if months % MONTHS_PER_YEAR:
            raise InputError(
                where=option,
                found=f'"{text}", which is {months:g} months',
                expected="a whole number of years; the model counts by year",
                fix='Write it like "10 year".',
            )
        return round(months / MONTHS_PER_YEAR)


def project_command(
    *,
    capital: Annotated[str, typer.Option("--capital", help='Spent before the first year, like "1 bn USD".')],
    revenue: Annotated[str, typer.Option("--revenue", help='Of the first year, like "320 MUSD/year".')],
    operating: Annotated[str, typer.Option("--operating", help='Cost of the first year, like "60 MUSD/year".')],
    years: Annotated[int, typer.Option("--years", min=1, max=_MOST_YEARS, help="Years of operation.")] = 10,
    revenue_growth: Annotated[
        str | None, typer.Option("--revenue-growth", help='Like "-8 percent/year"; none if silent.')
    ] = None,
    operating_growth: Annotated[
        str | None, typer.Option("--operating-growth", help='Like "2 percent/year"; none if silent.')
    ] = None,
    residual: Annotated[
        str | None, typer.Option("--residual", help='Of the capital, got back in the last year, like "10 percent".')
    ] = None,
    loan: Annotated[LoanKind, typer.Option("--loan", help="How the loan is sized and repaid.")] = LoanKind.SCULPTED,
    dscr: Annotated[str | None, typer.Option("--dscr", help='Coverage of a sculpted loan, like "1.35 ratio".')] = None,
    share: Annotated[
        str | None, typer.Option("--share", help='Of all that is spent, for other loans, like "60 percent".')
    ] = None,
    rate: Annotated[str | None, typer.Option("--rate", help='Interest, like "7 percent/year".')] = None,
    tenor: Annotated[str | None, typer.Option("--tenor", help='Until the loan is repaid, like "5 year".')] = None,
    grace: Annotated[str | None, typer.Option("--grace", help='Years of interest alone, like "1 year".')] = None,
    fee: Annotated[str | None, typer.Option("--fee", help='Of the loan, like "2 percent".')] = None,
    reserve: Annotated[str | None, typer.Option("--reserve", help='Debt service kept aside, like "6 month".')] = None,
    schedule: Annotated[Schedule, typer.Option("--schedule", help="Tax depreciation.")] = Schedule.MACRS_5,
    bonus: Annotated[str | None, typer.Option("--bonus", help='Written off in the first year, "100 percent".')] = None,
    credit: Annotated[str | None, typer.Option("--credit", help='Tax credit on the capital, "30 percent".')] = None,
    federal_tax: Annotated[str | None, typer.Option("--federal-tax", help="Rate; the law's if silent.")] = None,
    state_tax: Annotated[
        str | None, typer.Option("--state-tax", help='Rate, like "5 percent"; none if silent.')
    ] = None,
    losses: Annotated[LossRule, typer.Option("--losses", help="What becomes of tax losses.")] = LossRule.CARRIED,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Finance one project year by year: its loan, depreciation, tax, and what its owners earn before and after tax."""
    asked = _Asked(catalog=load())
    capital_usd = asked.number(capital, "--capital", MONEY)
    _more_than_nothing(capital_usd, capital, "--capital", 'a capital like "1 bn USD"')
    when = np.arange(years, dtype=np.float64)
    income = asked.number(revenue, "--revenue", MONEY_PER_YEAR) * _growth(
        asked, revenue_growth, "--revenue-growth", when
    )
    income[-1] += asked.number(residual, "--residual", FRACTION) * capital_usd
    cost = asked.number(operating, "--operating", MONEY_PER_YEAR)
    project = Project(
        capital_usd=capital_usd,
        revenue_usd=income,
        operating_usd=cost * _growth(asked, operating_growth, "--operating-growth", when),
        assets=(_asset(asked, schedule, years=years, bonus=bonus, credit=credit),),
        financing=Financing(
            loan=_loan(
                asked, loan, years=years, texts={"dscr": dscr, "share": share, "rate": rate}, spans=(tenor, grace)
            ),
            fee_fraction=asked.number(fee, "--fee", FRACTION),
            service_reserve_years=asked.number(reserve, "--reserve", DURATION_MONTHS) / MONTHS_PER_YEAR,
        ),
        federal=_federal(asked, federal_tax, losses),
        state=TaxRegime(rate_fraction=asked.number(state_tax, "--state-tax", FRACTION), losses=_losses(asked, losses)),
    )
    found = project_returns(project)
    _refuse_endless_loan(found)
    if as_json:
        print_json(_object(project, found, asked.taken))
        return
    print_whole(_table(project, found))
    for line in _words(found, asked.taken):
        out.print(line, highlight=False)


def _growth(asked: _Asked, text: str | None, option: str, when: FloatArray) -> FloatArray:
    return np.asarray((1.0 + asked.number(text, option, GROWTH)) ** when, dtype=np.float64)


def _more_than_nothing(value: float, text: str, option: str, expected: str) -> None:
    if value <= 0.0:
        raise InputError(where=option, found=f'"{text}"', expected=expected, fix="State more than nothing.")


def _asset(asked: _Asked, schedule: Schedule, *, years: int, bonus: str | None, credit: str | None) -> AssetClass:
    if schedule is Schedule.STRAIGHT_LINE:
        fractions = half_step_straight_line_fractions(years)
    else:
        fractions = macrs_fractions(asked.catalog, recovery_years=int(schedule.value.rpartition("-")[2]))
    return AssetClass(
        share_fraction=1.0,
        fractions=fractions,
        bonus_fraction=asked.number(bonus, "--bonus", FRACTION),
        credit_fraction=asked.number(credit, "--credit", FRACTION),
        credit_basis_fraction=quantity(asked.catalog.figure("economics/us-tax/credit-basis-reduction"), FRACTION),
    )


def _loan(
    asked: _Asked, kind: LoanKind, *, years: int, texts: Mapping[str, str | None], spans: tuple[str | None, str | None]
) -> Loan:
    """The loan asked for; one of none is a level loan of no share."""
    _refuse_idle(kind, texts)
    if kind is LoanKind.NONE:
        return LevelLoan(share_fraction=0.0, interest_fraction=0.0, years_count=1)
    rate_fraction = asked.number(texts["rate"], "--rate", YEARLY_SHARE, default=f"{_TERMS}/loan-rate")
    tenor_count = asked.years(spans[0], "--tenor", default=f"{_TERMS}/loan-tenor")
    grace_count = asked.years(spans[1], "--grace")
    if not grace_count < tenor_count <= years:
        raise InputError(
            where="--tenor",
            found=f"{tenor_count} years, {grace_count} of them grace, in {years} of operation",
            expected="a loan that is repaid within the project's years, after its grace",
            fix="Shorten the tenor or the grace, or lengthen --years.",
        )
    if kind is LoanKind.SCULPTED:
        coverage = asked.number(texts["dscr"], "--dscr", RATIO, default=f"{_TERMS}/target-dscr")
        if coverage < 1.0:
            raise InputError(
                where="--dscr",
                found=f"{coverage:g}",
                expected="at least 1: debt service within the cash",
                fix='Write it like "1.3 ratio".',
            )
        return SculptedLoan(coverage_ratio=coverage, interest_fraction=rate_fraction, years_count=tenor_count)
    share_fraction = asked.number(texts["share"], "--share", FRACTION, default=f"{_TERMS}/advance")
    repaid: Callable[..., Loan] = LevelLoan if kind is LoanKind.LEVEL else EqualPrincipalLoan
    return repaid(
        share_fraction=share_fraction,
        interest_fraction=rate_fraction,
        years_count=tenor_count,
        grace_count=grace_count,
    )


def _refuse_idle(kind: LoanKind, texts: Mapping[str, str | None]) -> None:
    """Refuses an option that says nothing to a loan of this kind."""
    idle = {LoanKind.SCULPTED: ("share",), LoanKind.NONE: ("dscr", "share", "rate")}.get(kind, ("dscr",))
    for name in idle:
        if texts[name] is not None:
            raise InputError(
                where=f"--{name}",
                found=f'"{texts[name]}" beside --loan {kind.value}',
                expected="options that this kind of loan has",
                fix=f"Leave --{name} out, or choose another --loan.",
            )


def _federal(asked: _Asked, text: str | None, losses: LossRule) -> TaxRegime:
    rate = asked.number(text, "--federal-tax", FRACTION, default="economics/us-tax/corporate-rate")
    return TaxRegime(rate_fraction=rate, losses=_losses(asked, losses))


def _losses(asked: _Asked, rule: LossRule) -> Losses:
    return RelievedAtOnce() if rule is LossRule.RELIEVED else us_federal_tax(asked.catalog).losses


def _refuse_endless_loan(found: ProjectReturns) -> None:
    """A share whose own fee and reserve grow faster than it pays for them has no end."""
    if found.debt_usd < 0.0 or not math.isfinite(found.debt_usd):
        raise InputError(
            where="--share",
            found="a loan whose own fee and reserve cost more than it brings",
            expected="a share that, with fee and reserve, stays below all that is spent",
            fix="Lower --share, --fee or --reserve.",
        )


def _object(project: Project, found: ProjectReturns, taken: Mapping[str, str]) -> dict[str, object]:
    return {
        "capital_usd": project.capital_usd,
        "debt_usd": found.debt_usd,
        "equity_usd": found.equity_usd,
        "pretax_return_fraction": _pretax(found),
        "aftertax_return_fraction": found.aftertax_return_fraction,
        "least_dscr_ratio": _least(found.coverage_ratio),
        "pretax_usd": found.pretax_usd.tolist(),
        "aftertax_usd": found.aftertax_usd.tolist(),
        "years": [dict(zip(_columns(project, found), row, strict=True)) for row in _rows(project, found)],
        "defaults": dict(taken),
    }


def _columns(project: Project, found: ProjectReturns) -> dict[str, FloatArray]:
    """What happens in each year of operation, `(year,)` each."""
    return {
        "revenue_usd": project.revenue_usd,
        "operating_usd": project.operating_usd,
        "interest_usd": found.debt.interest_usd,
        "principal_usd": found.debt.principal_usd,
        "dscr_ratio": found.coverage_ratio,
        "depreciation_usd": found.federal_depreciation_usd,
        "federal_tax_usd": found.federal_tax_usd,
        "state_tax_usd": found.state_tax_usd,
        "equity_pretax_usd": found.pretax_usd[1:],
        "equity_aftertax_usd": found.aftertax_usd[1:],
    }


def _rows(project: Project, found: ProjectReturns) -> list[tuple[float, ...]]:
    return [tuple(float(value) for value in row) for row in zip(*_columns(project, found).values(), strict=True)]


def _table(project: Project, found: ProjectReturns) -> Table:
    """What happens year by year, taxes in one column."""
    table = Table(title="By year of operation, MUSD", title_justify="left")
    heads = ("year", "revenue", "costs", "interest", "repaid", "DSCR", "written off", "taxes", "equity", "after tax")
    for head in heads:
        table.add_column(head, justify="right")
    for year, row in enumerate(_rows(project, found), start=1):
        revenue, costs, interest, repaid, dscr, written, federal, state, pretax, aftertax = row
        before = (f"{usd / USD_PER_MILLION:,.1f}" for usd in (revenue, costs, interest, repaid))
        after = (f"{usd / USD_PER_MILLION:,.1f}" for usd in (written, federal + state, pretax, aftertax))
        table.add_row(str(year), *before, "–" if math.isnan(dscr) else f"{dscr:.2f}", *after)
    return table


def _words(found: ProjectReturns, taken: Mapping[str, str]) -> list[str]:
    least = _least(found.coverage_ratio)
    covered = "" if math.isnan(least) else f", covered {least:.2f} times at least"
    return [
        f"Loan {money(found.debt_usd)}{covered}; equity {money(found.equity_usd)}.",
        *(
            ["The cash carries more than all that is spent: no lender gives so much."]
            if found.equity_usd <= 0.0
            else []
        ),
        f"Equity returns {percent(_pretax(found), decimals=2)} a year before tax, "
        f"{percent(found.aftertax_return_fraction, decimals=2)} after it, nominal.",
        *(f"Assumed: {option} {text}." for option, text in taken.items()),
    ]


def _pretax(found: ProjectReturns) -> float:
    return internal_rate_of_return_fraction(found.pretax_usd, steps_per_year=1)


def _least(coverage: FloatArray) -> float:
    """The least coverage of a year in which something is due; NaN where nothing ever is."""
    return float(np.nanmin(coverage)) if np.isfinite(coverage).any() else float("nan")
