"""Whatever is wrong with a scenario, the answer is one of our errors with its four parts, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.cli import main
from gigawatt.errors import CatalogError, QuantityError, ScenarioError
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import MALFORMED, SOUND, Malformed
from tests.scenario.malformed_contracts import CONTRACTS, SOUND_CONTRACTS

each = pytest.mark.parametrize("case", [*MALFORMED, *CONTRACTS], ids=lambda case: case.name)


def test_the_scenario_without_mistakes_is_sound(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(SOUND)
    inputs = resolve(read(path), load())
    assert [site.id for site in inputs.sites] == ["alpha", "stargate-milam"]


def test_there_are_more_than_a_hundred_mistakes_each_with_its_own_name():
    names = [case.name for case in (*MALFORMED, *CONTRACTS)]
    assert len(MALFORMED) > 100
    assert len(CONTRACTS) > 60
    assert len(set(names)) == len(names)


def test_the_contracts_without_mistakes_are_sound_together(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(SOUND + "".join(SOUND_CONTRACTS.values()))
    inputs = resolve(read(path), load())
    assert [contract.id for contract in inputs.contracts[3:]] == list(SOUND_CONTRACTS)
    assert next(offer for offer in inputs.offers).price_usd_per_rack == 4e6
    loan = next(contract for contract in inputs.contracts if contract.id == "loan")
    assert (loan.terms.collateral_life_months, loan.terms.tenor_months, loan.borrower) == (60, 60, "openai")


def test_another_currency_is_refused_with_its_cure(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(SOUND.replace('amount = "1 bn USD" }]', 'amount = "1 bn EUR" }]'))
    with pytest.raises(QuantityError) as caught:
        resolve(read(path), load())
    assert "USD" in caught.value.fix


@each
def test_a_mistake_is_refused_with_where_found_expected_and_fix(case: Malformed, tmp_path):
    with pytest.raises((ScenarioError, QuantityError, CatalogError)) as caught:
        resolve(read(_source(case, tmp_path), case.overrides), load())
    error = caught.value
    assert case.where in error.where
    assert all(part.strip() for part in (error.found, error.expected, error.fix))
    assert len(str(error)) < 2000
    assert str(error).isprintable()


@each
def test_the_command_line_answers_a_mistake_with_exit_code_2(case: Malformed, tmp_path, monkeypatch, capsys):
    settings = [word for override in case.overrides for word in ("--set", override)]
    source = str(_source(case, tmp_path))
    monkeypatch.setattr(sys, "argv", ["gigawatt", "scenario", "check", source, *settings])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert all(word in printed.err for word in ("Error in", "found", "expected", "fix"))


@pytest.mark.parametrize("name", ["bare number", "invalid UTF-8", "include in a circle", "set an unknown site"])
def test_the_program_itself_ends_with_exit_code_2(name: str, tmp_path):
    case = next(case for case in MALFORMED if case.name == name)
    settings = [word for override in case.overrides for word in ("--set", override)]
    ended = subprocess.run(
        [sys.executable, "-m", "gigawatt", "scenario", "check", str(_source(case, tmp_path)), *settings],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "fix" in ended.stderr


def _source(case: Malformed, folder: Path) -> str | Path:
    path = case.write(folder)
    return path if path.is_absolute() else str(path)
