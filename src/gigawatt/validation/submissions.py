"""What a submission to a benchmark says about its configuration where the row leaves a cell empty."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources

from gigawatt.validation.rows import TruthRow

# Names of launch configurations that a row's notes may cite: nodes x accelerators x sequences of a data-parallel rank,
# then tensor, pipeline and context parallelism; in earlier rounds the first two, and the micro-batch.
_CONFIGURATION = re.compile(r"\bcfg config_\S*?xtp(?P<tp>\d+)pp(?P<pp>\d+)cp(?P<cp>\d+)(?P<rest>\S*)")
_EARLIER_CONFIGURATION = re.compile(r"\bcfg config_\S*?_\d+x\d+x\d+x(?P<tp>\d+)x(?P<pp>\d+)_mbs(?P<micro>\d+)")


def as_submitted(row: TruthRow) -> TruthRow:
    """The row with its empty cells filled from its submission, then from the name of the configuration it cites."""
    texts = {"match": row.source_url, "platform": row.platform, "notes": row.notes}
    stated = [
        record
        for record in _records()
        if all(re.search(str(record.get(name, "")), text) for name, text in texts.items())
    ]
    return _as_cited(
        replace(
            row,
            precision=row.precision or _word(stated, "precision"),
            zero=row.zero or _word(stated, "zero"),
            recompute=row.recompute or _word(stated, "recompute"),
            micro_batch=row.micro_batch or _count(stated, "micro-batch"),
            tp=row.tp or _count(stated, "tp"),
            cp=row.cp or _count(stated, "cp"),
            pp=row.pp or _count(stated, "pp"),
            vpp=row.vpp or _count(stated, "vpp"),
            dp=row.dp or _count(stated, "dp"),
        )
    )


def _word(stated: list[Mapping[str, object]], key: str) -> str:
    return next((str(record[key]) for record in stated if key in record), "")


def _count(stated: list[Mapping[str, object]], key: str) -> int | None:
    return next((int(str(record[key])) for record in stated if key in record), None)


def _as_cited(row: TruthRow) -> TruthRow:
    earlier = _EARLIER_CONFIGURATION.search(row.notes)
    if earlier is not None:
        tp, pp, micro = (int(earlier[name]) or None for name in ("tp", "pp", "micro"))
        return replace(row, tp=row.tp or tp, pp=row.pp or pp, micro_batch=row.micro_batch or micro)
    found = _CONFIGURATION.search(row.notes)
    if found is None:
        return row
    tp, pp, cp = (int(found[name]) for name in ("tp", "pp", "cp"))
    narrow = "nvfp4" if "_fp4" in found["rest"] else ""
    return replace(
        row,
        tp=row.tp or tp or None,
        pp=row.pp or pp or None,
        cp=row.cp or cp or None,
        precision=row.precision or narrow,
    )


@cache
def _records() -> tuple[Mapping[str, object], ...]:
    text = resources.files("gigawatt.validation").joinpath("submissions.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["submission"])
