"""`gigawatt perf`: how fast a platform trains or serves a model, and where the time goes."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load, model, platform, quantity, ranged
from gigawatt.cli.console import out, print_json
from gigawatt.cli.goodput import goodput_command
from gigawatt.cli.search_serve import search_app
from gigawatt.cli.serve import serve_command
from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Precision
from gigawatt.errors import InfeasibleError, InputError
from gigawatt.performance.answers import (
    MEDIAN,
    Setting,
    TrainingAnswer,
    setting,
    train,
)
from gigawatt.performance.layout import TrainingTask
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serving import PassTimes
from gigawatt.performance.training import StepTimes
from gigawatt.timeline import FloatArray
from gigawatt.units import DURATION_SECONDS, FRACTION, TOKEN_COUNT, Dimension, parse

perf_app = typer.Typer(
    name="perf",
    help="Predict how fast a platform trains or serves a model, and where the time goes.",
    no_args_is_help=True,
)
perf_app.add_typer(search_app, name="search")
perf_app.command("goodput")(goodput_command)
perf_app.command("serve")(serve_command)

ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")]
PlatformId = Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
MOST = 10**9
Gpus = Annotated[int, typer.Option("--gpus", min=1, max=MOST, help="Accelerators of the run.")]
Batch = Annotated[
    float | None, typer.Option("--batch", min=1, help="Tokens of one step; from the catalogue's assumptions if silent.")
]
Sequence = Annotated[
    int | None,
    typer.Option("--sequence", min=1, max=MOST, help="Tokens of one sequence; from the assumptions if silent."),
]
Isl = Annotated[
    int | None,
    typer.Option("--isl", min=1, max=MOST, help="Input tokens of a request; from the assumptions if silent."),
]
Osl = Annotated[
    int | None,
    typer.Option("--osl", min=1, max=MOST, help="Output tokens of a request; from the assumptions if silent."),
]
Ttft = Annotated[str | None, typer.Option("--ttft", help='Time to first token at most, like "2 s".')]
Tpot = Annotated[str | None, typer.Option("--tpot", help='Time per output token at most, like "50 ms".')]

_PARTS = {
    "gemm_s": "matrix products",
    "expert_gemm_s": "routed experts",
    "attention_s": "attention",
    "elementwise_s": "element-wise operators",
    "tensor_parallel_s": "tensor-parallel exchanges",
    "expert_parallel_s": "expert-parallel exchanges",
    "recompute_s": "recomputation",
    "pipeline_transfer_s": "transfers between stages",
    "bubble_s": "pipeline bubble and uneven stages",
    "data_parallel_s": "data-parallel exchanges, exposed",
    "optimizer_s": "optimizer",
}


@perf_app.command("train")
def train_command(
    model_id: ModelId,
    platform_id: PlatformId,
    gpus: Gpus,
    batch: Batch = None,
    sequence: Sequence = None,
    precision: Annotated[Precision, typer.Option(help="Precision of the matrix products.")] = Precision.BF16,
    as_json: Json = False,
) -> None:
    """Predict one optimizer step: best layout, time, MFU and memory."""
    catalog = load()
    where = _setting(catalog, platform_id)
    sequence_tokens = sequence or round(_assumed(catalog, "training/sequence", TOKEN_COUNT))
    batch_tokens = batch or _assumed(catalog, "training/batch", TOKEN_COUNT)
    task = TrainingTask(
        model=model(catalog, model_id).item,
        precision=precision,
        sequence_tokens_count=sequence_tokens,
        batch_sequences_count=_whole_sequences(batch_tokens, sequence_tokens),
        accelerators_count=gpus,
    )
    answer = train(where, task)
    if isinstance(answer, Refused):
        raise InfeasibleError((answer.reason,))
    if as_json:
        print_json(_training_json(where, task, answer))
    else:
        _print_training(where, task, answer)


def _setting(catalog: Catalog, platform_id: str) -> Setting:
    kernel = "assumptions/kernel-efficiency"
    return setting(
        platform(catalog, platform_id).item,
        KernelEfficiency(
            gemm=ranged(catalog.figure(f"{kernel}/gemm"), FRACTION),
            attention=ranged(catalog.figure(f"{kernel}/attention"), FRACTION),
            memory_bandwidth=ranged(catalog.figure(f"{kernel}/memory-bandwidth"), FRACTION),
            scale_up_bandwidth=ranged(catalog.figure(f"{kernel}/scale-up-bandwidth"), FRACTION),
            scale_out_bandwidth=ranged(catalog.figure(f"{kernel}/scale-out-bandwidth"), FRACTION),
            launch_s=ranged(catalog.figure(f"{kernel}/launch"), DURATION_SECONDS),
        ),
        memory_usable=ranged(catalog.figure("assumptions/operation/memory-usable"), FRACTION),
    )


def _assumed(catalog: Catalog, key: str, dimension: Dimension) -> float:
    return quantity(catalog.figure(f"assumptions/{key}"), dimension)


def _limit_s(catalog: Catalog, text: str | None, name: str) -> float:
    if text is None:
        return _assumed(catalog, f"service/{name}", DURATION_SECONDS)
    return parse(text, DURATION_SECONDS, where=f"--{name}")


def _whole_sequences(batch_tokens: float, sequence_tokens: int) -> int:
    if not sequence_tokens <= batch_tokens < float("inf"):
        raise InputError(
            where="--batch",
            found=f"{batch_tokens:,.0f} tokens",
            expected=f"a number of at least one sequence of {sequence_tokens:,} tokens",
            fix="Raise --batch or lower --sequence.",
        )
    return round(batch_tokens / sequence_tokens)


def _band(values: FloatArray) -> dict[str, float]:
    """Quantiles of performance: p10 is the slow case."""
    return dict(zip(("p10", "p50", "p90"), (float(value) for value in values), strict=True))


def _parts_json(times: StepTimes | PassTimes) -> dict[str, float]:
    return {field.name: float(getattr(times, field.name)[0]) for field in fields(times)}


def _training_json(where: Setting, task: TrainingTask, answer: TrainingAnswer) -> dict[str, object]:
    layout = answer.layouts
    return {
        "model": task.model.id,
        "platform": where.platform.id,
        "measured": where.platform.measured,
        "precision": task.precision.value,
        "accelerators_count": answer.accelerators_count,
        "batch_tokens_count": task.batch_tokens_count,
        "sequence_tokens_count": task.sequence_tokens_count,
        "layout": {field.name: float(getattr(layout, field.name)[0]) for field in fields(layout)},
        "memory_bytes": answer.memory_bytes,
        "usable_memory_bytes": float(where.usable_bytes[0]),
        "step_time_s": _band(answer.step_time_s),
        "mfu_fraction": _band(answer.mfu_fraction),
        "flop_per_s_per_accelerator": _band(answer.flop_per_s),
        "tokens_per_s": _band(task.batch_tokens_count / answer.step_time_s),
        "step_parts_s": _parts_json(answer.times[MEDIAN]),
    }


def _bands_table(title: str, rows: Mapping[str, FloatArray]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("", "P10", "P50", "P90"):
        table.add_column(name, justify="left" if name == "" else "right")
    for name, values in rows.items():
        table.add_row(name, *(_figure(float(value)) for value in values))
    return table


def _figure(value: float) -> str:
    """Four digits; thousands are written out where they are few."""
    return f"{value:,.0f}" if len(f"{value:.0f}") in range(5, 11) else f"{value:.4g}"


def _parts_table(title: str, columns: Mapping[str, StepTimes | PassTimes]) -> Table:
    """Time and share of each part, one pair of columns per pass."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(f"{name}, s", justify="right")
        table.add_column("share", justify="right")
    parts = {name: _parts_json(times) for name, times in columns.items()}
    totals = {name: sum(found.values()) for name, found in parts.items()}
    for key in next(iter(parts.values())):
        table.add_row(_PARTS[key], *(cell for name in columns for cell in _cells(parts[name][key], totals[name])))
    table.add_row("[bold]all[/]", *(cell for name in columns for cell in (f"[bold]{totals[name]:.4g}[/]", "")))
    return table


