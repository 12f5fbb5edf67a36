"""Allocations of platforms as a scenario states them."""

from datetime import date
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.hardware import Allocation
from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import SOUND

CATALOG = load()
RACKS = 'id = "gb300-nvl72"\n'


def stated(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(SOUND.replace(RACKS, f"{RACKS}allocation = [{{ {text} }}]\n"))
    return path


def test_an_allocation_is_read(tmp_path: Path) -> None:
    words = 'from = "2027-04", to = "2027-06", most = "300 rack", least = "100 rack", shortfall = "0.5 MUSD/rack"'
    assert resolve(read(stated(tmp_path, words)), CATALOG).offers[0].allocations == (
        Allocation(
            first=date(2027, 4, 1),
            last=date(2027, 6, 1),
            most_racks_count=300.0,
            least_racks_count=100.0,
            shortfall_usd_per_rack=0.5e6,
        ),
    )


def test_missing_racks_are_refused_where_no_price_is_stated(tmp_path: Path) -> None:
    (item,) = (
        resolve(read(stated(tmp_path, 'from = "2027-04", to = "2027-06", least = "1 rack"')), CATALOG)
        .offers[0]
        .allocations
    )
    assert (item.most_racks_count, item.shortfall_usd_per_rack) == (None, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('from = "2027-04", to = "2027-06"', "neither most nor least"),
        ('from = "2026-12", to = "2027-06", most = "3 rack"', "before the programme's start"),
        ('from = "2027-04", to = "2027-03", most = "3 rack"', "2027-03, before 2027-04"),
        ('from = "2027-04", to = "2027-06", most = "3 rack", least = "4 rack"', "4 racks to be taken of 3 set aside"),
        ('from = "2027-04", to = "2027-06", most = "3 rack", shortfall = "1 MUSD/rack"', "none must be taken"),
        ('from = "2027-05", to = "2027-06", least = "3 rack"', "no planning period begins"),
    ],
)
def test_an_allocation_without_sense_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        resolve(read(stated(tmp_path, text)), CATALOG)
