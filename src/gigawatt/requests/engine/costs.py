"""Duration of one step of a replica, and of many decode steps in a row."""

import numpy as np

from gigawatt.requests.engine.compiled import compiled, inner
from gigawatt.requests.engine.records import Costs, Floats


@inner
def cell_of(knots: Floats, value: float) -> int:
    """Index of the cell that `value` lies in; the outermost cells reach to infinity."""
    cell = int(np.searchsorted(knots, value, "right")) - 1
    return min(max(cell, 0), knots.size - 2)


@inner
def decode_attention_s(costs: Costs, pool: int, batch: int, context: float) -> float:
    """Attention of a decode step of `batch` requests with `context` tokens each, in the mean."""
    knots, row = costs.decode_context[pool], costs.decode_s[pool, batch]
    cell = cell_of(knots, context)
    share = (context - knots[cell]) / (knots[cell + 1] - knots[cell])
    return float(row[cell] + share * (row[cell + 1] - row[cell]))


@compiled
def decode_span_s(costs: Costs, pool: int, batch: int, context: float, steps: int) -> float:
    """Time of `steps` decode steps; the mean context is `context` in the first and grows by one token a step.

    Attention is linear within a cell of the table, so its steps sum to count x (first + last) / 2.
    """
    knots = costs.decode_context[pool]
    fixed = costs.pass_s[pool, batch] + costs.extra_s[pool, batch]
    total, done = steps * fixed, 0
    while done < steps:
        first = context + done
        cell = cell_of(knots, first)
        count = steps - done
        if cell + 2 < knots.size:
            count = min(count, max(int(np.ceil(knots[cell + 1] - first)), 1))
        last = decode_attention_s(costs, pool, batch, first + count - 1)
        total += count * (decode_attention_s(costs, pool, batch, first) + last) / 2.0
        done += count
    return float(total)


@inner
def steps_until(costs: Costs, pool: int, batch: int, context: float, span_s: float, most: int) -> int:
    """The least number of decode steps that lasts `span_s` or longer, at most `most`."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if decode_span_s(costs, pool, batch, context, middle) >= span_s:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def fill_attention_s(costs: Costs, pool: int, new: float, cached: float) -> float:
    """Attention of `new` prompt tokens of one request behind `cached` ones, without the step's own floor."""
    rows, columns, table = costs.fill_new[pool], costs.fill_cached[pool], costs.fill_s[pool]
    i, j = cell_of(rows, new), cell_of(columns, cached)
    x = (new - rows[i]) / (rows[i + 1] - rows[i])
    y = (cached - columns[j]) / (columns[j + 1] - columns[j])
    low = table[i, j] + x * (table[i + 1, j] - table[i, j])
    high = table[i, j + 1] + x * (table[i + 1, j + 1] - table[i, j + 1])
    return float(low + y * (high - low))
