"""Reading: includes, overrides, bundled scenarios, the digest and the schema."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import BUNDLED, bundled, canonical, digest, json_schema, read
from tests.scenario.malformed import SOUND


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.toml"
    path.write_text(SOUND)
    return path


def test_the_bundled_scenarios_are_listed_by_name_and_title_and_parts_are_not():
    titles = bundled()
    assert set(titles) == {"deals-2026", "loi-2025", "minimal", "restructured-2026"}
    assert titles["minimal"] == "One site, one service"


def test_a_bundled_scenario_is_found_by_its_name_and_a_file_by_its_path(sound):
    assert read("minimal").name == "minimal"
    assert read(sound).name == read(str(sound)).name == "sound"


def test_the_least_scenario_has_twelve_lines():
    lines = (BUNDLED / "minimal.toml").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) == 12


@pytest.mark.parametrize("name", ["deals-2026", "loi-2025", "minimal", "restructured-2026"])
def test_the_canonical_document_reads_back_as_the_same_scenario(name, tmp_path):
    scenario = read(name)
    path = tmp_path / "again.toml"
    path.write_text(_toml(canonical(scenario)))
    assert digest(read(path)) == digest(scenario)
    assert read(path).document == scenario.document


def test_the_digest_does_not_see_comments_or_files_but_every_value(sound, tmp_path):
    split = tmp_path / "split.toml"
    head, tail = SOUND[: SOUND.index("[[site]]")], SOUND[SOUND.index("[[site]]") :]
    (tmp_path / "rest.toml").write_text(tail)
    split.write_text(f'# a comment\ninclude = ["rest.toml"]\n{head}')
    assert digest(read(split)) == digest(read(sound))
    assert digest(read(sound, ["programme.opening_cash=7 bn USD"])) != digest(read(sound))


@pytest.mark.usefixtures("sound")
def test_an_including_file_speaks_last_and_arrays_merge_by_id(tmp_path):
    over = tmp_path / "over.toml"
    over.write_text(
        'include = ["sound.toml"]\n[programme]\nname = "Over"\n'
        '[[site]]\ncatalog = "stargate-milam"\nenergy_price = "99 USD/MWh"\n'
        '[[party]]\nid = "late"\nname = "Late"\n'
    )
    document = read(over).document
    assert document.programme.name == "Over"
    assert document.programme.opening_cash.text == "6 bn USD"
    assert [site.id or site.catalog for site in document.sites] == ["alpha", "stargate-milam"]
    assert document.sites[1].energy_price.value == 99.0
    assert document.sites[1].power[0].facility.value == 200.0
    assert [party.id for party in document.parties] == ["openai", "nvidia", "landlord", "late"]


@pytest.mark.usefixtures("sound")
def test_nested_arrays_are_replaced_as_a_whole(tmp_path):
    over = tmp_path / "over.toml"
    over.write_text(
        'include = ["sound.toml"]\n[[site]]\nid = "alpha"\npower = [{ from = "2029-01", facility = "5 MW facility" }]\n'
    )
    assert len(read(over).document.sites[0].power) == 1


def test_a_file_included_twice_by_two_paths_counts_once(sound, tmp_path):
    (tmp_path / "a.toml").write_text('include = ["sound.toml"]\n')
    (tmp_path / "b.toml").write_text('include = ["sound.toml"]\n')
    (tmp_path / "top.toml").write_text('include = ["a.toml", "b.toml"]\n')
    assert digest(read(tmp_path / "top.toml")) == digest(read(sound))


def test_an_include_may_not_lead_out_by_a_symbolic_link(sound, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.toml").symlink_to(sound)
    (inside / "top.toml").write_text('include = ["link.toml"]\n')
    with pytest.raises(ScenarioError, match="below the directory"):
        read(inside / "top.toml")


@pytest.mark.parametrize(
    ("override", "look", "expected"),
    [
        ("programme.discount_rate=12 percent", lambda d: d.programme.discount_rate.value, 0.12),
        ('programme.discount_rate="12 percent"', lambda d: d.programme.discount_rate.value, 0.12),
        ("site.alpha.energy_price=70 USD/MWh", lambda d: d.sites[0].energy_price.value, 70.0),
        ("site[1].energy_price=71 USD/MWh", lambda d: d.sites[1].energy_price.value, 71.0),
        ("site.stargate-milam.ownership.rent=1 USD/MW IT/month", lambda d: d.sites[1].ownership.rent.value, 1.0),
        ("site.alpha.power[0].facility=150 MW facility", lambda d: d.sites[0].power[0].facility.value, 150.0),
        ("training.run.deadline=2029-06", lambda d: d.runs[0].deadline.isoformat(), "2029-06-01"),
        ("solver.gap=1 percent", lambda d: d.solver.gap.value, 0.01),
        ("contract.tranches.binding=true", lambda d: d.contracts[0].binding, True),
        ('site.alpha.platforms=["gb300-nvl72"]', lambda d: d.sites[0].platforms, ("gb300-nvl72",)),
        ("service.chat.model=llama-3.1-8b", lambda d: d.services[0].model, "llama-3.1-8b"),
    ],
)
def test_an_override_changes_the_value_it_names(sound, override, look, expected):
    assert look(read(sound, [override]).document) == expected


def test_an_id_with_dots_can_be_overridden(tmp_path):
    path = tmp_path / "dots.toml"
    path.write_text(SOUND.replace('id = "chat"\nmodel = "gpt-oss-120b"', 'model = "llama-3.1-8b"'))
    document = read(path, ["service.llama-3.1-8b.demand=7 token/month"]).document
    assert document.services[0].demand.start.value == 7.0


def test_later_overrides_win(sound):
    scenario = read(sound, ["solver.gap=1 percent", "solver.gap=2 percent"])
    assert scenario.document.solver.gap.value == 0.02


@pytest.mark.parametrize("name", ["deals-2026", "loi-2025", "minimal", "restructured-2026"])
def test_bundled_scenarios_are_valid_against_the_printed_schema(name):
    raw = read(name).raw
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(json.loads(json.dumps(raw)))) == []


def test_the_printed_schema_refuses_an_unknown_key():
    raw = tomllib.loads(SOUND) | {"colour": 3}
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(raw))


def _toml(value: object) -> str:
    """A document as TOML, top-level keys with inline values; JSON strings are TOML strings."""
    assert isinstance(value, dict)
    return "".join(f"{key} = {_inline(inner)}\n" for key, inner in value.items())


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(inner) for inner in value) + "]"
    return json.dumps(value)
