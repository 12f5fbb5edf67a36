"""A study as a folder: manifest, inputs, results, and the reports made from them.

A folder is written beside its place and moved there when it is whole, so that an existing study stays
untouched until its successor is complete. What other people put into the folder moves along.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import xarray as xr

from gigawatt.entities.stages import Inputs, Manifest, Study
from gigawatt.errors import StudyFolderError
from gigawatt.store.codec import decode, encode, hints
from gigawatt.store.content import STAGES, content_sha256, datasets, plain_values, storable, tables

FORMAT = "gigawatt-study/1"
MANIFEST_FILE = "manifest.json"
INPUTS_FILE = "inputs.json"
VALUES_FILE = "results.json"


def is_study(folder: Path) -> bool:
    """Whether the folder says of itself that it is a study."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def check_destination(folder: Path) -> None:
    """Refuse a place where a study cannot be put: a file, or a folder that holds something else."""
    try:
        _check_place(folder)
    except OSError as error:
        raise _no_place(folder, error) from error


def _check_place(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StudyFolderError(
            where=str(folder), found="a file", expected="a folder, or nothing yet", fix="Choose another --out."
        )
    if folder.is_dir() and any(folder.iterdir()) and not is_study(folder):
        raise StudyFolderError(
            where=str(folder),
            found="a folder with files that are not a study",
            expected="an empty folder, an earlier study, or nothing yet",
            fix="Choose another --out; nothing was changed.",
        )


def write(study: Study, folder: Path, *, documents: Mapping[str, bytes]) -> None:
    """Put the study and its documents (file name to content) into `folder`, replacing an earlier study whole."""
    check_destination(folder)
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _sibling(place) as draft:
            _fill(draft, study, documents)
            _carry_over(place, draft)
            _exchange(draft, place)
    except OSError as error:
        raise _no_place(folder, error) from error


def _no_place(folder: Path, error: OSError) -> StudyFolderError:
    return StudyFolderError(
        where=str(folder),
        found=f"{type(error).__name__}: {error.strerror or error}",
        expected="a place that can be written to",
        fix="Choose another --out, or make room; an existing study there was left untouched.",
    )


@contextmanager
def _sibling(place: Path) -> Iterator[Path]:
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", suffix=".part", dir=place.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(draft: Path, study: Study, documents: Mapping[str, bytes]) -> None:
    for name, dataset in datasets(study):
        clean = storable(dataset)
        packed = {str(key): {"zlib": True} for key, array in clean.data_vars.items() if array.dtype.kind in "fiu"}
        clean.to_netcdf(draft / f"{name}.nc", engine="h5netcdf", encoding=packed)
    for name, table in tables(study):
        table.write_parquet(draft / f"{name}.parquet")
    _write_json(draft / INPUTS_FILE, encode(study.inputs))
    _write_json(draft / VALUES_FILE, plain_values(study))
    for name, content in documents.items():
        (draft / name).write_bytes(content)
    named = {field.name: getattr(study.manifest, field.name) for field in fields(Manifest)}
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(draft.iterdir())}
    _write_json(draft / MANIFEST_FILE, {"format": FORMAT, **named, "files": files})
    draft.chmod(0o755)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _carry_over(place: Path, draft: Path) -> None:
    """Copy what somebody else put into the earlier study's folder."""
    if not is_study(place):
        return
    manifest = json.loads((place / MANIFEST_FILE).read_text(encoding="utf-8"))
    ours = {MANIFEST_FILE, *manifest.get("files", {})}
    for path in place.iterdir():
        if path.name in ours or (draft / path.name).exists():
            continue
        if path.is_dir():
            shutil.copytree(path, draft / path.name, symlinks=True)
        else:
            shutil.copy2(path, draft / path.name, follow_symlinks=False)


def _exchange(draft: Path, place: Path) -> None:
    if not place.exists():
        draft.rename(place)
        return
    retired = draft.with_suffix(".old")
    place.rename(retired)
    try:
        draft.rename(place)
    except BaseException:
        retired.rename(place)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def read(folder: Path) -> Study:
    """The study in `folder`, checked against the hash in its manifest."""
    if not folder.is_dir():
        raise StudyFolderError(
            where=str(folder),
            found="no such folder",
            expected="the folder of a study",
            fix="Make one with `gigawatt plan SCENARIO --out FOLDER`.",
        )
    if not is_study(folder):
        raise StudyFolderError(
            where=str(folder),
            found=f"no {MANIFEST_FILE} of a study",
            expected=f"a folder with a {MANIFEST_FILE} of format {FORMAT}",
            fix="Make one with `gigawatt plan SCENARIO --out FOLDER`.",
        )
    study = _assembled(folder)
    if content_sha256(study) != study.manifest.content_sha256:
        raise _damaged(folder, "content that differs from its hash", "results that match content_sha256")
    return study


def _assembled(folder: Path) -> Study:
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        inputs = json.loads((folder / INPUTS_FILE).read_text(encoding="utf-8"))
        values = json.loads((folder / VALUES_FILE).read_text(encoding="utf-8"))
        stages = {stage: _stage(cls, stage, folder, values) for stage, cls in STAGES.items()}
        return Study(
            inputs=decode(Inputs, inputs),
            manifest=decode(Manifest, {"kind": Manifest.__name__, **manifest}),
            **stages,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        found = f"nothing under {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"[:200]
        raise _damaged(
            folder, found, "the files of a study as this version of gigawatt writes them, unchanged"
        ) from error


def _stage(cls: type, stage: str, folder: Path, values: Mapping[str, Any]) -> Any:  # noqa: ANN401  # a `cls`
    parts: dict[str, object] = {}
    for name, annotation in hints(cls).items():
        key = f"{stage}-{name}"
        if annotation is xr.Dataset:
            parts[name] = _dataset(folder / f"{key}.nc")
        elif annotation is pl.DataFrame:
            parts[name] = pl.read_parquet(folder / f"{key}.parquet")
        else:
            parts[name] = decode(annotation, values[key])
    return cls(**parts)


def _dataset(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return storable(stored.load())


def _damaged(folder: Path, found: str, expected: str) -> StudyFolderError:
    return StudyFolderError(
        where=str(folder),
        found=found,
        expected=expected,
        fix="Make the study again with `gigawatt plan SCENARIO --out FOLDER`; the folder was left as it is.",
    )
