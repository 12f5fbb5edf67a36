"""The curve of a fleet beside the simulation of its requests, at several loads: prints the table of docs/serving.md.

    python benchmarks/serving/fleet_curve.py

For each service and platform the cheapest aggregated deployment and the cheapest pools without pipeline stages (which
the simulation does not play) at the service level; Poisson arrivals, output lengths even over twice their mean.
"""

import sys
from dataclasses import dataclass

import numpy as np

from gigawatt.catalog import load, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import attention_precision, is_block_scaled, published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.curve import capacity_requests_per_s, load_curve
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.search import Configurations, Limits, chosen_configurations, serve_search
from gigawatt.performance.serve.task import Formats, ServeTask, WorkerLayouts
from gigawatt.requests.fleet import Aggregated, Batching, Disaggregated, Fleet, Replica, fixed_pool
from gigawatt.requests.generating import PoissonArrivals, arrival_times_s
from gigawatt.requests.policies import first_come, router
from gigawatt.requests.pricing import PowerShares, StepLimits, move_s_per_token, replica_of
from gigawatt.requests.simulation import Policies, simulate
from gigawatt.requests.traces import Requests, one_piece, requests_from

LOADS = np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
Case = tuple[str, str, float, float, float, float, Precision]
# Model, platform, input and output tokens, TTFT and TPOT in seconds, format of the weights.
CASES: tuple[Case, ...] = (
    ("gpt-oss-120b", "vr-nvl72", 2000.0, 500.0, 1.0, 0.02, Precision.FP4),
    ("gpt-oss-120b", "gb300-nvl72", 2000.0, 500.0, 1.0, 0.02, Precision.FP4),
    ("llama-3.1-70b", "dgx-h100", 2000.0, 500.0, 2.0, 0.05, Precision.FP8),
    ("kimi-k2", "gb300-nvl72", 4000.0, 1000.0, 2.0, 0.04, Precision.FP8),
)
USABLE = 0.9
POWER = PowerShares(busy_fraction=0.8, idle_fraction=0.3)
LIVES, MOST_REQUESTS, ROOM = 6.0, 100_000, 1.5


@dataclass(frozen=True)
class Setting:
    where: Platform
    task: ServeTask
    operators: OperatorModel
    usable_bytes: float


def setting(case: Case) -> tuple[Setting, Limits]:
    model_id, platform_id, inputs, outputs, ttft_s, tpot_s, weights = case
    where = platform(load(), platform_id).item
    model, pattern = published_model(load(), model_id)
    narrow = attention_precision(model_id, weights)
    task = ServeTask(
        model=model,
        pattern=pattern,
        formats=Formats(attention=narrow, dense=weights, experts=weights, head=Precision.BF16, cache=Precision.FP8),
        engine=standard_engine(engine_figures(load()), quantile=0.5),
        input_tokens_count=inputs,
        output_tokens_count=outputs,
    )
    operators = serving_operators(load(), blocks=is_block_scaled(model_id))(where, 0.5)
    usable = USABLE * where.accelerator.memory_bytes
    limits = Limits(ttft_s=ttft_s, tpot_s=tpot_s, accelerators_count=72, prefill_load_fraction=0.8)
    return Setting(where=where, task=task, operators=operators, usable_bytes=usable), limits


def playable(front: Configurations | None) -> Configurations | None:
    """The cheapest deployment without stages."""
    if front is None:
        return None
    at = np.flatnonzero((front.prefill.pp_count == 1.0) & (front.decode.pp_count == 1.0))
    return chosen_configurations(front, at[:1]) if at.size else None


def replica(of: Setting, layout: WorkerLayouts, limits: StepLimits) -> Replica:
    return replica_of(of.where, of.task, layout, of.operators, usable_bytes=of.usable_bytes, limits=limits, power=POWER)


