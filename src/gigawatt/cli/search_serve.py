"""`gigawatt perf search serve`: throughput against interactivity, and the cheapest deployment under a service level."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.calibration.backends import Kernels
from gigawatt.cli.console import out, print_json
from gigawatt.cli.kernels import KernelSource, TablesFolder
from gigawatt.cli.pages import refuse_page, write_page
from gigawatt.cli.search import search_app
from gigawatt.cli.serve import remarks
from gigawatt.cli.serving_answer import Answer, Front, about, answered_with_prefixes, bands, described, point
from gigawatt.cli.serving_options import (
    Cache,
    GpuHour,
    Gpus,
    Hit,
    Isl,
    IslSpread,
    Json,
    LengthsOf,
    ModelId,
    Offload,
    OffloadCapacity,
    Osl,
    OslSpread,
    PlatformId,
    Speculate,
    Tpot,
    Ttft,
    Weights,
)
from gigawatt.cli.serving_question import MEDIAN, Asked, question
from gigawatt.cli.wide import print_whole
from gigawatt.entities.hardware import Precision
from gigawatt.performance.operators import QUANTILES
from gigawatt.report.figures.front import FrontLine
from gigawatt.report.serving_page import serving_html
from gigawatt.units import TOKENS_PER_MILLION

__all__ = ["search_app"]

_SHOWN = 16
_LOW, _HIGH = QUANTILES.index(0.1), QUANTILES.index(0.9)
_PICTURE = ("output_tokens_per_s_per_accelerator", "output_tokens_per_s_per_it_mw", "output_tokens_per_usd")


@search_app.command("serve")
def serve_command(
    model_id: ModelId,
    platform_id: PlatformId,
    *,
    beside: Annotated[
        list[str] | None, typer.Option("--beside", metavar="PLATFORM", help="Another platform; may be repeated.")
    ] = None,
    isl: Isl = None,
    osl: Osl = None,
    isl_spread: IslSpread = 0.0,
    osl_spread: OslSpread = 0.0,
    lengths: LengthsOf = None,
    ttft: Ttft = None,
    tpot: Tpot = None,
    gpus: Gpus = None,
    weights: Weights = Precision.FP8,
    cache: Cache = Precision.FP8,
    hit: Hit = 0.0,
    offload: Offload = None,
    offload_capacity: OffloadCapacity = None,
    speculate: Speculate = None,
    gpu_hour: GpuHour = None,
    kernels: KernelSource = Kernels.FITTED,
    tables: TablesFolder = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.html", help="Draw the fronts on a page without network."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the front of throughput and interactivity, and the cheapest deployment, aggregated or in two pools."""
    refuse_page(plot, option="--plot")
    answers = [
        answered_with_prefixes(
            question(
                Asked(
                    model_id=model_id,
                    platform_id=name,
                    lengths=(isl, osl),
                    spreads=(isl_spread, osl_spread),
                    trace=lengths,
                    limits=(ttft, tpot),
                    accelerators=gpus,
                    formats=(weights, cache),
                    hit_fraction=hit,
                    offload=(offload, offload_capacity),
                    speculate=speculate,
                    gpu_hour=gpu_hour if name == platform_id else None,
                    kernels=kernels,
                    tables=tables,
                )
            )
        )[0]
        for name in (platform_id, *(beside or ()))
    ]
    if plot is not None:
        page = serving_html([line for answer in answers for line in _lines(answer)], title=_title(answers[0]))
        write_page(plot, page)
    if as_json:
        print_json(_object(answers[0]) | {"beside": [_object(answer) for answer in answers[1:]]})
        return
    for answer in answers:
        _print(answer)
    if plot is not None:
        out.print(f"Drawn in {plot}", highlight=False)


def _title(answer: Answer) -> str:
    task = answer.question.task
    return f"{task.model.id}, {task.input_tokens_count:,.0f} tokens in, {task.output_tokens_count:,.0f} out"


def _lines(answer: Answer) -> list[FrontLine]:
    """The fronts of a platform as the picture's lines: of all deployments, and of aggregated ones alone."""
    kinds = {"": answer.front, "aggregated only": answer.aggregated}
    return [
        FrontLine(
            platform=answer.question.where.name,
            kind=name,
            tokens_per_s_per_user=1.0 / front.band.tpot_s[MEDIAN],
            rates={key: values for key, values in bands(answer.question, front).items() if key in _PICTURE},
            labels=tuple(described(front, index) for index in range(front.size)),
        )
        for name, front in kinds.items()
        if front is not None
    ]


def _cheapest(answer: Answer, front: Front | None) -> dict[str, object] | None:
    return None if front is None else point(answer.question, front, 0)


def _object(answer: Answer) -> dict[str, object]:
    asked, front = answer.question, answer.front
    told = bands(asked, front)
    return {
        **about(answer),
        "cheapest": point(asked, front, 0),
        "cheapest_aggregated": _cheapest(answer, answer.aggregated),
        "cheapest_prefill_and_decode": _cheapest(answer, answer.pools),
        "front": [point(asked, front, index) for index in range(front.size)],
        "picture": {
            name: [float(value) for value in told[name][MEDIAN]]
            for name in ("tokens_per_s_per_user", *_PICTURE)
            if name in told
        },
    }


def _print(answer: Answer) -> None:
    asked, front = answer.question, answer.front
    told, some = bands(asked, front), front.deployments
    title = f"{_title(answer)}, on {asked.where.id}: the first line is the cheapest deployment"
    table = Table(title=title, title_justify="left")
    table.add_column("workers", overflow="fold")
    priced = asked.hour is not None
    for name in ("/user", "/GPU", "P10", "P90", "M/MW", *(("USD/M",) if priced else ()), "TTFT", "GPUs"):
        table.add_column(name, justify="right", no_wrap=True)
    for index in np.unique(np.linspace(0, front.size - 1, min(front.size, _SHOWN)).astype(np.intp)):
        rate = told["output_tokens_per_s_per_accelerator"][:, index]
        megawatt = told["output_tokens_per_s_per_it_mw"][MEDIAN, index] / TOKENS_PER_MILLION
        price = [f"{told['usd_per_mtoken'][MEDIAN, index]:.2f}"] if priced else []
        table.add_row(
            described(front, int(index)),
            f"{told['tokens_per_s_per_user'][MEDIAN, index]:.0f}",
            *(f"{rate[at]:,.0f}" for at in (MEDIAN, _LOW, _HIGH)),
            f"{megawatt:.2g}",
            *price,
            f"{told['ttft_s'][MEDIAN, index]:.2f}",
            f"{some.accelerators_count[index]:.0f}",
        )
    print_whole(table)
    out.print(
        "Output tokens/s per user and GPU at the median, P10 and P90 per GPU, millions per MW of IT power, USD per "
        "million output tokens, TTFT in s. TP tensor, DP attention copies, EP experts, PP stages."
    )
    found = answer.found
    effort = f"{found.timed_count:,} put together in {answer.cpu_s:.2f} CPU s."
    out.print(
        f"{found.evaluated_count:,} deployments judged, {effort}",
        highlight=False,
    )
    for line in remarks(answer):
        out.print(line, highlight=False)
