"""What was measured, in seconds per step or run or in bytes: every published metric brought to the same quantity.

FLOP conventions: hardware and model FLOP of GPT models after Narayanan et al. (2021), equation 3, and Korthikanti et
al. (2022), appendix A; of other models six per active weight and token plus full-square attention (Chowdhery et al.,
2022, appendix B).
"""

import re
from dataclasses import dataclass, replace

from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import Model
from gigawatt.errors import QuantityError
from gigawatt.performance.flops import attention_flop_per_token, training_flop_per_token
from gigawatt.units import DURATION_SECONDS, SECONDS_PER_HOUR, TOKENS_PER_MILLION, parse
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow
from gigawatt.validation.to_target import measures_run

_FLOP_PER_TFLOP = TOKENS_PER_MILLION**2
_PERCENT = 0.01
_BYTES_PER_GIB, _BYTES_PER_MIB = float(1 << 30), float(1 << 20)
_BYTES = {"": _BYTES_PER_GIB, "gib": _BYTES_PER_GIB, "gb": _BYTES_PER_GIB, "mib": _BYTES_PER_MIB, "mb": _BYTES_PER_MIB}
_PARTS = {"activation": "activations", "params": "state", "optimizer": "state", "state": "state"}
_SECONDS = ("iter_time", "step_time", "step_time_median", "iter_time_median", "iter_time_mean", "step_time_mean")
_LONGEST = 40
# What is counted per second, and whether by one accelerator; as units or metrics write it.
_PER_SECOND = re.compile(
    r"(?P<what>tok(en)?s?|samples?|seq(uence)?s?)(/|_per_)s(ec(ond)?)?(?P<each>(/|_per_)(gpu|device|chip|accelerator))?$"
)
_FRACTIONS = ("fraction", "ratio", "1")
# Metrics and units of time as others write them.
_SYNONYMS = {"model_flops_utilization": "mfu", "hardware_flops_utilization": "hfu", "peak_memory": "mem_peak"}
_TIMES = {"sec": "s", "secs": "s", "mins": "min", "hr": "h", "hrs": "h"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeconds:
    """Measured time of one optimizer step."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBytes:
    """Measured memory of one accelerator: `part` is "peak", "activations" or "state"."""

    value: float
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeconds:
    """Measured time from the start of a run until its target."""

    value: float


Measured = StepSeconds | MemoryBytes | RunSeconds


def measured(row: TruthRow, model: Model, platform: Platform) -> Measured:
    """The row's value as seconds per step or run, or as bytes; raises `Inexpressible` when it is neither.

    Times to train without a unit are in minutes, as MLPerf prints them.
    """
    row = replace(row, metric=_SYNONYMS.get(row.metric.lower(), row.metric.lower()))
    if row.metric.startswith("mem"):
        part = next((part for sign, part in _PARTS.items() if sign in row.metric), "peak")
        return MemoryBytes(value=row.value * _unit_bytes(row), part=part)
    if measures_run(row):
        return RunSeconds(value=row.value * _unit_s(row, silent="min"))
    if row.metric in _SECONDS:
        return StepSeconds(value=row.value * _unit_s(row, silent="s"))
    return StepSeconds(value=_rate_s(row, model, platform))


def _rate_s(row: TruthRow, model: Model, platform: Platform) -> float:
    if row.metric in ("hw_tflops_per_gpu", "model_tflops_per_gpu", "mfu", "hfu"):
        return _step_flop(row, model) / (row.num_gpus * _rate_flop_per_s(row, platform))
    sequences, tokens = _batch(row)
    if row.metric == "gpu_hours_per_t_tokens":
        return sequences * tokens / TOKENS_PER_MILLION**2 * row.value * SECONDS_PER_HOUR / row.num_gpus
    by_unit, by_metric = (re.match(_PER_SECOND, text) for text in (row.unit.lower(), row.metric))
    rate = by_unit or (None if row.unit else by_metric)
    if rate is None:
        unit = f"in {row.unit[:_LONGEST]} " if by_metric else ""
        raise Inexpressible(f"the metric {row.metric[:_LONGEST] or 'of the row'} {unit}is not known")
    each = any(found["each"] for found in (by_unit, by_metric) if found)
    batch = sequences * tokens if rate["what"].startswith("tok") else sequences
    return batch / (row.value * (row.num_gpus if each else 1))


def _unit_bytes(row: TruthRow) -> float:
    """Bytes in the row's unit; those who print none, or GB, read the framework's GiB."""
    unit = row.unit.lower()
    if unit not in _BYTES:
        raise Inexpressible(f"memory in {row.unit[:_LONGEST]}")
    return _BYTES[unit]


def _unit_s(row: TruthRow, *, silent: str) -> float:
    try:
        unit = row.unit or silent
        return parse(f"1 {_TIMES.get(unit.lower(), unit)}", DURATION_SECONDS)
    except QuantityError as error:
        raise Inexpressible(f"a time in {row.unit[:_LONGEST]}") from error


def _batch(row: TruthRow) -> tuple[float, float]:
    if row.global_batch_seqs is None or row.seq_len is None:
        raise Inexpressible("the batch or the sequence length is not stated")
    return float(row.global_batch_seqs), float(row.seq_len)


def _rate_flop_per_s(row: TruthRow, platform: Platform) -> float:
    if row.metric in ("mfu", "hfu"):
        share = row.value * (1.0 if row.unit in _FRACTIONS else _PERCENT)
        return share * platform.accelerator.peak_dense_flop_per_s[Precision.BF16]
    return row.value * _FLOP_PER_TFLOP


def _step_flop(row: TruthRow, model: Model) -> float:
    """FLOP of a step as the metric counts them: hardware FLOP repeat what is recomputed."""
    sequences, tokens = _batch(row)
    model_flop = training_flop_per_token(model, sequence_tokens_count=tokens)
    attention = attention_flop_per_token(model, context_tokens_count=tokens)
    head = 2.0 * model.vocabulary_count * model.hidden_dim
    repeated = 0.0
    if row.metric in ("hw_tflops_per_gpu", "hfu"):
        whole = model_flop / 3.0 - head
        repeated = attention if row.recompute.startswith("selective") else whole
    return sequences * tokens * (model_flop + repeated)
