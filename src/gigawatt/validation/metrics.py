"""What was measured, in seconds per step or bytes: every published metric brought to the same quantity.

FLOP conventions: hardware and model FLOP of GPT models after Narayanan et al. (2021), equation 3, and Korthikanti et
al. (2022), appendix A; of other models six per active weight and token plus full-square attention (Chowdhery et al.,
2022, appendix B).
"""

from dataclasses import dataclass

from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import Model
from gigawatt.errors import QuantityError
from gigawatt.performance.flops import attention_flop_per_token, training_flop_per_token
from gigawatt.units import DURATION_SECONDS, SECONDS_PER_HOUR, TOKENS_PER_MILLION, parse
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

_FLOP_PER_TFLOP = TOKENS_PER_MILLION**2
_PERCENT = 0.01
_BYTES_PER_GIB = float(1 << 30)
_SECONDS = ("iter_time", "step_time", "step_time_median")
_MEMORY = ("mem_peak_allocated", "mem_activations", "mem_params_optimizer")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeconds:
    """Measured time of one optimizer step."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBytes:
    """Measured memory of one accelerator: `part` is "peak", "activations" or "state"."""

    value: float
    part: str


Measured = StepSeconds | MemoryBytes


def measured(row: TruthRow, model: Model, platform: Platform) -> Measured:
    """The row's value as seconds per step or bytes; raises `Inexpressible` when it is neither."""
    if row.metric in _MEMORY:
        part = {"mem_activations": "activations", "mem_params_optimizer": "state"}.get(row.metric, "peak")
        return MemoryBytes(value=row.value * _BYTES_PER_GIB, part=part)
    if row.metric in _SECONDS:
        return StepSeconds(value=row.value * _unit_s(row))
    return StepSeconds(value=_rate_s(row, model, platform))


def _rate_s(row: TruthRow, model: Model, platform: Platform) -> float:
    sequences, tokens = _batch(row)
    if row.metric == "tokens_per_s_per_gpu":
        return sequences * tokens / (row.value * row.num_gpus)
    if row.metric == "throughput_logged":
        return sequences / row.value if row.unit == "samples/s" else sequences * tokens / row.value
    if row.metric == "gpu_hours_per_T_tokens":
        return sequences * tokens / TOKENS_PER_MILLION**2 * row.value * SECONDS_PER_HOUR / row.num_gpus
    if row.metric in ("hw_tflops_per_gpu", "model_tflops_per_gpu", "mfu", "hfu"):
        return _step_flop(row, model) / (row.num_gpus * _rate_flop_per_s(row, platform))
    if "time_to_train" in row.metric:
        raise Inexpressible(f"the metric {row.metric} needs the number of steps to the target, which the row lacks")
    raise Inexpressible(f"the metric {row.metric or 'of the row'} is not known")


def _unit_s(row: TruthRow) -> float:
    try:
        return parse(f"1 {row.unit or 's'}", DURATION_SECONDS)
    except QuantityError as error:
        raise Inexpressible(f"a step time in {row.unit[:40]}") from error


def _batch(row: TruthRow) -> tuple[float, float]:
    if row.global_batch_seqs is None or row.seq_len is None:
        raise Inexpressible("the batch or the sequence length is not stated")
    return float(row.global_batch_seqs), float(row.seq_len)


def _rate_flop_per_s(row: TruthRow, platform: Platform) -> float:
    if row.metric in ("mfu", "hfu"):
        return row.value * _PERCENT * platform.accelerator.peak_dense_flop_per_s[Precision.BF16]
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
