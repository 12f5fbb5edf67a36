"""`gigawatt perf serve`: the cheapest deployment under a service level, what it does, and where the time goes."""

from dataclasses import fields

import numpy as np
from rich.table import Table

from gigawatt.calibration.backends import Kernels
from gigawatt.cli.console import out, print_json
from gigawatt.cli.kernels import KernelSource, TablesFolder, stand_in_lines
from gigawatt.cli.serving_answer import (
    QUANTILE_NAMES,
    Answer,
    Front,
    Offloading,
    about,
    answered_with_prefixes,
    bands,
    described,
    kind,
    point,
)
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
from gigawatt.cli.serving_question import MEDIAN, Asked, Question, question
from gigawatt.cli.wide import print_whole
from gigawatt.entities.hardware import Precision
from gigawatt.performance.serve.passes import PassTimes, pass_times
from gigawatt.performance.serve.task import decode_batch, picked, prompt_batch

_ROWS = {
    "ttft_s": "TTFT, s",
    "tpot_s": "TPOT, s",
    "tokens_per_s_per_user": "output tokens/s per user",
    "output_tokens_per_s_per_accelerator": "output tokens/s per GPU",
    "tokens_per_s_per_accelerator": "input and output tokens/s per GPU",
    "output_tokens_per_s_per_it_mw": "output tokens/s per MW of IT power",
    "output_tokens_per_usd": "output tokens per USD",
    "usd_per_mtoken": "USD per million output tokens",
}
_PARTS = {
    "gemm_s": "matrix products",
    "expert_gemm_s": "routed experts",
    "attention_s": "attention",
    "elementwise_s": "element-wise operators",
    "tensor_parallel_s": "tensor-parallel exchanges",
    "expert_parallel_s": "expert-parallel exchanges",
    "pipeline_s": "transfers between stages",
}


def serve_command(
    model_id: ModelId,
    platform_id: PlatformId,
    *,
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
    as_json: Json = False,
) -> None:
    """Predict serving at a service level: the cheapest deployment, its latencies and its throughput, with bands."""
    asked = question(
        Asked(
            model_id=model_id,
            platform_id=platform_id,
            lengths=(isl, osl),
            spreads=(isl_spread, osl_spread),
            trace=lengths,
            limits=(ttft, tpot),
            accelerators=gpus,
            formats=(weights, cache),
            hit_fraction=hit,
            offload=(offload, offload_capacity),
            speculate=speculate,
            gpu_hour=gpu_hour,
            kernels=kernels,
            tables=tables,
        )
    )
    answer, moved = answered_with_prefixes(asked)
    if as_json:
        print_json(_object(answer, moved))
    else:
        _print(answer, moved)


def _passes(asked: Question, front: Front) -> dict[str, PassTimes]:
    """Where the time of a decode step and of a full pass of prompts goes, in the first deployment at the median."""
    some, at, task = front.deployments, np.array([0]), asked.task
    decode = picked(some.decode, at)
    prefill = decode if kind(front, 0) == "aggregated" else picked(some.prefill, at)
    requests = some.requests_per_copy_count[at] / decode.pp_count
    tokens = np.minimum(some.chunk_tokens_count[at], task.new_tokens_count * requests)
    operators = asked.operators[MEDIAN]
    return {
        "decode step": pass_times(task, decode, decode_batch(requests, task.decode_context_tokens_count), operators),
        "prefill pass": pass_times(task, prefill, prompt_batch(task, tokens), operators),
    }


def _parts(times: PassTimes) -> dict[str, float]:
    return {item.name: float(np.ravel(getattr(times, item.name))[0]) for item in fields(times)}


