"""What the catalogue holds: nothing lost, nothing unsourced, every quantity readable."""

import re

import pytest

from gigawatt.catalog import Figure, load
from gigawatt.catalog.dimensions import DIMENSIONS
from gigawatt.catalog.items import NotesTable, SiteTable
from gigawatt.catalog.schema import KEBAB, RECORD_ID
from gigawatt.errors import QuantityError
from gigawatt.provenance import Grade
from gigawatt.units import Dimension, parse

CATALOG = load()
RECORDS = [record for of_kind in CATALOG.records.values() for record in of_kind.values()]
FIGURES = [figure for record in RECORDS for figure in record.figures.values()]
STATEMENTS = [stated for figure in FIGURES for stated in (figure, *figure.alternatives)]


@pytest.mark.parametrize(
    ("kind", "records", "figures"),
    [
        # As collected on 2026-11-23: 945 figures; 370 + 144 + 56 + 87 + 288 = 945.
        ("platforms", 29, 370),
        ("models", 36, 144),
        ("sites", 44, 56),
        ("deals", 24, 87),
        ("economics", 22, 288),
    ],
)
def test_nothing_that_was_collected_is_lost(kind, records, figures):
    found = CATALOG.records[kind].values()
    assert len(found) >= records
    assert sum(len(record.details.figures) for record in found) >= figures


def test_rows_of_estimated_timelines_and_the_census_are_figures_too():
    sites = [record for record in CATALOG.records["sites"].values() if isinstance(record.details, SiteTable)]
    rows = sum(len(site.details.timeline.rows) for site in sites if site.details.timeline is not None)
    assert rows >= 108
    # 50 sites with facility power, H100 equivalents and capital each
    assert len(CATALOG.records["economics"]["epoch-all-sites-2026-05"].figures) == 150
    power = CATALOG.figure("sites/stargate-abilene/timeline-2026-11-01-it-power")
    assert (power.text, power.scope) == ("843 MW IT", "projected")


def test_loose_blocks_are_kept():
    economics = CATALOG.records["economics"]
    assert len(economics["measured-matmul-efficiency"].figures) == 12
    assert len(economics["nvidia-content-per-gw"].figures) == 3
    assert len(economics["epoch-cost-model"].figures) == 4
    assert len(economics["top-sites-by-it-power-2026-09"].figures) == 15
    assert len(economics["training-compute"].figures) == 11
    assert set(CATALOG.notes) == {"platforms", "models", "sites", "deals", "economics", "vocabulary"}
    assert len(CATALOG.notes["deals"].overlap_groups) == 3
    assert [len(CATALOG.notes[part].gaps) for part in ("platforms", "models", "sites", "deals", "economics")] == [
        5,
        6,
        5,
        4,
        5,
    ]


def test_every_grade_is_explained():
    vocabulary = CATALOG.notes["vocabulary"]
    assert isinstance(vocabulary, NotesTable)
    assert set(vocabulary.grades) == set(Grade)


def test_ids_and_keys_are_kebab_case_and_aliases_unique():
    for record in RECORDS:
        assert RECORD_ID.match(record.id)
        assert all(KEBAB.match(key) for key in record.figures)
    for of_kind in CATALOG.records.values():
        names = [name for record in of_kind.values() for name in (record.id, *record.aliases)]
        assert len(names) == len(set(names))


def test_every_figure_has_a_source_or_is_an_assumption_with_a_reason():
    for figure in FIGURES:
        if figure.grade is Grade.ASSUMED:
            assert figure.why, figure.key
            assert figure.key.startswith("assumptions/")
        else:
            assert figure.sources, figure.key
        assert figure.as_of, figure.key


def test_derived_assumptions_name_figures_that_exist():
    for figure in FIGURES:
        for parent in figure.derived_from:
            assert CATALOG.figure(parent).key == parent


def test_alternatives_are_preferred_explicitly():
    for figure in FIGURES:
        if figure.alternatives:
            assert figure.why, figure.key


def readable(text: str) -> list[Dimension]:
    """The dimensions that a quantity can be read in."""
    accepted = []
    for dimension in DIMENSIONS:
        try:
            parse(text, dimension)
        except QuantityError:
            continue
        accepted.append(dimension)
    return accepted


def printed_quantities(figure: Figure) -> list[str]:
    value = [figure.text] if figure.value is not None else []
    return [*value, *(bound for bound in (figure.low, figure.high) if bound)]


def test_every_quantity_parses():
    texts = {text for figure in STATEMENTS for text in printed_quantities(figure)}
    example_of_unit = {text.split(" ", 1)[1]: text for text in sorted(texts)}
    assert len(example_of_unit) > 50
    assert [unit for unit, text in example_of_unit.items() if not readable(text)] == []


def test_the_unit_check_can_fail():
    assert readable("5 furlong") == []


def test_ranges_hold_their_value():
    for figure in STATEMENTS:
        if not (figure.low and figure.high):
            continue
        low, high = (float(bound.split(" ", 1)[0]) for bound in (figure.low, figure.high))
        assert figure.low.split(" ", 1)[1] == figure.high.split(" ", 1)[1] == figure.unit
        assert low <= (low if figure.value is None else figure.value) <= high, figure.key


def test_power_keys_say_the_basis_that_their_unit_says():
    for figure in STATEMENTS:
        key = figure.key.split("/")[2]
        for word, unit in (("facility-power", " facility"), ("it-power", " IT"), ("grid-power", " grid")):
            if key.endswith(word):
                assert figure.unit.endswith(unit), figure.key


def test_dense_keys_never_hold_sparse_rates():
    for figure in STATEMENTS:
        key = figure.key.split("/")[2]
        if key.startswith("peak-dense"):
            assert not re.search(r"\b(is the sparse|unqualified|not stated)\b", figure.basis)
        if "sparse" in key or "unqualified" in key:
            assert "dense" not in key


def test_the_catalogue_is_hashed_and_loaded_once():
    assert re.fullmatch(r"[0-9a-f]{64}", CATALOG.sha256)
    assert load() is CATALOG
