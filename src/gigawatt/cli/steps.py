"""What the commands about a training step ask, and how their answers are put together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Self

import typer

from gigawatt.catalog import Catalog, quantity
from gigawatt.catalog.dimensions import BANDWIDTH, DISTANCE, PROPAGATION
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.platforms import timed_platform
from gigawatt.catalog.step import step_assumptions, step_figures
from gigawatt.cli.expert_load import read_expert_tokens
from gigawatt.cli.practice import stated_practice
from gigawatt.cli.sizes import sized_model
from gigawatt.entities.hardware import Platform, Precision, ScaleOutFabric
from gigawatt.entities.workload import Model
from gigawatt.errors import InputError
from gigawatt.performance.architecture import expert_layer
from gigawatt.performance.operators import native_precision
from gigawatt.performance.step.assumed import assumption_ends
from gigawatt.performance.step.bands import assumed_variations, step_band_s
from gigawatt.performance.step.formats import NumberFormat, scales_blocks, usual_format
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import (
    Recompute,
    Schedule,
    Sites,
    StepLayouts,
    StepTask,
    current_practice,
    one_layout,
)
from gigawatt.units import ACCELERATOR_COUNT, FRACTION, RATIO, TOKEN_COUNT, parse

MOST = 10**9
_MOST_RATIO = 1000.0
_MEDIAN = 0.5
# What a platform's matrix units scale themselves.
_SHORT_FORMATS = {"fp8": Precision.FP8, "fp4": Precision.FP4}


def number_format(text: str) -> str:
    """The name of a format of matrix products; `fp8` and `fp4` are what a platform's matrix units scale themselves."""
    name = text.strip().lower()
    known = [*_SHORT_FORMATS, *(item.value for item in NumberFormat)]
    if name not in known:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}")
    return name


def count(text: str) -> int:
    """A whole number from 1 to `MOST`."""
    try:
        value = int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None
    if not 1 <= value <= MOST:
        raise typer.BadParameter(f"{text} is not between 1 and {MOST:,}")
    return value


@dataclass(frozen=True, slots=True)
class Routing:
    """How uneven tokens go to experts: the busiest rank's over the mean, or a file of what was measured."""

    ratio: float = 1.0
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.ratio:g}" if self.file is None else str(self.file)


EVEN = Routing()


def routing(text: str | Routing) -> Routing:
    """A ratio, or a file of measured tokens; what is silent comes as it is."""
    if isinstance(text, Routing):
        return text
    try:
        float(text)
    except ValueError:
        return Routing(file=Path(text))
    return Routing(ratio=ratio(text))


