"""Time of a recurrence over a sequence, worked off in chunks: gated delta rules and state-space layers.

Inside a chunk tokens see each other by matrix products, between chunks only the state is handed on (Dao and Gu, 2024,
section 6; Yang et al., 2024, section 3.3). A processor takes one chunk of one head at a time, and the chunks of a head
follow each other; the last one may be filled in part. Measured kernels take about the same time per chunk and
processor on Hopper and on Blackwell: their products are small and do not reach the newest matrix units, so that a
processor's time, not the peak, is the coefficient. A chunk with other products takes in proportion.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import Device, Reals, smooth_max
from gigawatt.timeline import FloatArray

# Products of one chunk of 64 tokens of one head with a state of 128 x 128 under the gated delta rule; see
# `delta_rule_chunk_flop`.
REFERENCE_CHUNK_FLOP = 11_534_336.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanShapes:
    """A recurrence on one accelerator: `heads_count` heads over sequences of `tokens_count` tokens.

    `chunk_flop` are the products of one chunk of one head, `token_bytes` what a token moves between memory and chip
    for all heads together.
    """

    sequences_count: Reals
    tokens_count: Reals
    heads_count: Reals
    chunk_tokens_count: Reals
    chunk_flop: Reals
    token_bytes: Reals


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCoefficients:
    """What a fit finds: launches, a chunk's turn in its chain, a processor's time for a reference chunk, bandwidth."""

    launch_s: float
    turn_s: float
    chunk_s: float
    bandwidth_fraction: float
    overlap_exponent: float


def scan_time_s(shapes: ScanShapes, *, device: Device, coefficients: ScanCoefficients) -> FloatArray:
    """Time of the forward recurrence of whole sequences."""
    c = coefficients
    chunks = np.ceil(np.asarray(shapes.tokens_count, dtype=np.float64) / shapes.chunk_tokens_count)
    tiles = shapes.sequences_count * chunks * shapes.heads_count
    shared = tiles * c.chunk_s * (shapes.chunk_flop / REFERENCE_CHUNK_FLOP) / device.processors_count
    moved = shapes.sequences_count * np.asarray(shapes.tokens_count) * shapes.token_bytes
    traffic = moved / (device.memory_bytes_per_s * c.bandwidth_fraction)
    busy = smooth_max(shared, chunks * c.turn_s, exponent=c.overlap_exponent)
    return np.asarray(c.launch_s + traffic + busy, dtype=np.float64)


def delta_rule_chunk_flop(*, chunk_tokens_count: Reals, key_dim: Reals, value_dim: Reals) -> Reals:
    """Products of one chunk of one head: 2 c (3 K V + c (3 K + 2 V)).

    The state is read for the keys and the queries and written once; inside the chunk keys meet keys, the inverse
    meets keys and values, queries meet keys, and the scores the values (Yang et al., 2024, equations 8 and 9).
    """
    inside = chunk_tokens_count * (3.0 * key_dim + 2.0 * value_dim)
    return 2.0 * chunk_tokens_count * (3.0 * key_dim * value_dim + inside)


def state_space_chunk_flop(
    *, chunk_tokens_count: Reals, state_dim: Reals, head_dim: Reals, heads_per_group: Reals
) -> Reals:
    """Products of one chunk of one head: 2 c (2 N P + c (P + N / h)), h heads sharing the scores of their group.

    The chunk's state and what the incoming state adds; inside the chunk scores, and scores times values (Dao and Gu,
    2024, section 6).
    """
    inside = chunk_tokens_count * (head_dim + state_dim / heads_per_group)
    return 2.0 * chunk_tokens_count * (2.0 * state_dim * head_dim + inside)


def delta_rule_token_bytes(
    *, chunk_tokens_count: Reals, heads_count: Reals, key_heads_count: Reals, key_dim: Reals, value_dim: Reals
) -> Reals:
    """What the kernels of a gated delta rule move per token, all heads together, in BF16 values of two bytes.

    Keys are read four times (their products, the inverse applied, the state, the output); corrected keys and values
    are written and read once each, new values once each, values read and outputs written once; states of a chunk are
    written and read once, the inverse thrice; queries are normalized and read once, as are keys, per key head.
    """
    per_head = 6.0 * key_dim + 6.0 * value_dim + 2.0 * key_dim * value_dim / chunk_tokens_count
    inverse = 6.0 * chunk_tokens_count
    return 2.0 * (heads_count * (per_head + inverse) + 3.0 * key_heads_count * key_dim)


def state_space_token_bytes(
    *, chunk_tokens_count: Reals, heads_count: Reals, groups_count: Reals, head_dim: Reals, state_dim: Reals
) -> Reals:
    """What the kernels of a state-space scan move per token, all heads together.

    In BF16 values are read twice and written once, the maps of a group read four times; in FP32 states of a chunk are
    written, handed on and read (three times four bytes), and the scores of a group written and read.
    """
    values = 3.0 * 2.0 * heads_count * head_dim
    states = 3.0 * 4.0 * heads_count * head_dim * state_dim / chunk_tokens_count
    maps = 4.0 * 2.0 * groups_count * state_dim
    scores = 2.0 * 4.0 * groups_count * chunk_tokens_count
    return values + states + maps + scores
