"""What a study contains, part by part, and the hash of it.

A stage's result is a dataclass of datasets, tables and plain values. The hash runs over labels, units and values in
a canonical order and form, so that it does not depend on how a file format lays them out.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl
import xarray as xr

from gigawatt.entities.stages import Appraisal, Bands, BuildPlan, History, Performance, Study
from gigawatt.store.codec import encode

STAGES: dict[str, type] = {
    "performance": Performance,
    "plan": BuildPlan,
    "history": History,
    "appraisal": Appraisal,
    "bands": Bands,
}


def datasets(study: Study) -> Iterator[tuple[str, xr.Dataset]]:
    """Each dataset of the study with its name, such as `plan-decisions`."""
    return ((name, part) for name, part in _parts(study) if isinstance(part, xr.Dataset))


def tables(study: Study) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each table of the study with its name, such as `appraisal-flows`."""
    return ((name, part) for name, part in _parts(study) if isinstance(part, pl.DataFrame))


def plain_values(study: Study) -> dict[str, object]:
    """The other values, `stage-field` to their JSON form."""
    return {name: encode(part) for name, part in _parts(study) if not isinstance(part, xr.Dataset | pl.DataFrame)}


def _parts(study: Study) -> Iterator[tuple[str, Any]]:
    for stage in STAGES:
        result = getattr(study, stage)
        for field in fields(result):
            yield f"{stage}-{field.name}", getattr(result, field.name)


def storable(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with text as text and days as days, which a file can hold."""
    changed = {
        str(name): (array.dims, _storable(array.values), array.attrs) for name, array in dataset.variables.items()
    }
    coordinates = {name: changed.pop(name) for name in map(str, dataset.coords)}
    return xr.Dataset(changed, coords=coordinates, attrs=dataset.attrs)


def _storable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if np.issubdtype(values.dtype, np.datetime64):
        return values.astype("datetime64[ns]")
    if values.dtype.kind not in "OTU":
        return values
    is_text = all(isinstance(item, str) for item in values.ravel())
    return values.astype(np.str_) if is_text else values.astype("datetime64[D]").astype("datetime64[ns]")


def content_sha256(study: Study) -> str:
    """Hash of the study's inputs and results: labels, units and values; the manifest is left out."""
    digest = hashlib.sha256()
    _feed(digest, "inputs", json.dumps(encode(study.inputs), sort_keys=True, ensure_ascii=False).encode())
    _feed(digest, "values", json.dumps(plain_values(study), sort_keys=True, ensure_ascii=False).encode())
    for name, dataset in datasets(study):
        clean = storable(dataset)
        for variable in sorted(map(str, clean.variables)):
            array = clean[variable]
            ordered = array.transpose(*sorted(map(str, array.dims)))
            label = f"{name}/{variable}/{ordered.dims}/{ordered.shape}/{array.attrs.get('units', '')}"
            _feed(digest, label, _canonical(ordered.values))
    for name, table in tables(study):
        for column in table.columns:
            _feed(digest, f"{name}/{column}", _canonical(_storable(_column(table[column]))))
    return digest.hexdigest()


def _column(series: pl.Series) -> np.ndarray[Any, Any]:
    if series.dtype in (pl.Date, pl.Datetime):
        return series.cast(pl.Date).to_numpy().astype("datetime64[D]")
    return series.to_numpy() if series.dtype.is_numeric() else np.array(series.to_list(), dtype=np.str_)


def _canonical(values: np.ndarray[Any, Any]) -> bytes:
    """Bytes that equal values share: one number type per kind, one zero, one NaN."""
    if values.dtype.kind == "M":
        return values.astype("datetime64[D]").astype("<i8").tobytes()
    if values.dtype.kind in "fiub":
        numbers = values.astype("<f8") + 0.0
        return np.where(np.isnan(numbers), np.nan, numbers).tobytes()
    return "\x1f".join(map(str, values.ravel())).encode()


def _feed(digest: "hashlib._Hash", label: str, content: bytes) -> None:
    digest.update(f"{label}:{len(content)}:".encode())
    digest.update(content)
