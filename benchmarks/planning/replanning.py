"""Twelve monthly re-plans against perfect foresight: what it costs to learn of slips only shortly before.

python benchmarks/planning/replanning.py [seeds]

A programme is planned with the expected dates of its power. In truth every site is later, by none to eight months, and
says so three months before a step was due. Each month the plan is made anew with what is known; in the end everything
is known. Perfect foresight plans with the true dates from the start.
"""

import sys
from dataclasses import replace
from datetime import date
from math import floor
from time import perf_counter

import numpy as np
from programmes import Size, performance_of, programme

from gigawatt.entities.actuals import Actuals, SiteNews
from gigawatt.entities.site import Site
from gigawatt.entities.stages import BuildPlan, Inputs, Performance, SolverSettings
from gigawatt.errors import InfeasibleError
from gigawatt.planning import plan
from gigawatt.planning.replan import replan

SIZE = Size(site_count=5, platform_count=3, month_count=48, monthly=True, run_count=0, unlock_count=4)
SETTINGS = SolverSettings(gap_fraction=0.005, time_limit_s=30.0)
MONTHS = 12
MOST_SLIP_MONTHS = 8
NOTICE_MONTHS = 3
CHURN_FRACTION = 0.01


def main(seeds: list[int]) -> None:
    print("seed  slips                 expected    foresight   re-planned  lost   moved   seconds")
    for seed in seeds:
        _report(seed)


def _report(seed: int) -> None:
    began = perf_counter()
    inputs = programme(SIZE, settings=SETTINGS, seed=seed)
    rates = performance_of(inputs)
    rng = np.random.default_rng(seed)
    slips = {site.id: int(rng.integers(0, MOST_SLIP_MONTHS + 1)) for site in inputs.sites}
    expected = plan(inputs, rates)
    truth = replace(inputs, sites=tuple(_later(site, slips[site.id]) for site in inputs.sites))
    foresight = plan(truth, rates)
    last, moved = _chain(inputs, rates, expected, slips)
    lost = (foresight.objective_value - last.objective_value) / foresight.objective_value
    print(
        f"{seed:4}  {' '.join(map(str, slips.values())):20}  {expected.objective_value / 1e9:8.3f} bn "
        f"{foresight.objective_value / 1e9:8.3f} bn {last.objective_value / 1e9:8.3f} bn {lost:6.2%} "
        f"{moved:7.0f} {perf_counter() - began:7.0f}",
        flush=True,
    )


def _later(site: Site, months: int) -> Site:
    return replace(
        site, power_steps=tuple(replace(step, start=_shifted(step.start, months)) for step in site.power_steps)
    )


def _shifted(day: date, months: int) -> date:
    ordinal = day.year * 12 + day.month - 1 + months
    return date(ordinal // 12, ordinal % 12 + 1, 1)


def _chain(inputs: Inputs, rates: Performance, first: BuildPlan, slips: dict[str, int]) -> tuple[BuildPlan, float]:
    """The plan after twelve re-plans and a last one with everything known, and the racks that moved on the way."""
    known, chosen, moved, told = inputs, first, 0.0, dict.fromkeys(slips, False)
    for month in range(1, MONTHS + 2):
        as_of = inputs.calendar.months[month]
        news = []
        for site in known.sites:
            due = _shifted(site.power_steps[0].start, floor(site.slip_median_months + 0.5))
            heard = as_of >= _shifted(due, -NOTICE_MONTHS) or month > MONTHS
            if heard and not told[site.id]:
                told[site.id] = True
                news.append(SiteNews(site=site.id, energized=(), slip_months=slips[site.id]))
        actuals = Actuals(as_of=as_of, sites=tuple(news), racks=(), orders=(), quotes=(), cash_usd=None)
        try:
            anew = replan(known, rates, chosen, actuals=actuals, churn_fraction=CHURN_FRACTION)
        except InfeasibleError as error:
            print(f"      month {month}: {error}")
            raise
        before, now = (item.decisions["arrived_racks"].values for item in (chosen, anew.plan))
        moved += float(np.abs(now - before).sum()) / 2.0
        known, chosen = anew.inputs, anew.plan
    return chosen, moved


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [1, 2, 3])
