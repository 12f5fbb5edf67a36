"""The latencies of one deployment at every load: the compact curve that stands for the simulation of its requests.

Clients in a closed loop that keep n requests under way send as many a second as an open stream of the same rate, so the
loop at rising n, from a hundredth of what the deployment holds to half again as much, traces latency against load.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.bands import under_clients
from gigawatt.performance.serve.search import Configurations, chosen_configurations
from gigawatt.performance.serve.task import ServeTask
from gigawatt.timeline import FloatArray

_FILLINGS = np.geomspace(0.01, 1.5, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCurve:
    """Mean latencies at loads over capacity, `(load,)`; NaN where the deployment cannot carry the load."""

    ttft_s: FloatArray
    tpot_s: FloatArray


def capacity_requests_per_s(task: ServeTask, deployment: Configurations) -> FloatArray:
    """Requests per second at which a search says that a deployment keeps its service level."""
    per_s = deployment.tokens_per_s_per_accelerator * deployment.accelerators_count
    return np.asarray(per_s / task.output_tokens_count, dtype=np.float64)


def load_curve(
    task: ServeTask,
    deployment: Configurations,
    platform: Platform,
    operators: OperatorModel,
    *,
    loads: FloatArray,
    usable_bytes: float,
) -> LoadCurve:
    """Latencies of a deployment (one entry) at `loads`, requests per second over its capacity."""
    many = chosen_configurations(deployment, np.zeros(_FILLINGS.size, dtype=np.intp))
    filled = replace(many, requests_per_copy_count=many.requests_per_copy_count * _FILLINGS)
    seen = under_clients(task, filled, platform, operators, usable_bytes=usable_bytes)
    reached = np.maximum.accumulate(seen.requests_per_s) / capacity_requests_per_s(task, deployment)[0]
    first, last = _ends(reached)
    return LoadCurve(
        ttft_s=np.interp(loads, reached[first:last], seen.ttft_s[first:last], right=np.nan),
        tpot_s=np.interp(loads, reached[first:last], seen.tpot_s[first:last], right=np.nan),
    )


def _ends(reached: FloatArray) -> tuple[int, int]:
    """The part of the loop in which more clients send more: once full, they only wait longer."""
    grows = np.flatnonzero(np.diff(reached) > 1e-9 * reached[-1])
    return 0, int(grows[-1]) + 2 if grows.size else 1
