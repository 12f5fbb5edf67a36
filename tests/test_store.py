"""A study goes to disk whole and comes back the same; damage is told, and nothing else is overwritten."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path

import polars as pl
import pytest
import xarray as xr

from gigawatt import store
from gigawatt.entities.site import Plant
from gigawatt.entities.stages import Study
from gigawatt.errors import StudyFolderError
from gigawatt.store import codec
from gigawatt.store.content import datasets, tables
from tests.report.studies import rich_study


@pytest.fixture(scope="module")
def study() -> Study:
    return rich_study()


@pytest.fixture
def folder(study: Study, tmp_path: Path) -> Path:
    place = tmp_path / "study"
    store.write(study, place, documents={"report.html": b"<p>first</p>"})
    return place


OUR_FILES = ("manifest.json", "inputs.json", "results.json", "history-state.nc", "appraisal-flows.parquet")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_read_is_what_was_written(study: Study, folder: Path) -> None:
    back = store.read(folder)
    assert back.inputs == study.inputs
    assert back.manifest == study.manifest
    assert back.appraisal.milestones == study.appraisal.milestones
    assert back.plan.status is study.plan.status
    for (name, mine), (_, theirs) in zip(datasets(study), datasets(back), strict=True):
        xr.testing.assert_equal(mine, theirs)
        for variable in mine.data_vars:
            assert mine[variable].attrs.get("units") == theirs[variable].attrs.get("units"), f"{name}/{variable}"
    for (_, mine_table), (_, their_table) in zip(tables(study), tables(back), strict=True):
        assert mine_table.equals(their_table)


def test_the_same_study_has_the_same_hash(study: Study) -> None:
    assert store.content_sha256(rich_study()) == store.content_sha256(study) == study.manifest.content_sha256


def test_the_hash_does_not_depend_on_the_order_of_dimensions(study: Study) -> None:
    turned = replace(study.history, state=study.history.state.transpose("month", ...))
    assert store.content_sha256(replace(study, history=turned)) == study.manifest.content_sha256


def _one_flow_changed(study: Study) -> Study:
    flows = study.appraisal.flows.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(pl.col("amount_usd") + 0.01).otherwise(pl.col("amount_usd"))
        .alias("amount_usd")
    )  # fmt: skip
    return replace(study, appraisal=replace(study.appraisal, flows=flows))


def _unit_changed(study: Study) -> Study:
    state = study.history.state.copy()
    state["energy_mwh"] = state["energy_mwh"].assign_attrs(units="kWh")
    return replace(study, history=replace(study.history, state=state))


def _npv_changed(study: Study) -> Study:
    return replace(study, appraisal=replace(study.appraisal, npv_usd=study.appraisal.npv_usd + 0.01))


def _site_renamed(study: Study) -> Study:
    first, *others = study.inputs.sites
    return replace(study, inputs=replace(study.inputs, sites=(replace(first, name="Elsewhere"), *others)))


@pytest.mark.parametrize("change", [_one_flow_changed, _unit_changed, _npv_changed, _site_renamed])
def test_any_change_of_content_changes_the_hash(study: Study, change: object) -> None:
    assert callable(change)
    assert store.content_sha256(change(study)) != study.manifest.content_sha256


def test_a_study_is_replaced_whole(study: Study, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    store.write(study, folder, documents={"report.md": b"second"})
    assert (folder / "report.md").read_bytes() == b"second"
    assert not (folder / "report.html").exists()
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == ["study"]


class _Breaks(dict[str, bytes]):
    """Documents of which the last cannot be had: the machine fails half-way."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def items(self) -> Iterator[tuple[str, bytes]]:  # type: ignore[override]  # enough for a loop
        yield "report.html", b"half"
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("power cut")])
def test_an_existing_study_survives_a_failure(study: Study, folder: Path, error: BaseException) -> None:
    before = snapshot(folder)
    with pytest.raises(type(error)):
        store.write(study, folder, documents=_Breaks(error))
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["study"]


def test_a_full_disk_is_told_with_four_parts(study: Study, folder: Path) -> None:
    with pytest.raises(StudyFolderError) as caught:
        store.write(study, folder, documents=_Breaks(OSError(28, "No space left on device")))
    assert "No space left" in caught.value.found
    assert caught.value.fix


