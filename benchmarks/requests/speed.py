"""Requests per CPU-second of our simulation beside DynoSim and Vidur, on the same traces, in the same run.

    python benchmarks/requests/speed.py TRACE [TRACE ...] [--dynosim PYTHON] [--vidur PYTHON] [--million]

`--dynosim` and `--vidur` name the Python of an environment with `ai-dynamo==1.4.1` or `vidur==0.0.26`; without them a
peer is reported as not available. Everybody gets the same requests (Vidur the first 1,000), four replicas, batches of
256, steps of 8,192 tokens and the same cache. Each peer keeps its own model of step times, which is not what is
compared. CPU time is that of loading the trace and playing it, ours the middle of three runs after one that compiled
the engine. `--million` repeats each trace until it has a million requests, writes it to a file and times the whole
command on it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gigawatt.catalog import load, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.entities.hardware import Precision
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.task import Formats, ServeTask, workers
from gigawatt.requests.fleet import Aggregated, Batching, Fleet, ServiceLevel, fixed_pool
from gigawatt.requests.outcomes import Tally
from gigawatt.requests.policies import router
from gigawatt.requests.pricing import PowerShares, StepLimits, replica_of
from gigawatt.requests.reading import read_trace
from gigawatt.requests.simulation import Policies, simulate
from gigawatt.requests.traces import Requests, tiled

HERE = Path(__file__).resolve().parent
REPLICAS, HASH_TOKENS, VIDUR_REQUESTS = 4, 512, 1000
MODEL, PLATFORM = "llama-3.1-70b", "dgx-h100"
MILLION = 1_000_000


def fleet() -> Fleet:
    """Four replicas of Llama 3.1 70B on four H100 each."""
    catalog = load()
    where = platform(catalog, PLATFORM).item
    model, pattern = published_model(catalog, MODEL)
    fp8 = Precision.FP8
    task = ServeTask(
        model=model,
        pattern=pattern,
        formats=Formats(attention=fp8, dense=fp8, experts=fp8, head=Precision.BF16, cache=fp8),
        engine=standard_engine(engine_figures(catalog), quantile=0.5),
        input_tokens_count=2000.0,
        output_tokens_count=300.0,
    )
    replica = replica_of(
        where,
        task,
        workers(tp=4, expert_tp=4),
        serving_operators(catalog, blocks=False)(where, 0.5),
        usable_bytes=0.9 * where.accelerator.memory_bytes,
        limits=StepLimits(batch_count=256, tokens_count=8192),
        power=PowerShares(busy_fraction=0.8, idle_fraction=0.35),
    )
    return Fleet(
        serving=Aggregated(pool=fixed_pool(replica, REPLICAS)),
        batching=Batching(block_tokens_count=16, reserve_fraction=0.01),
    )


def whole(path: Path) -> Requests:
    """A trace in one piece."""
    pieces = list(read_trace(path).pieces)
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(piece.hash_start) for piece in pieces]))])
    return Requests(
        arrival_s=np.concatenate([piece.arrival_s for piece in pieces]),
        input_tokens_count=np.concatenate([piece.input_tokens_count for piece in pieces]),
        output_tokens_count=np.concatenate([piece.output_tokens_count for piece in pieces]),
        priority=np.concatenate([piece.priority for piece in pieces]),
        hash_start=starts,
        hashes=np.concatenate([piece.hashes for piece in pieces]),
    )


def ours(path: Path, served: Fleet) -> dict[str, float]:
    """Our CPU time; the router is compiled beforehand, as the engine is."""
    policies = Policies(router=router("round-robin"))
    began = time.process_time()
    tally = Tally(ServiceLevel(ttft_limit_s=2.0, tpot_limit_s=0.05))
    course = simulate(served, read_trace(path), policies, sink=tally, rng=np.random.default_rng(0))
    cpu_s = time.process_time() - began
    summary = tally.summary(served, course)
    return {
        "cpu_s": cpu_s,
        "completed": summary.requests_completed_count,
        "ttft_s": summary.ttft.mean_s,
        "tpot_s": summary.tpot.mean_s,
    }


def as_mooncake(requests: Requests, path: Path) -> None:
    """The trace as JSON lines; where it names no prefixes, every block has a hash of its own."""
    fresh = int(requests.hashes.max()) + 1 if len(requests.hashes) else 0
    with path.open("w") as stream:
        for at in range(len(requests)):
            names = requests.hashes[requests.hash_start[at] : requests.hash_start[at + 1]].tolist()
            if not names:
                count = -(-int(requests.input_tokens_count[at]) // HASH_TOKENS)
                names = list(range(fresh, fresh + count))
                fresh += count
            row = {
                "timestamp": round(float(requests.arrival_s[at]) * 1e3),
                "input_length": int(requests.input_tokens_count[at]),
                "output_length": int(requests.output_tokens_count[at]),
                "hash_ids": names,
            }
            stream.write(json.dumps(row) + "\n")


def as_vidur(requests: Requests, path: Path, *, most: int) -> None:
    """The first requests of the trace as Vidur reads them."""
    with path.open("w") as stream:
        stream.write("Date,Time,PromptTokenCount,CompletionTokenCount\n")
        for at in range(min(len(requests), most)):
            lengths = f"{requests.input_tokens_count[at]},{requests.output_tokens_count[at]}"
            stream.write(f"day,{requests.arrival_s[at]:.6f},{lengths}\n")


def peer(python: str | None, folder: Path, script: str, *arguments: str) -> dict[str, float] | None:
    """What a peer's driver prints last, run where it may leave files; None where the peer is not available."""
    if python is None:
        return None
    done = subprocess.run(
        [python, str(HERE / script), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def line(name: str, count: int, found: dict[str, float] | None, ours_rate: float) -> None:
    if found is None:
        print(f"  {name:<10} not available")
        return
    rate = count / found["cpu_s"]
    means = ", ".join(f"{key} {found[key]:.4g}" for key in ("ttft_s", "tpot_s") if key in found)
    print(f"  {name:<10} {rate:>10,.0f} requests per CPU-second   ours is {ours_rate / rate:,.0f} times that   {means}")


def compare(path: Path, served: Fleet, asked: argparse.Namespace, folder: Path) -> None:
    requests = whole(path)
    usual = sorted((ours(path, served) for _ in range(3)), key=lambda run: run["cpu_s"])[1]
    rate = len(requests) / usual["cpu_s"]
    print(f"{path.name}: {len(requests):,} requests, {REPLICAS} replicas")
    line("gigawatt", len(requests), usual, rate)
    as_mooncake(requests, folder / "trace.jsonl")
    cache = str(served.pools[0].replica.kv_tokens_count)
    found = peer(
        asked.dynosim, folder, "dynosim_run.py", str(folder / "trace.jsonl"), str(REPLICAS), str(HASH_TOKENS), cache
    )
    line("DynoSim", len(requests), found, rate)
    as_vidur(requests, folder / "trace.csv", most=VIDUR_REQUESTS)
    found = peer(asked.vidur, folder, "vidur_run.py", str(folder / "trace.csv"), str(REPLICAS))
    line("Vidur", min(len(requests), VIDUR_REQUESTS), found, rate)


def million(path: Path, folder: Path) -> None:
    """The whole command on a million requests, from the file on."""
    requests = whole(path)
    many = tiled(requests, count=-(-MILLION // len(requests)))
    if len(many.hashes):
        as_mooncake(many, folder / "million.jsonl")
        name = "million.jsonl"
    else:
        rows = np.column_stack([many.arrival_s, many.input_tokens_count, many.output_tokens_count])
        np.savetxt(folder / "million.csv", rows, "%.6f,%d,%d", header="arrival_s,isl,osl", comments="")
        name = "million.csv"
    command = [sys.executable, "-m", "gigawatt", "simulate", "requests", str(folder / name), "--json"]
    command += ["--model", MODEL, "--platform", PLATFORM, "--layout", "tp=4", "--replicas", str(REPLICAS)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{path.name} x {len(many) // len(requests)}: {answer['requests_completed']:,} completed, "
        f"{answer['requests_dropped']:,} dropped; {wall_s:.1f} s, {cpu_s:.1f} CPU s, "
        f"at most {after.ru_maxrss / 2**10:,.0f} MiB of any process"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", type=Path, nargs="+")
    parser.add_argument("--dynosim")
    parser.add_argument("--vidur")
    parser.add_argument("--million", action="store_true")
    asked = parser.parse_args()
    served = fleet()
    with tempfile.TemporaryDirectory() as made:
        if asked.million:
            for path in asked.traces:
                million(path, Path(made))
            return
        ours(asked.traces[0], served)
        for path in asked.traces:
            compare(path, served, asked, Path(made))


if __name__ == "__main__":
    main()
