"""The answer of `gigawatt simulate requests` as a table and as JSON."""

from rich.table import Table

from gigawatt.performance.serve.task import WorkerLayouts
from gigawatt.requests.fleet import Fleet, Replica, ServiceLevel
from gigawatt.requests.outcomes import PERCENTILES, Summary, Times
from gigawatt.requests.simulation import PoolUse
from gigawatt.units import SECONDS_PER_HOUR, WATTS_PER_MEGAWATT

_POOLS = {1: ("aggregated",), 2: ("prefill", "decode")}


def answer_json(summary: Summary, fleet: Fleet, level: ServiceLevel) -> dict[str, object]:
    """Everything that was counted; a latency nobody had is null."""
    names = _POOLS[len(summary.pools)]
    return {
        "ttft_limit_s": level.ttft_limit_s,
        "tpot_limit_s": level.tpot_limit_s,
        "requests_count": summary.requests_count,
        "requests_completed": summary.requests_completed_count,
        "requests_dropped": summary.too_long_count + summary.queue_full_count,
        "dropped": {"too_long": summary.too_long_count, "queue_full": summary.queue_full_count},
        "goodput_fraction": summary.goodput_fraction,
        "goodput_requests_per_s": _ratio(summary.goodput_fraction * summary.requests_count, summary.span_s),
        "ttft_s": _times_json(summary.ttft),
        "tpot_s": _times_json(summary.tpot),
        "end_to_end_s": _times_json(summary.end_to_end),
        "input_tokens": summary.input_tokens_count,
        "output_tokens": summary.output_tokens_count,
        "dropped_output_tokens": summary.dropped_output_tokens_count,
        "output_tokens_per_s": _ratio(summary.output_tokens_count, summary.span_s),
        "reused_input_fraction": _ratio(summary.reused_tokens_count, summary.input_tokens_count),
        "loaded_input_fraction": _ratio(summary.loaded_tokens_count, summary.input_tokens_count),
        "preemptions": summary.preemptions_count,
        "restarts": summary.restarts_count,
        "span_s": summary.span_s,
        "energy_mwh": summary.energy_j / SECONDS_PER_HOUR / WATTS_PER_MEGAWATT,
        "energy_j_per_output_token": _ratio(summary.energy_j, summary.output_tokens_count),
        "accelerators": sum(pool.replica.accelerators_count * pool.most_count for pool in fleet.pools),
        "pools": {name: _pool_json(use, span_s=summary.span_s) for name, use in zip(names, summary.pools, strict=True)},
    }


def _ratio(value: float, by: float) -> float | None:
    return value / by if by else None


def _times_json(times: Times) -> dict[str, float]:
    named = {f"p{percent:g}": value for percent, value in zip(PERCENTILES, times.percentiles_s, strict=True)}
    return {"mean": times.mean_s, **named}


def _pool_json(use: PoolUse, *, span_s: float) -> dict[str, float | None]:
    return {
        "replicas": use.replicas_count,
        "utilization_fraction": _ratio(use.busy_s, use.on_s),
        "mean_replicas_on": _ratio(use.on_s, span_s),
        "steps": use.steps_count,
        "tokens": use.tokens_count,
        "peak_kv_fraction": use.peak_kv_fraction,
    }


def answer_table(summary: Summary, fleet: Fleet, level: ServiceLevel, *, title: str) -> Table:
    """The figures that one looks at first."""
    table = Table(title=title, title_justify="left")
    for name in ("", "mean", *(f"P{percent:g}" for percent in PERCENTILES)):
        table.add_column(name, justify="left" if name == "" else "right")
    table.add_row(f"TTFT, s (at most {level.ttft_limit_s:g})", *_cells(summary.ttft))
    table.add_row(f"TPOT, s (at most {level.tpot_limit_s:g})", *_cells(summary.tpot))
    table.add_row("end to end, s", *_cells(summary.end_to_end), end_section=True)
    answer = answer_json(summary, fleet, level)
    for name, text in _facts(summary, answer):
        table.add_row(name, text)
    for name, use in zip(_POOLS[len(summary.pools)], summary.pools, strict=True):
        busy = use.busy_s / use.on_s if use.on_s else 0.0
        table.add_row(f"{name}: busy, fullest cache", f"{busy:.1%}", f"{use.peak_kv_fraction:.1%}")
    return table


def _cells(times: Times) -> list[str]:
    return [f"{value:.4g}" for value in (times.mean_s, *times.percentiles_s)]


def _facts(summary: Summary, answer: dict[str, object]) -> list[tuple[str, str]]:
    reused, energy = answer["reused_input_fraction"], answer["energy_j_per_output_token"]
    rate = answer["output_tokens_per_s"]
    facts = [
        ("requests completed", f"{summary.requests_completed_count:,}"),
        ("requests dropped", f"{summary.too_long_count + summary.queue_full_count:,}"),
        ("goodput", f"{summary.goodput_fraction:.1%}"),
        ("output tokens/s", f"{rate:,.0f}" if isinstance(rate, float) else "-"),
        ("input found in the prefix cache", f"{reused:.1%}" if isinstance(reused, float) else "-"),
        ("preemptions", f"{summary.preemptions_count:,}"),
        ("energy per output token, J", f"{energy:.3g}" if isinstance(energy, float) else "-"),
    ]
    if summary.loaded_tokens_count:
        share = summary.loaded_tokens_count / summary.input_tokens_count
        facts.append(("input read from memory beside the device", f"{share:.1%}"))
    return [*facts, ("restarts after failures", f"{summary.restarts_count:,}")] if summary.restarts_count else facts


def layout_words(layout: WorkerLayouts, replica: Replica) -> str:
    """A replica in words."""
    return (
        f"{replica.accelerators_count} accelerators: TP {layout.tp_count[0]:.0f}, copies {layout.copies_count[0]:.0f}, "
        f"EP {layout.ep_count[0]:.0f}; room for {replica.kv_tokens_count:,} tokens of cache"
    )
