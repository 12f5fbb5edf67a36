"""The workbook's live formulas: each comes to the value beside it, and those values are the study's."""

from dataclasses import replace
from io import BytesIO

import openpyxl
import polars as pl
import pytest

from gigawatt.entities.stages import Study
from gigawatt.finance.contracts.given import LOAN_SCHEMA
from gigawatt.report.excel import report_xlsx
from tests.report.spreadsheet import Calculator


def with_a_loan(study: Study) -> Study:
    """The study with a loan of 60 that is served from 30 a month in its first year."""
    months = study.inputs.calendar.months
    rows = [
        {
            "contract": "loan",
            "month": month,
            "drawn_usd": 60.0 if index == 0 else 0.0,
            "interest_usd": 1.0 if index < 12 else 0.0,
            "principal_usd": 5.0 if index < 12 else 0.0,
            "unpaid_usd": 0.0,
            "balance_usd": max(0.0, 60.0 - 5.0 * (index + 1)),
            "available_usd": 30.0,
            "collateral_usd": 100.0,
            "reserve_usd": 0.0,
        }
        for index, month in enumerate(months)
    ]
    return replace(study, appraisal=replace(study.appraisal, loans=pl.DataFrame(rows, schema=LOAN_SCHEMA)))


@pytest.fixture(scope="module")
def content(study: Study) -> bytes:
    return report_xlsx(with_a_loan(study))


@pytest.fixture(scope="module")
def books(content: bytes):
    """The workbook with its formulas, and with the values that were written beside them."""
    return openpyxl.load_workbook(BytesIO(content)), openpyxl.load_workbook(BytesIO(content), data_only=True)


def labelled(sheet, label):
    return next(row[1] for row in sheet.iter_rows(values_only=True) if row[0] == label)


def test_every_formula_comes_to_its_value(books):
    live, cached = books
    calculator = Calculator(live)
    counts = {}
    for sheet in live:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type != "f":
                    continue
                counts[sheet.title] = counts.get(sheet.title, 0) + 1
                value = cached[sheet.title][cell.coordinate].value
                answer = calculator.cell(sheet.title, cell.column, cell.row)
                where = f"{sheet.title}!{cell.coordinate} {cell.value}"
                if isinstance(value, int | float):
                    assert answer == pytest.approx(value, rel=1e-9, abs=0.006), where
                else:
                    assert answer == value, where
    assert set(counts) >= {
        "returns", "programme", "cash flow statement", "income statement", "balance sheet", "circle", "investors",
        "loans", "levelized cost", "capital",
    }  # fmt: skip


def test_returns_are_the_studys(books, study: Study):
    _, cached = books
    sheet = cached["returns"]
    assert labelled(sheet, "net present value") == pytest.approx(net_present_value(study), rel=1e-9)
    assert labelled(sheet, "discount rate") == study.inputs.discount_rate_fraction


def net_present_value(study: Study) -> float:
    """Worth of the programme's flows before financing and tax, month by month."""
    rate, programme = study.inputs.discount_rate_fraction, study.inputs.programme
    months = {month: index for index, month in enumerate(study.inputs.calendar.months)}
    worth = 0.0
    for row in study.appraisal.flows.filter(~pl.col("kind").is_in(["financing", "tax"])).iter_rows(named=True):
        sign = (row["payee"] == programme) - (row["payer"] == programme)
        worth += sign * row["amount_usd"] * (1.0 + rate) ** (-months[row["month"]] / 12)
    return worth


def test_loans_have_their_ratios(books):
    _, cached = books
    first = next(cached["loans"].iter_rows(min_row=2, values_only=True))
    # July to December: 6 x 30 over 6 x 6; 30 of 60 owed on 100
    assert first[8] == pytest.approx(5.0)
    assert first[9] == pytest.approx(0.3)


def test_the_calculator_can_disagree(content: bytes, books):
    book = openpyxl.load_workbook(BytesIO(content))
    book["programme"]["B2"] = book["programme"]["B2"].value + 1e9
    told = labelled(books[1]["returns"], "net present value")
    row = next(r for r in book["returns"].iter_rows() if r[0].value == "net present value")
    # a billion more in the first month is worth a billion more
    assert Calculator(book).cell("returns", 2, row[0].row) == pytest.approx(told + 1e9)
