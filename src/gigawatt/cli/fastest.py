"""The fastest layout for a step as the commands choose it: all accelerators at work, or nearly all."""

import math

from gigawatt.cli.console import err
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.steps import Asked
from gigawatt.errors import InfeasibleError
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.fastest import fastest
from gigawatt.performance.step.memory import StepMemory
from gigawatt.performance.step.task import StepLayouts
from gigawatt.performance.trained import job_sizes, whole_domains_count

_BYTES_PER_GB = 10**9
_MOST_IDLE = 1.0 / 8.0
_FEW = 128
_PRIMES = (2, 3, 5)


def best_layout(of: Asked, operators: OperatorModel) -> StepLayouts:
    """The fastest layout of all accelerators, or of a few less that divide better; the others idle.

    Raises `InfeasibleError` when no layout spreads the batch or fits the memory.
    """
    least, best = math.inf, None
    best_s = math.inf
    sizes = _sizes(of)
    with StageProgress(err) as progress:
        for number, count in enumerate(sizes):
            progress("Searching layouts", number / len(sizes))
            found = fastest(of.task, of.where, operators, accelerators_count=count, beat_s=best_s)
            least = min(least, found.least_memory_bytes)
            if found.layout is not None:
                best, best_s = found.layout, found.step_s
    if best is not None:
        return best
    if math.isinf(least):
        raise InfeasibleError(
            (
                f"{of.task.batch_sequences_count:,.0f} sequences are spread over {of.gpus:,} accelerators",
                f"no layout of {of.task.model.id} does that: each data-parallel rank needs a sequence",
            )
        )
    raise InfeasibleError((_too_large(of, least),))


def _sizes(of: Asked) -> list[int]:
    """How many of the accelerators may work, most first: all of them, or up to an eighth less where that divides well.

    Of many only products of small primes are tried: others leave few layouts.
    """
    sites = of.task.sites_count
    least = math.ceil(of.gpus * (1.0 - _MOST_IDLE))
    few = range(least, of.gpus + 1) if of.gpus <= _FEW else _smooth(least, of.gpus)
    whole = whole_domains_count(of.gpus, scale_up_domain_count=of.where.scale_up_domain_count)
    sizes = {of.gpus, *few, *job_sizes(whole, scale_up_domain_count=of.where.scale_up_domain_count)}
    return sorted((count for count in sizes if count % sites == 0), reverse=True)


def _smooth(least: int, most: int) -> list[int]:
    """Products of small primes from `least` to `most`."""
    found = [1]
    for prime in _PRIMES:
        powers = [prime**exponent for exponent in range(most.bit_length())]
        found = [count * power for count in found for power in powers if count * power <= most]
    return [count for count in found if count >= least]


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
