"""Time of the expert layer of a mixture of experts: two grouped products and the passes that bring tokens to them.

t = launch + dispatch T h + sum over products (expert g + max_p(compute, traffic) + row traffic)

T tokens of width h enter; each of g experts with at least one row is read once. A group of r rows is padded with
part of a tile. When tiles are fewer than processors, compute falls short of the peak.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import FLOP_PER_PRODUCT, Device, Reals, smooth_max
from gigawatt.timeline import FloatArray

TILE_ROWS = 128.0
TILE_COLUMNS = 256.0
PRODUCTS_PER_LAYER = 2.0
GATED_PROJECTIONS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedCoefficients:
    """What a fit finds: see the module.

    `padding_fraction` of a tile wasted per group; `idle_exponent` how compute suffers when tiles are fewer than
    processors; `expert_s` per group; `dispatch_bytes` moved per value of the tokens, `row_bytes` per value in and out
    of the routed rows; `skew_weak` and `skew_strong` how much more than the mean the busiest rank gets when experts
    are chosen by a power law of exponent 1.01 and 1.2.
    """

    launch_s: float
    expert_s: float
    sustained_fraction: float
    ramp_depth: float
    padding_fraction: float
    idle_exponent: float
    bandwidth_fraction: float
    overlap_exponent: float
    dispatch_bytes: float
    row_bytes: float
    skew_weak: float
    skew_strong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertShapes:
    """Expert layers on one rank: `tokens_count` enter in all, `inter_dim` and experts are split over tp and ep ranks.

    `skew_fraction` is how much more than the mean the busiest of many ranks gets; 0 is balanced.
    """

    tokens_count: Reals
    hidden_dim: Reals
    inter_dim: Reals
    top_k_count: Reals
    experts_count: Reals
    tp_count: Reals
    ep_count: Reals
    skew_fraction: Reals

    @property
    def local_experts_count(self) -> FloatArray:
        """Experts that one rank holds."""
        return np.asarray(self.experts_count / np.asarray(self.ep_count))

    @property
    def rows_count(self) -> FloatArray:
        """Rows that the busiest rank computes: never more than each token in each of its experts."""
        mean = self.tokens_count * np.asarray(self.top_k_count) / self.ep_count
        busiest = mean * (1.0 + self.skew_fraction * (1.0 - 1.0 / np.asarray(self.ep_count)))
        return np.minimum(busiest, self.tokens_count * np.minimum(self.top_k_count, self.local_experts_count))

    @property
    def touched_experts_count(self) -> FloatArray:
        """Experts with a row: all that can be when balanced, else those that independent choices would hit."""
        local, rows = self.local_experts_count, self.rows_count
        by_chance = local * (1.0 - np.exp(-rows / local))
        return np.where(np.asarray(self.skew_fraction) > 0.0, by_chance, np.minimum(local, rows))


def expert_layer_time_s(
    shapes: ExpertShapes, *, value_bytes: Reals, device: Device, coefficients: GroupedCoefficients
) -> FloatArray:
    """Time of a gated expert layer on the busiest rank, communication left out."""
    c = coefficients
    inner = np.asarray(shapes.inter_dim) / shapes.tp_count
    rows, groups = shapes.rows_count, shapes.touched_experts_count
    wide = GATED_PROJECTIONS * inner
    up = _product_s(rows, wide, shapes.hidden_dim, groups=groups, value_bytes=value_bytes, device=device, c=c)
    down = _product_s(rows, shapes.hidden_dim, inner, groups=groups, value_bytes=value_bytes, device=device, c=c)
    dispatch = c.dispatch_bytes * shapes.tokens_count * np.asarray(shapes.hidden_dim) / device.memory_bytes_per_s
    return np.asarray(c.launch_s + dispatch + up + down, dtype=np.float64)


def grouped_gemm_time_s(
    m: Reals,
    n: Reals,
    k: Reals,
    *,
    groups: Reals,
    value_bytes: Reals,
    device: Device,
    coefficients: GroupedCoefficients,
) -> FloatArray:
    """Time of `groups` products `(k, n)` that share `m` rows: one of the two products of an expert layer.

    It carries half the layer's launch and half of what bringing its rows there costs.
    """
    c = coefficients
    product = _product_s(m, n, k, groups=groups, value_bytes=value_bytes, device=device, c=c)
    return np.asarray(c.launch_s / PRODUCTS_PER_LAYER + product, dtype=np.float64)


def _product_s(
    m: Reals, n: Reals, k: Reals, *, groups: Reals, value_bytes: Reals, device: Device, c: GroupedCoefficients
) -> FloatArray:
    rows = np.asarray(m) / groups
    padded = groups * (rows + c.padding_fraction * TILE_ROWS * (1.0 - np.exp(-rows / TILE_ROWS)))
    tiles = groups * np.maximum(rows / TILE_ROWS, 1.0) * np.maximum(np.asarray(n) / TILE_COLUMNS, 1.0)
    idle = 1.0 + (device.processors_count / tiles) ** c.idle_exponent
    work = FLOP_PER_PRODUCT * padded * n * (k + c.ramp_depth)
    compute = work * idle / (device.peak_dense_flop_per_s * c.sustained_fraction)
    traffic = groups * np.asarray(n) * k * value_bytes / (device.memory_bytes_per_s * c.bandwidth_fraction)
    passing = c.row_bytes * m * (np.asarray(n) + k) / device.memory_bytes_per_s
    together = smooth_max(compute, traffic, exponent=c.overlap_exponent)
    return np.asarray(c.expert_s * np.asarray(groups) + together + passing, dtype=np.float64)
