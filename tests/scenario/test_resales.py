"""Ages at which racks may leave early as a scenario states them."""

from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.hardware import Resale
from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import SOUND

CATALOG = load()
RACKS = 'id = "gb300-nvl72"\n'


def stated(tmp_path: Path, *ages: str, more: str = "") -> Path:
    path = tmp_path / "scenario.toml"
    items = ", ".join(f"{{ {age} }}" for age in ages)
    path.write_text(SOUND.replace(RACKS, f"{RACKS}resale = [{items}]\n{more}"))
    return path


def test_ages_and_values_are_read_and_the_buyer_takes_part(tmp_path: Path) -> None:
    inputs = resolve(read(stated(tmp_path, 'age = "24 month", value = "40 percent"')), CATALOG)
    assert inputs.offers[0].resale == (Resale(age_months=24, value_fraction=0.4),)
    assert inputs.offers[0].buyer == "buyers-of-used-systems"
    assert "buyers-of-used-systems" in {party.id for party in inputs.parties}
    named = resolve(read(stated(tmp_path, 'age = "24 month"', more='buyer = "nvidia"\n')), CATALOG)
    assert named.offers[0].buyer == "nvidia"


def test_a_value_that_is_not_stated_is_the_books_and_stands_in_the_ledger(tmp_path: Path) -> None:
    # 66 months of life and 5 % residual in the books: 1 - 33/66 x 0.95 = 0.525
    inputs = resolve(read(stated(tmp_path, 'age = "33 month"')), CATALOG)
    assert inputs.offers[0].resale[0].value_fraction == pytest.approx(0.525)
    entry = next(e for e in inputs.ledger.entries if e.key == "scenario/platform.gb300-nvl72.resale[0].value")
    assert (entry.text, entry.origin) == ("52.5 percent", "default")


@pytest.mark.parametrize(
    ("ages", "words"),
    [
        (('age = "24 month"', 'age = "12 month"'), "12 month after 24 month"),
        (('age = "25 month"',), "a multiple of 3 months"),
        (('age = "60 month"',), "less than the life's 60"),
        (('age = "12.5 month"',), "whole number"),
    ],
)
def test_ages_without_sense_are_refused(tmp_path: Path, ages: tuple[str, ...], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        resolve(read(stated(tmp_path, *ages)), CATALOG)
