"""How long plans of growing size take: formulation, whole stage, gap, memory, in a process of their own.

python benchmarks/planning/speed.py [quarterly|monthly|large ...]

A name may end in the seed of another programme of the same size, as in large-8.
"""

import json
import resource
import subprocess
import sys
from time import perf_counter, process_time

import linopy
from programmes import SEED, Size, performance_of, programme

from gigawatt.entities.stages import SolverSettings
from gigawatt.planning import plan
from gigawatt.planning.formulation import formulation, insist
from gigawatt.planning.terms import terms

KILOBYTES_PER_GIB = 1024.0**2
CASES = {
    "quarterly": (Size(site_count=12, platform_count=6), SolverSettings(gap_fraction=0.005, time_limit_s=60.0)),
    "monthly": (
        Size(site_count=12, platform_count=6, monthly=True),
        SolverSettings(gap_fraction=0.01, time_limit_s=300.0),
    ),
    "large": (
        Size(site_count=50, platform_count=8, monthly=True),
        SolverSettings(gap_fraction=0.02, time_limit_s=600.0),
    ),
}


def main(names: list[str]) -> None:
    rows = [json.loads(subprocess.check_output([sys.executable, __file__, "--one", name])) for name in names]
    print("| case | decisions | limits | formulated, s | planned, s | CPU, s | gap, % | of, % | memory, GiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in zip(names, rows, strict=True):
        print(
            f"| {name} | {row['decisions']:,} | {row['limits']:,} "
            f"| {row['formulated_s']:.1f} | {row['planned_s']:.0f} | "
            f"{row['cpu_s']:.0f} | {row['gap'] * 100:.2f} | {row['asked'] * 100:g} | {row['memory_gib']:.2f} |"
        )


def _one(name: str) -> None:
    case, _, seed = name.partition("-")
    size, settings = CASES[case]
    inputs = programme(size, settings=settings, seed=int(seed or SEED))
    rates = performance_of(inputs)
    began = perf_counter()
    with linopy.options as options:
        options(semantics="v1")
        built = formulation(inputs, terms=terms(inputs, rates))
        insist(built)
    formulated_s = perf_counter() - began
    began, cpu = perf_counter(), process_time()
    found = plan(inputs, rates, report=lambda text: print(f"{perf_counter() - began:7.1f} s  {text}", file=sys.stderr))
    row = {
        "decisions": built.model.nvars,
        "limits": built.model.ncons,
        "formulated_s": formulated_s,
        "planned_s": perf_counter() - began,
        "cpu_s": process_time() - cpu,
        "gap": found.gap_fraction,
        "asked": settings.gap_fraction,
        "memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_PER_GIB,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    _one(sys.argv[2]) if sys.argv[1:2] == ["--one"] else main(sys.argv[1:] or list(CASES))
