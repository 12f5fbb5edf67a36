"""How many serving deployments a second of processor time each tool judges, ours and aiconfigurator, in one run.

Usage: python benchmarks/serving/speed.py [--aiconfigurator PYTHON]

Everybody gets the same model, system and number of accelerators, 2,000 tokens in and 500 out, TTFT 2 s and TPOT 50 ms,
one core, and processor time only, loading left out. PYTHON is an interpreter that imports aiconfigurator. Of ours,
`judged` counts every pair of workers, `put together` those whose times were computed: the others hold a worker that
another of the same size replaces. Of the peer's, every prediction of a worker and every matching of two pools counts.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np

from gigawatt.catalog import load, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import is_block_scaled, published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.loop import aggregated
from gigawatt.performance.serve.pools import pooled
from gigawatt.performance.serve.search import Limits, serve_search
from gigawatt.performance.serve.task import Formats, ServeTask, workers

HERE = Path(__file__).parent
RUNS, ESTIMATES = 5, 200
# Our names of model and platform, the peer's, and accelerators.
CASES = (
    ("llama-3.1-70b", "hgx-h200", "meta-llama/Meta-Llama-3.1-70B", "h200_sxm", 16),
    ("deepseek-v3", "hgx-h200", "deepseek-ai/DeepSeek-V3", "h200_sxm", 32),
    ("deepseek-v3", "gb200-nvl72", "deepseek-ai/DeepSeek-V3", "gb200", 72),
)


def setting(model_id: str, platform_id: str) -> tuple[ServeTask, Platform, OperatorModel, float]:
    """The task at the median, the platform, its operators and the bytes that may be used."""
    catalog = load()
    model, pattern = published_model(catalog, model_id)
    where = platform(catalog, platform_id).item
    narrow = Precision.FP8
    task = ServeTask(
        model=model,
        pattern=pattern,
        formats=Formats(attention=narrow, dense=narrow, experts=narrow, head=Precision.BF16, cache=narrow),
        engine=standard_engine(engine_figures(catalog), quantile=0.5),
        input_tokens_count=2000.0,
        output_tokens_count=500.0,
    )
    operators = serving_operators(catalog, blocks=is_block_scaled(model_id))(where, 0.5)
    return task, where, operators, 0.9 * where.accelerator.memory_bytes


def searched(model_id: str, platform_id: str, accelerators: int) -> dict[str, float]:
    """The middle of several searches."""
    task, where, operators, usable = setting(model_id, platform_id)
    limits = Limits(ttft_s=2.0, tpot_s=0.05, accelerators_count=accelerators, prefill_load_fraction=0.8)
    spent = []
    for _ in range(RUNS):
        began = time.process_time()
        found = serve_search(task, where, operators, limits, usable_bytes=usable)
        spent.append(time.process_time() - began)
    return {"judged": found.evaluated_count, "put together": found.timed_count, "cpu_s": float(np.median(spent))}


def estimate_ms(model_id: str, platform_id: str, *, pools: bool) -> float:
    """Processor time of one warm estimate of one deployment under 64 clients, in milliseconds."""
    task, where, operators, usable = setting(model_id, platform_id)
    one, tp = np.ones(1), 8.0 if model_id == "deepseek-v3" else 4.0
    layout = workers(tp=tp, ep=tp if model_id == "deepseek-v3" else 1.0)
    clients = Clients(concurrency_count=64.0 * one, length_spread_fraction=0.2, requests_per_client_count=10.0)

    def call() -> None:
        if pools:
            pooled(
                task, (layout, layout), clients, operators, workers_count=(one, one), usable_bytes=usable,
                link_bytes_per_s=where.accelerator.scale_out_bandwidth_bytes_per_s,
            )  # fmt: skip
        else:
            aggregated(task, layout, clients, operators, workers_count=one, usable_bytes=usable)

    call()
    began = time.process_time()
    for _ in range(ESTIMATES):
        call()
    return (time.process_time() - began) / ESTIMATES * 1000.0


def peer(interpreter: str, model: str, system: str, accelerators: int) -> dict[str, float] | str:
    """What aiconfigurator's own sweeps do in a process of their own, or why they could not."""
    command = [interpreter, str(HERE / "aiconfigurator_run.py"), model, system, "trtllm", str(accelerators)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"unavailable: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aiconfigurator", help="an interpreter that imports aiconfigurator")
    given = parser.parse_args()
    ours = "| model, system, GPUs | ours: judged | put together | CPU s | put together per s "
    print(f"{ours}| peer: evaluations | CPU s | per s | ratio |\n{'|---' * 9}|")
    for model, where, path, system, accelerators in CASES:
        mine = searched(model, where, accelerators)
        rate = mine["put together"] / mine["cpu_s"]
        line = (
            f"| {model}, {where}, {accelerators} | {mine['judged']:,} | {mine['put together']:,} | {mine['cpu_s']:.3f}"
        )
        other = (
            peer(given.aiconfigurator, path, system, accelerators) if given.aiconfigurator else "no interpreter given"
        )
        if isinstance(other, str):
            print(f"{line} | {rate:,.0f} | {other} | | | |")
            continue
        theirs = other["configurations"] / other["cpu_s"]
        counted = f"{other['configurations']:,} | {other['cpu_s']:.1f} | {theirs:,.0f}"
        print(f"{line} | {rate:,.0f} | {counted} | {rate / theirs:.0f} x |", flush=True)
    for model, where in (("llama-3.1-70b", "hgx-h200"), ("deepseek-v3", "gb200-nvl72")):
        times = [estimate_ms(model, where, pools=pools) for pools in (False, True)]
        print(f"warm estimate, {model} on {where}: {times[0]:.2f} ms aggregated, {times[1]:.2f} ms in two pools")


if __name__ == "__main__":
    main()
