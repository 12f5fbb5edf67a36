"""What it costs to place work: the programmes of `speed.py` with a year more for runs, with runs placed, by region.

python benchmarks/planning/work.py [quarterly|monthly ...]
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import process_time

import linopy
from programmes import performance_of, programme
from speed import CASES

from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import Placement
from gigawatt.planning import plan
from gigawatt.planning.formulation import formulation, insist
from gigawatt.planning.terms import terms

JOB_ACCELERATORS = 24_576


def later(inputs: Inputs) -> Inputs:
    """The programme with a year more for every run, which then trains anywhere; services are served from anywhere."""
    return replace(
        inputs,
        runs=tuple(replace(run, deadline=run.deadline.replace(year=run.deadline.year + 1)) for run in inputs.runs),
    )


def placed(inputs: Inputs) -> Inputs:
    """The same with every run one job at one site, any of them."""
    where = Placement(sites=tuple(site.id for site in inputs.sites), most_sites_count=1, wide_area=None)
    return replace(
        inputs,
        runs=tuple(replace(run, accelerators_count=JOB_ACCELERATORS, placement=where) for run in later(inputs).runs),
    )


def by_region(inputs: Inputs) -> Inputs:
    """Half of each service's demand served in equal parts from each half of the sites, the other half from anywhere."""
    sites = tuple(site.id for site in inputs.sites)
    halves = {"east": sites[: len(sites) // 2], "west": sites[len(sites) // 2 :]}
    services = [
        replace(
            service,
            id=f"{service.id}.{name}",
            sites=reach,
            demand_tokens_per_month={day: tokens * share for day, tokens in service.demand_tokens_per_month.items()},
        )
        for service in inputs.services
        for name, reach, share in (*((name, reach, 0.25) for name, reach in halves.items()), ("anywhere", None, 0.5))
    ]
    return replace(later(inputs), services=tuple(services))


VARIANTS: Mapping[str, Callable[[Inputs], Inputs]] = {
    "anywhere": later,
    "runs placed": placed,
    "served by region": by_region,
}


def main(names: list[str]) -> None:
    print("| case | work | decisions | limits | formulated, CPU s | planned, CPU s | gap, % |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        size, settings = CASES[name]
        for words, change in VARIANTS.items():
            _row(name, words, change(programme(size, settings=settings)))


def _row(name: str, words: str, inputs: Inputs) -> None:
    rates, began = performance_of(inputs), process_time()
    with linopy.options as options:
        options(semantics="v1")
        built = formulation(inputs, terms=terms(inputs, rates))
        insist(built)
    formulated_s, began = process_time() - began, process_time()
    found = plan(inputs, rates)
    row = (f"{built.model.nvars:,}", f"{built.model.ncons:,}", f"{formulated_s:.1f}", f"{process_time() - began:.0f}")
    print(f"| {name} | {words} | {' | '.join(row)} | {found.gap_fraction * 100:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["quarterly", "monthly"])
