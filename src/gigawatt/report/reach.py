"""Demand by region and class: what of each is served, and from which regions."""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.stages import Study
from gigawatt.entities.workload import Service
from gigawatt.report import measures
from gigawatt.report.cells import Cell, Table, heads_of, row_of
from gigawatt.report.wording import listing, percent, tokens

_LEAST_SHARE = 0.005
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A service with what was wanted and served over the horizon; `from_fraction` of its racks' time by region."""

    service: Service
    wanted_tokens: float
    served_tokens: float
    from_fraction: dict[str, float]

    @property
    def served_fraction(self) -> float:
        """Served over wanted; NaN where nothing is wanted."""
        return self.served_tokens / self.wanted_tokens if self.wanted_tokens > 0.0 else float("nan")


def served_services(study: Study) -> tuple[Served, ...]:
    """Every service of the scenario, its classes and regions one by one."""
    tokens_served = measures.served_tokens(study).sum("month")
    return tuple(
        Served(
            service=service,
            wanted_tokens=float(sum(service.demand_tokens_per_month[day] for day in study.inputs.calendar.months)),
            served_tokens=float(tokens_served.sel(service=service.id)),
            from_fraction=_from_fraction(study, service),
        )
        for service in study.inputs.services
    )


def _from_fraction(study: Study, service: Service) -> dict[str, float]:
    """Share of the plan's rack-periods for a service by region; empty where regions do not matter."""
    if not any(site.region for site in study.inputs.sites):
        return {}
    racks = study.plan.decisions["serving_racks"].sel(service=service.id).sum(["platform", "period"])
    given: dict[str, float] = {}
    for site in study.inputs.sites:
        name = site.region or ELSEWHERE
        given[name] = given.get(name, 0.0) + float(racks.sel(site=site.id))
    total = sum(given.values())
    return {name: amount / total for name, amount in given.items() if total > 0.0 and amount > 0.0}


def parts_table(study: Study) -> Table:
    """Demand by region and class, empty where no service is divided or kept to regions."""
    divided = any(service.part is not None or service.sites is not None for service in study.inputs.services)
    rows = tuple(
        row_of(
            served.service.part.service if served.service.part else served.service.id,
            (served.service.part.service_class if served.service.part else None) or "–",
            (served.service.part.region if served.service.part else None) or "–",
            Cell(text=tokens(served.wanted_tokens), sort=served.wanted_tokens),
            Cell(text=percent(served.served_fraction), sort=np.nan_to_num(served.served_fraction)),
            _places(served.from_fraction),
        )
        for served in (served_services(study) if divided else ())
    )
    return Table(heads=heads_of("Service", "Class", "Wanted in", "#Tokens wanted", "#Served", "Served from"), rows=rows)


def _places(fractions: dict[str, float]) -> str:
    ranked = sorted(fractions.items(), key=lambda item: -item[1])
    said = [f"{percent(share)} {name}" for name, share in ranked if share >= _LEAST_SHARE]
    return listing(said) if said else "–"
