"""How many training layouts a second of processor time each tool judges: ours, Calculon and llm-analysis, in one run.

Usage: python benchmarks/training/speed.py [--calculon FOLDER] [--llm-analysis PYTHON]

Everybody gets GPT-3 175B on 3,072 A100 with a batch of 3,072 sequences of 2,048 tokens, one core, and processor time
only. Peers are run where they are installed, from their own files: FOLDER is a checkout of Calculon, PYTHON an
interpreter that imports llm_analysis. A peer that is not given is reported as unavailable.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from gigawatt.catalog import load, model, platform
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.step import step_assumptions
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.search import search
from gigawatt.performance.step.space import Breadth
from gigawatt.performance.step.task import StepTask, Variant, current_practice

ACCELERATORS, BATCH, TOKENS = 3072, 3072, 2048
HERE = Path(__file__).parent


def ours(*, breadth: Breadth, prune: bool) -> dict[str, float]:
    """Our search of a space; without pruning every layout that fits gets its full time."""
    catalog = load()
    where = platform(catalog, "dgx-a100").item
    task = StepTask(
        model=model(catalog, "gpt-3-175b").item,
        variant=Variant(),
        practice=current_practice(),
        number_format=NumberFormat.BF16,
        sequence_tokens_count=TOKENS,
        batch_sequences_count=float(BATCH),
        scale_up_domain_count=where.scale_up_domain_count,
        assumptions=step_assumptions(catalog),
    )
    operators = training_operators(catalog).middle(where)
    began = time.process_time()
    found = search(task, where, operators, accelerators_count=ACCELERATORS, breadth=breadth, prune=prune)
    cpu_s = time.process_time() - began
    return _figures(found.evaluated_count, found.feasible_count, cpu_s)


def _figures(count: int, feasible: int, cpu_s: float) -> dict[str, float]:
    return {
        "configurations": float(count),
        "feasible": float(feasible),
        "cpu_s": cpu_s,
        "configurations_per_cpu_s": count / cpu_s,
        "feasible_per_cpu_s": feasible / cpu_s,
    }


def peer(script: str, interpreter: str, *arguments: str) -> dict[str, float] | str:
    """What a peer's script measures in its own process, or why it could not."""
    command = [interpreter, str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"unavailable: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
    counted = json.loads(done.stdout.splitlines()[-1])
    return _figures(counted["configurations"], counted["feasible"], counted["cpu_s"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calculon", help="a checkout of Calculon")
    parser.add_argument("--calculon-python", default=sys.executable, help="an interpreter with Calculon's needs")
    parser.add_argument("--seconds", default="60", help="processor time that Calculon gets")
    parser.add_argument("--llm-analysis", help="an interpreter that imports llm_analysis")
    given = parser.parse_args()
    results: dict[str, dict[str, float] | str] = {
        "ours": ours(breadth=Breadth.FULL, prune=True),
        "ours, usual space": ours(breadth=Breadth.USUAL, prune=True),
        "ours, nothing pruned": ours(breadth=Breadth.USUAL, prune=False),
    }
    calculon, analysis = "unavailable: no checkout given", "unavailable: no interpreter given"
    results["calculon"] = (
        peer("calculon_run.py", given.calculon_python, given.calculon, given.seconds) if given.calculon else calculon
    )
    results["llm-analysis"] = peer("llm_analysis_run.py", given.llm_analysis) if given.llm_analysis else analysis
    report(results)


def report(results: dict[str, dict[str, float] | str]) -> None:
    """A line for each tool, and ours as a multiple of each peer."""
    rates = {
        name: figures["configurations_per_cpu_s"] for name, figures in results.items() if not isinstance(figures, str)
    }
    for name, figures in results.items():
        if isinstance(figures, str):
            print(f"{name:22s} {figures}")
            continue
        print(
            f"{name:22s} {figures['configurations']:12,.0f} layouts {figures['feasible']:12,.0f} fit "
            f"{figures['cpu_s']:8.2f} s {figures['configurations_per_cpu_s']:12,.0f} layouts/s"
            f"   ours is {rates['ours'] / rates[name]:,.0f} times"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1000.0 / 1e9
    print(f"our greatest resident memory: {peak:.2f} GB")


if __name__ == "__main__":
    main()
