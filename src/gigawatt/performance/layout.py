"""Candidate layouts as struct of arrays: one entry per configuration, never an object per configuration.

Ranks are ordered tensor parallel innermost, then data parallel (of which expert parallel takes the innermost ranks,
tensor-parallel ones included), pipeline outermost, as in Narayanan et al. (2021), section 3, and Liu et al. (2025),
"MoE parallel folding".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import Model
from gigawatt.performance.architecture import expert_layer
from gigawatt.timeline import FloatArray

BoolArray = NDArray[np.bool_]
ChosenArray = NDArray[np.bool_] | NDArray[np.intp]

MICRO_BATCHES = (1.0, 2.0, 4.0)
CHUNKS = (1.0, 2.0, 4.0, 8.0, 16.0)
RECOMPUTED_FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """One optimizer step to take: a model, a batch and the accelerators it runs on."""

    model: Model
    precision: Precision
    sequence_tokens_count: int
    batch_sequences_count: int
    accelerators_count: int

    @property
    def batch_tokens_count(self) -> float:
        """Tokens of one step."""
        return float(self.batch_sequences_count) * self.sequence_tokens_count


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLayouts:
    """Ways to spread a training step, `(candidate,)`.

    `chunks_count` is the number of pieces of the model that each pipeline rank holds (interleaving),
    `micro_batch_count` the sequences of one micro-batch, `recomputed_fraction` the share of layers
    whose activations are all computed anew in the backward pass; the others compute only attention scores anew.
    """

    tp_count: FloatArray
    pp_count: FloatArray
    dp_count: FloatArray
    ep_count: FloatArray
    chunks_count: FloatArray
    micro_batch_count: FloatArray
    recomputed_fraction: FloatArray

    @property
    def ranks_count(self) -> FloatArray:
        """Accelerators at work."""
        return self.tp_count * self.pp_count * self.dp_count

    @property
    def expert_dp_count(self) -> FloatArray:
        """Copies of each routed expert."""
        return self.tp_count * self.dp_count / self.ep_count

    @property
    def candidates_count(self) -> int:
        """Number of layouts."""
        return int(self.tp_count.size)


def selected(layouts: TrainingLayouts, chosen: ChosenArray) -> TrainingLayouts:
    """The layouts that a mask or an index array picks."""
    return TrainingLayouts(
        tp_count=layouts.tp_count[chosen],
        pp_count=layouts.pp_count[chosen],
        dp_count=layouts.dp_count[chosen],
        ep_count=layouts.ep_count[chosen],
        chunks_count=layouts.chunks_count[chosen],
        micro_batch_count=layouts.micro_batch_count[chosen],
        recomputed_fraction=layouts.recomputed_fraction[chosen],
    )


def layers_per_rank_count(model: Model, *, pp_count: FloatArray, chunks_count: FloatArray) -> FloatArray:
    """Layers that the fullest pipeline rank holds; stages need not be even."""
    return np.asarray(chunks_count * np.ceil(model.layers_count / (pp_count * chunks_count)), dtype=np.float64)


def whole_domains_count(accelerators_count: int, *, scale_up_domain_count: int) -> int:
    """The largest number of accelerators that fills whole scale-up domains; all of them below one domain."""
    if accelerators_count < scale_up_domain_count:
        return accelerators_count
    return accelerators_count // scale_up_domain_count * scale_up_domain_count


def micro_batches_count(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    """Micro-batches per step and data-parallel rank, the last ones padded."""
    per_wave = layouts.dp_count * layouts.micro_batch_count
    return np.asarray(np.ceil(task.batch_sequences_count / per_wave), dtype=np.float64)


def training_layouts(task: TrainingTask, platform: Platform) -> TrainingLayouts:
    """Every layout that can hold the step's shape; memory is judged elsewhere.

    Tensor parallelism stays inside a scale-up domain and divides the heads; accelerators that do not fill a whole
    tensor or pipeline group stand idle. Interleaving wants at least as many micro-batches as stages
    (Narayanan et al., 2021, section 2.2).
    """
    model, domain = task.model, platform.scale_up_domain_count
    grid = np.meshgrid(
        _tensor_parallel_counts(model, min(domain, task.accelerators_count)),
        _pipeline_counts(model),
        _expert_parallel_counts(model),
        np.array(CHUNKS),
        np.array(MICRO_BATCHES),
        np.array(RECOMPUTED_FRACTIONS),
        indexing="ij",
    )
    tp, pp, ep, chunks, micro, recomputed = (axis.ravel() for axis in grid)
    whole = whole_domains_count(task.accelerators_count, scale_up_domain_count=domain)
    per_domain = np.floor(min(domain, whole) / tp)
    dp = np.floor(float(whole // min(domain, whole)) * per_domain / pp)
    every = TrainingLayouts(
        tp_count=tp,
        pp_count=pp,
        dp_count=dp,
        ep_count=ep,
        chunks_count=chunks,
        micro_batch_count=micro,
        recomputed_fraction=recomputed,
    )
    possible = selected(every, (dp >= 1.0) & (ep <= tp * dp))
    return selected(possible, _can_schedule(task, possible))


def _can_schedule(task: TrainingTask, layouts: TrainingLayouts) -> BoolArray:
    waves = micro_batches_count(task, layouts)
    interleaved = (
        (layouts.pp_count > 1.0)
        & (waves >= layouts.pp_count)
        & (layouts.pp_count * layouts.chunks_count <= task.model.layers_count)
    )
    fits_batch = layouts.micro_batch_count <= task.batch_sequences_count
    return np.asarray(fits_batch & ((layouts.chunks_count == 1.0) | interleaved), dtype=np.bool_)


def _tensor_parallel_counts(model: Model, most: int) -> FloatArray:
    heads = model.attention.heads_count
    return np.array([t for t in range(1, min(most, heads) + 1) if heads % t == 0], dtype=np.float64)


def _pipeline_counts(model: Model) -> FloatArray:
    """Powers of two and divisors of the layer count."""
    layers = model.layers_count
    powers = {2**power for power in range(layers.bit_length()) if 2**power <= layers}
    divisors = {count for count in range(1, layers + 1) if layers % count == 0}
    return np.array(sorted(powers | divisors), dtype=np.float64)


def _expert_parallel_counts(model: Model) -> FloatArray:
    experts = expert_layer(model)
    if experts is None:
        return np.array([1.0])
    total = experts.experts_count
    return np.array([count for count in range(1, total + 1) if total % count == 0], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLayouts:
    """Ways to place one replica in a scale-up domain, `(candidate,)`.

    A replica has `replica_count` accelerators; attention is split over `tp_count` of them and copied over the rest,
    each copy with requests of its own; routed experts are spread over `ep_count` of them.
    `packed_fraction` is the share of a domain's accelerators that whole replicas fill.
    """

    replica_count: FloatArray
    tp_count: FloatArray
    ep_count: FloatArray
    packed_fraction: FloatArray

    @property
    def copies_count(self) -> FloatArray:
        """Copies of attention in a replica (attention data parallelism)."""
        return self.replica_count / self.tp_count


def serving_layouts(model: Model, platform: Platform) -> ServingLayouts:
    """Every replica of a power-of-two or domain-dividing size whose tensor-parallel part divides the heads.

    A dense model gains nothing from copies inside a replica, a mixture of experts spreads its experts over all of it.
    """
    domain, experts = platform.scale_up_domain_count, expert_layer(model)
    rows = [
        (size, tp)
        for size in _replica_sizes(domain)
        for tp in range(1, min(size, model.attention.heads_count) + 1)
        if size % tp == 0 and model.attention.heads_count % tp == 0
        if (size == tp if experts is None else size <= experts.experts_count)
    ]
    replica, tensor = np.array(rows, dtype=np.float64).T
    return ServingLayouts(
        replica_count=replica,
        tp_count=tensor,
        ep_count=np.ones_like(replica) if experts is None else replica,
        packed_fraction=np.floor(domain / replica) * replica / domain,
    )


def _replica_sizes(domain: int) -> list[int]:
    powers = {2**power for power in range(domain.bit_length()) if 2**power <= domain}
    return sorted(powers | {count for count in range(1, domain + 1) if domain % count == 0})
