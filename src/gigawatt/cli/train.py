"""`gigawatt perf train`: one optimizer step, its best layout or a stated one, and where its time and memory go."""

import math
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load
from gigawatt.catalog.operators import training_operators
from gigawatt.cli import steps
from gigawatt.cli.console import out, print_json
from gigawatt.cli.fastest import best_layout, refuse_too_large
from gigawatt.cli.layouts import stated_layout
from gigawatt.cli.ledger import ledger_json
from gigawatt.cli.pages import refuse_page, write_page
from gigawatt.cli.practice import practice_json
from gigawatt.cli.steps import Asked, Network, asked, band_s, layout_json, layout_words, standing
from gigawatt.performance.flops import training_flop_per_token
from gigawatt.performance.operators import peak_dense_flop_per_s
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.memory import StepMemory, step_memory
from gigawatt.performance.step.search import energy_j, greatest_power_w
from gigawatt.performance.step.step import StepTimes, cell_times, cells, computing_s, step_times
from gigawatt.performance.step.task import StepLayouts
from gigawatt.report.step_page import StepPicture, step_html

_MEDIAN = 0.5
_ROUNDING = 1e-12
_BYTES_PER_GB = 10**9
PARTS = {
    "gemm_s": "matrix products",
    "attention_s": "attention and recurrences",
    "elementwise_s": "element-wise operators",
    "tensor_parallel_s": "tensor-parallel exchanges, exposed",
    "context_parallel_s": "context-parallel exchanges, exposed",
    "expert_parallel_s": "expert-parallel exchanges, exposed",
    "recompute_s": "recomputation",
    "host_s": "waiting for the host to issue",
    "host_link_s": "waiting for the host's memory",
    "straggler_s": "waiting for the slowest accelerator",
    "bubble_s": "pipeline bubble and uneven stages",
    "pipeline_transfer_s": "transfers between stages",
    "data_parallel_s": "data-parallel exchanges, exposed",
    "optimizer_s": "optimizer",
}
USES = {
    "state_bytes": "weights, gradients, optimizer",
    "activation_bytes": "activations",
    "logits_bytes": "logits beyond them",
    "placeholder_bytes": "placeholder gradients",
    "outside_bytes": "context, buffers, fragmentation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A step with one layout: what it takes, and what of the accelerators asked for it uses."""

    layout: StepLayouts
    times: StepTimes
    memory: StepMemory
    band: dict[str, float]
    energy_j: float
    used_count: int
    stated: bool

    @property
    def step_s(self) -> float:
        """Median time of the step."""
        return self.band["p50"]


def train_command(
    model_id: steps.ModelId,
    platform_id: steps.PlatformId,
    *,
    gpus: steps.Gpus,
    batch: steps.UsualBatch = None,
    sequence: steps.Sequence = None,
    precision: steps.Format = NumberFormat.BF16,
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="TEXT", help='Like "tp=8, pp=16"; the fastest if silent.'),
    ] = None,
    expert_load: steps.ExpertLoad = steps.EVEN,
    active: steps.Active = None,
    predicted_tokens: steps.PredictedTokens = 0,
    practice: steps.Software = None,
    domain: steps.Domain = None,
    oversubscription: steps.Oversubscription = None,
    leaf_ports: steps.LeafPorts = None,
    no_rails: steps.NoRails = False,
    sites: steps.SitesCount = 1,
    wan: steps.Wan = None,
    distance: steps.Distance = None,
    html: steps.Html = None,
    as_json: steps.Json = False,
) -> None:
    """Predict one optimizer step: layout, time by cause, MFU, memory, power and the band."""
    refuse_page(html, option="--html")
    catalog = load()
    network = Network(
        oversubscription=oversubscription,
        leaf_ports=leaf_ports,
        no_rails=no_rails,
        sites=sites,
        wan=wan,
        distance=distance,
        domain=domain,
    )
    of = asked(
        catalog,
        model_id=model_id,
        platform_id=platform_id,
        gpus=gpus,
        batch=batch,
        sequence=sequence,
        precision=precision,
        expert_load=expert_load,
        predicted_tokens=predicted_tokens,
        network=network,
        software=practice,
        active=active,
    )
    answer = _answer(catalog, of, layout)
    if html is not None:
        write_page(html, step_html(_picture(of, answer)))
    if as_json:
        print_json({**_json(of, answer), "ledger": ledger_json(catalog, of)})
    else:
        _print(of, answer)


def _answer(catalog: Catalog, of: Asked, text: str | None) -> Answer:
    operators = training_operators(catalog).middle(of.where)
    layout = stated_layout(text, of) if text is not None else best_layout(of, operators)
    memory = step_memory(of.task, layout)
    refuse_too_large(of, memory)
    times = step_times(of.task, layout, operators)
    found = cells(layout)
    busy = computing_s(of.task, layout, cell_times(of.task, found.layouts, operators), found.cell)
    energy = energy_j(of.task, step_s=times.total_s, busy_s=busy, power_w=greatest_power_w(of.where))
    return Answer(
        layout=layout,
        times=times,
        memory=memory,
        band=band_s(catalog, of, layout),
        energy_j=float(energy[0]),
        used_count=round(float(layout.ranks_count[0])),
        stated=text is not None,
    )


