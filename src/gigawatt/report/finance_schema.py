"""JSON Schemas (draft 2020-12) of what `gigawatt finance` and `gigawatt finance circle` print; closed, with units."""

from gigawatt.finance.compute_costs import WATERFALL_SCHEMA
from gigawatt.finance.flows import FlowKind, Purpose
from gigawatt.finance.party_returns import View
from gigawatt.finance.statements import EXPENSES, INCOME, OWED, OWNED
from gigawatt.report.json_schema import Schema, closed

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_USD = {"type": "number", "description": "Nominal USD."}


def finance_schema() -> Schema:
    """Schema of the object that `gigawatt finance STUDY --json` prints."""
    balance = (
        *("cash", *(line.value for line in OWNED), "accumulated_depreciation", "total_assets"),
        *(line.value for line in OWED),
        *("opening_capital", "paid_in_capital", "retained_earnings", "total_claims"),
    )
    income = (*(line.value for line in (*INCOME, *EXPENSES)), "net_income")
    cash_flow = ("opening_cash", "operating", "investing", "financing", "closing_cash")
    payment = {
        "year": {"type": "integer"},
        "counterparty": _text("Id of the other party."),
        "direction": {"enum": ["pays", "receives"]},
        "purpose": {"enum": [purpose.value for purpose in Purpose]},
        "amount_usd": _USD,
    }
    whole = {
        "scenario": _text("The scenario's name."),
        "party": _text("The party's id."),
        "name": _text("The party's name."),
        "cash_flow": _list("By calendar year.", _yearly(cash_flow)),
        "income": _list("By calendar year; costs are positive.", _yearly(income)),
        "balance_sheet": _list("At each calendar year's end.", _yearly(balance)),
        "returns": _list("What payments return, by view.", _returns()),
        "end_value": _list(
            "What it still owns when the horizon ends; its value on the day after, and at the start.",
            closed({"layer": _text("Layer of capital."), "value_usd": _USD, "present_usd": _USD}),
        ),
        "exposures": _list("Contingent claims on the party at their greatest.", _claim()),
        "payments": _list("Payments by year, other party and purpose.", closed(payment)),
    }
    programme = {
        "loans": _list("Loans at their weakest.", _loan()),
        "runway_months": {
            "type": "object",
            "description": "By month: months that its cash lasts without further financing, null beyond the horizon.",
            "additionalProperties": {"type": ["number", "null"]},
        },
        "levelized_cost": _levelized(),
    }
    answer = closed({**whole, **programme})
    return {
        "$schema": _DRAFT,
        "title": "Accounts of a party of a gigawatt study",
        **answer,
        "required": list(whole),
        "dependentRequired": {"loans": list(programme)},
    }


def shares_schema() -> Schema:
    """Schema of the object that `gigawatt finance shares STUDY --json` prints."""
    stake = {
        "contract": _text("The contract's id."),
        "month": {"type": "string", "format": "date"},
        "issuer": _text("Id of whose shares they are."),
        "holder": _text("Id of who gets them."),
        "paid_usd": _USD,
        "pre_money_usd": _maybe("The issuer's value before the payment, nominal USD; null for warrants."),
        "stake_fraction": _maybe("Part of all shares there are after the payment; null for warrants."),
        "shares_count": _maybe("Shares of a warrant; null for payments at a valuation."),
        "value_usd": _USD,
    }
    event = {
        "contract": _text("The contract's id."),
        "month": {"type": "string", "format": "date"},
        "party": _text("Id of whom it concerns."),
        "event": _text("What happened: a covenant broken, a default, a warrant vested."),
        "amount_usd": _USD,
    }
    held = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0.0, "maximum": 1.0}}
    return {
        "$schema": _DRAFT,
        "title": "Shares and stakes in a gigawatt study",
        **closed(
            {
                "scenario": _text("The scenario's name."),
                "stakes": _list("Payments for shares in order of months.", closed(stake)),
                "holdings": {
                    "type": "object",
                    "description": "By issuer: what part each holder has in the end.",
                    "additionalProperties": held,
                },
                "events": _list("What became of warrants, covenants and loans.", closed(event)),
            }
        ),
    }


