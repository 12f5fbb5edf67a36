"""`gigawatt perf search`: the best layout over the whole space, and what memory costs in time."""

import time
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load, model, platform, quantity
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.step import step_assumptions
from gigawatt.cli.console import out, print_json
from gigawatt.entities.hardware import Platform
from gigawatt.errors import InfeasibleError
from gigawatt.performance.laws import BandOperators
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.search import Found, Ranked, search
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import StepTask, Variant, chosen, current_practice
from gigawatt.units import TOKEN_COUNT

search_app = typer.Typer(name="search", help="Search the whole space of layouts.", no_args_is_help=True)

_MOST = 10**9
_SHOWN = 12
_BYTES_PER_GB = 10**9


@search_app.callback()
def _root() -> None:
    """Search the whole space of layouts."""


@search_app.command("train")
def train_command(
    model_id: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")],
    platform_id: Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")],
    gpus: Annotated[int, typer.Option("--gpus", min=1, max=_MOST, help="Accelerators of the run.")],
    batch: Annotated[int, typer.Option("--batch", min=1, max=_MOST, help="Sequences of one step.")],
    sequence: Annotated[
        int | None, typer.Option("--sequence", min=1, max=_MOST, help="Tokens of a sequence; the model's if silent.")
    ] = None,
    precision: Annotated[NumberFormat, typer.Option(help="Format of the matrix products.")] = NumberFormat.BF16,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Find the fastest layout of a training step that fits, and the front of time against memory."""
    catalog = load()
    where = platform(catalog, platform_id).item
    task = StepTask(
        model=model(catalog, model_id).item,
        variant=Variant(),
        practice=current_practice(),
        number_format=precision,
        sequence_tokens_count=sequence or _sequence(catalog, model_id),
        batch_sequences_count=float(batch),
        scale_up_domain_count=where.scale_up_domain_count,
        assumptions=step_assumptions(catalog),
    )
    operators = training_operators(catalog)
    began = time.process_time()
    found = search(task, where, operators(where, 0.5), accelerators_count=gpus)
    cpu_s = time.process_time() - began
    if found.front is None:
        raise InfeasibleError((_refusal(task, where, gpus, found),))
    answer = _answer(task, where, operators, found, found.front) | {"cpu_s": cpu_s}
    if as_json:
        print_json({"model": model_id, "platform": platform_id, "gpus": gpus, "batch": batch, **answer})
    else:
        _print(found, found.front, cpu_s)


def _sequence(catalog: Catalog, model_id: str) -> int:
    """The usual training sequence, no longer than the model's context."""
    usual = quantity(catalog.figure("assumptions/training/sequence"), TOKEN_COUNT)
    return round(min(usual, quantity(catalog.figure(f"models/{model_id}/context-length"), TOKEN_COUNT)))


def _refusal(task: StepTask, where: Platform, gpus: int, found: Found) -> str:
    if not found.evaluated_count:
        return f"no layout of {task.model.id} uses {gpus} accelerators with {task.batch_sequences_count:.0f} sequences"
    need, have = found.least_memory_bytes / _BYTES_PER_GB, where.accelerator.memory_bytes / _BYTES_PER_GB
    return f"memory: {task.model.id} needs at least {need:,.1f} GB per accelerator of {have:,.1f} GB"


def _layout(ranked: Ranked, index: int) -> dict[str, float]:
    names = ranked.layouts.__dataclass_fields__
    return {name: float(getattr(ranked.layouts, name)[index]) for name in names}


def _answer(
    task: StepTask, where: Platform, operators: BandOperators, found: Found, front: Ranked
) -> dict[str, object]:
    best = chosen(front.layouts, np.array([0]))
    band = {
        f"p{round(q * 100)}": float(step_total_s(task, best, operators(where, 1.0 - q))[0]) for q in (0.1, 0.5, 0.9)
    }
    points = [
        {"step_time_s": float(time_s), "memory_bytes": float(memory), "layout": _layout(front, index)}
        for index, (time_s, memory) in enumerate(zip(front.step_s, front.memory_bytes, strict=True))
    ]
    return {
        "sequence": task.sequence_tokens_count,
        "configurations_evaluated": found.evaluated_count,
        "configurations_feasible": found.feasible_count,
        "configurations_timed": found.timed_count,
        "best": {
            "layout": points[0]["layout"],
            "step_time_s": points[0]["step_time_s"],
            "memory_bytes": points[0]["memory_bytes"],
            "band_step_time_s": band,
            "measured": where.measured,
        },
        "front": points,
    }


def _print(found: Found, front: Ranked, cpu_s: float) -> None:
    table = Table(title="Fastest first; each needs less memory than those above", title_justify="left")
    for name in ("step s", "memory GB", "TP", "CP", "PP", "DP", "EP", "chunks", "micro-batch", "recompute", "ZeRO"):
        table.add_column(name, justify="right")
    names = (
        *("tp_count", "cp_count", "pp_count", "dp_count", "ep_count", "chunks_count", "micro_batch_count"),
        *("recompute_level", "zero_stage"),
    )
    for index in range(min(front.step_s.size, _SHOWN)):
        layout = _layout(front, index)
        cells = [f"{front.step_s[index]:.3f}", f"{front.memory_bytes[index] / _BYTES_PER_GB:.1f}"]
        table.add_row(*cells, *(f"{layout[name]:.0f}" for name in names))
    out.print(table)
    out.print(
        f"{found.evaluated_count:,} layouts evaluated, {found.feasible_count:,} fit, "
        f"{found.timed_count:,} timed in full, {cpu_s:.1f} CPU seconds"
    )
