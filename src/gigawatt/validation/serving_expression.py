"""A measured serving point as a task, workers and clients; what a row leaves open comes from engines' practices."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from gigawatt.catalog import Catalog, quantity, ranged
from gigawatt.catalog import model as catalogued_model
from gigawatt.catalog import platform as catalogued_platform
from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import DenseFeedForward, GroupedQueryAttention, MixtureOfExperts, Model
from gigawatt.performance.architecture import parameters_count
from gigawatt.performance.operators import at_quantile
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.task import (
    AttentionPattern,
    Engine,
    Formats,
    LinearAttention,
    ServeTask,
    Speculation,
    WorkerLayouts,
    workers,
)
from gigawatt.units import DURATION_MONTHS, DURATION_SECONDS, FRACTION, RATIO
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.serving_rows import ServingRow

_SYSTEMS = {"h100_sxm": "dgx-h100", "h200_sxm": "hgx-h200", "b200_sxm": "dgx-b200", "gb200": "gb200-nvl72"}
_USUAL_CHUNK = 8192.0
# The assumption about maturity states the excess at this age.
_MONTHS_TO_FIRST_SOFTWARE = 12.0
_DATE = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """The catalogue's ranges of what an engine costs."""

    step_host_s: Ranged
    synchronous_host_s: Ranged
    issue_s: Ranged
    request_s: Ranged
    token_s: Ranged
    expert_skew: Ranged
    acceptance: Ranged
    engine_kernels: Ranged
    software_excess: Ranged
    software_halving_months: float
    memory_usable: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """Where a row runs: aggregated workers, or prefill and decode workers."""

    layouts: tuple[WorkerLayouts, ...]
    workers_count: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingExpression:
    """A row as something to estimate; `practice` names the software."""

    row: ServingRow
    platform: Platform
    pools: Pools
    clients: Clients
    practice: str
    formats: Formats
    model: Model
    pattern: AttentionPattern
    block_scaled: bool
    facts: Mapping[str, object]
    months_after_announcement: float | None
    input_tokens_count: float
    output_tokens_count: float


def engine_figures(catalog: Catalog) -> EngineFigures:
    """The engineering figures of serving from the catalogue."""
    at = "assumptions/serving-engine"
    return EngineFigures(
        step_host_s=ranged(catalog.figure(f"{at}/step-host"), DURATION_SECONDS),
        synchronous_host_s=ranged(catalog.figure(f"{at}/step-host-synchronous"), DURATION_SECONDS),
        issue_s=ranged(catalog.figure("assumptions/training-step/host-issue"), DURATION_SECONDS),
        request_s=ranged(catalog.figure(f"{at}/request"), DURATION_SECONDS),
        token_s=ranged(catalog.figure(f"{at}/tokenize"), DURATION_SECONDS),
        expert_skew=ranged(catalog.figure(f"{at}/expert-skew"), FRACTION),
        acceptance=ranged(catalog.figure(f"{at}/multi-token-acceptance"), FRACTION),
        engine_kernels=ranged(catalog.figure(f"{at}/engine-kernels"), RATIO),
        software_excess=ranged(catalog.figure(f"{at}/software-excess"), FRACTION),
        software_halving_months=quantity(catalog.figure(f"{at}/software-halving"), DURATION_MONTHS),
        memory_usable=ranged(catalog.figure("assumptions/operation/memory-usable"), FRACTION),
    )


@cache
def _tables(name: str) -> Mapping[str, object]:
    return tomllib.loads(resources.files("gigawatt.validation").joinpath(name).read_text(encoding="utf-8"))


