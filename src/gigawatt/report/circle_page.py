"""The circle of a study's money on one self-contained page: who pays whom, and what comes back to investors."""

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from gigawatt.entities.stages import Study
from gigawatt.finance.circle import InvestorCircle, investor_circles, payment_matrix
from gigawatt.report import blocks, figures, measures, words
from gigawatt.report.cells import Table
from gigawatt.report.html import figure_json, render_page
from gigawatt.report.wording import month_name


@dataclass(frozen=True, slots=True, kw_only=True)
class CirclePage:
    """All that the template shows."""

    title: str
    span: str
    sentence: str
    matrix: Table
    investors: Table
    exposures: Table
    losses: Table
    figures: dict[str, Markup]
    heights: dict[str, int]
    hash: str


def circle_html(study: Study, losses: pl.DataFrame) -> str:
    """The circle as a page that needs no network; `losses` as `risk.stress.exposures` has them."""
    months = study.inputs.calendar.months
    pictures = {"payment_circle": figures.payment_circle(study), "way_back": figures.way_back(study)}
    drawn = {name: figure for name, figure in pictures.items() if figure is not None}
    page = CirclePage(
        title=study.inputs.title,
        span=f"{month_name(months[0])} to {month_name(months[-1])}",
        sentence=words.circle(study),
        matrix=blocks.matrix_table(study),
        investors=blocks.investors_table(study),
        exposures=blocks.exposures_table(study),
        losses=blocks.losses_table(study, losses),
        figures={name: figure_json(figure) for name, figure in drawn.items()},
        heights={name: int(figure.layout.height) for name, figure in drawn.items()},
        hash=study.manifest.content_sha256,
    )
    return render_page("circle.html.j2", title=f"The circle of {page.title} · gigawatt", page=page)


def study_circles(study: Study) -> tuple[InvestorCircle, ...]:
    """Every party that puts money in, largest first."""
    return investor_circles(study.inputs, appraisal=study.appraisal)


def circle_object(study: Study, losses: pl.DataFrame) -> dict[str, object]:
    """What `gigawatt finance circle --json` prints: the matrix, investors' circles, greatest claims, losses by case."""
    names = measures.party_names(study)
    months = [month.isoformat() for month in study.inputs.calendar.months]
    return {
        "scenario": study.inputs.name,
        "parties": names,
        "months": months,
        "matrix": payment_matrix(study.appraisal.flows).to_dicts(),
        "investors": [_investor_object(each) for each in study_circles(study)],
        "exposures": [
            {"contract": contract, "party": party, "month": month.isoformat(), "amount_usd": amount}
            for contract, (party, amount, month) in measures.exposures_by_contract(study).items()
        ],
        "losses": losses.to_dicts(),
    }


def _investor_object(circle: InvestorCircle) -> dict[str, object]:
    ways = {"purchases_of_recipients": circle.of_recipients, "purchases_of_everybody": circle.of_everybody}
    return {
        "investor": circle.investor,
        "invested_usd": circle.invested_usd.tolist(),
        **{
            name: {
                "bought_usd": way.bought_usd.tolist(),
                "returned_usd": way.returned_usd.tolist(),
                "share_fraction": way.share_fraction,
                "mean_months": way.mean_months if way.returned_usd.any() else None,
                "half_by": None if way.half_by is None else way.half_by.isoformat(),
            }
            for name, way in ways.items()
        },
    }
