"""One platform, one service: the cheapest deployment that keeps the service level, its band, and the front behind it.

Each quantile of performance is searched on its own: whoever runs a fleet tunes batches and layouts to the hardware
that he finds, so a slow outcome costs throughput, not the service level.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.assumptions import EngineFigures, Ranged
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import Service
from gigawatt.performance.laws import BandOperators
from gigawatt.performance.operators import QUANTILES, at_quantile, native_precision
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serve.curve import LoadCurve, load_curve
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.memory import worker_memory
from gigawatt.performance.serve.search import (
    Configurations,
    Limits,
    chosen_configurations,
    joined_configurations,
    serve_search,
)
from gigawatt.performance.serve.space import worker_layouts
from gigawatt.performance.serve.task import Formats, ServeTask, WorkerLayouts
from gigawatt.timeline import FloatArray

# Tokens per second that one user sees, at which fronts are told.
INTERACTIVITY_PER_S = np.round(np.geomspace(8.0, 512.0, 25), 1)
# A deployment may reach over several small scale-up domains, as wide expert parallelism does.
_LEAST_DEPLOYMENT_COUNT = 64
# The curve of a fleet: loads over capacity, and shares of prompt tokens in all tokens of a request.
LOADS = np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
PROMPT_SHARES = np.array([0.2, 0.5, 0.7, 0.8, 0.9, 0.97])
_BYTES_PER_GB = 10**9
_NO_LIMIT_S = float("inf")
_MEDIAN = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPhysics:
    """What serving is computed with besides the service: operators, engine, pools' load and usable memory."""

    operators: BandOperators
    engine: EngineFigures
    memory_usable: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The deployment of a service at each quantile (one entry each), its rates, and the front at fixed interactivity.

    `tokens_per_s` `(quantile,)` counts input and output tokens per accelerator, those that workers leave over in a
    scale-up domain included; `front_output_tokens_per_s` `(quantile, interactivity)` output tokens, NaN where no
    deployment is as quick. The curve of a fleet, at the median: mean latencies of the deployment at shares of its
    capacity `(load,)`, and the most tokens per second within the same level for other shares of prompt tokens in
    requests of as many tokens `(prompt_share,)`.
    """

    deployment: Configurations
    tokens_per_s: FloatArray
    front_output_tokens_per_s: FloatArray
    load: LoadCurve
    mix_tokens_per_s: FloatArray


def serve(service: Service, platform: Platform, physics: ServingPhysics) -> Served | Refused:
    """The deployment with most tokens per second and accelerator at each quantile, or why there is none."""
    missing = _missing(service, platform)
    if missing:
        return Refused(reason=missing)
    chosen: list[Configurations] = []
    tokens: list[float] = []
    fronts: list[FloatArray] = []
    for quantile in QUANTILES:
        front = _front(service, platform, physics, quantile=quantile, ttft_limit_s=service.ttft_limit_s)
        rate = np.zeros(0) if front is None else front.tokens_per_s_per_accelerator * packed_fraction(front, platform)
        if front is None or not np.any(front.tpot_s <= service.tpot_limit_s):
            return Refused(reason=_refusal(service, platform, physics, front, quantile=quantile))
        best = _best(service, front, rate)
        chosen.append(chosen_configurations(front, np.array([best])))
        tokens.append(float(rate[best]) * tokens_per_output_token(service))
        fronts.append(_at_interactivity(front.tokens_per_s_per_user, rate))
    return Served(
        deployment=joined_configurations(chosen),
        tokens_per_s=np.array(tokens),
        front_output_tokens_per_s=np.stack(fronts),
        load=_load(service, platform, physics, chosen[_MEDIAN]),
        mix_tokens_per_s=np.array([_mixed(service, platform, physics, share=share) for share in PROMPT_SHARES]),
    )


def _best(service: Service, front: Configurations, rate: FloatArray) -> int:
    """The place of the most throughput within the TPOT limit."""
    return int(np.argmax(np.where(front.tpot_s <= service.tpot_limit_s, rate, -1.0)))


def _load(service: Service, platform: Platform, physics: ServingPhysics, deployment: Configurations) -> LoadCurve:
    quantile = QUANTILES[_MEDIAN]
    return load_curve(
        serve_task(service, physics.engine, quantile=quantile),
        deployment,
        platform,
        physics.operators(platform, quantile),
        loads=LOADS,
        usable_bytes=usable_bytes(platform, physics, quantile=quantile),
    )


def _mixed(service: Service, platform: Platform, physics: ServingPhysics, *, share: float) -> float:
    """Tokens per second and accelerator of requests with that share of prompt tokens; NaN beyond the level."""
    whole = service.input_tokens_count + service.output_tokens_count
    other = replace(service, input_tokens_count=share * whole, output_tokens_count=(1.0 - share) * whole)
    front = _front(other, platform, physics, quantile=QUANTILES[_MEDIAN], ttft_limit_s=service.ttft_limit_s)
    if front is None or not np.any(front.tpot_s <= service.tpot_limit_s):
        return float("nan")
    rate = front.tokens_per_s_per_accelerator * packed_fraction(front, platform)
    return float(rate[_best(other, front, rate)]) * tokens_per_output_token(other)


def tokens_per_output_token(service: Service) -> float:
    """Input and output tokens of a request over its output tokens."""
    return (service.input_tokens_count + service.output_tokens_count) / service.output_tokens_count


def serve_task(service: Service, engine: EngineFigures, *, quantile: float) -> ServeTask:
    """What a service asks of a worker under a current engine at a quantile of performance."""
    return ServeTask(
        model=service.model,
        pattern=service.pattern,
        formats=Formats(
            attention=service.attention_precision,
            dense=service.weight_precision,
            experts=service.weight_precision,
            head=Precision.BF16,
            cache=service.cache_precision,
        ),
        engine=standard_engine(engine, quantile=quantile),
        input_tokens_count=service.input_tokens_count,
        output_tokens_count=service.output_tokens_count,
    )


def usable_bytes(platform: Platform, physics: ServingPhysics, *, quantile: float) -> float:
    """Memory left for weights and cache on one accelerator."""
    return at_quantile(physics.memory_usable, quantile) * platform.accelerator.memory_bytes


def accelerators_limit(platform: Platform) -> int:
    """The largest deployment that is tried."""
    return max(platform.scale_up_domain_count, platform.accelerators_per_rack_count, _LEAST_DEPLOYMENT_COUNT)


def packed_fraction(found: Configurations, platform: Platform) -> FloatArray:
    """Share of accelerators at work when domains are filled with a deployment's workers, `(candidate,)`.

    Workers lie inside a domain, or fill whole ones. The larger kind leaves a remainder in each domain that the smaller
    one fills if it fits, as far as there is enough of it.
    """
    domain = float(platform.scale_up_domain_count)
    sizes = np.stack([found.prefill.accelerators_count, found.decode.accelerators_count])
    counts = np.stack([found.prefill_workers_count, found.decode_workers_count])
    left = domain - np.floor(domain / np.minimum(sizes, domain)) * np.minimum(sizes, domain)
    filler = np.where((left == 0.0) & (sizes < domain), sizes * counts, 0.0).sum(axis=0)
    rest = np.where(counts > 0.0, left, 0.0).max(axis=0) / domain
    others = 1.0 - filler / found.accelerators_count
    return np.asarray((1.0 - rest) / np.maximum(others, 1.0 - rest), dtype=np.float64)


def _front(
    service: Service, platform: Platform, physics: ServingPhysics, *, quantile: float, ttft_limit_s: float
) -> Configurations | None:
    slowest_s = max(service.tpot_limit_s, 1.0 / float(INTERACTIVITY_PER_S[0]))
    return serve_search(
        serve_task(service, physics.engine, quantile=quantile),
        platform,
        physics.operators(platform, quantile),
        Limits(
            ttft_s=ttft_limit_s,
            tpot_s=slowest_s,
            accelerators_count=accelerators_limit(platform),
            prefill_load_fraction=physics.engine.prefill_load.best,
        ),
        usable_bytes=usable_bytes(platform, physics, quantile=quantile),
    ).front


def _at_interactivity(speed: FloatArray, rate: FloatArray) -> FloatArray:
    """The most throughput at each interactivity or more, NaN beyond the quickest, `(interactivity,)`."""
    quick = np.where(speed[None, :] >= INTERACTIVITY_PER_S[:, None], rate[None, :], -np.inf).max(axis=1)
    return np.where(np.isfinite(quick), quick, np.nan)


def _missing(service: Service, platform: Platform) -> str:
    if service.model.hybrid is not None and service.pattern.linear is None:
        return f"serving with the recurrent layers of {service.model.id} cannot be computed yet"
    for needed in (service.weight_precision, Precision.BF16):
        if native_precision(platform.accelerator, needed) is None:
            return f"{platform.id} has no published dense peak at {needed.value} or a wider precision"
    return ""


def _refusal(
    service: Service,
    platform: Platform,
    physics: ServingPhysics,
    front: Configurations | None,
    *,
    quantile: float,
) -> str:
    """What comes nearest to the service level at the quantile that misses it."""
    where = f"at P{round(100 * quantile)} of performance"
    if front is not None:
        return (
            f"no deployment of {service.model.id} keeps TPOT {service.tpot_limit_s:g} s {where}: within TTFT "
            f"{service.ttft_limit_s:g} s the best is {front.tpot_s.min():.3g} s"
        )
    patient = _front(service, platform, physics, quantile=quantile, ttft_limit_s=_NO_LIMIT_S)
    if patient is not None:
        return (
            f"no deployment of {service.model.id} keeps TTFT {service.ttft_limit_s:g} s {where}: the best is "
            f"{patient.ttft_s.min():.3g} s"
        )
    task = serve_task(service, physics.engine, quantile=quantile)
    layouts = worker_layouts(service.model, platform, accelerators_limit=accelerators_limit(platform))
    need, have = _least_weight_bytes(task, layouts), usable_bytes(platform, physics, quantile=quantile)
    if need >= have:
        return (
            f"{service.model.id} does not fit {accelerators_limit(platform)} accelerators {where}: its weights take at "
            f"least {need / _BYTES_PER_GB:,.0f} GB per accelerator, {have / _BYTES_PER_GB:,.0f} GB are usable"
        )
    return f"no deployment of {service.model.id} keeps any TPOT below {1.0 / INTERACTIVITY_PER_S[0]:g} s {where}"


def _least_weight_bytes(task: ServeTask, layouts: WorkerLayouts) -> float:
    return float(np.min(worker_memory(task, layouts).weight_bytes))