def serving_expression(row: ServingRow, catalog: Catalog) -> ServingExpression:
    """The configuration of a row; raises `Inexpressible` with the reason when there is none."""
    known = _SYSTEMS.get(row.text("system"))
    if known is None:
        raise Inexpressible(f"the catalogue has no platform for {row.text('system')}")
    family = next(
        (f for f in _records("serving_models.toml", "family") if re.search(str(f["match"]), row.text("model"))), None
    )
    if family is None:
        raise Inexpressible(f"no architecture is known for the model {row.text('model')}")
    model = _model(row.text("model"), catalog, family)
    facts = _practice(row)
    pools = _pools(row, model)
    spread = float(str(facts["spread"]))
    mean = 1.0 - spread / 2.0
    return ServingExpression(
        row=row,
        platform=catalogued_platform(catalog, known).item,
        pools=pools,
        clients=Clients(
            concurrency_count=np.array([_concurrency(row)]),
            length_spread_fraction=spread,
            requests_per_client_count=float(str(facts["waves"])),
        ),
        practice=str(facts["id"]),
        formats=_formats(row, family, facts),
        model=model,
        pattern=_pattern(model, family),
        block_scaled=bool(family.get("block-scaled", False)),
        facts=facts,
        months_after_announcement=_months(row, catalog, known),
        input_tokens_count=row.numbers["isl"] * mean,
        output_tokens_count=row.numbers["osl"] * mean,
    )


def standard_engine(figures: EngineFigures, *, quantile: float) -> Engine:
    """A current engine at a quantile of performance: 0.1 has slow hosts, skewed experts and slow kernels."""
    slow = round(1.0 - quantile, 1)
    return Engine(
        mixed=True,
        reserved=False,
        chunk_tokens_count=_USUAL_CHUNK,
        admission_steps_count=1.0,
        step_host_s=at_quantile(figures.step_host_s, slow),
        issue_s=at_quantile(figures.issue_s, slow),
        request_s=at_quantile(figures.request_s, slow),
        token_s=at_quantile(figures.token_s, slow),
        expert_skew_fraction=at_quantile(figures.expert_skew, slow),
        time_factor=at_quantile(figures.engine_kernels, slow),
    )


def serve_task(expressed: ServingExpression, figures: EngineFigures, *, quantile: float) -> ServeTask:
    """The task of a row at a quantile of performance, with its engine's practice and the software of its day."""
    facts, slow = expressed.facts, round(1.0 - quantile, 1)
    busy = _concurrency(expressed.row) >= float(str(facts.get("admission-from", "inf")))
    host = figures.synchronous_host_s if facts["synchronous"] else figures.step_host_s
    standard = standard_engine(figures, quantile=quantile)
    maturity = _time_factor(expressed, figures, at_quantile(figures.software_excess, slow))
    engine = replace(
        standard,
        mixed=bool(facts["mixed"]),
        reserved=bool(facts["reserved"]),
        chunk_tokens_count=float(str(facts["chunk"])),
        admission_steps_count=float(str(facts["admission-busy"] if busy else facts["admission"])),
        step_host_s=at_quantile(host, slow),
        time_factor=standard.time_factor * maturity,
        speculation=Speculation(
            draft_tokens_count=float(str(facts["guesses"])),
            acceptance_fraction=at_quantile(figures.acceptance, quantile),
            draft_layers_count=1.0,
        ),
    )
    return ServeTask(
        model=expressed.model,
        pattern=expressed.pattern,
        formats=expressed.formats,
        engine=engine,
        input_tokens_count=expressed.input_tokens_count,
        output_tokens_count=expressed.output_tokens_count,
    )


def is_block_scaled(model_id: str) -> bool:
    """Whether the published FP8 weights of a model have a scale per block."""
    family = next((f for f in _records("serving_models.toml", "family") if re.search(str(f["match"]), model_id)), {})
    return bool(family.get("block-scaled", False))


def published_model(catalog: Catalog, model_id: str) -> tuple[Model, AttentionPattern]:
    """A model of the catalogue with what its configuration says about windows and linear layers."""
    family = next((f for f in _records("serving_models.toml", "family") if re.search(str(f["match"]), model_id)), None)
    if family is None:
        return catalogued_model(catalog, model_id).item, AttentionPattern()
    catalog.record("models", model_id)
    model = _model(model_id, catalog, family)
    return model, _pattern(model, family)