def _mfu(of: Asked, step_s: float) -> float:
    per_token = training_flop_per_token(of.task.model, sequence_tokens_count=of.task.sequence_tokens_count)
    peak = peak_dense_flop_per_s(of.where.accelerator, of.task.number_format.precision)
    return per_token * of.task.batch_tokens_count / step_s / of.gpus / peak


def _json(of: Asked, answer: Answer) -> dict[str, object]:
    tokens, step_s = of.task.batch_tokens_count, answer.step_s
    return {
        "model": of.task.model.id,
        "platform": of.where.id,
        "measured": of.where.measured,
        "precision": of.task.number_format.value,
        "gpus": of.gpus,
        "accelerators_used": answer.used_count,
        "batch": of.task.batch_sequences_count,
        "sequence": of.task.sequence_tokens_count,
        "scale_up_domain": of.where.scale_up_domain_count,
        "practice": practice_json(of.task.practice),
        "layout": layout_json(answer.layout, 0),
        "layout_text": layout_words(layout_json(answer.layout, 0)),
        "step_time_s": answer.band,
        "tokens_per_s": tokens / step_s,
        "tokens_per_s_per_accelerator": tokens / step_s / of.gpus,
        "mfu_fraction": _mfu(of, step_s),
        "step_parts_s": _parts_s(answer),
        "memory_bytes": float(answer.memory.total_bytes[0]),
        "memory_parts_bytes": {name: float(getattr(answer.memory, name)[0]) for name in USES},
        "host_memory_bytes": float(answer.memory.host_bytes[0]),
        "usable_memory_bytes": of.where.accelerator.memory_bytes,
        "power_w": answer.energy_j / step_s,
        "energy_j": answer.energy_j,
    }


def _parts_s(answer: Answer) -> dict[str, float]:
    """Time by cause; what is only rounding is nothing."""
    total = float(answer.times.total_s[0])
    found = {name: float(getattr(answer.times, name)[0]) for name in PARTS}
    return {name: 0.0 if abs(value) < _ROUNDING * total else value for name, value in found.items()}


def _picture(of: Asked, answer: Answer) -> StepPicture:
    times = {PARTS[name]: value for name, value in _parts_s(answer).items()}
    memory = {USES[name]: float(getattr(answer.memory, name)[0]) / _BYTES_PER_GB for name in USES}
    return StepPicture(
        title=f"{of.task.model.id} on {of.gpus:,} x {of.where.name}",
        sentence=f"{_headline(of, answer)} Layout: {layout_words(layout_json(answer.layout, 0)).replace(',', ', ')}.",
        times_s=times,
        memory_gb=memory,
        usable_gb=of.where.accelerator.memory_bytes / _BYTES_PER_GB,
    )


def _headline(of: Asked, answer: Answer) -> str:
    band = answer.band
    tokens, sequences = of.task.batch_tokens_count / answer.step_s, of.task.batch_sequences_count
    return (
        f"A step of {sequences:,.0f} sequence{'s' if sequences > 1.0 else ''} of "
        f"{of.task.sequence_tokens_count:,} tokens takes {band['p50']:.3g} s "
        f"(P10 to P90: {band['p10']:.3g} to {band['p90']:.3g}): {tokens:,.0f} tokens/s, "
        f"MFU {_mfu(of, answer.step_s):.1%}. {standing(of)}"
    )


def _print(of: Asked, answer: Answer) -> None:
    out.print(f"[bold]{of.task.model.id} on {of.gpus:,} x {of.where.id}[/], {of.task.number_format.value}")
    out.print(_headline(of, answer), highlight=False)
    words = layout_words(layout_json(answer.layout, 0))
    chosen = "Layout as stated" if answer.stated else "Fastest layout that fits"
    idle = of.gpus - answer.used_count
    out.print(f"{chosen}: {words}" + (f"; {idle:,} accelerators idle" if idle else ""), highlight=False)
    table = Table(title="Where a step's time goes", title_justify="left")
    for name in ("", "s", "share"):
        table.add_column(name, justify="left" if name == "" else "right")
    total = float(answer.times.total_s[0])
    for name, value in _parts_s(answer).items():
        table.add_row(PARTS[name], f"{value:.4g}", f"{value / total:.1%}")
    table.add_row("[bold]all[/]", f"[bold]{total:.4g}[/]", "")
    out.print(table)
    memory = Table(title="Memory of the fullest accelerator", title_justify="left")
    for name in ("", "GB"):
        memory.add_column(name, justify="left" if name == "" else "right")
    for name, words in USES.items():
        memory.add_row(words, f"{float(getattr(answer.memory, name)[0]) / _BYTES_PER_GB:.1f}")
    usable = of.where.accelerator.memory_bytes / _BYTES_PER_GB
    memory.add_row(
        "[bold]all[/]", f"[bold]{float(answer.memory.total_bytes[0]) / _BYTES_PER_GB:.1f}[/] of {usable:.0f}"
    )
    out.print(memory)
    power_w = answer.energy_j / answer.step_s
    drawn = f"Mean power {power_w:,.0f} W per accelerator, its share of the rack."
    unknown = f"No power of {of.where.id} is published."
    out.print(
        f"{unknown if math.isnan(power_w) else drawn} Laws and assumptions: docs/training.md, docs/kernels.md",
        highlight=False,
    )
