"""`gigawatt perf search train`: the best layout over the whole space, and what memory and energy cost in time."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.cli import steps
from gigawatt.cli.console import err, out, print_json
from gigawatt.cli.ledger import ledger_json
from gigawatt.cli.pages import refuse_page, write_page
from gigawatt.cli.practice import practice_json
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.steps import Asked, Network, asked, band_s, layout_json, layout_words, standing
from gigawatt.errors import InfeasibleError
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.search import Found, Ranked, search
from gigawatt.performance.step.space import Breadth, layouts_count
from gigawatt.performance.step.task import chosen
from gigawatt.report.figures.steps import FrontPoint
from gigawatt.report.step_page import front_html

search_app = typer.Typer(name="search", help="Search the whole space of layouts.", no_args_is_help=True)

_MEDIAN = 0.5
_SHOWN = 12
_BYTES_PER_GB = 10**9
# Two minutes of one processor at a million layouts a second; the full space of GPT-3 175B on 3,072 A100 stays below.
_MOST_LAYOUTS = 120_000_000


class Space(StrEnum):
    """Which space to search: what frameworks usually offer, or the full one, where that is small enough."""

    AUTO = "auto"
    USUAL = "usual"
    FULL = "full"


@search_app.callback()
def _root() -> None:
    """Search the whole space of layouts."""


@search_app.command("train")
def train_command(
    model_id: steps.ModelId,
    platform_id: steps.PlatformId,
    *,
    gpus: steps.Gpus,
    batch: steps.Batch,
    sequence: steps.Sequence = None,
    precision: steps.Format = NumberFormat.BF16,
    space: Annotated[
        Space, typer.Option(help="Usual layouts, or also zero-bubble, partial recomputation and offloading (full).")
    ] = Space.AUTO,
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
    """Find the fastest layout of a training step that fits, and the front of time, memory and energy."""
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
    breadth = _breadth(of, space)
    operators = training_operators(catalog).middle(of.where)
    began = time.process_time()
    with StageProgress(err) as progress:
        found = search(
            of.task,
            of.where,
            operators,
            accelerators_count=gpus,
            breadth=breadth,
            report=_told(progress, layouts_count(of.task, of.where, accelerators_count=gpus, breadth=breadth)),
        )
    cpu_s = time.process_time() - began
    if found.front is None:
        raise InfeasibleError((_refusal(of, found),))
    band = band_s(catalog, of, chosen(found.front.layouts, np.array([0])))
    if html is not None:
        write_page(html, _page(of, found, found.front, band=band))
    if as_json:
        said = _json(of, found, found.front, breadth=breadth, band=band, cpu_s=cpu_s)
        print_json({**said, "ledger": ledger_json(catalog, of)})
    else:
        _print(of, found, found.front, band=band, cpu_s=cpu_s)


def _told(progress: StageProgress, count: int) -> Callable[[int], None]:
    def report(evaluated: int) -> None:
        progress("Searching layouts", min(evaluated / max(count, 1), 1.0))

    return report


def _breadth(of: Asked, space: Space) -> Breadth:
    if space is not Space.AUTO:
        return Breadth(space.value)
    whole = layouts_count(of.task, of.where, accelerators_count=of.gpus, breadth=Breadth.FULL)
    return Breadth.FULL if whole <= _MOST_LAYOUTS else Breadth.USUAL


def _refusal(of: Asked, found: Found) -> str:
    if not found.evaluated_count:
        return (
            f"no layout of {of.task.model.id} spreads {of.task.batch_sequences_count:,.0f} sequences over exactly "
            f"{of.gpus:,} accelerators; `gigawatt perf train` lets some idle"
        )
    need, have = found.least_memory_bytes / _BYTES_PER_GB, of.where.accelerator.memory_bytes / _BYTES_PER_GB
    return f"memory: {of.task.model.id} needs at least {need:,.1f} GB per accelerator of {have:,.1f} GB"


def _json(
    of: Asked, found: Found, front: Ranked, *, breadth: Breadth, band: dict[str, float], cpu_s: float
) -> dict[str, object]:
    points = [
        {
            "step_time_s": float(front.step_s[index]),
            "memory_bytes": float(front.memory_bytes[index]),
            "power_w": float(front.power_w[index]),
            "energy_j": float(front.energy_j[index]),
            "layout": layout_json(front.layouts, index),
        }
        for index in range(front.step_s.size)
    ]
    return {
        "model": of.task.model.id,
        "platform": of.where.id,
        "gpus": of.gpus,
        "batch": round(of.task.batch_sequences_count),
        "sequence": of.task.sequence_tokens_count,
        "precision": of.task.number_format.value,
        "scale_up_domain": of.where.scale_up_domain_count,
        "practice": practice_json(of.task.practice),
        "space": breadth.value,
        "configurations_evaluated": found.evaluated_count,
        "configurations_feasible": found.feasible_count,
        "configurations_timed": found.timed_count,
        "cpu_s": cpu_s,
        "best": {
            **points[0],
            "layout_text": layout_words(layout_json(front.layouts, 0)),
            "band_step_time_s": band,
            "measured": of.where.measured,
        },
        "front": points,
    }


def _page(of: Asked, found: Found, front: Ranked, *, band: dict[str, float]) -> str:
    points = [
        FrontPoint(
            words=layout_words(layout_json(front.layouts, index)),
            step_s=float(front.step_s[index]),
            memory_gb=float(front.memory_bytes[index]) / _BYTES_PER_GB,
            power_w=float(front.power_w[index]),
        )
        for index in range(front.step_s.size)
    ]
    sentence = (
        f"{found.evaluated_count:,} layouts, {found.feasible_count:,} fit, {len(points)} on the front. "
        f"{_fastest(of, band)} Its layout: {points[0].words.replace(',', ', ')}."
    )
    return front_html(f"{of.task.model.id} on {of.gpus:,} x {of.where.name}", sentence, points)


def _print(of: Asked, found: Found, front: Ranked, *, band: dict[str, float], cpu_s: float) -> None:
    table = Table(title="Fastest first; each beats those above in memory or energy", title_justify="left")
    for name in ("step s", "memory GB", "power W"):
        table.add_column(name, justify="right")
    table.add_column("layout")
    for index in range(min(front.step_s.size, _SHOWN)):
        figures = (front.step_s[index], front.memory_bytes[index] / _BYTES_PER_GB, front.power_w[index])
        words = layout_words(layout_json(front.layouts, index))
        cells = (f"{value:,.{digits}f}" for value, digits in zip(figures, (3, 1, 0), strict=True))
        table.add_row(*("unknown" if cell == "nan" else cell for cell in cells), words)
    out.print(table)
    out.print(_fastest(of, band), highlight=False)
    out.print(
        f"{found.evaluated_count:,} layouts evaluated, {found.feasible_count:,} fit, "
        f"{found.timed_count:,} timed in full, {cpu_s:.1f} CPU seconds; {front.step_s.size} on the front"
    )


def _fastest(of: Asked, band: dict[str, float]) -> str:
    return f"The fastest takes {band['p50']:.3g} s (P10 to P90: {band['p10']:.3g} to {band['p90']:.3g}). {standing(of)}"
