"""The fastest layout for a step as the commands choose it: all accelerators at work, or nearly all."""

import numpy as np

from gigawatt.cli.steps import Asked
from gigawatt.errors import InfeasibleError
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.fastest import fastest
from gigawatt.performance.step.memory import StepMemory
from gigawatt.performance.step.task import StepLayouts
from gigawatt.performance.trained import job_sizes, whole_domains_count

_BYTES_PER_GB = 10**9


def best_layout(of: Asked, operators: OperatorModel) -> StepLayouts:
    """The fastest layout of all accelerators, or of a few less that divide better; the others idle.

    Raises `InfeasibleError` when no layout spreads the batch or fits the memory.
    """
    whole = whole_domains_count(of.gpus, scale_up_domain_count=of.where.scale_up_domain_count)
    sizes = [
        count
        for count in (of.gpus, *job_sizes(whole, scale_up_domain_count=of.where.scale_up_domain_count))
        if count % of.task.sites_count == 0
    ]
    tried = [fastest(of.task, of.where, operators, accelerators_count=count) for count in dict.fromkeys(sizes)]
    best = min(tried, key=lambda found: found.step_s)
    if best.layout is not None:
        return best.layout
    least = min(found.least_memory_bytes for found in tried)
    if np.isinf(least):
        raise InfeasibleError(
            (
                f"{of.task.batch_sequences_count:,.0f} sequences are spread over {of.gpus:,} accelerators",
                f"no layout of {of.task.model.id} does that: each data-parallel rank needs a sequence",
            )
        )
    raise InfeasibleError((_too_large(of, least),))


def refuse_too_large(of: Asked, memory: StepMemory) -> None:
    """Raise `InfeasibleError` for a layout that needs more memory than an accelerator or its host has."""
    needed = float(memory.total_bytes[0])
    if needed > of.where.accelerator.memory_bytes:
        raise InfeasibleError((_too_large(of, needed),))
    host = float(memory.host_bytes[0])
    if host > of.task.assumptions.host_memory_bytes:
        gb, have_gb = host / _BYTES_PER_GB, of.task.assumptions.host_memory_bytes / _BYTES_PER_GB
        raise InfeasibleError((f"offloading needs {gb:,.0f} GB of the host per accelerator of {have_gb:,.0f} GB",))


def _too_large(of: Asked, needed_bytes: float) -> str:
    have = of.where.accelerator.memory_bytes
    return (
        f"memory: {of.task.model.id} needs at least {needed_bytes / _BYTES_PER_GB:,.1f} GB per accelerator "
        f"of {have / _BYTES_PER_GB:,.1f} GB"
    )