def _time_factor(expressed: ServingExpression, figures: EngineFigures, excess: float) -> float:
    """Maturity of the platform's software on the day of the measurement; what is undated counts as mature."""
    if expressed.months_after_announcement is None:
        return 1.0
    age = max(expressed.months_after_announcement - _MONTHS_TO_FIRST_SOFTWARE, 0.0)
    return float(1.0 + excess * 2.0 ** (-age / figures.software_halving_months))


def _months(row: ServingRow, catalog: Catalog, platform_id: str) -> float | None:
    """Months from the platform's announcement to the measurement; `None` where one of both is not dated."""
    details = catalog.record("platforms", platform_id).details
    dates = [_DATE.match(text) for text in (str(getattr(details, "announced", "")), row.text("measured_date"))]
    if dates[0] is None or dates[1] is None:
        return None
    begun, measured = (int(found[1]) * 12 + int(found[2]) for found in dates if found)
    return float(measured - begun)


def _records(file: str, kind: str) -> tuple[Mapping[str, object], ...]:
    found = _tables(file)[kind]
    return tuple(found) if isinstance(found, list) else ()


def _practice(row: ServingRow) -> Mapping[str, object]:
    tables = _tables("serving_practices.toml")
    defaults, protocols = tables["defaults"], tables["protocol"]
    record = next((r for r in _records("serving_practices.toml", "practice") if _applies(r, row)), None)
    if record is None or not isinstance(defaults, dict) or not isinstance(protocols, dict):
        raise Inexpressible(f"nothing is known of the engine {row.text('engine')}")
    fitting = [p for p in protocols.values() if re.search(p["match-date"], row.text("measured_date"))]
    protocol: Mapping[str, object] = fitting[0] if fitting else {}
    chosen = {name: value for name, value in protocol.items() if name in ("spread", "waves")}
    return {**defaults, **record, **chosen}


def _applies(record: Mapping[str, object], row: ServingRow) -> bool:
    columns = {name: name for name in ("engine", "system", "model", "precision")} | {"version": "engine_version"}
    return all(re.search(str(record[name]), row.text(at)) for name, at in columns.items() if name in record)


def _concurrency(row: ServingRow) -> float:
    stated = row.stated("concurrency")
    found = stated if stated is not None else row.stated("batch_size")
    if found is None or found < 1.0:
        raise Inexpressible("the concurrency is not stated")
    return found


def _whole(fact: object) -> int:
    return int(str(fact))


def _model(name: str, catalog: Catalog, family: Mapping[str, object]) -> Model:
    if "catalogue" in family:
        return catalogued_model(catalog, str(family["catalogue"])).item
    draft = Model(
        id=name,
        layers_count=_whole(family["layers"]),
        hidden_dim=_whole(family["hidden"]),
        vocabulary_count=_whole(family["vocabulary"]),
        tied_embeddings=False,
        attention=GroupedQueryAttention(
            heads_count=_whole(family["heads"]),
            kv_heads_count=_whole(family["kv-heads"]),
            head_dim=_whole(family["head-dim"]),
        ),
        feed_forward=_feed_forward(family),
        parameters_count=0.0,
        active_parameters_count=0.0,
    )
    parameters_count(draft)
    return draft


def _feed_forward(family: Mapping[str, object]) -> DenseFeedForward | MixtureOfExperts:
    if "experts" not in family:
        return DenseFeedForward(ffn_dim=_whole(family["ffn"]), gated=True)
    return MixtureOfExperts(
        routed_experts_count=_whole(family["experts"]),
        top_k_count=_whole(family["top-k"]),
        expert_ffn_dim=_whole(family["expert-ffn"]),
        shared_experts_count=_whole(family["shared-experts"]),
        shared_ffn_dim=_whole(family["shared-ffn"]),
        first_dense_layers_count=0,
        dense_ffn_dim=0,
        moe_layer_interval=1,
        gated=True,
    )


