"""A measured serving point as a task, workers and clients; what a row leaves open comes from engines' practices."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from gigawatt.catalog import Catalog
from gigawatt.catalog import platform as catalogued_platform
from gigawatt.catalog.served_models import family, family_model, family_pattern, published_model
from gigawatt.entities.assumptions import EngineFigures
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import AttentionPattern, DenseFeedForward, Model
from gigawatt.errors import CatalogError
from gigawatt.performance.operators import at_quantile
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.task import Formats, ServeTask, Speculation, WorkerLayouts, workers
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.serving_rows import ServingRow

_SYSTEMS = {
    "a100_sxm": "dgx-a100",
    "h100_sxm": "dgx-h100",
    "h200_sxm": "hgx-h200",
    "b200_sxm": "dgx-b200",
    "b300_sxm": "dgx-b300",
    "gb200": "gb200-nvl72",
    "gb300": "gb300-nvl72",
}
# The assumption about maturity states the excess at this age.
_MONTHS_TO_FIRST_SOFTWARE = 12.0
_DATE = re.compile(r"(\d{4})-(\d{2})")


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


@cache
def _practices() -> Mapping[str, object]:
    file = resources.files("gigawatt.validation").joinpath("serving_practices.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def serving_expression(row: ServingRow, catalog: Catalog) -> ServingExpression:
    """The configuration of a row; raises `Inexpressible` with the reason when there is none."""
    known = _SYSTEMS.get(row.text("system"))
    if known is None:
        raise Inexpressible(f"the catalogue has no platform for {row.text('system')}")
    found = family(row.text("model")) or {}
    model, pattern = _architecture(row.text("model"), catalog)
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
        formats=_formats(row, found, facts),
        model=model,
        pattern=pattern,
        block_scaled=bool(found.get("block-scaled", False)),
        facts=facts,
        months_after_announcement=_months(row, catalog, known),
        input_tokens_count=row.numbers["isl"] * mean,
        output_tokens_count=row.numbers["osl"] * mean,
    )


def _architecture(name: str, catalog: Catalog) -> tuple[Model, AttentionPattern]:
    """What a family's configuration says, else the catalogue."""
    found = family(name)
    if found is not None:
        model = family_model(name, catalog, found)
        return model, family_pattern(model, found)
    try:
        return published_model(catalog, name)
    except CatalogError as error:
        raise Inexpressible(f"no architecture is known for the model {name}") from error


def serve_task(expressed: ServingExpression, figures: EngineFigures, *, quantile: float) -> ServeTask:
    """The task of a row at a quantile of performance, with its engine's practice and the software of its day."""
    facts, slow = expressed.facts, round(1.0 - quantile, 1)
    busy = _concurrency(expressed.row) >= float(str(facts.get("admission-from", "inf")))
    host = figures.synchronous_host_s if facts["synchronous"] else figures.step_host_s
    issue = figures.python_issue_s if facts["prompts"] == "python" else figures.issue_s
    standard = standard_engine(figures, quantile=quantile)
    maturity = _time_factor(expressed, figures, at_quantile(figures.software_excess, slow))
    engine = replace(
        standard,
        mixed=bool(facts["mixed"]),
        reserved=bool(facts["reserved"]),
        chunk_tokens_count=_chunk_tokens(expressed),
        fused_norms=bool(facts["fused-norms"]),
        gather_steps_count=_gather_steps(expressed),
        gather_tokens_count=float(str(facts["gather-share"])) * _chunk_tokens(expressed),
        admission_steps_count=float(str(facts["admission-busy"] if busy else facts["admission"])),
        step_host_s=at_quantile(host, slow),
        issue_s=at_quantile(issue, slow),
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
        bunching_ratio=at_quantile(figures.arrival_bunching, slow),
    )


def _chunk_tokens(expressed: ServingExpression) -> float:
    """Most prompt tokens of a pass; `prompt` is the longest prompt and a token of each client."""
    stated = str(expressed.facts["chunk"])
    return expressed.row.numbers["isl"] if stated == "prompt" else float(stated)


def _gather_steps(expressed: ServingExpression) -> float:
    """Steps that prompts wait for others: engines whose attention is copied wait for one per copy."""
    copied = float(expressed.pools.layouts[0].copies_count[0]) > 1.0
    return float(str(expressed.facts["gather-copies" if copied else "gather"]))


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


def _records(found: object) -> tuple[Mapping[str, object], ...]:
    return tuple(found) if isinstance(found, list) else ()


def _practice(row: ServingRow) -> Mapping[str, object]:
    tables = _practices()
    defaults, protocols = tables["defaults"], tables["protocol"]
    record = next((r for r in _records(tables["practice"]) if _applies(r, row)), None)
    if record is None or not isinstance(defaults, dict) or not isinstance(protocols, dict):
        raise Inexpressible(f"nothing is known of the engine {row.text('engine')}")
    fitting = [p for p in protocols.values() if re.search(p["match-date"], row.text("measured_date"))]
    protocol: Mapping[str, object] = fitting[0] if fitting else {}
    chosen = {name: value for name, value in protocol.items() if name in ("spread", "waves")}
    finer = [fact for fact in _records(tables["refinement"]) if _applies(fact, row)]
    return (
        {**defaults, **record, **chosen}
        | {name: value for fact in finer for name, value in fact.items()}
        | {"id": record["id"]}
    )


_COLUMNS = {name: name for name in ("engine", "system", "model", "precision")} | {
    "version": "engine_version",
    "date": "measured_date",
}


def _applies(record: Mapping[str, object], row: ServingRow) -> bool:
    """Whether all that a record names fits the row: columns, lengths and tensor parallelism as patterns."""
    numbers = {name: f"{row.stated(name) or 0.0:.0f}" for name in ("isl", "osl", "tp_size")}
    texts = {name: row.text(at) for name, at in _COLUMNS.items()}
    texts |= {"lengths": f"{numbers['isl']}/{numbers['osl']}", "tp": numbers["tp_size"]}
    fits = all(re.search(str(record[name]), text) for name, text in texts.items() if name in record)
    return fits and float(str(record.get("clients-from", 0))) <= (row.stated("concurrency") or 0.0)


def _concurrency(row: ServingRow) -> float:
    stated = row.stated("concurrency")
    found = stated if stated is not None else row.stated("batch_size")
    if found is None or found < 1.0:
        raise Inexpressible("the concurrency is not stated")
    return found


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
