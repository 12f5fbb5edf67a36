"""The file of what has happened: what it says, and every way of saying it wrongly."""

import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gigawatt.entities.actuals import Actuals, PlantNews
from gigawatt.entities.site import Plant, PowerStep
from gigawatt.errors import InputError
from gigawatt.scenario.actuals import read_actuals
from tests.samples import PLATFORM, small_inputs

AS_OF = date(2028, 3, 1)
WHOLE = f"""
cash = "1.5 bn USD"

[[site]]
id = "alpha"
energized = [{{ from = "2027-09", facility = "90 MW facility" }}]
slip = "4 month"

[[racks]]
site = "alpha"
platform = "{PLATFORM.id}"
in_service = "0 rack"

[[order]]
site = "beta"
platform = "{PLATFORM.id}"
arrives = "2028-06"
racks = "16 rack"

[[platform]]
id = "{PLATFORM.id}"
price = "4 MUSD/rack"
lead = "9 month"
supply = [{{ from = "2028-04", rate = "50 rack/month" }}]
"""


def read(text: str, tmp_path: Path) -> Actuals:
    path = tmp_path / "actuals.toml"
    path.write_text(text, encoding="utf-8")
    return read_actuals(path, small_inputs(), as_of=AS_OF)


def test_everything_is_read_with_its_unit(tmp_path: Path) -> None:
    known = read(WHOLE, tmp_path)
    assert known.cash_usd == 1.5e9
    assert known.sites[0].energized == (PowerStep(start=date(2027, 9, 1), facility_mw=90.0),)
    assert known.sites[0].slip_months == 4
    assert known.racks[0].racks_count == 0
    assert (known.orders[0].site, known.orders[0].arrives, known.orders[0].racks_count) == (
        "beta",
        date(2028, 6, 1),
        16,
    )
    quote = known.quotes[0]
    assert (quote.price_usd_per_rack, quote.lead_months) == (4e6, 9)
    assert quote.supply is not None
    assert quote.supply[0].racks_per_month == 50.0


def test_silence_is_as_planned(tmp_path: Path) -> None:
    assert read("", tmp_path) == Actuals(as_of=AS_OF, sites=(), racks=(), orders=(), quotes=(), cash_usd=None)
    known = read('[[site]]\nid = "alpha"\nslip = "1 month"', tmp_path)
    assert known.sites[0].energized is None


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("cash = 5", "cash", "bare value 5"),
        ('cash = "5 MW"', "cash", "5 MW"),
        ('money = "5 bn USD"', "money", "unknown key"),
        ("[[site]]\nid = 3", "site[0].id", "3"),
        ('[[site]]\nid = "alhpa"', "site[0].id", "alhpa"),
        ('[[site]]\nid = "alpha"\nslip = "1.5 month"', "site[0].slip", "1.5 month"),
        ('[[site]]\nid = "alpha"\n[[site]]\nid = "alpha"', "site[1]", "second time"),
        ('[site]\nid = "alpha"', "site", "table"),
        (
            '[[site]]\nid = "alpha"\nenergized = [{ from = "2028-04", facility = "9 MW facility" }]',
            "site[0].energized[0]",
            "from 2028-04",
        ),
        ('[[racks]]\nsite = "alpha"\nplatform = "nothing"\nin_service = "8 rack"', "racks[0].platform", "nothing"),
        (f'[[racks]]\nsite = "alpha"\nplatform = "{PLATFORM.id}"', "racks[0].in_service", "nothing"),
        (
            f'[[order]]\nsite = "alpha"\nplatform = "{PLATFORM.id}"\narrives = "June"\nracks = "8 rack"',
            "order[0].arrives",
            "June",
        ),
        (f'[[platform]]\nid = "{PLATFORM.id}"\nprice = "4 MUSD"', "platform[0].price", "4 MUSD"),
        ("this is no TOML", "actuals.toml", "line 1"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, where: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(text, tmp_path)
    error = caught.value
    assert where in error.where
    assert found in error.found
    assert error.expected
    assert error.fix


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a TOML file that can be read"):
        read_actuals(tmp_path / "none.toml", small_inputs(), as_of=AS_OF)


def test_whatever_is_written_is_read_or_refused_with_its_place(tmp_path: Path) -> None:
    """Lines of a good file left out, doubled, swapped, cut and mangled: an answer or an error with its four parts."""
    rng = random.Random(7)
    refused: list[InputError] = []
    for _ in range(300):
        lines = WHOLE.splitlines()
        for _ in range(rng.randint(1, 3)):
            _mangle(lines, rng)
        try:
            assert isinstance(read("\n".join(lines), tmp_path), Actuals)
        except InputError as error:
            refused.append(error)
    assert 100 < len(refused) < 300
    assert all(error.where and error.found and error.expected and error.fix for error in refused)


def _mangle(lines: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(lines))
    line = lines[at]
    odd = ['"', "[", "]", "=", "{", "-", "9" * 40, "nan", "\u0000", "é", "1e999", "true", "0001-01", "[" * 5000]
    lines[at] = rng.choice(
        [
            "",
            f"{line}\n{line}",
            line[: rng.randint(0, len(line))],
            lines[rng.randrange(len(lines))],
            line.replace('"', rng.choice(odd), 1),
            f"{line[: len(line) // 2]}{rng.choice(odd)}{line[len(line) // 2 :]}",
            line.replace("2028", rng.choice(["1928", "9999", "0000"])),
            line.replace("rack", "MW facility"),
        ]
    )


ENGINE = Plant(
    id="gas-engine",
    most_mw=20.0,
    lead_months=12,
    cost_usd_per_mw=1.6e6,
    fixed_usd_per_mw_month=0.0,
    energy_usd_per_mwh=45.0,
    firm_fraction=0.9,
    energy_fraction=0.92,
    carbon_t_per_mwh=0.45,
)


def late(text: str, tmp_path: Path) -> Actuals:
    path = tmp_path / "actuals.toml"
    path.write_text(text, encoding="utf-8")
    inputs = small_inputs()
    first, *others = inputs.sites
    owned = replace(inputs, sites=(replace(first, plants=(ENGINE,)), *others))
    return read_actuals(path, owned, as_of=AS_OF)


def test_a_plant_that_is_late(tmp_path: Path) -> None:
    text = '[[plant]]\nsite = "alpha"\nid = "gas-engine"\nslip = "3 month"\n'
    assert late(text, tmp_path).plants == (PlantNews(site="alpha", plant="gas-engine", slip_months=3),)
    for wrong, words in (
        (text.replace("alpha", "beta"), "site with plants"),
        (text.replace("gas-engine", "solar"), "the unknown plant"),
        (text + text, "a second time"),
        (text.replace("3 month", "1.5 month"), "whole number"),
    ):
        with pytest.raises(InputError, match=words):
            late(wrong, tmp_path)