def _cells(part_s: float, total_s: float) -> tuple[str, str]:
    return f"{part_s:.4g}", f"{part_s / total_s:.1%}"


def _origin(where: Setting) -> str:
    standing = "measured" if where.platform.measured else "not measured by anyone yet"
    return f"{where.platform.name} ({standing}); efficiencies are assumed: gigawatt catalog assumptions"


def _print_training(where: Setting, task: TrainingTask, answer: TrainingAnswer) -> None:
    layout, times = answer.layouts, answer.times[MEDIAN]
    rows = {
        "step time, s": answer.step_time_s,
        f"MFU of dense {task.precision.value} peak": answer.mfu_fraction,
        "model FLOP/s per accelerator": answer.flop_per_s,
        "tokens/s": task.batch_tokens_count / answer.step_time_s,
    }
    out.print(_bands_table(f"{task.model.id} on {answer.accelerators_count:,} x {where.platform.id}", rows))
    out.print(
        f"Layout: TP {layout.tp_count[0]:.0f}, PP {layout.pp_count[0]:.0f} with {layout.chunks_count[0]:.0f} chunks, "
        f"DP {layout.dp_count[0]:.0f}, EP {layout.ep_count[0]:.0f}, micro-batch {layout.micro_batch_count[0]:.0f}, "
        f"{layout.recomputed_fraction[0]:.0%} of layers recomputed; "
        f"{answer.memory_bytes:.3g} of {where.usable_bytes[0]:.3g} usable bytes"
    )
    out.print(_parts_table("Where a step's time goes (P50)", {"step": times}))
    out.print(_origin(where))
