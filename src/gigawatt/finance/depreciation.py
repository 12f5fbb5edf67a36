"""How the cost of an asset is spread over its life: a schedule of fractions, and what it makes of additions.

A schedule is `(step,)`, the fraction of an addition that is written off in its own step, the next, and so on; a step is
a month or a year, whichever the caller counts in. Tables of the tax office stand in the catalogue
(`economics/macrs`); the law they were computed from stands here, and a test holds one against the other.
"""

import numpy as np

from gigawatt.timeline import FloatArray


def straight_line_fractions(life_count: float) -> FloatArray:
    """Equal fractions over a life of so many steps, which need not be whole: 2.5 steps give 0.4, 0.4, 0.2."""
    elapsed = np.arange(np.ceil(life_count))
    return np.asarray(np.minimum(1.0, life_count - elapsed) / life_count, dtype=np.float64)


def half_step_straight_line_fractions(life_count: int) -> FloatArray:
    """Straight line with the half-year convention: half a fraction in the first step and in the one after the last."""
    fractions = np.full(life_count + 1, 1.0 / life_count)
    fractions[[0, -1]] /= 2.0
    return fractions


def declining_balance_fractions(life_count: int, *, rate_multiple: float) -> FloatArray:
    """Declining balance with the half-year convention, turning to straight line where that writes off more.

    The law behind MACRS (Internal Revenue Code, section 168(b) and (d)): 200 % of the straight-line rate for lives of
    3, 5, 7 and 10 years, 150 % for 15 and 20. With book value b at the start of step t of a life n,

        d_0 = multiple / (2 n),    d_t = min(b_t, max(multiple / n, 1 / (n - t + 1/2)) x b_t)
    """
    fractions = np.empty(life_count + 1)
    left = 1.0
    for step in range(life_count + 1):
        remaining_count = life_count - step + 0.5
        rate = rate_multiple / life_count / 2.0 if step == 0 else max(rate_multiple / life_count, 1.0 / remaining_count)
        fractions[step] = min(left, rate * left)
        left -= fractions[step]
    return fractions


def with_bonus(fractions: FloatArray, *, bonus_fraction: float) -> FloatArray:
    """The schedule after a bonus in the first step (Internal Revenue Code, section 168(k)); the rest as before."""
    eased = fractions * (1.0 - bonus_fraction)
    eased[0] += bonus_fraction
    return np.asarray(eased, dtype=np.float64)


def depreciation_usd(additions_usd: FloatArray, *, fractions: FloatArray, residual_fraction: float = 0.0) -> FloatArray:
    """What is written off in each step of the horizon, `(step,)`, of additions made in each step.

    `residual_fraction` of the cost is never written off. What falls due after the horizon is left out: the book value
    at its end is the additions less what was written off.
    """
    written_usd = np.convolve(additions_usd, fractions)[: additions_usd.size] * (1.0 - residual_fraction)
    return np.asarray(written_usd, dtype=np.float64)


def book_value_usd(additions_usd: FloatArray, *, written_off_usd: FloatArray) -> FloatArray:
    """Value in the books at the end of each step: all additions so far less all that was written off, `(step,)`."""
    return np.asarray(np.cumsum(additions_usd) - np.cumsum(written_off_usd), dtype=np.float64)