def _object(answer: Answer, moved: Offloading | None) -> dict[str, object]:
    asked, front = answer.question, answer.front
    told = {name: values[:, 0] for name, values in bands(asked, front).items()}
    passes = _passes(asked, front)
    return {
        **about(answer),
        **{name: dict(zip(QUANTILE_NAMES, map(float, values), strict=True)) for name, values in told.items()},
        "deployment": point(asked, front, 0),
        "decode_parts_s": _parts(passes["decode step"]),
        "prefill_parts_s": _parts(passes["prefill pass"]),
        "offload": None
        if moved is None
        else {name: getattr(moved, name) for name in moved.__dataclass_fields__} | {"pays": moved.pays},
    }


def _print(answer: Answer, moved: Offloading | None) -> None:
    asked, front = answer.question, answer.front
    task, told = asked.task, bands(asked, front)
    shape = f"{task.input_tokens_count:,.0f} in, {task.output_tokens_count:,.0f} out"
    table = Table(title=f"{task.model.id} on {asked.where.id}, {shape}", title_justify="left")
    for name in ("", *(name.upper() for name in QUANTILE_NAMES)):
        table.add_column(name, justify="left" if name == "" else "right")
    for name, words in _ROWS.items():
        if name in told:
            table.add_row(words, *(figure(float(value)) for value in told[name][:, 0]))
    print_whole(table)
    some = front.deployments
    out.print(
        f"Deployment: {described(front, 0)}; {some.accelerators_count[0]:.0f} GPUs, "
        f"{some.requests_per_copy_count[0]:.0f} requests per copy of attention; TP tensor, DP attention copies, "
        f"EP experts, PP stages. TTFT at most {asked.limits.ttft_s:g} s, TPOT {asked.limits.tpot_s:g} s, at the median."
    )
    print_whole(_parts_table(_passes(asked, front)))
    for line in (*remarks(answer), *_moved_words(moved)):
        out.print(line, highlight=False)


def figure(value: float) -> str:
    """Four digits; thousands are written out where they are few."""
    return f"{value:,.0f}" if len(f"{value:.0f}") in range(5, 11) else f"{value:.4g}"


def _parts_table(passes: dict[str, PassTimes]) -> Table:
    table = Table(title="Where the time goes (P50)", title_justify="left")
    table.add_column("")
    for name in passes:
        table.add_column(f"{name}, s", justify="right")
        table.add_column("share", justify="right")
    parts = {name: _parts(times) for name, times in passes.items()}
    totals = {name: sum(found.values()) for name, found in parts.items()}
    for key, words in _PARTS.items():
        cells = [
            cell for name in parts for cell in (f"{parts[name][key]:.4g}", f"{parts[name][key] / totals[name]:.1%}")
        ]
        table.add_row(words, *cells)
    table.add_row("[bold]all[/]", *(cell for name in parts for cell in (f"[bold]{totals[name]:.4g}[/]", "")))
    return table


def remarks(answer: Answer) -> list[str]:
    """What a reader must know beside the figures: whether anybody measured the platform, prices, kernels."""
    asked = answer.question
    standing = "measured" if asked.where.measured else "projected, as no kernel timings of it are published"
    lines = [f"{asked.where.name} ({standing})."]
    if asked.hour is not None:
        lines.append(f"A GPU-hour costs {asked.hour.usd_per_hour:.2f} USD: {asked.hour.origin}.")
    else:
        lines.append("No price of this platform is published: state one with --gpu-hour.")
    if asked.backend.kernels is Kernels.MEASURED:
        stood = stand_in_lines(asked.where.id, asked.backend.stand_ins(asked.where.id))
        lines += stood or ["All families of operators are measured on this platform."]
    return lines


def _moved_words(moved: Offloading | None) -> list[str]:
    if moved is None:
        return []
    times = f"{moved.reload_s:.3g} s to bring {moved.prefix_bytes:.3g} bytes back, {moved.recompute_s:.3g} s to compute"
    held = (
        f"; the memory holds {moved.prompts_held_count:,.0f} such prefixes per worker"
        if moved.prompts_held_count
        else ""
    )
    verdict = "prefixes are brought back" if moved.pays else "prefixes are computed anew, which is quicker"
    return [f"A prefix takes {times}: {verdict}{held}."]
