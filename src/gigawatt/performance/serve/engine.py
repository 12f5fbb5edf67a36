"""A current serving engine from the ranges of what one costs."""

from gigawatt.entities.assumptions import EngineFigures
from gigawatt.performance.operators import at_quantile
from gigawatt.performance.serve.task import NO_SPECULATION, Engine, Speculation

_USUAL_CHUNK_TOKENS = 8192.0


def standard_engine(figures: EngineFigures, *, quantile: float, speculation: Speculation = NO_SPECULATION) -> Engine:
    """A current engine at a quantile of performance: 0.1 has slow hosts, skewed experts and slow kernels."""
    slow = round(1.0 - quantile, 1)
    return Engine(
        mixed=True,
        reserved=False,
        chunk_tokens_count=_USUAL_CHUNK_TOKENS,
        admission_steps_count=1.0,
        step_host_s=at_quantile(figures.step_host_s, slow),
        issue_s=at_quantile(figures.issue_s, slow),
        request_s=at_quantile(figures.request_s, slow),
        token_s=at_quantile(figures.token_s, slow),
        expert_skew_fraction=at_quantile(figures.expert_skew, slow),
        time_factor=at_quantile(figures.engine_kernels, slow),
        fused_norms=True,
        speculation=speculation,
    )
