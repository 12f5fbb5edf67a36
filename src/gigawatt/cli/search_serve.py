"""`gigawatt perf search serve`: throughput against interactivity, and the cheapest deployment under a service level."""

import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load, platform, quantity
from gigawatt.catalog.dimensions import MONEY_PER_ACCELERATOR_HOUR
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import is_block_scaled, published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.cli.console import out, print_json
from gigawatt.cli.search import search_app
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.errors import InfeasibleError
from gigawatt.performance.serve.bands import Banded, banded
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.memory import worker_memory
from gigawatt.performance.serve.search import Configurations, Limits, chosen_configurations, serve_search
from gigawatt.performance.serve.space import worker_layouts
from gigawatt.performance.serve.task import Formats, ServeTask, WorkerLayouts
from gigawatt.units import (
    DURATION_SECONDS,
    FRACTION,
    SECONDS_PER_HOUR,
    TOKEN_COUNT,
    TOKENS_PER_MILLION,
    WATTS_PER_MEGAWATT,
    parse,
)

__all__ = ["search_app"]

_MOST = 10**6
_SHOWN = 16
_QUANTILES = (0.1, 0.5, 0.9)
_LAYOUT_NAMES = tuple(WorkerLayouts.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A platform, the task at each quantile, limits, and the price of an accelerator-hour where one is given."""

    where: Platform
    tasks: tuple[ServeTask, ...]
    limits: Limits
    usable_bytes: float
    usd_per_hour: float | None


@search_app.command("serve")
def serve_command(
    model_id: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")],
    platform_id: Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")],
    *,
    isl: Annotated[int | None, typer.Option("--isl", min=1, max=_MOST, help="Input tokens of a request.")] = None,
    osl: Annotated[int | None, typer.Option("--osl", min=1, max=_MOST, help="Output tokens of a request.")] = None,
    ttft: Annotated[str | None, typer.Option("--ttft", help='Time to first token at most, like "2 s".')] = None,
    tpot: Annotated[str | None, typer.Option("--tpot", help='Time per output token at most, like "50 ms".')] = None,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=1, max=4096, help="Accelerators of a deployment at most; a rack's.")
    ] = None,
    weights: Annotated[Precision, typer.Option(help="Format of the weights.")] = Precision.FP8,
    cache: Annotated[Precision, typer.Option(help="Format of the cache.")] = Precision.FP8,
    gpu_hour: Annotated[str | None, typer.Option("--gpu-hour", help='Price, like "2.35 USD/GPU/h".')] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Find the front of throughput and interactivity, and the cheapest deployment, aggregated or in two pools."""
    catalog = load()
    where = platform(catalog, platform_id).item
    set_up = _Setting(
        where=where,
        tasks=_tasks(catalog, model_id, (isl, osl), (weights, cache)),
        limits=Limits(
            ttft_s=_limit_s(catalog, ttft, "ttft"),
            tpot_s=_limit_s(catalog, tpot, "tpot"),
            accelerators_count=gpus or max(where.accelerators_per_rack_count, where.scale_up_domain_count),
            prefill_load_fraction=quantity(catalog.figure("assumptions/serving-engine/prefill-load"), FRACTION),
        ),
        usable_bytes=_usable_bytes(catalog, where),
        usd_per_hour=parse(gpu_hour, MONEY_PER_ACCELERATOR_HOUR, where="--gpu-hour") if gpu_hour else None,
    )
    operators = serving_operators(catalog, blocks=is_block_scaled(model_id))
    began = time.process_time()
    task = set_up.tasks[_QUANTILES.index(0.5)]
    median = operators(where, 0.5)
    found = serve_search(task, where, median, set_up.limits, usable_bytes=set_up.usable_bytes)
    cpu_s = time.process_time() - began
    if found.front is None:
        raise InfeasibleError((_refusal(set_up),))
    band = banded(
        set_up.tasks,
        found.front,
        where,
        [operators(where, quantile) for quantile in _QUANTILES],
        usable_bytes=set_up.usable_bytes,
    )
    answer = _answer(set_up, found.front, band)
    counts = {
        "configurations_evaluated": found.evaluated_count,
        "configurations_feasible": found.feasible_count,
        "cpu_s": cpu_s,
        "measured": where.measured,
    }
    if as_json:
        print_json({"model": model_id, "platform": platform_id, **counts, **answer})
    else:
        _print(set_up, found.front, band, f"{found.evaluated_count:,} configurations in {cpu_s:.1f} CPU seconds")


def _tasks(
    catalog: Catalog,
    model_id: str,
    lengths: tuple[int | None, int | None],
    formats: tuple[Precision, Precision],
) -> tuple[ServeTask, ...]:
    model, pattern = published_model(catalog, model_id)
    figures, (weights, cache) = engine_figures(catalog), formats
    attention = Precision.FP8 if weights is Precision.FP4 else weights
    names = ("input", "output")
    tokens = [
        float(given or quantity(catalog.figure(f"assumptions/service/{name}"), TOKEN_COUNT))
        for given, name in zip(lengths, names, strict=True)
    ]
    return tuple(
        ServeTask(
            model=model,
            pattern=pattern,
            formats=Formats(attention=attention, dense=weights, experts=weights, head=Precision.BF16, cache=cache),
            engine=standard_engine(figures, quantile=quantile),
            input_tokens_count=tokens[0],
            output_tokens_count=tokens[1],
        )
        for quantile in _QUANTILES
    )


def _limit_s(catalog: Catalog, text: str | None, name: str) -> float:
    if text is None:
        return quantity(catalog.figure(f"assumptions/service/{name}"), DURATION_SECONDS)
    return parse(text, DURATION_SECONDS, where=f"--{name}")


def _usable_bytes(catalog: Catalog, where: Platform) -> float:
    return quantity(catalog.figure("assumptions/operation/memory-usable"), FRACTION) * where.accelerator.memory_bytes


def _refusal(set_up: _Setting) -> str:
    task, limits = set_up.tasks[1], set_up.limits
    layouts = worker_layouts(task.model, set_up.where, accelerators_limit=limits.accelerators_count)
    least = float(np.min(worker_memory(task, layouts).weight_bytes))
    if least > set_up.usable_bytes:
        return (
            f"memory: {task.model.id} needs at least {least:.3g} bytes per accelerator on "
            f"{limits.accelerators_count} accelerators, {set_up.usable_bytes:.3g} are usable"
        )
    return (
        f"no deployment of at most {limits.accelerators_count} accelerators keeps TTFT {limits.ttft_s:g} s and "
        f"TPOT {limits.tpot_s:g} s together"
    )


def _per_mw(set_up: _Setting, tokens_per_s: float) -> float:
    """Output tokens per second and MW of the racks' greatest IT power."""
    where = set_up.where
    return tokens_per_s * where.accelerators_per_rack_count / where.rack_power_w * WATTS_PER_MEGAWATT


def _usd_per_mtoken(set_up: _Setting, tokens_per_s: float) -> float | None:
    if set_up.usd_per_hour is None:
        return None
    return set_up.usd_per_hour / (tokens_per_s * SECONDS_PER_HOUR) * TOKENS_PER_MILLION


def _point(set_up: _Setting, front: Configurations, band: Banded, index: int) -> dict[str, object]:
    rate = float(front.tokens_per_s_per_accelerator[index])
    pools = bool(front.prefill_workers_count[index] > 0.0)
    return {
        "kind": "prefill and decode" if pools else "aggregated",
        "tokens_per_s_per_user": float(front.tokens_per_s_per_user[index]),
        "output_tokens_per_s_per_accelerator": rate,
        "output_tokens_per_s_per_it_mw": _per_mw(set_up, rate),
        "usd_per_mtoken": _usd_per_mtoken(set_up, rate),
        "ttft_s": float(front.ttft_s[index]),
        "tpot_s": float(front.tpot_s[index]),
        "accelerators": float(front.accelerators_count[index]),
        "prefill_workers": float(front.prefill_workers_count[index]),
        "decode_workers": float(front.decode_workers_count[index]),
        "requests_per_copy": float(front.requests_per_copy_count[index]),
        "chunk_tokens": float(front.chunk_tokens_count[index]),
        "prefill_layout": _layout(front.prefill, index) if pools else None,
        "decode_layout": _layout(front.decode, index),
        "band": band.at(index),
    }


def _layout(layouts: WorkerLayouts, index: int) -> dict[str, float]:
    return {name: float(getattr(layouts, name)[index]) for name in _LAYOUT_NAMES}


def _answer(set_up: _Setting, front: Configurations, band: Banded) -> dict[str, object]:
    task, limits = set_up.tasks[1], set_up.limits
    points = [_point(set_up, front, band, index) for index in range(front.tpot_s.size)]
    return {
        "input_tokens": task.input_tokens_count,
        "output_tokens": task.output_tokens_count,
        "ttft_limit_s": limits.ttft_s,
        "tpot_limit_s": limits.tpot_s,
        "cheapest": points[0],
        "front": points,
        "picture": {
            "tokens_per_s_per_user": [float(value) for value in front.tokens_per_s_per_user],
            "output_tokens_per_s_per_accelerator": [float(value) for value in front.tokens_per_s_per_accelerator],
        },
    }


def _print(set_up: _Setting, front: Configurations, band: Banded, effort: str) -> None:
    title = "The first is the cheapest that keeps the limits; the others buy interactivity (output tokens/s)"
    table = Table(title=title, title_justify="left")
    table.add_column("workers", no_wrap=True)
    headings = ("/user", "/GPU", "P10", "P90", "M/MW IT", "TTFT s", "GPUs")
    for name in (*headings, *(("USD/Mtoken",) if set_up.usd_per_hour else ())):
        table.add_column(name, justify="right")
    shown = np.unique(np.linspace(0, front.tpot_s.size - 1, min(front.tpot_s.size, _SHOWN)).astype(np.intp))
    some, low_high = chosen_configurations(front, shown), band.tokens_per_s_per_accelerator[:, shown]
    for index in range(shown.size):
        rate = float(some.tokens_per_s_per_accelerator[index])
        price = _usd_per_mtoken(set_up, rate)
        cells = [
            _described(some, index),
            f"{some.tokens_per_s_per_user[index]:.1f}",
            f"{rate:,.0f}",
            f"{low_high[0, index]:,.0f}",
            f"{low_high[2, index]:,.0f}",
            f"{_per_mw(set_up, rate) / TOKENS_PER_MILLION:.3f}",
            f"{some.ttft_s[index]:.2f}",
            f"{some.accelerators_count[index]:.0f}",
        ]
        table.add_row(*cells, *([f"{price:.2f}"] if price is not None else []))
    out.print(table)
    out.print(f"{effort}; tokens are output tokens; TP tensor, DP attention copies, EP experts, PP stages.")


def _described(front: Configurations, index: int) -> str:
    decode = f"{front.decode_workers_count[index]:.0f} {_named(front.decode, index)}"
    if front.prefill_workers_count[index] == 0.0:
        return decode
    return f"{front.prefill_workers_count[index]:.0f} {_named(front.prefill, index)} + {decode}"


def _named(layouts: WorkerLayouts, index: int) -> str:
    found = _layout(layouts, index)
    parts = zip(("TP", "DP", "EP", "PP"), ("tp_count", "copies_count", "ep_count", "pp_count"), strict=True)
    return " ".join(f"{short}{found[name]:.0f}" for short, name in parts if found[name] > 1.0) or "TP1"