def project_schema() -> Schema:
    """Schema of the object that `gigawatt finance project --json` prints."""
    money = ("revenue", "operating", "interest", "principal", "depreciation", "federal_tax", "state_tax")
    year = {
        **{f"{name}_usd": _USD for name in (*money, "equity_pretax", "equity_aftertax")},
        "dscr_ratio": _maybe("Cash over debt service (ratio)."),
    }
    return {
        "$schema": _DRAFT,
        "title": "One project after debt and tax",
        **closed(
            {
                "capital_usd": _USD,
                "debt_usd": _USD,
                "equity_usd": _USD,
                "pretax_return_fraction": _maybe("Equity's yearly rate before tax (ratio)."),
                "aftertax_return_fraction": _maybe("Equity's yearly rate after tax (ratio)."),
                "least_dscr_ratio": _maybe("Least cash over debt service of a year (ratio)."),
                "pretax_usd": _series("Equity's cash before tax: what is spent first, then each year."),
                "aftertax_usd": _series("Equity's cash after tax: what is spent first, then each year."),
                "years": _list("Years of operation, the first first.", closed(year)),
                "defaults": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ),
    }


def circle_schema() -> Schema:
    """Schema of the object that `gigawatt finance circle STUDY --json` prints."""
    payment = {
        "payer": _text("Id of who pays."),
        "payee": _text("Id of who is paid."),
        "kind": {"enum": [kind.value for kind in FlowKind]},
        "amount_usd": _USD,
    }
    way = closed(
        {
            "bought_usd": _series("Purchases from the investor by month."),
            "returned_usd": _series("Cash that came back with them by month, first in first out."),
            "share_fraction": {"type": "number", "description": "Of all it put in, the share that came back (ratio)."},
            "mean_months": _maybe("Months until a dollar came back, on average."),
            "half_by": _month("By when half of it had come back."),
        }
    )
    loss = {
        "case": _text("What goes wrong."),
        "party": _text("The party's id."),
        "base_usd": _USD,
        "stressed_usd": _USD,
        "loss_usd": {"type": "number", "description": "Net cash over the horizon that it loses, nominal USD."},
        "deepest_usd": {"type": "number", "description": "Deepest cumulative cash need in the case, nominal USD."},
    }
    investor = {
        "investor": _text("The investor's id."),
        "invested_usd": _series("What it puts in, for shares and as loans, by month."),
        "purchases_of_recipients": way,
        "purchases_of_everybody": way,
    }
    return {
        "$schema": _DRAFT,
        "title": "The circle of money of a gigawatt study",
        **closed(
            {
                "scenario": _text("The scenario's name."),
                "parties": {"type": "object", "additionalProperties": {"type": "string"}},
                "months": _list("First days of the calendar's months.", {"type": "string", "format": "date"}),
                "matrix": _list("Payments over the horizon between two parties by kind.", closed(payment)),
                "investors": _list("Largest first.", closed(investor)),
                "exposures": _list("Contingent claims at their greatest.", _claim(party=True)),
                "losses": _list("What each party loses when things go wrong, case by case.", closed(loss)),
                "page": _text("Where the page was written."),
            }
        ),
    }


def _returns() -> Schema:
    return closed(
        {
            "view": {"enum": [view.value for view in View]},
            "paid_usd": _USD,
            "received_usd": _USD,
            "held_usd": _maybe("Value of shares held at the end, nominal USD."),
            "npv_usd": _USD,
            "rate_fraction": _maybe("XIRR, a year (ratio)."),
            "multiple_ratio": _maybe("MOIC (ratio)."),
            "payback": _month("From when cumulative cash is never negative again."),
            "peak_funding_usd": _USD,
            "peak_funding_month": {"type": "string", "format": "date"},
        }
    )


def _loan() -> Schema:
    return closed(
        {
            "contract": _text("The loan's id."),
            "drawn_usd": _USD,
            "least_dscr_ratio": _maybe("Least cash over debt service of a calendar year (ratio)."),
            "least_dscr_year": {"type": "integer", "description": "That year; 0 where nothing was due."},
            "least_llcr_ratio": _maybe("Least loan life coverage (ratio)."),
            "greatest_ltv_ratio": _maybe("Greatest debt over collateral (ratio)."),
        }
    )


def _levelized() -> Schema:
    units = {name: _maybe("Present value over present value, USD.") for name in WATERFALL_SCHEMA if name != "layer"}
    rows = _list("By layer, then all.", closed({"layer": _text("What is paid for, or all."), **units}))
    keyed = {"type": "object", "additionalProperties": rows}
    return closed({"all": rows, "by_platform": keyed, "by_site": keyed})


def _claim(*, party: bool = False) -> Schema:
    who = {"party": _text("Id of who would pay.")} if party else {}
    when = {"type": "string", "format": "date"}
    return closed({"contract": _text("The contract's id."), **who, "month": when, "amount_usd": _USD})


def _yearly(lines: tuple[str, ...]) -> Schema:
    return closed({"year": {"type": "integer"}, **{f"{line}_usd": _USD for line in lines}})


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _maybe(description: str) -> Schema:
    return {"type": ["number", "null"], "description": f"{description} Null when there is none."}


def _month(description: str) -> Schema:
    return {"type": ["string", "null"], "format": "date", "description": f"{description} Null if never."}


def _list(description: str, item: Schema) -> Schema:
    return {"type": "array", "description": description, "items": item}


def _series(description: str) -> Schema:
    return _list(f"{description} Nominal USD.", {"type": "number"})
