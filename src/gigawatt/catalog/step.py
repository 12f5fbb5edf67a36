"""What a training step costs beside its kernels, from the catalogue's assumptions."""

from gigawatt.catalog.dimensions import BANDWIDTH, MEMORY
from gigawatt.catalog.quantities import ranged
from gigawatt.catalog.records import Catalog, Figure
from gigawatt.entities.assumptions import StepFigures
from gigawatt.performance.step.assumed import best_assumptions
from gigawatt.performance.step.task import StepAssumptions
from gigawatt.units import DURATION_SECONDS, FRACTION, RATIO

_NAMES = (
    *("host-issue", "contention", "attention-backward", "scan-backward"),
    *("accumulation", "permutation", "fused-loss", "token-exchange", "device-spread", "reserved", "fragmentation"),
    *("host-link", "host-memory", "waiting-power"),
)


def step_assumption_figures(catalog: Catalog) -> tuple[Figure, ...]:
    """The figures that every step rests on, as the catalogue has them, and the clock that its band spans."""
    return tuple(
        catalog.figure(f"assumptions/training-step/{name}")
        for name in (*_NAMES, "sustained-clock", "pass", "expert-products")
    )


def step_figures(catalog: Catalog) -> StepFigures:
    """The engineering figures of a step with their ranges."""
    host, contention, backward, scan, accumulation, permutation, loss, exchange, spread, *others = (
        catalog.figure(f"assumptions/training-step/{name}") for name in _NAMES
    )
    reserved, fragmentation, link, host_memory, waiting = others
    return StepFigures(
        host_issue_s=ranged(host, DURATION_SECONDS),
        contention=ranged(contention, FRACTION),
        attention_backward=ranged(backward, RATIO),
        scan_backward=ranged(scan, RATIO),
        accumulation=ranged(accumulation, FRACTION),
        permutation=ranged(permutation, RATIO),
        fused_loss=ranged(loss, RATIO),
        token_exchange_s=ranged(exchange, DURATION_SECONDS),
        device_spread=ranged(spread, RATIO),
        reserved_bytes=ranged(reserved, MEMORY),
        fragmentation=ranged(fragmentation, FRACTION),
        host_link_bytes_per_s=ranged(link, BANDWIDTH),
        host_memory_bytes=ranged(host_memory, MEMORY),
        waiting_power=ranged(waiting, FRACTION),
    )


def step_assumptions(catalog: Catalog) -> StepAssumptions:
    """The engineering figures of a step at their best values."""
    return best_assumptions(step_figures(catalog))
