"""What chosen deployments do at each quantile of performance: same layouts and batches, other operators and engine."""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.loop import Latencies, aggregated
from gigawatt.performance.serve.pools import pooled
from gigawatt.performance.serve.search import Configurations, chosen_configurations, replace_chunk
from gigawatt.performance.serve.task import ServeTask
from gigawatt.timeline import FloatArray

_MANY_REQUESTS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Banded:
    """P10, P50 and P90 of performance, `(quantile, candidate)`: the P10 has the longest times."""

    ttft_s: FloatArray
    tpot_s: FloatArray
    tokens_per_s_per_accelerator: FloatArray

    def at(self, index: int) -> dict[str, dict[str, float]]:
        """The band of one deployment by name."""
        return {
            name: dict(zip(("p10", "p50", "p90"), (float(v) for v in getattr(self, name)[:, index]), strict=True))
            for name in self.__dataclass_fields__
        }


def banded(
    tasks: tuple[ServeTask, ...],
    found: Configurations,
    platform: Platform,
    operators: list[OperatorModel],
    *,
    usable_bytes: float,
) -> Banded:
    """Deployments under the closed loop of as many clients as they hold, at each quantile."""
    size = found.tpot_s.size
    shape = (len(tasks), size)
    ttft, tpot, rate = np.empty(shape), np.empty(shape), np.empty(shape)
    for quantile, (task, one) in enumerate(zip(tasks, operators, strict=True)):
        for index in _groups(found):
            some = chosen_configurations(found, index)
            seen = under_clients(task, some, platform, one, usable_bytes=usable_bytes)
            ttft[quantile, index], tpot[quantile, index] = seen.ttft_s, seen.tpot_s
            rate[quantile, index] = seen.requests_per_s * task.output_tokens_count / some.accelerators_count
    return Banded(ttft_s=ttft, tpot_s=tpot, tokens_per_s_per_accelerator=rate)


def _groups(found: Configurations) -> list["np.typing.NDArray[np.intp]"]:
    """Deployments that one call can answer: pools together, aggregated workers by their chunk."""
    pools = found.prefill_workers_count > 0.0
    chunks = np.unique(found.chunk_tokens_count[~pools])
    groups = [np.flatnonzero(pools), *(np.flatnonzero(~pools & (found.chunk_tokens_count == c)) for c in chunks)]
    return [index for index in groups if index.size]


def under_clients(
    task: ServeTask, some: Configurations, platform: Platform, operators: OperatorModel, *, usable_bytes: float
) -> Latencies:
    """Latencies of like deployments under the closed loop of as many clients as each holds."""
    held = some.requests_per_copy_count * some.decode.copies_count * some.decode_workers_count
    clients = Clients(concurrency_count=held, length_spread_fraction=1.0, requests_per_client_count=_MANY_REQUESTS)
    chunked = replace_chunk(task, float(some.chunk_tokens_count[0]))
    if some.prefill_workers_count[0] == 0.0:
        return aggregated(
            chunked,
            some.decode,
            clients,
            operators,
            workers_count=some.decode_workers_count,
            usable_bytes=usable_bytes,
        )
    return pooled(
        chunked,
        (some.prefill, some.decode),
        clients,
        operators,
        workers_count=(some.prefill_workers_count, some.decode_workers_count),
        usable_bytes=usable_bytes,
        link_bytes_per_s=platform.accelerator.scale_out_bandwidth_bytes_per_s,
    )
