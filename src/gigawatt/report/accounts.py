"""The accounts of a party by calendar year: statements, payments and what they return, read off a study."""

import difflib
import math
from dataclasses import asdict
from datetime import date

import polars as pl

from gigawatt.entities.capital import Party
from gigawatt.entities.stages import Study
from gigawatt.errors import InputError
from gigawatt.finance.compute_costs import compute_costs, waterfall
from gigawatt.finance.end_value import end_values
from gigawatt.finance.flows import whole_cents
from gigawatt.finance.party_returns import loan_coverages, party_returns, programme_runway_months
from gigawatt.finance.statements import Statements, statements
from gigawatt.units import CENTS_PER_USD

_OPENING = "opening_cash_usd"
_CLOSING = "closing_cash_usd"


def find_party(study: Study, name: str) -> Party:
    """The party of this id or name, capitals aside; raises InputError with close matches."""
    wanted = name.casefold()
    for party in study.inputs.parties:
        if wanted in (party.id.casefold(), party.name.casefold()):
            return party
    known = [party.id for party in study.inputs.parties]
    close = difflib.get_close_matches(wanted, known, n=5, cutoff=0.4)
    raise InputError(
        where="--party",
        found=f'"{name}"',
        expected=f"one of the {len(known)} parties of the study",
        fix=f"{'Close matches' if close else 'Known'}: {', '.join(close or known)}.",
    )


def study_statements(study: Study) -> Statements:
    """The statements of every party by month."""
    return statements(study.inputs, study.history, appraisal=study.appraisal)


def by_year(table: pl.DataFrame, *, balances: bool = False) -> pl.DataFrame:
    """A monthly table of one party by calendar `year`: flows added up, balances as they stand at its end."""
    amounts = [name for name in table.columns if name.endswith("_usd")]

    def summed(name: str) -> pl.Expr:
        if balances or name == _CLOSING:
            return pl.col(name).last()
        if name == _OPENING:
            return pl.col(name).first()
        return (whole_cents(pl.col(name)).sum() / CENTS_PER_USD).alias(name)

    years = table.sort("month").group_by(pl.col("month").dt.year().alias("year"), maintain_order=True)
    return years.agg(summed(name) for name in amounts)


def payments_by_year(study: Study, party: str) -> pl.DataFrame:
    """What a party pays and receives: `year`, `counterparty`, `direction`, `purpose`, `amount_usd`."""
    flows = study.appraisal.flows
    sides = [
        flows.filter(pl.col(mine) == party).select(
            year=pl.col("month").dt.year(),
            counterparty=pl.col(other),
            direction=pl.lit(word),
            purpose="purpose",
            cents=whole_cents(pl.col("amount_usd")),
        )
        for mine, other, word in (("payer", "payee", "pays"), ("payee", "payer", "receives"))
    ]
    keys = ["year", "counterparty", "direction", "purpose"]
    summed = pl.concat(sides).group_by(keys).agg(pl.col("cents").sum()).sort(keys)
    return summed.select(*keys, amount_usd=pl.col("cents") / CENTS_PER_USD)


def finance_object(study: Study, party: Party) -> dict[str, object]:
    """What `gigawatt finance --json` prints; amounts in nominal USD, nothing where a figure does not exist."""
    of_all = study_statements(study)
    programme = party.id == study.inputs.programme
    return {
        "scenario": study.inputs.name,
        "party": party.id,
        "name": party.name,
        "cash_flow": _rows(by_year(of_all.cash_flow.filter(pl.col("party") == party.id))),
        "income": _rows(by_year(of_all.income.filter(pl.col("party") == party.id))),
        "balance_sheet": _rows(by_year(of_all.balance_sheet.filter(pl.col("party") == party.id), balances=True)),
        "returns": [
            _plain(asdict(each)) for each in party_returns(study.inputs, appraisal=study.appraisal, party=party.id)
        ],
        "end_value": _rows(end_value(study, party.id)),
        "exposures": _rows(greatest_exposures(study, party.id)),
        "payments": _rows(payments_by_year(study, party.id)),
        **(_programme_object(study) if programme else {}),
    }


def end_value(study: Study, party: str) -> pl.DataFrame:
    """What a party still owns when the horizon ends, by layer: `layer`, `value_usd`, `present_usd` at the start."""
    table = end_values(study.inputs, study.history, flows=study.appraisal.flows).filter(pl.col("owner") == party)
    summed = table.group_by("layer", maintain_order=True).agg(pl.col("value_usd").sum(), pl.col("present_usd").sum())
    return summed.filter(pl.col("value_usd") > 0.0)


def greatest_exposures(study: Study, party: str) -> pl.DataFrame:
    """The greatest contingent claim on a party by contract: `contract`, `month`, `amount_usd`."""
    mine = study.appraisal.exposures.filter(pl.col("party") == party, pl.col("amount_usd") > 0.0)
    worst = mine.sort("amount_usd", "month", descending=[True, False], maintain_order=True)
    return worst.unique("contract", keep="first", maintain_order=True).select("contract", "month", "amount_usd")


def levelized(study: Study, *, site: str = "", platform: str = "") -> pl.DataFrame:
    """The levelized cost of compute by layer, of a site, a platform or all; see `finance.compute_costs.waterfall`."""
    costs = compute_costs(study.inputs, study.history, flows=study.appraisal.flows)
    return waterfall(costs, site=site, platform=platform)


def _programme_object(study: Study) -> dict[str, object]:
    runway = programme_runway_months(study.inputs, appraisal=study.appraisal)
    months = study.inputs.calendar.months
    return {
        "loans": [_plain(asdict(each)) for each in loan_coverages(study.inputs, appraisal=study.appraisal)],
        "runway_months": {
            month.isoformat(): None if math.isinf(left) else left for month, left in zip(months, runway, strict=True)
        },
        "levelized_cost": {
            "all": _rows(levelized(study)),
            "by_platform": {
                offer.platform.id: _rows(levelized(study, platform=offer.platform.id)) for offer in study.inputs.offers
            },
            "by_site": {site.id: _rows(levelized(study, site=site.id)) for site in study.inputs.sites},
        },
    }


def _rows(table: pl.DataFrame) -> list[dict[str, object]]:
    return [_plain(row) for row in table.iter_rows(named=True)]


def _plain(row: dict[str, object]) -> dict[str, object]:
    """The same with dates as text and nothing for what is no number."""
    return {key: _value(value) for key, value in row.items()}


def _value(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