def test_a_folder_that_is_no_study_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StudyFolderError) as caught:
        store.write(study, tmp_path, documents={})
    assert "not a study" in caught.value.found
    assert snapshot(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_in_the_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("a file")
    with pytest.raises(StudyFolderError):
        store.check_destination(tmp_path / "study")


def test_a_name_that_no_disk_can_hold_is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyFolderError, match="File name too long"):
        store.check_destination(tmp_path / ("y" * 300))
    with pytest.raises(StudyFolderError, match="File name too long"):
        store.write(study, tmp_path / ("y" * 300), documents={})


def test_an_empty_folder_and_a_new_one_are_welcome(study: Study, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store.write(study, tmp_path / "empty", documents={})
    store.write(study, tmp_path / "deep" / "er", documents={})
    assert store.read(tmp_path / "deep" / "er").manifest == study.manifest


def _remove(name: str) -> object:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> object:
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


def _edited(name: str, old: str, new: str) -> object:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        *(_remove(name) for name in OUR_FILES),
        *(_cut(name) for name in OUR_FILES),
        _edited("inputs.json", '"peak_pue": 1.25', '"peak_pue": 1.26'),
        _edited("inputs.json", '"kind": "Cloud"', '"kind": "Castle"'),
        _edited("inputs.json", '"month_count": 96', '"month_count": "many"'),
        _edited("results.json", "41300000000.0", "51300000000.0"),
        _edited("results.json", '"optimal"', '"splendid"'),
        _edited("manifest.json", "gigawatt-study/1", "gigawatt-study/999"),
        _edited("manifest.json", '"seed": 7', '"sead": 7'),
    ],
)  # fmt: skip
def test_damage_is_told_and_nothing_is_changed(folder: Path, damage: object) -> None:
    assert callable(damage)
    damage(folder)
    before = snapshot(folder)
    with pytest.raises(StudyFolderError) as caught:
        store.read(folder)
    assert all((caught.value.where, caught.value.found, caught.value.expected, caught.value.fix))
    assert snapshot(folder) == before


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StudyFolderError, match="no such folder"):
        store.read(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_without_permission_is_told(study: Study, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StudyFolderError):
        store.write(study, tmp_path / "study", documents={})


def test_the_manifest_names_every_file(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert manifest["format"] == "gigawatt-study/1"


def test_numbers_that_json_lacks_survive() -> None:
    values = (float("inf"), float("-inf"), 1.5)
    assert codec.decode(tuple[float, ...], codec.encode(values)) == values
    assert codec.decode(float, codec.encode(float("nan"))) != codec.decode(float, codec.encode(float("nan")))


def test_no_noun_has_a_field_that_would_hide_its_class() -> None:
    plant = Plant(
        id="gas-engine", most_mw=4.0, lead_months=2, cost_usd_per_mw=2e6, fixed_usd_per_mw_month=0.0,
        energy_usd_per_mwh=50.0, firm_fraction=0.9, energy_fraction=0.9, carbon_t_per_mwh=0.45,
    )  # fmt: skip
    assert codec.decode(Plant, codec.encode(plant)) == plant

    @dataclass(frozen=True, kw_only=True)
    class Named:
        kind: str

    with pytest.raises(TypeError, match="kind"):
        codec.encode(Named(kind="gas-engine"))


def _noun(**annotations: type) -> type:
    """A frozen dataclass called Noun; its field `spread`, if it has one, is empty by default."""
    defaults = {"spread": field(default_factory=dict)} if "spread" in annotations else {}
    return make_dataclass("Noun", [(n, t, defaults[n]) if n in defaults else (n, t) for n, t in annotations.items()])


def test_a_noun_that_gains_a_field_with_a_default_reads_what_was_written_before() -> None:
    old, new = _noun(price_usd=float), _noun(price_usd=float, spread=Mapping[str, float])
    written = codec.encode(old(4.0))
    assert codec.decode(new, written) == new(4.0)
    assert codec.encode(new(4.0)) == written
    ranged = new(4.0, {"low": 0.9})
    assert codec.decode(new, codec.encode(ranged)) == ranged
    # What has no default is missed by name.
    with pytest.raises(KeyError, match="price_usd"):
        codec.decode(new, {"kind": "Noun", "spread": {}})
