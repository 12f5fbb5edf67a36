"""What a law of operator time asks of a data sheet, and how two bottlenecks combine."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.timeline import FloatArray

Reals = FloatArray | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Dense peak in the precision at hand, memory and link bandwidth (one direction), and processor count.

    `processors_count` counts the units that work is dealt out to (streaming multiprocessors); 1 stands for a device
    whose work divides without remainder. `exponential_units_count` is how many exponentials all of them finish in a
    clock cycle, `dies_count` the dies of its package that compute. Fields broadcast with the shapes asked, so that one
    call can span devices.
    """

    peak_dense_flop_per_s: Reals
    memory_bytes_per_s: Reals
    link_bytes_per_s: Reals
    processors_count: Reals
    exponential_units_count: Reals
    dies_count: Reals = 1.0


# Bytes of a stored FP4 value with its share of block scales: NVFP4 has one FP8 scale for every 16 values.
NVFP4_VALUE_BYTES = Precision.FP4.value_bytes + Precision.FP8.value_bytes / 16.0


def fed_peak_flop_per_s(peaks_flop_per_s: Mapping[Precision, float], precision: Precision) -> float:
    """Dense peak as far as operands arrive, NaN without one: FP4 values at most at the rate of bytes of FP8 products.

    The memory beside the matrix units feeds both; from Blackwell to Blackwell Ultra the FP4 peak grew by half, but
    neither that of FP8 nor the measured FP4 products did.
    """
    peak = peaks_flop_per_s.get(precision, float("nan"))
    if precision is not Precision.FP4 or Precision.FP8 not in peaks_flop_per_s:
        return peak
    fed = peaks_flop_per_s[Precision.FP8] * Precision.FP8.value_bytes / NVFP4_VALUE_BYTES
    return min(peak, fed)


def smooth_max(first: Reals, second: Reals, *, exponent: Reals) -> FloatArray:
    """The greater of two positive times, rounded off where they are close: their p-norm.

    Infinite `exponent` is perfect overlap, 1 is none at all.
    """
    high = np.maximum(first, second)
    ratio = np.minimum(first, second) / high
    return np.asarray(high * (1.0 + ratio**exponent) ** (1.0 / exponent), dtype=np.float64)


def waves_count(share: Reals, *, quantization_fraction: Reals) -> FloatArray:
    """Rounds in which processors work off `share` tiles each, between spread evenly (0) and whole rounds (1)."""
    return np.asarray(share + quantization_fraction * (np.ceil(share) - share), dtype=np.float64)


def throttled_s(busy_s: Reals, *, throttle_fraction: Reals, onset_s: Reals) -> FloatArray:
    """Compute time once power limits have lowered the clock: up to `throttle_fraction` longer in long kernels.

    Half of it has come at `onset_s`; shorter kernels run at full clock.
    """
    whole = np.maximum(np.asarray(busy_s + onset_s), np.finfo(np.float64).tiny)
    return np.asarray(busy_s * (1.0 + throttle_fraction * busy_s / whole), dtype=np.float64)


# Products in FP32 accumulate in pairs: one multiplication and one addition.
FLOP_PER_PRODUCT = 2.0

# Outputs, queries and activations between kernels are BF16 whatever the inputs of a product are.
ACTIVATION_BYTES = 2.0
