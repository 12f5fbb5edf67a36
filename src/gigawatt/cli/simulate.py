"""`gigawatt simulate requests`: a trace on a fleet of replicas, request by request."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gigawatt.catalog import Catalog, load, platform, quantity
from gigawatt.catalog.dimensions import BANDWIDTH, MEMORY, REQUESTS
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import is_block_scaled, published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.cli.console import err, out, print_json
from gigawatt.cli.policies import chosen_order, chosen_router, chosen_scaler
from gigawatt.cli.simulated import answer_json, answer_table, layout_words
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.errors import InfeasibleError, InputError
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.search import replace_chunk
from gigawatt.performance.serve.space import worker_layouts
from gigawatt.performance.serve.task import Formats, ServeTask, WorkerLayouts, workers
from gigawatt.requests.columns import TimeUnit
from gigawatt.requests.fleet import (
    Aggregated,
    Batching,
    Disaggregated,
    Failures,
    Fleet,
    Pool,
    Replica,
    Scaling,
    ServiceLevel,
    fixed_pool,
)
from gigawatt.requests.outcomes import Summary, Tally
from gigawatt.requests.policies import ORDERS, ROUTER_NAMES, Scaler, requests_per_replica
from gigawatt.requests.pricing import (
    Beside,
    PowerShares,
    StepLimits,
    best_layout,
    move_s_per_token,
    replica_of,
    with_memory_beside,
)
from gigawatt.requests.reading import TraceOptions, read_trace
from gigawatt.requests.simulation import Policies, simulate
from gigawatt.requests.traces import Trace
from gigawatt.units import DURATION_SECONDS, FRACTION, TOKEN_COUNT, Dimension, parse

simulate_app = typer.Typer(
    name="simulate",
    help="Play a trace of requests on a fleet of replicas, one by one.",
    no_args_is_help=True,
)

_MOST = 10**6
_MEDIAN = 0.5
_QUANTILES = {"p10": 0.1, "p50": _MEDIAN, "p90": 0.9}
_LAYOUT = re.compile(r"^(tp|copies|ep|expert-tp)=(\d{1,4})$")


@simulate_app.callback()
def _root() -> None:
    """Play a trace of requests on a fleet of replicas, one by one."""


@simulate_app.command("requests")
def requests_command(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A CSV or JSONL file, gzipped or not.")],
    *,
    model_id: Annotated[str, typer.Option("--model", help="A model of the catalogue.")],
    platform_id: Annotated[str, typer.Option("--platform", help="A platform of the catalogue.")],
    replicas: Annotated[int, typer.Option("--replicas", min=1, max=_MOST, help="Replicas of the fleet.")] = 1,
    disaggregate: Annotated[
        str | None, typer.Option("--disaggregate", metavar="P:D", help="P prefill and D decode replicas instead.")
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="Routing: " + ", ".join(ROUTER_NAMES) + ", or FILE.py:FUNCTION.")
    ] = "least-loaded",
    order: Annotated[
        str, typer.Option("--order", help="Queue: " + ", ".join(ORDERS) + ", or FILE.py:FUNCTION.")
    ] = "first-come",
    ttft: Annotated[str | None, typer.Option("--ttft", help='Time to first token at most, like "2 s".')] = None,
    tpot: Annotated[str | None, typer.Option("--tpot", help='Time per output token at most, like "50 ms".')] = None,
    isl: Annotated[int | None, typer.Option("--isl", min=1, max=_MOST, help="Input the layout is chosen for.")] = None,
    osl: Annotated[int | None, typer.Option("--osl", min=1, max=_MOST, help="Output the layout is chosen for.")] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", metavar="tp=T,copies=C,ep=E", help="Layout of a replica; best if silent.")
    ] = None,
    weights: Annotated[Precision, typer.Option(help="Format of the weights.")] = Precision.FP8,
    cache: Annotated[Precision, typer.Option(help="Format of the cache.")] = Precision.FP8,
    quantile: Annotated[str, typer.Option(help="Quantile of performance: p10, p50 or p90.")] = "p50",
    batch: Annotated[int | None, typer.Option("--batch", min=1, max=16384, help="Most requests of a step.")] = None,
    step_tokens: Annotated[
        int | None, typer.Option("--step-tokens", min=2, max=131072, help="Token budget of a step.")
    ] = None,
    block: Annotated[int | None, typer.Option("--block", min=1, max=_MOST, help="Tokens of a cache block.")] = None,
    queue_limit: Annotated[
        int | None, typer.Option("--queue-limit", min=0, help="Longest line at a replica; more is turned away.")
    ] = None,
    prefix_reuse: Annotated[bool, typer.Option(help="Reuse prefixes that the trace names.")] = True,
    offload: Annotated[
        str | None, typer.Option("--offload", help='Keep prefixes beside each accelerator, read at "50 GB/s".')
    ] = None,
    offload_capacity: Annotated[
        str | None, typer.Option("--offload-capacity", help='Of that memory, like "480 GB".')
    ] = None,
    autoscale: Annotated[
        str | None, typer.Option("--autoscale", metavar="LEAST:MOST", help="Let the number of replicas vary.")
    ] = None,
    target: Annotated[float, typer.Option("--target", min=0.1, help="Requests per replica to scale for.")] = 32.0,
    scaler: Annotated[
        str | None, typer.Option("--scaler", metavar="FILE.py:FUNCTION", help="Scale by a function of your own.")
    ] = None,
    mtbf: Annotated[str | None, typer.Option("--mtbf", help='Time between failures of a replica, like "30 h".')] = None,
    repair: Annotated[str | None, typer.Option("--repair", help='Time to repair, like "20 min".')] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="arrival=A,input=I,output=O", help="Columns by name.")
    ] = None,
    time_unit: Annotated[TimeUnit | None, typer.Option("--time-unit", help="Unit of numeric arrival times.")] = None,
    prefix_block: Annotated[
        int | None, typer.Option("--prefix-block", min=1, max=_MOST, help="Tokens of a prefix block.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=1e-6, max=1e6, help="Play the trace this many times as fast.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of routing and failures.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Serve every request of a trace: goodput, TTFT and TPOT, utilization and energy of a fleet."""
    catalog = load()
    level = ServiceLevel(ttft_limit_s=_limit_s(catalog, ttft, "ttft"), tpot_limit_s=_limit_s(catalog, tpot, "tpot"))
    options = TraceOptions(names=_names(columns), time_unit=time_unit, hash_tokens_count=prefix_block, speed=speed)
    read = read_trace(trace, options)
    asked = _Asked(
        platform_id=platform_id,
        model_id=model_id,
        formats=(weights, cache),
        lengths=(isl, osl),
        quantile=_quantile(quantile),
        limits=StepLimits(
            batch_count=batch or round(_assumed(catalog, "batch", REQUESTS)),
            tokens_count=step_tokens or round(_assumed(catalog, "step-tokens", TOKEN_COUNT)),
        ),
        layout=layout,
        beside=_beside(offload, offload_capacity),
    )
    machine = _machine(catalog, asked, level)
    least_most = None if autoscale is None else _pair(autoscale, "--autoscale", "LEAST:MOST")
    scaling, scales = _scaling(catalog, least_most, target, scaler)
    batching = Batching(
        block_tokens_count=block or round(_assumed(catalog, "block", TOKEN_COUNT)),
        reserve_fraction=_assumed(catalog, "reserve", FRACTION),
        queue_limit_count=queue_limit,
        prefix_reuse=prefix_reuse,
    )
    fleet = Fleet(
        serving=_serving(catalog, machine, replicas, disaggregate, least_most),
        batching=batching,
        failures=_failures(mtbf, repair),
        scaling=scaling,
    )
    policies = Policies(router=chosen_router(policy), order=chosen_order(order), scaler=scales)
    began = time.perf_counter()
    summary = _played(fleet, read, policies, Tally(level, machine.replica.host), seed=seed)
    about = {"trace": read.name, "model": model_id, "platform": platform_id, "quantile": quantile, "policy": policy}
    words = layout_words(machine.layout, machine.replica)
    if as_json:
        print_json({**about, "replica": words, **answer_json(summary, fleet, level)})
        return
    out.print(answer_table(summary, fleet, level, title=f"{read.name}: {model_id} on {platform_id}, {quantile}"))
    out.print(words)
    out.print(f"{summary.requests_count:,} requests in {time.perf_counter() - began:.1f} s", highlight=False)