def fleet(of: Setting, deployment: Configurations) -> Fleet:
    copies = max(float(deployment.decode.copies_count[0]), float(deployment.prefill.copies_count[0]))
    batch = int(np.ceil(ROOM * float(deployment.requests_per_copy_count[0]) * copies))
    limits = StepLimits(batch_count=batch, tokens_count=int(deployment.chunk_tokens_count[0] * copies) + batch)
    batching = Batching(block_tokens_count=16, reserve_fraction=0.01)
    decode = fixed_pool(replica(of, deployment.decode, limits), int(deployment.decode_workers_count[0]))
    if deployment.prefill_workers_count[0] == 0.0:
        return Fleet(serving=Aggregated(pool=decode), batching=batching)
    prefill = fixed_pool(replica(of, deployment.prefill, limits), int(deployment.prefill_workers_count[0]))
    moving = move_s_per_token(of.where, of.task, deployment.prefill, deployment.decode)
    serving = Disaggregated(prefill=prefill, decode=decode, move_start_s=0.0, move_s_per_token=moving)
    return Fleet(serving=serving, batching=batching)


def requests(of: Setting, *, rate: float, tpot_s: float) -> Requests:
    lasting = rate * of.task.output_tokens_count * tpot_s * LIVES
    count, rng = int(np.clip(lasting, 3000, MOST_REQUESTS)), np.random.default_rng(3)
    arrivals = arrival_times_s(PoissonArrivals(requests_per_s=rate), count, rng=rng)
    return requests_from(
        arrival_s=arrivals - arrivals[0],
        input_tokens_count=np.full(count, int(of.task.input_tokens_count)),
        output_tokens_count=rng.integers(1, 2 * int(of.task.output_tokens_count), count),
    )


def simulated(of: Setting, deployment: Configurations, asked: Requests) -> tuple[float, float]:
    """Mean TTFT and TPOT of the middle third, after the fleet has filled and before it empties."""
    rows: list[np.ndarray] = []
    simulate(
        fleet(of, deployment),
        one_piece(asked, name="poisson"),
        Policies(router=router("least-loaded"), order=first_come),
        sink=lambda part: rows.append(np.asarray(part)),
        rng=np.random.default_rng(1),
    )
    ended = np.concatenate(rows)
    middle = ended[np.argsort(ended["arrival_s"], kind="stable")][ended.size // 3 : 2 * ended.size // 3]
    host_s = of.task.engine.request_s + of.task.engine.token_s * of.task.input_tokens_count
    ttft_s = float(np.mean(host_s + middle["first_token_s"] - middle["arrival_s"]))
    return ttft_s, float(np.sum(middle["end_s"] - middle["first_token_s"]) / np.sum(middle["output"] - 1))


def compared(case: Case) -> None:
    of, limits = setting(case)
    found = serve_search(of.task, of.where, of.operators, limits, usable_bytes=of.usable_bytes)
    for kind, front in (("one worker", found.aggregated_front), ("pools", found.pools_front)):
        deployment = playable(front)
        if deployment is None:
            print(f"| {case[0]} on {case[1]}, {kind} | nothing without stages | | | |")
            continue
        curve = load_curve(of.task, deployment, of.where, of.operators, loads=LOADS, usable_bytes=of.usable_bytes)
        capacity = float(capacity_requests_per_s(of.task, deployment)[0])
        for at, part in enumerate(LOADS):
            asked = requests(of, rate=part * capacity, tpot_s=float(curve.tpot_s[at]))
            ttft_s, tpot_s = simulated(of, deployment, asked)
            print(
                f"| {case[0]} on {case[1]}, {kind} of {deployment.accelerators_count[0]:.0f} | {part:.2f} "
                f"| {curve.ttft_s[at] * 1e3:.0f}, {ttft_s * 1e3:.0f} ms ({curve.ttft_s[at] / ttft_s:.2f}) "
                f"| {curve.tpot_s[at] * 1e3:.1f}, {tpot_s * 1e3:.1f} ms ({curve.tpot_s[at] / tpot_s:.2f}) |"
            )
            sys.stdout.flush()


def main() -> None:
    print("| deployment | load | TTFT, curve and simulation | TPOT, curve and simulation |\n|---|--:|--:|--:|")
    for case in CASES:
        compared(case)


if __name__ == "__main__":
    main()
