"""Times of a piece of a step by cause, as arrays over layouts."""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.performance.collectives import Reals
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTimes:
    """One pass of one micro-batch through a piece of the model, `(candidate,)`; communication is what is exposed.

    `kernels_count` is what the host has to issue for it; for `waiting_s` the device stands still meanwhile, where the
    host cannot issue ahead. Of products and element-wise kernels `weights_s` are for
    gradients of weights, which nothing in the pass waits for.
    """

    gemm_s: Reals = 0.0
    attention_s: Reals = 0.0
    elementwise_s: Reals = 0.0
    tensor_parallel_s: Reals = 0.0
    context_parallel_s: Reals = 0.0
    expert_parallel_s: Reals = 0.0
    kernels_count: Reals = 0.0
    waiting_s: Reals = 0.0
    weights_s: Reals = 0.0

    @property
    def compute_s(self) -> FloatArray:
        """Time in kernels that compute."""
        return np.asarray(self.gemm_s + self.attention_s + self.elementwise_s, dtype=np.float64)

    @property
    def device_s(self) -> FloatArray:
        """Time on the device, communication included."""
        exposed = self.tensor_parallel_s + self.context_parallel_s + self.expert_parallel_s
        return np.asarray(self.compute_s + exposed, dtype=np.float64)

    def plus(self, other: "PassTimes") -> "PassTimes":
        """One piece after the other."""
        return PassTimes(
            gemm_s=self.gemm_s + other.gemm_s,
            attention_s=self.attention_s + other.attention_s,
            elementwise_s=self.elementwise_s + other.elementwise_s,
            tensor_parallel_s=self.tensor_parallel_s + other.tensor_parallel_s,
            context_parallel_s=self.context_parallel_s + other.context_parallel_s,
            expert_parallel_s=self.expert_parallel_s + other.expert_parallel_s,
            kernels_count=self.kernels_count + other.kernels_count,
            waiting_s=self.waiting_s + other.waiting_s,
            weights_s=self.weights_s + other.weights_s,
        )

    def times(self, factor: Reals) -> "PassTimes":
        """The piece `factor` times."""
        return PassTimes(
            gemm_s=self.gemm_s * factor,
            attention_s=self.attention_s * factor,
            elementwise_s=self.elementwise_s * factor,
            tensor_parallel_s=self.tensor_parallel_s * factor,
            context_parallel_s=self.context_parallel_s * factor,
            expert_parallel_s=self.expert_parallel_s * factor,
            kernels_count=self.kernels_count * factor,
            waiting_s=self.waiting_s * factor,
            weights_s=self.weights_s * factor,
        )


def for_weights(times: PassTimes) -> PassTimes:
    """The piece as one that computes gradients of weights."""
    return replace(times, weights_s=times.compute_s)


def total(*pieces: PassTimes) -> PassTimes:
    """All pieces one after the other."""
    summed = PassTimes()
    for piece in pieces:
        summed = summed.plus(piece)
    return summed


def exposed_s(communication_s: Reals, *, behind_s: Reals, parts_count: Reals, contention_fraction: float) -> FloatArray:
    """What is left of communication cut into `parts_count` parts and hidden behind computation.

    The part that starts or ends the chain hides behind nothing; what is hidden still slows the computation it shares
    the device with by `contention_fraction` of its own time.
    """
    first = communication_s / parts_count
    hidden = np.minimum(communication_s - first, behind_s)
    return np.asarray(communication_s - hidden + contention_fraction * hidden, dtype=np.float64)
