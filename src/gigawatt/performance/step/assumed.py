"""The engineering figures of a step at the best values and at the ends of their ranges."""

from dataclasses import replace

from gigawatt.entities.assumptions import StepFigures
from gigawatt.performance.step.task import StepAssumptions

Ends = tuple[tuple[StepAssumptions, StepAssumptions], ...]


def best_assumptions(figures: StepFigures) -> StepAssumptions:
    """Each figure at its best value."""
    return StepAssumptions(
        host_issue_s=figures.host_issue_s.best,
        contention_fraction=figures.contention.best,
        attention_backward_factor=figures.attention_backward.best,
        scan_backward_factor=figures.scan_backward.best,
        accumulation_fraction=figures.accumulation.best,
        permutation_factor=figures.permutation.best,
        fused_loss_factor=figures.fused_loss.best,
        token_exchange_s=figures.token_exchange_s.best,
        device_spread_fraction=figures.device_spread.best,
        reserved_bytes=figures.reserved_bytes.best,
        fragmentation_fraction=figures.fragmentation.best,
        host_link_bytes_per_s=figures.host_link_bytes_per_s.best,
        host_memory_bytes=figures.host_memory_bytes.best,
        waiting_power_fraction=figures.waiting_power.best,
    )


def lean_assumptions(figures: StepFigures) -> StepAssumptions:
    """With the least memory outside tensors."""
    return replace(
        best_assumptions(figures),
        reserved_bytes=figures.reserved_bytes.low,
        fragmentation_fraction=figures.fragmentation.low,
    )


def assumption_ends(figures: StepFigures) -> Ends:
    """With one figure at the low and at the high end of its range, for each that time depends on."""
    best = best_assumptions(figures)
    host, contention, attention = figures.host_issue_s, figures.contention, figures.attention_backward
    scan, permutation, spread = figures.scan_backward, figures.permutation, figures.device_spread
    exchange, loss = figures.token_exchange_s, figures.fused_loss
    return (
        (replace(best, host_issue_s=host.low), replace(best, host_issue_s=host.high)),
        (replace(best, contention_fraction=contention.low), replace(best, contention_fraction=contention.high)),
        (
            replace(best, attention_backward_factor=attention.low),
            replace(best, attention_backward_factor=attention.high),
        ),
        (replace(best, scan_backward_factor=scan.low), replace(best, scan_backward_factor=scan.high)),
        (
            replace(best, accumulation_fraction=figures.accumulation.low),
            replace(best, accumulation_fraction=figures.accumulation.high),
        ),
        (replace(best, permutation_factor=permutation.low), replace(best, permutation_factor=permutation.high)),
        (replace(best, fused_loss_factor=loss.low), replace(best, fused_loss_factor=loss.high)),
        (replace(best, token_exchange_s=exchange.low), replace(best, token_exchange_s=exchange.high)),
        (replace(best, device_spread_fraction=spread.low), replace(best, device_spread_fraction=spread.high)),
    )
