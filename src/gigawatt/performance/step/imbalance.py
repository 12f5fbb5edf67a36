"""How uneven routing is: tokens of the busiest rank's experts over the mean, stated or measured expert by expert.

Every layer waits for its own busiest rank, so that layers count by the mean of their ratios. A rank holds experts that
follow each other. What is measured over many micro-batches is smoother than any one of them: a lower bound.
"""

import numpy as np

from gigawatt.performance.step.task import StepLayouts, StepTask
from gigawatt.timeline import FloatArray


def expert_load_ratio(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Tokens of the busiest rank's experts over the mean, `(candidate,)`; 1 where one rank holds all experts."""
    ranks = layouts.ep_count
    if not task.expert_tokens:
        return np.where(ranks > 1.0, task.expert_load_ratio, 1.0)
    tokens = np.array(task.expert_tokens, dtype=np.float64)
    sizes, at = np.unique(ranks, return_inverse=True)
    return np.array([busiest_ratio(tokens, ranks_count=int(size)) for size in sizes])[at]


def busiest_ratio(tokens: FloatArray, *, ranks_count: int) -> float:
    """Mean over layers of the busiest rank's tokens over the mean rank's, from tokens `(layer, expert)`."""
    by_rank = tokens.reshape(tokens.shape[0], ranks_count, -1).sum(axis=2)
    return float(np.mean(by_rank.max(axis=1) / by_rank.mean(axis=1)))