def _pattern(model: Model, family: Mapping[str, object]) -> AttentionPattern:
    every = _whole(family.get("windowed-every", 0))
    linear = None
    if "linear-layers" in family:
        linear = LinearAttention(
            layers_count=_whole(family["linear-layers"]),
            key_heads_count=_whole(family["linear-key-heads"]),
            value_heads_count=_whole(family["linear-value-heads"]),
            head_dim=_whole(family["linear-head-dim"]),
        )
    return AttentionPattern(
        windowed_layers_count=model.layers_count // every if every else 0,
        window_tokens_count=float(str(family.get("window", "inf"))),
        linear=linear,
    )


def _formats(row: ServingRow, family: Mapping[str, object], facts: Mapping[str, object]) -> Formats:
    stated = row.text("precision") or row.text("gemm_precision") or "bf16"
    weights = {"fp4": Precision.FP4, "nvfp4": Precision.FP4, "fp8": Precision.FP8, "fp8_block": Precision.FP8}.get(
        stated, Precision.BF16
    )
    attention = Precision(str(family.get("attention-of-fp4", "fp4"))) if weights is Precision.FP4 else weights
    cache = Precision.BF16 if weights is Precision.BF16 and not facts.get("always") else Precision(str(facts["cache"]))
    return Formats(attention=attention, dense=weights, experts=weights, head=Precision.BF16, cache=cache)


def _pools(row: ServingRow, model: Model) -> Pools:
    if not row.disaggregated:
        layout, count = _aggregated(row, model)
        return Pools(layouts=(layout,), workers_count=(count,))
    counts = (row.stated("prefill_num_workers"), row.stated("decode_num_workers"))
    if counts[0] is None or counts[1] is None:
        raise Inexpressible("the numbers of prefill and decode workers are not stated")
    layouts = tuple(_worker(row, model, f"{role}_") for role in ("prefill", "decode"))
    return Pools(layouts=layouts, workers_count=(counts[0], counts[1]))


def _sizes(row: ServingRow, prefix: str) -> tuple[float, float, float, float, float]:
    names = ("tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
    tp, pp, copies, expert_tp, ep = (max(row.stated(prefix + name) or 1.0, 1.0) for name in names)
    return tp, pp, copies, expert_tp, ep


def _aggregated(row: ServingRow, model: Model) -> tuple[WorkerLayouts, float]:
    """A worker and how many there are: concurrency over batch says how often attention or the worker is copied."""
    tp, pp, copies, expert_tp, ep = _sizes(row, "")
    batch = row.stated("batch_size") or _concurrency(row)
    shares = max(round(_concurrency(row) / batch), 1)
    if isinstance(model.feed_forward, DenseFeedForward):
        return _checked(model, workers(tp=tp, pp=pp)), float(shares) if copies == 1.0 else copies
    counted_twice = expert_tp > 1.0 and ep > 1.0 and expert_tp == ep and tp * copies == expert_tp * ep
    world = ep if counted_twice else max(tp * copies, expert_tp * ep)
    stated_copies = world if counted_twice and copies > 1.0 else copies
    if stated_copies == 1.0 and shares in (2, 4, 8) and shares <= world:
        stated_copies = float(shares)
    if world > tp and not counted_twice:
        stated_copies = max(stated_copies, world / tp)
    ep = world if counted_twice else ep
    tensor = world / stated_copies
    return _checked(model, workers(tp=tensor, copies=stated_copies, expert_tp=world / ep, ep=ep, pp=pp)), 1.0


def _worker(row: ServingRow, model: Model, prefix: str) -> WorkerLayouts:
    tp, pp, copies, _, ep = _sizes(row, prefix)
    world = tp * copies
    if isinstance(model.feed_forward, DenseFeedForward):
        return _checked(model, workers(tp=tp, copies=copies, pp=pp))
    ep = min(ep, world)
    return _checked(model, workers(tp=tp, copies=copies, expert_tp=world / ep, ep=ep, pp=pp))


def _checked(model: Model, layout: WorkerLayouts) -> WorkerLayouts:
    tensor = float(layout.tp_count[0])
    if model.attention.heads_count % tensor:
        raise Inexpressible(
            f"tensor parallelism of {tensor:.0f} does not divide {model.attention.heads_count} heads: "
            "the record sums over several workers"
        )
    return layout
