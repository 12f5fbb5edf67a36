"""The page fetches nothing, and the memo and the workbook carry the study's numbers."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import openpyxl
import pytest

from gigawatt.entities.stages import Study
from gigawatt.provenance import Evidence, Grade, Ledger, Source
from gigawatt.report.documents import documents
from gigawatt.report.excel import report_xlsx
from gigawatt.report.html import FIGURES, report_html, report_page
from gigawatt.report.markdown import report_markdown

FETCHING = {"src", "srcset", "poster", "data", "action", "background", "ping", "manifest"}


class Elements(HTMLParser):
    """All start tags with their attributes, and the text of JSON scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_json = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_json = tag == "script" and dict(attrs).get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._in_json = self._in_json and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_json:
            self.scripts.append(data)


@pytest.fixture(scope="module")
def page(study: Study) -> Elements:
    elements = Elements()
    elements.feed(report_html(study))
    return elements


def test_the_page_fetches_nothing(page: Elements) -> None:
    assert not [tag for tag, _ in page.tags if tag in {"link", "iframe", "img", "object", "embed", "base"}]
    assert not [(tag, name) for tag, attrs in page.tags for name in attrs if name in FETCHING]
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_links_to_the_web_are_sources_only(study: Study, page: Elements) -> None:
    known = {source.url for entry in study.inputs.ledger.entries for source in entry.sources}
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert {link for link in links if not str(link).startswith("#")} == known


def test_the_style_and_the_script_name_no_address(study: Study) -> None:
    text = report_html(study)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    own_script = text[text.rindex("<script>") :]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", own_script)


def test_figures_draw_no_map_that_needs_a_server(page: Elements) -> None:
    figures = [json.loads(text) for text in page.scripts if '"layout"' in text]
    assert len(figures) == len(FIGURES)
    kinds = {trace.get("type", "scatter") for figure in figures for trace in figure["data"]}
    assert kinds <= {"scatter", "bar", "sankey", "waterfall", "heatmap"}


def test_text_of_others_is_escaped(study: Study) -> None:
    evil = Source(id="x", publisher="<script>alert(1)</script>", url="javascript:alert(1)", date="", tier="")
    entry = Evidence(key="<img src=x>", text="1", grade=Grade.ASSUMED, origin="scenario", sources=(evil,))
    title = "</script><b>title"
    inputs = replace(study.inputs, title=title, ledger=Ledger(entries=(entry,)))
    text = report_html(replace(study, inputs=inputs))
    assert "<script>alert" not in text
    assert "javascript:alert" not in text
    assert "<img src=x>" not in text
    assert "</script><b>" not in text


def test_an_empty_build_renders(study: Study) -> None:
    state = study.history.state
    nothing = state.map(lambda array: array * 0.0, keep_attrs=True)
    flows = study.appraisal.flows.clear()
    appraisal = replace(
        study.appraisal, flows=flows, milestones=(), capex_usd={}, opex_usd={}, revenue_usd=0.0,
        unit_costs=study.appraisal.unit_costs.clear(), exposures=study.appraisal.exposures.clear(),
        irr_fraction=float("nan"),
    )  # fmt: skip
    empty = replace(study, history=replace(study.history, state=nothing), appraisal=appraisal)
    assert report_page(empty).words["energized"] == "No rack enters service."
    assert all(documents(empty).values())


def test_words_follow_the_figures(study: Study) -> None:
    page = report_page(study)
    assert "93% of the tokens wanted are served" in page.words["service"]
    assert page.words["milestones"].startswith("10 milestones pay $100 bn of at most $100 bn.")
    # racks cost 268.1 bn in all, rent 9.6 bn; the investor pays 10 x 10 bn
    assert "NVIDIA invests $100 bn and sells $278 bn" in page.words["circle"]
    assert page.tables["investors"].rows[0].cells[0].text == "NVIDIA"
    fewer = replace(study, appraisal=replace(study.appraisal, milestones=study.appraisal.milestones[:1]))
    assert report_page(fewer).words["milestones"].startswith("1 milestone pays $10.0 bn of at most $100 bn.")


def test_markdown_tables_are_whole(study: Study) -> None:
    text = report_markdown(study)
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) >= 8
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    assert "<b>" not in text


def test_the_workbook_has_numbers_as_numbers(study: Study) -> None:
    book = openpyxl.load_workbook(BytesIO(report_xlsx(study)))
    sheet = book["energized facility"]
    assert sheet["A1"].value == "month"
    assert str(sheet["B1"].value) == "all sites (MW facility)"
    shown = [sheet.cell(row=row, column=2).value for row in range(2, sheet.max_row + 1)]
    expected = study.history.state["energized_facility_mw"].sum(("site", "platform")).values
    assert shown == pytest.approx(expected)
    assert sheet.freeze_panes == "B2"
    flows = book["cash flows"]
    assert flows.max_row == study.appraisal.flows.height + 1
    total = sum(flows.cell(row=row, column=8).value for row in range(2, flows.max_row + 1))
    assert total == pytest.approx(study.appraisal.flows["amount_usd"].sum())
    assert {"summary", "racks", "milestones", "parties", "unit costs", "assumptions"} <= set(book.sheetnames)
    assert not [c for row in book["assumptions"].iter_rows() for c in row if c.data_type == "f"]