def ratio(text: str) -> float:
    """A number from 1 to `_MOST_RATIO`."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None
    if not 1.0 <= value <= _MOST_RATIO:
        raise typer.BadParameter(f"{text} is not between 1 and {_MOST_RATIO:,.0f}")
    return value


ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")]
PlatformId = Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")]
Gpus = Annotated[int, typer.Option("--gpus", parser=count, metavar="N", help="Accelerators of the run.")]
Batch = Annotated[int, typer.Option("--batch", parser=count, metavar="N", help="Sequences of one step.")]
UsualBatch = Annotated[
    int | None,
    typer.Option("--batch", parser=count, metavar="N", help="Sequences of one step; a usual batch if silent."),
]
Sequence = Annotated[
    int | None,
    typer.Option(
        "--sequence", parser=count, metavar="N", help="Tokens of a sequence; the usual or the model's if silent."
    ),
]
Format = Annotated[
    str,
    typer.Option("--precision", parser=number_format, metavar="FORMAT", help="Format of the matrix products."),
]
ExpertLoad = Annotated[
    Routing,
    typer.Option(
        "--expert-load",
        parser=routing,
        metavar="X|FILE",
        help="Tokens of the busiest rank's experts over the mean, or a CSV table of tokens by layer and expert.",
    ),
]
Active = Annotated[
    str | None,
    typer.Option("--active", metavar="COUNT", help="The model's family at another size, as in `0.93 tn parameter`."),
]
PredictedTokens = Annotated[
    int, typer.Option("--predicted-tokens", min=0, max=16, metavar="N", help="Extra tokens predicted at once (MTP).")
]
Oversubscription = Annotated[
    float | None,
    typer.Option("--oversubscription", parser=ratio, metavar="X", help="Bandwidth of a leaf switch down over up."),
]
LeafPorts = Annotated[
    int | None, typer.Option("--leaf-ports", parser=count, metavar="N", help="Accelerators per leaf switch.")
]
NoRails = Annotated[
    bool, typer.Option("--no-rails", help="Leaves join neighbours, not accelerators of one rank per domain.")
]
SitesCount = Annotated[
    int, typer.Option("--sites", min=1, max=1000, metavar="N", help="Sites that share the data-parallel ranks.")
]
Wan = Annotated[
    str | None,
    typer.Option("--wan", metavar="TEXT", help='What each of several sites can send to the others: "10 Tb/s".'),
]
Distance = Annotated[str | None, typer.Option("--distance", metavar="TEXT", help='Between sites: "800 km".')]
Domain = Annotated[
    int | None,
    typer.Option("--scale-up-domain", parser=count, metavar="N", help="Its accelerators, if not the platform's."),
]
Software = Annotated[
    str | None,
    typer.Option("--practice", metavar="TEXT", help='Other than up to date: "graphed=no, dropout=yes".'),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Draw the answer on a page that opens offline.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a command says about networks: how wide a scale-up domain is, and what joins domains and sites."""

    oversubscription: float | None
    leaf_ports: int | None
    no_rails: bool
    sites: int
    wan: str | None
    distance: str | None
    domain: int | None

    @classmethod
    def plain(cls) -> Self:
        """One site whose domains are joined without blocking."""
        return cls(
            oversubscription=None, leaf_ports=None, no_rails=False, sites=1, wan=None, distance=None, domain=None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A step on a platform.

    `remarks` say what of both is other than usual, `defaults` which figures stand in for what was not said.
    """

    task: StepTask
    where: Platform
    gpus: int
    remarks: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()


def asked(
    catalog: Catalog,
    *,
    model_id: str,
    platform_id: str,
    gpus: int,
    batch: int | None,
    sequence: int | None,
    precision: str,
    expert_load: Routing,
    predicted_tokens: int,
    network: Network,
    software: str | None = None,
    active: str | None = None,
) -> Asked:
    """The step that a command is about; raises `InputError` when the platform or the sites cannot take it."""
    model, variant, size = sized_model(catalog, model_id, active=active, predicted_tokens_count=predicted_tokens)
    where = timed_platform(catalog, platform_id)
    measured = _expert_tokens(model, expert_load)
    where = replace(where, scale_up_domain_count=network.domain or where.scale_up_domain_count)
    if math.isnan(where.accelerator.scale_out_bandwidth_bytes_per_s) and gpus > where.scale_up_domain_count:
        raise InputError(
            where="--gpus",
            found=f"{gpus:,} of {where.id}, which has no published link between scale-up domains",
            expected=f"at most the {where.scale_up_domain_count:,} of a domain",
            fix="Choose fewer, or another platform.",
        )
    tokens = sequence or usual_sequence(catalog, model_id)
    task = StepTask(
        model=model,
        variant=variant,
        practice=stated_practice(software or "", current_practice()),
        number_format=_format_on(where, precision),
        sequence_tokens_count=tokens,
        batch_sequences_count=float(batch or _usual_batch(catalog, tokens)),
        scale_up_domain_count=where.scale_up_domain_count,
        assumptions=step_assumptions(catalog),
        sites=_sites(catalog, network),
        expert_load_ratio=expert_load.ratio,
        expert_tokens=measured,
    )
    if gpus % task.sites_count:
        raise InputError(
            where="--gpus",
            found=f"{gpus:,} accelerators on {task.sites_count} sites",
            expected="as many at each site",
            fix="Choose a multiple of --sites.",
        )
    remarks = (
        *size,
        *((f"scale-up domains of {network.domain:,}",) if network.domain else ()),
        *((software,) if software else ()),
    )
    defaults = (
        *(("assumptions/training/sequence",) if sequence is None else ()),
        *(("assumptions/training/batch",) if batch is None else ()),
    )
    where = replace(where, fabric=_fabric(catalog, network))
    return Asked(task=task, where=where, gpus=gpus, remarks=remarks, defaults=defaults)


def _expert_tokens(model: Model, load: Routing) -> tuple[tuple[float, ...], ...]:
    experts = expert_layer(model)
    if experts is None and load != EVEN:
        raise InputError(
            where="--expert-load",
            found=f"{load} for {model.id}, which has no experts",
            expected="a model with experts",
            fix="Leave --expert-load away.",
        )
    if experts is None or load.file is None:
        return ()
    return read_expert_tokens(load.file, experts_count=experts.experts_count)


def _format_on(where: Platform, name: str) -> NumberFormat:
    """The format that a name means on a platform; raises `InputError` when its accelerators do not compute in it."""
    computed = {precision for precision in Precision if native_precision(where.accelerator, precision) is precision}
    if Precision.BF16 not in computed:
        raise InputError(
            where=f"platform {where.id}",
            found="no published dense peak in BF16",
            expected="an accelerator with one",
            fix="Choose another platform; `gigawatt catalog platforms` shows all.",
        )
    blocks = scales_blocks(where.accelerator)
    native = [
        item for item in NumberFormat if item.precision in computed and (blocks or item is not NumberFormat.MXFP8)
    ]
    short = _SHORT_FORMATS.get(name)
    number = NumberFormat(name) if short is None else usual_format(where.accelerator, short)
    if number not in native:
        raise InputError(
            where="--precision",
            found=f"{name}, which the accelerators of {where.id} do not compute in, as far as is published",
            expected="a format that they do",
            fix=f"Choose one of {', '.join(item.value for item in native)}.",
        )
    return number


def usual_sequence(catalog: Catalog, model_id: str) -> int:
    """The usual training sequence, no longer than the model's context."""
    usual = quantity(catalog.figure("assumptions/training/sequence"), TOKEN_COUNT)
    return round(min(usual, quantity(catalog.figure(f"models/{model_id}/context-length"), TOKEN_COUNT)))


def _usual_batch(catalog: Catalog, sequence_tokens_count: int) -> int:
    """Sequences in the usual batch, a power of two, as batches are that many counts of ranks divide."""
    tokens = quantity(catalog.figure("assumptions/training/batch"), TOKEN_COUNT)
    return 1 << max(round(math.log2(tokens / sequence_tokens_count)), 0)


def _fabric(catalog: Catalog, network: Network) -> ScaleOutFabric | None:
    if network.oversubscription is None:
        if network.leaf_ports is None and not network.no_rails:
            return None
        raise InputError(
            where="--leaf-ports" if network.leaf_ports is not None else "--no-rails",
            found="no --oversubscription beside it",
            expected="how oversubscribed the leaf switches are",
            fix="Add --oversubscription 4, say; without oversubscription neither leaves nor rails change the step.",
        )
    usual = round(quantity(catalog.figure("assumptions/training/leaf-ports"), ACCELERATOR_COUNT))
    return ScaleOutFabric(
        leaf_ports_count=network.leaf_ports or usual,
        rail_optimized=not network.no_rails,
        oversubscription_ratio=network.oversubscription,
    )


def _sites(catalog: Catalog, network: Network) -> Sites | None:
    if network.sites == 1:
        if network.wan is None and network.distance is None:
            return None
        raise InputError(
            where="--wan and --distance",
            found="one site",
            expected="several sites",
            fix="State --sites, or leave both away.",
        )
    if network.wan is None or network.distance is None:
        raise InputError(
            where="--sites",
            found="no --wan" if network.wan is None else "no --distance",
            expected="the bandwidth and the length of what joins the sites",
            fix='Add --wan "10 Tb/s" --distance "800 km".',
        )
    at = "assumptions/wide-area"
    metres = parse(network.distance, DISTANCE, where="--distance")
    way_s = metres * quantity(catalog.figure(f"{at}/propagation"), PROPAGATION)
    return Sites(
        count=network.sites,
        wan_bytes_per_s=parse(network.wan, BANDWIDTH, where="--wan")
        * quantity(catalog.figure(f"{at}/bandwidth"), FRACTION),
        one_way_s=way_s * quantity(catalog.figure(f"{at}/detour"), RATIO),
    )


def band_s(catalog: Catalog, of: Asked, layout: StepLayouts) -> dict[str, float]:
    """P10, P50 and P90 of the time of a step; nine of ten steps take longer than P10."""
    operators = training_operators(catalog)
    varied = assumed_variations(of.task, assumption_ends(step_figures(catalog)))
    quick, slow = step_band_s(of.task, layout, operators, varied, platform=of.where)
    return {"p10": quick, "p50": float(step_total_s(of.task, layout, operators.middle(of.where))[0]), "p90": slow}


def standing(of: Asked) -> str:
    """What the operator times rest on, and what was stated otherwise than usual, in sentences."""
    stated = f" Stated: {', '.join(of.remarks)}." if of.remarks else ""
    if of.where.measured:
        return f"Platform measured: its kernels have published timings.{stated}"
    if of.where.silicon_of is not None:
        return f"Platform measured as {of.where.silicon_of}, whose silicon it has.{stated}"
    return f"Platform projected: no timings of its kernels are published.{stated}"


# Names of a layout on the command line and in tables, and what their words mean.
NAMES = {
    "tp": "tp_count",
    "cp": "cp_count",
    "pp": "pp_count",
    "dp": "dp_count",
    "ep": "ep_count",
    "etp": "expert_tp_count",
    "chunks": "chunks_count",
    "micro-batch": "micro_batch_count",
    "recompute": "recompute_level",
    "recomputed-share": "recomputed_share",
    "zero": "zero_stage",
    "shards": "shards_count",
    "sp": "sequence_parallel",
    "schedule": "schedule",
    "offload-optimizer": "optimizer_offload",
    "offload-activations": "activation_offload",
    "offload-weights": "weight_offload",
}
_ALWAYS_SHOWN = ("tp", "pp", "dp", "micro-batch", "zero", "sp")
WORDS: Mapping[str, Mapping[str, float]] = {
    "recompute": {"none": Recompute.NONE, "selective": Recompute.SELECTIVE, "full": Recompute.FULL},
    "schedule": {
        "1f1b": Schedule.ONE_FORWARD_ONE_BACKWARD,
        "zero-bubble": Schedule.ZERO_BUBBLE,
        "dual-pipe": Schedule.DUAL_PIPE,
    },
}


def layout_json(layouts: StepLayouts, index: int) -> dict[str, float]:
    """One layout by its fields."""
    return {field.name: float(getattr(layouts, field.name)[index]) for field in fields(layouts)}


def layout_words(layout: Mapping[str, float]) -> str:
    """A layout as `--layout` takes it, without what is off."""
    off = layout_json(one_layout(), 0)
    shown = []
    for short, name in NAMES.items():
        value = layout[name]
        if value == off[name] and short not in _ALWAYS_SHOWN:
            continue
        words = WORDS.get(short, {})
        shown.append(f"{short}={next((word for word, number in words.items() if number == value), f'{value:g}')}")
    return ",".join(shown)
