"""Time of a dense matrix product: tiles in waves against bytes, after a launch.

t = launch + depth sqrt(k / 1000) + max_p(compute, traffic) + quantization of the activations

Compute deals tiles of the output to processors; small tiles waste bandwidth inside the chip and cost more each, large
ones leave processors idle, and the better choice is taken. Filling and draining the pipeline costs as much as
`ramp_depth` more elements of k. The second term is the reduction tree of a product whose k is split over s
processors: c k/s + r s is least at s = sqrt(c k / r). Narrow inputs are made from BF16 activations in a pass of their
own that moves `requantize_bytes` for each.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import (
    ACTIVATION_BYTES,
    FLOP_PER_PRODUCT,
    Device,
    Reals,
    smooth_max,
    throttled_s,
    waves_count,
)
from gigawatt.timeline import FloatArray

REFERENCE_DEPTH = 1000.0

# Output tiles (rows, columns, power of the penalty) that libraries choose from.
TILES = ((128.0, 256.0, 0), (128.0, 128.0, 1), (128.0, 64.0, 2), (64.0, 64.0, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmCoefficients:
    """What a fit finds: see the module.

    `sustained_fraction` of the dense peak at most, `bandwidth_fraction` of the memory bandwidth at most; a tile of
    half the area costs `tile_penalty` times its share.
    """

    launch_s: float
    depth_s: float
    sustained_fraction: float
    throttle_fraction: float
    throttle_onset_s: float
    ramp_depth: float
    quantization_fraction: float
    tile_penalty: float
    bandwidth_fraction: float
    overlap_exponent: float
    requantize_bytes: float


def gemm_time_s(
    m: Reals, n: Reals, k: Reals, *, value_bytes: Reals, device: Device, coefficients: GemmCoefficients
) -> FloatArray:
    """Time of the product of `(m, k)` activations and `(k, n)` weights of `value_bytes` per value; the output is BF16.

    Broadcasts over arrays; grows with m, n and k, and never beats the roofline of the data sheet.
    """
    c = coefficients
    processors = device.processors_count
    rounds = _rounds(m, n, processors=processors, coefficients=c)
    busy = rounds * (k + c.ramp_depth) * (processors / device.peak_dense_flop_per_s / c.sustained_fraction)
    compute = throttled_s(busy, throttle_fraction=c.throttle_fraction, onset_s=c.throttle_onset_s)
    moved = value_bytes * k * (np.asarray(m) + n) + ACTIVATION_BYTES * m * n
    traffic = moved / (device.memory_bytes_per_s * c.bandwidth_fraction)
    start = c.launch_s + c.depth_s * np.sqrt(np.asarray(k) / REFERENCE_DEPTH)
    requantize = c.requantize_bytes * m * k / device.memory_bytes_per_s
    return np.asarray(start + smooth_max(compute, traffic, exponent=c.overlap_exponent) + requantize, dtype=np.float64)


def _rounds(m: Reals, n: Reals, *, processors: Reals, coefficients: GemmCoefficients) -> FloatArray:
    """FLOP per element of k and processor, rounded up to whole tiles and waves, with the best tile."""
    best: FloatArray = np.asarray(np.inf)
    for rows, columns, power in TILES:
        tiles = np.ceil(np.asarray(m) / rows) * np.ceil(np.asarray(n) / columns)
        waves = waves_count(tiles / processors, quantization_fraction=coefficients.quantization_fraction)
        cost = FLOP_PER_PRODUCT * rows * columns * coefficients.tile_penalty**power
        best = np.minimum(best, waves * cost)
    return best