def _played(fleet: Fleet, trace: Trace, policies: Policies, tally: Tally, *, seed: int) -> Summary:
    """The trace served, with a count of requests on a terminal."""
    with _bar() as bar:
        shown = bar.add_task(f"Serving {trace.name} (the engine is compiled when it first runs)", total=None)
        course = simulate(
            fleet,
            trace,
            policies,
            sink=tally,
            rng=np.random.default_rng(seed),
            progress=lambda seen: bar.update(shown, completed=seen, description=f"Served {seen:,} requests"),
        )
    return tally.summary(fleet, course)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The replica that a command asks for."""

    platform_id: str
    model_id: str
    formats: tuple[Precision, Precision]
    lengths: tuple[int | None, int | None]
    quantile: float
    limits: StepLimits
    layout: str | None
    beside: Beside | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """A replica, and what it was made from."""

    platform: Platform
    task: ServeTask
    layout: WorkerLayouts
    replica: Replica


def _machine(catalog: Catalog, asked: _Asked, level: ServiceLevel) -> _Machine:
    where, limits = platform(catalog, asked.platform_id).item, asked.limits
    operators = serving_operators(catalog, blocks=is_block_scaled(asked.model_id))(where, asked.quantile)
    task = replace_chunk(_task(catalog, asked), float(limits.tokens_count))
    usable = quantity(catalog.figure("assumptions/operation/memory-usable"), FRACTION) * where.accelerator.memory_bytes
    chosen = _chosen(asked.layout, where, task) if asked.layout else _best(where, task, operators, usable, level)
    replica = replica_of(
        where,
        task,
        chosen,
        operators,
        usable_bytes=usable,
        limits=limits,
        power=PowerShares(
            busy_fraction=quantity(catalog.figure("assumptions/operation/mean-power"), FRACTION),
            idle_fraction=_assumed(catalog, "idle-power", FRACTION),
        ),
    )
    if asked.beside is not None:
        replica = with_memory_beside(replica, task, chosen, asked.beside)
    return _Machine(platform=where, task=task, layout=chosen, replica=replica)


def _task(catalog: Catalog, asked: _Asked) -> ServeTask:
    model, pattern = published_model(catalog, asked.model_id)
    weights, cache = asked.formats
    attention = Precision.FP8 if weights is Precision.FP4 else weights
    tokens = [
        float(given or quantity(catalog.figure(f"assumptions/service/{name}"), TOKEN_COUNT))
        for given, name in zip(asked.lengths, ("input", "output"), strict=True)
    ]
    return ServeTask(
        model=model,
        pattern=pattern,
        formats=Formats(attention=attention, dense=weights, experts=weights, head=Precision.BF16, cache=cache),
        engine=standard_engine(engine_figures(catalog), quantile=asked.quantile),
        input_tokens_count=tokens[0],
        output_tokens_count=tokens[1],
    )


def _best(
    where: Platform, task: ServeTask, operators: OperatorModel, usable_bytes: float, level: ServiceLevel
) -> WorkerLayouts:
    found = best_layout(
        task,
        where,
        operators,
        accelerators_limit=where.scale_up_domain_count,
        usable_bytes=usable_bytes,
        level=level,
    )
    if found is None:
        raise InfeasibleError(
            (
                f"no replica of {task.model.id} inside a scale-up domain of {where.id} fits memory and keeps TTFT "
                f"{level.ttft_limit_s:g} s and TPOT {level.tpot_limit_s:g} s at {task.input_tokens_count:,.0f} in, "
                f"{task.output_tokens_count:,.0f} out; relax --ttft or --tpot, or state --layout",
            )
        )
    return found


def _chosen(text: str, where: Platform, task: ServeTask) -> WorkerLayouts:
    found = {}
    for part in text.split(","):
        match = _LAYOUT.match(part.strip())
        if match is None or int(match[2]) == 0:
            raise _malformed("--layout", part, "tp=T, copies=C, ep=E or expert-tp=X", "Write it like tp=8.")
        found[match[1]] = float(match[2])
    tp, copies, ep = found.get("tp", 1.0), found.get("copies", 1.0), found.get("ep", 1.0)
    wanted = workers(tp=tp, copies=copies, expert_tp=found.get("expert-tp", tp * copies / ep), ep=ep)
    possible = worker_layouts(task.model, where, accelerators_limit=int(tp * copies))
    same = [getattr(possible, name) == getattr(wanted, name)[0] for name in WorkerLayouts.__dataclass_fields__]
    if not np.logical_and.reduce(same).any():
        raise _malformed(
            "--layout",
            text,
            f"powers of two that {task.model.id} and a domain of {where.id} allow, tp x copies = expert-tp x ep",
            "Start from the layout that is shown without --layout.",
        )
    return wanted


def _serving(
    catalog: Catalog,
    machine: _Machine,
    replicas: int,
    disaggregate: str | None,
    least_most: tuple[int, int] | None,
) -> Aggregated | Disaggregated:
    if disaggregate is None:
        if least_most is None:
            return Aggregated(pool=fixed_pool(machine.replica, replicas))
        least, most = least_most
        start = min(max(replicas, least), most)
        return Aggregated(
            pool=Pool(replica=machine.replica, start_count=start, least_count=least, most_count=most),
        )
    if least_most is not None:
        raise _malformed("--autoscale", "--disaggregate as well", "one of both", "Leave one out.")
    prefill, decode = _pair(disaggregate, "--disaggregate", "P:D")
    return Disaggregated(
        prefill=fixed_pool(machine.replica, prefill),
        decode=fixed_pool(machine.replica, decode),
        move_start_s=_assumed(catalog, "move-start", DURATION_SECONDS),
        move_s_per_token=move_s_per_token(machine.platform, machine.task, machine.layout, machine.layout),
    )


def _scaling(
    catalog: Catalog, least_most: tuple[int, int] | None, target: float, own: str | None
) -> tuple[Scaling | None, Scaler | None]:
    if least_most is None:
        if own is not None:
            raise _malformed("--scaler", "no --autoscale", "--autoscale LEAST:MOST with it", "State both, or none.")
        return None, None
    scaling = Scaling(
        interval_s=_assumed(catalog, "scaling-interval", DURATION_SECONDS),
        startup_s=_assumed(catalog, "startup", DURATION_SECONDS),
    )
    return scaling, requests_per_replica(target) if own is None else chosen_scaler(own)


def _beside(bandwidth: str | None, capacity: str | None) -> Beside | None:
    if bandwidth is None and capacity is None:
        return None
    if bandwidth is None or capacity is None:
        missing = "--offload" if bandwidth is None else "--offload-capacity"
        raise _malformed(missing, "nothing", "both --offload and --offload-capacity", "State both, or none.")
    return Beside(
        memory_bytes=parse(capacity, MEMORY, where="--offload-capacity"),
        bytes_per_s=parse(bandwidth, BANDWIDTH, where="--offload"),
    )


def _failures(mtbf: str | None, repair: str | None) -> Failures | None:
    if mtbf is None and repair is None:
        return None
    if mtbf is None or repair is None:
        missing = "--mtbf" if mtbf is None else "--repair"
        raise _malformed(missing, "nothing", "both --mtbf and --repair", "State both, or none.")
    return Failures(
        between_failures_s=parse(mtbf, _POSITIVE_DURATION, where="--mtbf"),
        repair_s=parse(repair, _POSITIVE_DURATION, where="--repair"),
    )


_POSITIVE_DURATION = Dimension(name="duration", canonical="s", example='"30 h"', exclusive=True)


def _quantile(name: str) -> float:
    if name not in _QUANTILES:
        raise _malformed("--quantile", name, "p10, p50 or p90", "Choose one of them.")
    return _QUANTILES[name]


def _pair(text: str, where: str, shape: str) -> tuple[int, int]:
    match = re.match(r"^(\d{1,6}):(\d{1,6})$", text)
    if match is None or int(match[1]) == 0 or int(match[2]) == 0:
        raise _malformed(where, text, f"two positive whole numbers {shape}", 'Write it like "2:6".')
    return int(match[1]), int(match[2])


def _names(text: str | None) -> tuple[tuple[str, str], ...]:
    if text is None:
        return ()
    pairs = [part.partition("=") for part in text.split(",")]
    for role, equals, name in pairs:
        if not (role and equals and name):
            raise _malformed("--columns", text, "ROLE=NAME", "Write it like arrival=time,input=isl,output=osl.")
    return tuple((role.strip(), name.strip()) for role, _, name in pairs)


def _malformed(where: str, found: str, expected: str, fix: str) -> InputError:
    return InputError(where=where, found=f'"{found}"', expected=expected, fix=fix)


def _assumed(catalog: Catalog, key: str, dimension: Dimension) -> float:
    return quantity(catalog.figure(f"assumptions/requests/{key}"), dimension)


def _limit_s(catalog: Catalog, text: str | None, name: str) -> float:
    if text is None:
        return quantity(catalog.figure(f"assumptions/service/{name}"), DURATION_SECONDS)
    return parse(text, DURATION_SECONDS, where=f"--{name}")


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
