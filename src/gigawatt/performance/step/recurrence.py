"""The mixing half of a layer without attention: norm, projections, short convolution, recurrence, gated norm.

State-space layers follow Dao and Gu (2024, Mamba-2), delta rules Yang et al. (2024, Gated DeltaNet) and the Kimi team
(2025, Kimi Linear). Context-parallel ranks exchange tokens for heads before the convolution and back after the
recurrence, so that each sees whole sequences of its heads.
"""

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import DeltaRuleMixer, HybridLayers, StateSpaceMixer
from gigawatt.performance.architecture import convolved_channels_count, mixer_projections, mixer_value_dim
from gigawatt.performance.kernels.scan import (
    delta_rule_chunk_flop,
    delta_rule_token_bytes,
    state_space_chunk_flop,
    state_space_token_bytes,
)
from gigawatt.performance.operators import OperatorModel, ScanWork
from gigawatt.performance.step import linear
from gigawatt.performance.step.task import StepLayouts, StepTask, micro_tokens_count
from gigawatt.performance.step.times import PassTimes, total
from gigawatt.timeline import FloatArray

_VALUE_BYTES = Precision.BF16.value_bytes
# Tokens of a chunk in the kernels that training uses: flash-linear-attention (Yang et al., 2024, section 3.3), and the
# state-space layers of Nemotron-H (2025) as configured.
_DELTA_CHUNK_TOKENS, _STATE_CHUNK_TOKENS = 64.0, 128.0
# Kernels of a recurrence: chunk sums, scores, inverse or states, states handed on, outputs; twice as many backward.
_SCAN_KERNELS = 5.0


def forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch forward through the mixing half of a layer without attention; nothing without such layers."""
    return _pass(task, layouts, operators, backward=False)


def backward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch back through it."""
    return _pass(task, layouts, operators, backward=True)


def _pass(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> PassTimes:
    hybrid = task.model.hybrid
    if hybrid is None:
        return PassTimes()
    through = linear.backward_all if backward else linear.forward_all
    linears = through(
        task,
        operators,
        mixer_projections(task.model),
        tokens_count=micro_tokens_count(task, layouts),
        shards_count=layouts.tp_count,
    )
    around = linear.elementwise(operators, *_volumes_bytes(task, layouts, hybrid, backward=backward))
    return total(
        linears,
        around,
        scan(task, layouts, operators, backward=backward),
        _exchange(task, layouts, operators, hybrid),
    )


def _volumes_bytes(
    task: StepTask, layouts: StepLayouts, hybrid: HybridLayers, *, backward: bool
) -> tuple[FloatArray, ...]:
    """What element-wise kernels move: norm, convolution with its activation, gated norm, residual sum.

    Forward each reads its inputs and writes its output; backward the convolution reads its input and the gradient and
    writes one, the gated norm reads two and the gradient and writes two, the first norm as before attention.
    """
    tokens = micro_tokens_count(task, layouts)
    hidden = tokens / layouts.norm_shards_count * task.model.hidden_dim * _VALUE_BYTES
    channels = tokens * convolved_channels_count(hybrid.mixer) / layouts.tp_count * _VALUE_BYTES
    inner = tokens * mixer_value_dim(hybrid.mixer) / layouts.tp_count * _VALUE_BYTES
    volumes = (4.0 * hidden, 3.0 * channels, 5.0 * inner)
    if not backward:
        volumes = (2.0 * hidden, 2.0 * channels, 3.0 * inner)
    both = (*volumes, 3.0 * hidden) if not backward else volumes
    return tuple(np.asarray(volume, dtype=np.float64) for volume in both)


def scan(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> PassTimes:
    """The recurrence alone."""
    hybrid = task.model.hybrid
    if hybrid is None:
        return PassTimes()
    time = operators.scan_s(work(task, layouts, hybrid.mixer))
    passes, kernels = (task.assumptions.scan_backward_factor, 2.0 * _SCAN_KERNELS) if backward else (1.0, _SCAN_KERNELS)
    return PassTimes(attention_s=passes * time, kernels_count=kernels)


def work(task: StepTask, layouts: StepLayouts, mixer: StateSpaceMixer | DeltaRuleMixer) -> ScanWork:
    """The recurrence on one rank: its share of the heads over whole sequences."""
    ranks = layouts.tp_count * layouts.cp_count
    if isinstance(mixer, StateSpaceMixer):
        chunk, heads = _STATE_CHUNK_TOKENS, _share(mixer.heads_count, ranks)
        groups = _share(mixer.groups_count, ranks)
        flop = state_space_chunk_flop(
            chunk_tokens_count=chunk,
            state_dim=mixer.state_dim,
            head_dim=mixer.head_dim,
            heads_per_group=mixer.heads_count / mixer.groups_count,
        )
        moved = state_space_token_bytes(
            chunk_tokens_count=chunk,
            heads_count=heads,
            groups_count=groups,
            head_dim=mixer.head_dim,
            state_dim=mixer.state_dim,
        )
    else:
        chunk, heads = _DELTA_CHUNK_TOKENS, _share(mixer.value_heads_count, ranks)
        flop = delta_rule_chunk_flop(chunk_tokens_count=chunk, key_dim=mixer.key_dim, value_dim=mixer.value_dim)
        moved = delta_rule_token_bytes(
            chunk_tokens_count=chunk,
            heads_count=heads,
            key_heads_count=_share(mixer.key_heads_count, ranks),
            key_dim=mixer.key_dim,
            value_dim=mixer.value_dim,
        )
    return ScanWork(
        sequences_count=layouts.micro_batch_count,
        tokens_count=float(task.sequence_tokens_count),
        heads_count=heads,
        chunk_tokens_count=chunk,
        chunk_flop=float(flop),
        token_bytes=moved,
    )


def _share(count: int, ranks_count: FloatArray) -> FloatArray:
    """Heads (or groups) of one rank; no rank has less than one."""
    return np.maximum(count / ranks_count, 1.0)


def _exchange(task: StepTask, layouts: StepLayouts, operators: OperatorModel, hybrid: HybridLayers) -> PassTimes:
    """Tokens for heads before the convolution, and heads for tokens after the recurrence."""
    if not np.any(layouts.cp_count > 1.0):
        return PassTimes()
    local = micro_tokens_count(task, layouts) / layouts.tp_count * _VALUE_BYTES
    widths = (convolved_channels_count(hybrid.mixer), mixer_value_dim(hybrid.mixer))
    sent = [
        operators.all_to_all_s(local * width, ranks_count=layouts.cp_count, stride_count=layouts.tp_count)
        for width in widths
    ]
    shown = np.where(layouts.cp_count > 1.0, sent[0] + sent[1], 0.0)
    return PassTimes(context_parallel_s=shown, kernels_count=2.0)


def kept_bytes_per_token(task: StepTask) -> tuple[float, float]:
    """What a mixing half keeps per token for its backward pass: on every rank, and split with the heads.

    Inputs of norm and projections; what the projections and the convolution put out, the recurrence's output and the
    input of the last projection. States are computed anew.
    """
    hybrid = task.model.hybrid
    if hybrid is None:
        return 0.0, 0.0
    into, inner = mixer_projections(task.model)[0].output_dim, mixer_value_dim(hybrid.mixer)
    split = into + convolved_channels_count(hybrid.mixer) + 2 * inner
    return 2.0 * task.model.hidden_dim * _VALUE_BYTES, split * _VALUE_BYTES
