"""What a serving search found, with bands, per accelerator, megawatt and dollar: for people and for machines."""

import time
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.cli.serving_question import MEDIAN, Question
from gigawatt.entities.hardware import Platform
from gigawatt.errors import InfeasibleError
from gigawatt.performance.operators import QUANTILES
from gigawatt.performance.serve.bands import Banded, banded
from gigawatt.performance.serve.loop import reload_s
from gigawatt.performance.serve.memory import transfer_bytes, worker_memory
from gigawatt.performance.serve.pools import prefill_pass_s
from gigawatt.performance.serve.search import (
    Configurations,
    ServeFound,
    chosen_configurations,
    front_index,
    serve_search,
)
from gigawatt.performance.serve.space import worker_layouts
from gigawatt.performance.serve.task import WorkerLayouts, picked
from gigawatt.timeline import FloatArray
from gigawatt.units import SECONDS_PER_HOUR, TOKENS_PER_MILLION, WATTS_PER_MEGAWATT

QUANTILE_NAMES = tuple(f"p{round(quantile * 100)}" for quantile in QUANTILES)
LAYOUT_NAMES = tuple(WorkerLayouts.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Deployments from the most throughput to the most interactivity at the median, with their bands."""

    deployments: Configurations
    band: Banded

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.deployments.tpot_s.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A question with the front of all deployments and those of each kind, where there are any."""

    question: Question
    found: ServeFound
    front: Front
    aggregated: Front | None
    pools: Front | None
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Offloading:
    """Bringing a prefix back against computing it anew, for one prompt; prompts that the stated memory holds."""

    prefix_bytes: float
    reload_s: float
    recompute_s: float
    prompts_held_count: float

    @property
    def pays(self) -> bool:
        """Whether a prefix is back sooner than it is computed."""
        return self.reload_s < self.recompute_s


def answered(asked: Question) -> Answer:
    """The search and its bands; raises `InfeasibleError` where nothing keeps the limits."""
    began = time.process_time()
    task, median = asked.task, asked.operators[MEDIAN]
    found = serve_search(task, asked.where, median, asked.limits, usable_bytes=asked.usable_bytes)
    cpu_s = time.process_time() - began
    fronts = [_front(asked, some) for some in (found.front, found.aggregated_front, found.pools_front)]
    if fronts[0] is None:
        raise InfeasibleError((_refusal(asked),))
    return Answer(question=asked, found=found, front=fronts[0], aggregated=fronts[1], pools=fronts[2], cpu_s=cpu_s)


def answered_with_prefixes(asked: Question) -> tuple[Answer, Offloading | None]:
    """The answer with cached prefixes brought back where that is quicker than to compute them anew, and whether it is.

    It is judged by the deployment that is best without them.
    """
    if not asked.task.hit_fraction or not np.isfinite(asked.task.reload_bytes_per_s):
        return answered(asked), None
    anew = answered(without_prefix(asked))
    moved = offloading(asked, anew.front, 0)
    if not moved.pays:
        return anew, moved
    answer = answered(asked)
    return answer, offloading(asked, answer.front, 0)


def _front(asked: Question, some: Configurations | None) -> Front | None:
    """Bands under a closed loop of clients; what misses the limits there is left out."""
    if some is None:
        return None
    operators = list(asked.operators)
    band = banded(asked.tasks, some, asked.where, operators, usable_bytes=asked.usable_bytes)
    keeps = np.flatnonzero((band.ttft_s[MEDIAN] <= asked.limits.ttft_s) & (band.tpot_s[MEDIAN] <= asked.limits.tpot_s))
    order = front_index(1.0 / band.tpot_s[MEDIAN, keeps], band.tokens_per_s_per_accelerator[MEDIAN, keeps])
    at = keeps[order]
    if not at.size:
        return None
    columns = {name: getattr(band, name)[:, at] for name in band.__dataclass_fields__}
    return Front(deployments=chosen_configurations(some, at), band=Banded(**columns))


def _refusal(asked: Question) -> str:
    task, limits = asked.task, asked.limits
    layouts = worker_layouts(task.model, asked.where, accelerators_limit=limits.accelerators_count)
    least = float(np.min(worker_memory(task, layouts).weight_bytes))
    if least > asked.usable_bytes:
        return (
            f"memory: {task.model.id} needs at least {least:.3g} bytes per accelerator on "
            f"{limits.accelerators_count} accelerators, {asked.usable_bytes:.3g} are usable"
        )
    return (
        f"no deployment of at most {limits.accelerators_count} accelerators keeps TTFT {limits.ttft_s:g} s and "
        f"TPOT {limits.tpot_s:g} s together"
    )


def per_it_mw(where: Platform, tokens_per_s: FloatArray) -> FloatArray:
    """Output tokens per second and MW of the racks' greatest IT power."""
    share = where.accelerators_per_rack_count / where.rack_power_w * WATTS_PER_MEGAWATT
    return np.asarray(tokens_per_s * share, dtype=np.float64)


def per_usd(usd_per_hour: float, tokens_per_s: FloatArray) -> FloatArray:
    """Output tokens that a dollar buys."""
    return np.asarray(tokens_per_s * SECONDS_PER_HOUR / usd_per_hour, dtype=np.float64)


def bands(asked: Question, front: Front) -> dict[str, FloatArray]:
    """Every quantity that is told of a front, `(quantile, deployment)`; a low quantile is slow, and dear."""
    rate, task = front.band.tokens_per_s_per_accelerator, asked.task
    every = (task.input_tokens_count + task.output_tokens_count) / task.output_tokens_count
    quantities = {
        "ttft_s": front.band.ttft_s,
        "tpot_s": front.band.tpot_s,
        "tokens_per_s_per_user": 1.0 / front.band.tpot_s,
        "output_tokens_per_s_per_accelerator": rate,
        "tokens_per_s_per_accelerator": rate * every,
        "tokens_per_s_per_rack": rate * every * asked.where.accelerators_per_rack_count,
        "output_tokens_per_s_per_it_mw": per_it_mw(asked.where, rate),
    }
    if asked.hour is not None:
        bought = per_usd(asked.hour.usd_per_hour, rate)
        quantities |= {"output_tokens_per_usd": bought, "usd_per_mtoken": TOKENS_PER_MILLION / bought}
    return quantities


def kind(front: Front, index: int) -> str:
    """Whether a deployment has prefill workers of its own."""
    return "prefill and decode" if front.deployments.prefill_workers_count[index] > 0.0 else "aggregated"


def point(asked: Question, front: Front, index: int) -> dict[str, object]:
    """One deployment as an object: medians at the top, all three quantiles under `band`."""
    told = bands(asked, front)
    at = {name: [float(value) for value in values[:, index]] for name, values in told.items()}
    deployments, pools = front.deployments, kind(front, index) != "aggregated"
    return {
        "kind": kind(front, index),
        **{name: values[MEDIAN] for name, values in at.items()},
        "usd_per_mtoken": at["usd_per_mtoken"][MEDIAN] if asked.hour else None,
        "accelerators": float(deployments.accelerators_count[index]),
        "prefill_workers": float(deployments.prefill_workers_count[index]),
        "decode_workers": float(deployments.decode_workers_count[index]),
        "requests_per_copy": float(deployments.requests_per_copy_count[index]),
        "chunk_tokens": float(deployments.chunk_tokens_count[index]),
        "prefill_layout": layout(deployments.prefill, index) if pools else None,
        "decode_layout": layout(deployments.decode, index),
        "band": {name: dict(zip(QUANTILE_NAMES, values, strict=True)) for name, values in at.items()},
    }


def layout(layouts: WorkerLayouts, index: int) -> dict[str, float]:
    """The sizes of a layout by name."""
    return {name: float(getattr(layouts, name)[index]) for name in LAYOUT_NAMES}


def described(front: Front, index: int) -> str:
    """A deployment in a few letters: workers of each pool, and how each spreads the model."""
    some = front.deployments
    decode = f"{some.decode_workers_count[index]:.0f} {_named(some.decode, index)}"
    if kind(front, index) == "aggregated":
        return decode
    return f"{some.prefill_workers_count[index]:.0f} {_named(some.prefill, index)} + {decode}"


def _named(layouts: WorkerLayouts, index: int) -> str:
    sizes = layout(layouts, index)
    parts = zip(("TP", "DP", "EP", "PP"), ("tp_count", "copies_count", "ep_count", "pp_count"), strict=True)
    return " ".join(f"{short}{sizes[name]:.0f}" for short, name in parts if sizes[name] > 1.0) or "TP1"


def about(answer: Answer) -> dict[str, object]:
    """What was asked and how much was searched."""
    asked, task = answer.question, answer.question.task
    return {
        "model": task.model.id,
        "platform": asked.where.id,
        "measured": asked.where.measured,
        "input_tokens": task.input_tokens_count,
        "output_tokens": task.output_tokens_count,
        "input_tokens_deviation": task.lengths.input_tokens_count,
        "output_tokens_deviation": task.lengths.output_tokens_count,
        "length_correlation_fraction": task.lengths.correlation_fraction,
        "ttft_limit_s": asked.limits.ttft_s,
        "tpot_limit_s": asked.limits.tpot_s,
        "accelerators_limit": asked.limits.accelerators_count,
        "usd_per_accelerator_hour": asked.hour.usd_per_hour if asked.hour else None,
        "usd_per_accelerator_hour_origin": asked.hour.origin if asked.hour else None,
        "kernels": asked.backend.kernels.value,
        "stand_ins": dict(asked.backend.stand_ins(asked.where.id)),
        "configurations_evaluated": answer.found.evaluated_count,
        "configurations_timed": answer.found.timed_count,
        "configurations_feasible": answer.found.feasible_count,
        "cpu_s": answer.cpu_s,
    }


def offloading(asked: Question, front: Front, index: int) -> Offloading:
    """What bringing prefixes back does for a deployment's prompts."""
    task, some, at = asked.task, front.deployments, np.array([index])
    pools = some.prefill_workers_count[index] > 0.0
    worker = picked(some.prefill if pools else some.decode, at)
    operators, one = asked.operators[MEDIAN], np.ones(1)
    whole, many = prefill_pass_s(without_prefix(asked).task, worker, one, operators)
    new, few = prefill_pass_s(task, worker, one, operators)
    prefix = task.hit_fraction * transfer_bytes(task)
    ranks = float(worker.tp_count[0] * worker.pp_count[0])
    return Offloading(
        prefix_bytes=prefix,
        reload_s=float(reload_s(task, worker)[0]),
        recompute_s=float((whole * many - new * few)[0]),
        prompts_held_count=asked.offload_bytes * ranks / prefix,
    )


def without_prefix(asked: Question) -> Question:
    """The question with every prompt computed in full."""
    tasks = tuple(replace(task, hit_fraction=0.0, reload_bytes_per_s=np.inf) for task in asked.tasks)
    return replace(asked, tasks=tasks)
