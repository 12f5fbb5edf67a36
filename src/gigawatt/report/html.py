"""One self-contained page: nothing is fetched, and the page's own policy forbids it to fetch anything."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gigawatt.entities.stages import Manifest, Study
from gigawatt.provenance import Evidence, Grade
from gigawatt.report import blocks, figures, measures, rates, reach, words
from gigawatt.report.blocks import Tile
from gigawatt.report.cells import Table
from gigawatt.report.estate import estate_words, own_power_table
from gigawatt.report.figures.binding import heat_words
from gigawatt.report.figures.power import milestone_basis
from gigawatt.report.palette import DARK_COUNTERPARTS
from gigawatt.report.wording import month_name

FIGURES: dict[str, Callable[[Study], go.Figure | None]] = {
    "energized_by_site": figures.energized_by_site,
    "energized_by_platform": figures.energized_by_platform,
    "tranches": figures.tranches,
    "programme_cash": figures.programme_cash,
    "payment_circle": figures.payment_circle,
    "way_back": figures.way_back,
    "party_cash": figures.party_cash,
    "us_map": figures.us_map,
    "world_map": figures.world_map,
    "demand_and_service": figures.demand_and_service,
    "training_runs": figures.training_runs,
    "runs_at_sites": figures.runs_at_sites,
    "serving_fronts": figures.serving_fronts,
    "rack_rates": figures.rack_rates,
    "training_mfu": figures.training_mfu,
    "mtoken_cost": figures.mtoken_cost,
    "levelized_layers": figures.levelized_layers,
    "capex_waterfall": figures.capex_waterfall,
    "binding_heat": figures.binding_heat,
}

WORDS: dict[str, Callable[[Study], str]] = {
    "opening": words.opening,
    "solution": words.solution,
    "energized": words.energized,
    "milestones": words.milestones,
    "platform_mix": words.platform_mix,
    "cash": words.cash,
    "circle": words.circle,
    "at_the_end": words.at_the_end,
    "sites": words.sites,
    "service": words.service,
    "training": words.training,
    "runs_at_sites": words.runs_at_sites,
    "unit_costs": words.unit_costs,
    "performance": words.performance,
    "fronts": words.fronts,
    "capital": words.capital,
    "evidence": words.evidence,
    "binding_heat": heat_words,
    "estate": estate_words,
}

TABLES: dict[str, Callable[[Study], Table]] = {
    "milestones": blocks.milestones_table,
    "parties": blocks.parties_table,
    "investors": blocks.investors_table,
    "exposures": blocks.exposures_table,
    "training": blocks.training_table,
    "parts": reach.parts_table,
    "own_power": own_power_table,
    "returns": blocks.returns_table,
    "loans": blocks.loans_table,
    "levelized": blocks.levelized_table,
    "unit_costs": rates.unit_costs_table,
    "rates": rates.rates_table,
    "training_rates": rates.training_rates_table,
    "capex": blocks.capex_table,
    "sites": blocks.sites_table,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLink:
    """A source as it stands in the evidence table; the link is empty when there is none to the web."""

    text: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """A figure as it stands in the evidence table."""

    key: str
    text: str
    range: str
    grade: str
    grade_rank: int
    origin: str
    as_of: str
    note: str
    sources: tuple[SourceLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the report's template shows."""

    title: str
    span: str
    programme: str
    draws_count: int
    milestone_basis: str
    words: dict[str, str]
    tiles: tuple[Tile, ...]
    tables: dict[str, Table]
    figures: dict[str, Markup]
    heights: dict[str, int]
    binding: tuple[str, ...]
    evidence: tuple[EvidenceRow, ...]
    grades: tuple[str, ...]
    origins: tuple[str, ...]
    manifest: Manifest


def report_html(study: Study) -> str:
    """The report as one HTML page."""
    page = report_page(study)
    return render_page("report.html.j2", title=f"{page.title} · gigawatt", page=page)


def report_page(study: Study) -> Page:
    """What the report shows, before it is set."""
    drawn = {name: figure for name, draw in FIGURES.items() if (figure := draw(study)) is not None}
    evidence = tuple(_evidence_row(entry) for entry in study.inputs.ledger.entries)
    months = study.inputs.calendar.months
    return Page(
        title=study.inputs.title,
        span=f"{month_name(months[0])} to {month_name(months[-1])}",
        programme=measures.party_names(study)[study.inputs.programme],
        draws_count=study.bands.draws_count,
        milestone_basis=milestone_basis(study),
        words={name: say(study) for name, say in WORDS.items()},
        tiles=blocks.tiles(study),
        tables={name: make(study) for name, make in TABLES.items()},
        figures={name: figure_json(figure) for name, figure in drawn.items()},
        heights={name: int(figure.layout.height) for name, figure in drawn.items()},
        binding=study.plan.binding,
        evidence=evidence,
        grades=tuple(sorted({row.grade for row in evidence}, key=lambda grade: list(Grade).index(Grade(grade)))),
        origins=tuple(sorted({row.origin for row in evidence})),
        manifest=study.manifest,
    )


def _evidence_row(entry: Evidence) -> EvidenceRow:
    bounds = " to ".join(bound for bound in (entry.low, entry.high) if bound)
    return EvidenceRow(
        key=entry.key,
        text=entry.text,
        range=bounds,
        grade=str(entry.grade),
        grade_rank=list(Grade).index(entry.grade),
        origin=entry.origin,
        as_of=entry.as_of,
        note=entry.note,
        sources=tuple(
            SourceLink(
                text=", ".join(part for part in (source.publisher or source.id, source.date) if part),
                link=source.url if source.url.startswith(("https://", "http://")) else "",
            )
            for source in entry.sources
        ),
    )


def figure_json(figure: go.Figure) -> Markup:
    """A figure as JSON that is safe inside a script element."""
    return _script_json(str(figure.to_json()))


def _script_json(text: str) -> Markup:
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # escaped here


def render_page(template: str, *, title: str, page: object) -> str:
    """A template set with the house's style, script and drawing library inside."""
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            page=page,
            style=Markup(_asset("style.css")),  # our own file
            script=Markup(_asset("report.js")),  # our own file
            plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),  # the packaged library
            dark_colours=_script_json(json.dumps(DARK_COUNTERPARTS)),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("gigawatt.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return files("gigawatt.report").joinpath("templates").joinpath(name).read_text(encoding="utf-8")
