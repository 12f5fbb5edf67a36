"""The same capacity expansion by gigawatt and by PyPSA: optimum, CPU time to build the model and to solve it.

    python benchmarks/planning/peer.py PYTHON_WITH_PYPSA [sites platforms periods]

Services, sites, platforms, lead times, lives, supply and all costs; racks divisible and in full use at once, money
plenty, no milestones and no training, which PyPSA does not know. Each period is a month.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import linopy
from programmes import Size, performance_of, programme

from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.capital import Treasury
from gigawatt.entities.site import Cloud, Leased, Owned, Site
from gigawatt.entities.stages import Inputs, Performance, SolverSettings
from gigawatt.entities.workload import Service
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.planning.fleet import energized_facility_mw, supply_blocks
from gigawatt.planning.formulation import formulation, insist
from gigawatt.planning.money import token_price_usd
from gigawatt.planning.search import search, silent
from gigawatt.planning.terms import MONEY_UNIT_USD, terms
from gigawatt.timeline import discount_factors
from gigawatt.units import MONTHS_PER_YEAR, SECONDS_PER_HOUR, TOKENS_PER_MILLION

PEER = Path(__file__).parent / "pypsa_run.py"
FREE = Treasury(opening_cash_usd=1e13, minimum_cash_usd=0.0)
LIFE_MONTHS = 24
PRICE_FACTOR = 4.0


def main(python: str, *sizes: str) -> None:
    site_count, platform_count, period_count = (int(size) for size in sizes or ("12", "6", "40"))
    size = Size(
        site_count=site_count,
        platform_count=platform_count,
        month_count=period_count,
        monthly=True,
        service_count=4,
        run_count=0,
    )
    base = programme(size, settings=SolverSettings(gap_fraction=1e-6, time_limit_s=600.0))
    offers = tuple(replace(offer, life_months=LIFE_MONTHS) for offer in base.offers)
    services = tuple(_dearer(service) for service in base.services)
    operation = replace(base.operation, ramp_months=0, software_first=Ranged(low=1.0, best=1.0, high=1.0))
    inputs = replace(base, services=services, operation=operation, runs=(), contracts=(), treasury=FREE, offers=offers)
    rates = performance_of(inputs)
    ours = _ours(inputs, rates)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "given.json"
        path.write_text(json.dumps(_given(inputs, rates)))
        theirs = json.loads(
            subprocess.check_output([python, str(PEER), str(path)], stderr=subprocess.DEVNULL).splitlines()[-1]
        )
    print("| | optimum, bn USD | decisions | limits | model built, CPU s | solved, CPU s |\n|---|---|---|---|---|---|")
    for name, row in (("gigawatt", ours), ("PyPSA", theirs)):
        print(
            f"| {name} | {row['npv'] / 1e9:.4f} | {row['decisions']:,} | {row['limits']:,} "
            f"| {row['built_s']:.2f} | {row['solved_s']:.1f} |"
        )
    print(f"optima differ by {abs(ours['npv'] / theirs['npv'] - 1.0):.5%}; ", end="")
    print(f"PyPSA's model takes {theirs['built_s'] / ours['built_s']:.0f} times as long to build")


def _dearer(service: Service) -> Service:
    """The service at prices that pay within the short horizon."""
    inputs, outputs = service.input_price_usd_per_mtoken, service.output_price_usd_per_mtoken
    return replace(
        service,
        input_price_usd_per_mtoken={day: PRICE_FACTOR * price for day, price in inputs.items()},
        output_price_usd_per_mtoken={day: PRICE_FACTOR * price for day, price in outputs.items()},
    )


def _ours(inputs: Inputs, rates: Performance) -> dict[str, float]:
    began = process_time()
    with linopy.options as options:
        options(semantics="v1")
        built = formulation(inputs, terms=terms(inputs, rates))
        insist(built)
        built.model.add_objective(built.npv, sense="max")
        built.model.variables.relax()
    built_s = process_time() - began
    began = process_time()
    found = search(built.model, settings=inputs.solver, report=silent)
    return {
        "npv": found.objective * MONEY_UNIT_USD,
        "built_s": built_s,
        "solved_s": process_time() - began,
        "decisions": built.model.nvars,
        "limits": built.model.ncons,
    }


def _given(inputs: Inputs, rates: Performance) -> dict[str, object]:
    """The problem in plain numbers: present values by vintage, power by period, rates, demand and prices."""
    calendar = inputs.calendar
    factor = [float(f) for f in discount_factors(calendar, annual_rate_fraction=inputs.discount_rate_fraction)]
    hours = [float(h) for h in calendar.month_hours]
    energized, supply = energized_facility_mw(inputs), supply_blocks(inputs)
    pairs = [(site, offer) for site in inputs.sites for offer in inputs.offers if offer.platform.id in site.platforms]
    return {
        "hours": hours,
        "factor": factor,
        "sites": [
            {
                "id": site.id,
                "energized_mw": energized.sel(site=site.id).values.tolist(),
                "building": [
                    {"period": p, "life": 10**6, "cost": _building_usd_per_mw(inputs, site, p, factor)}
                    for p in range(len(hours))
                ],
            }
            for site in inputs.sites
        ],
        "platforms": [
            {"id": o.platform.id, "supply": (supply.sel(platform=o.platform.id) * o.block_racks_count).values.tolist()}
            for o in inputs.offers
        ],
        "racks": [_racks(inputs, site, offer, factor) for site, offer in pairs],
        "services": [_service(inputs, rates, index, hours) for index in range(len(inputs.services))],
    }


def _building_usd_per_mw(inputs: Inputs, site: Site, period: int, factor: list[float]) -> float:
    """Present value of building a megawatt usable from `period` on, and of what it costs from then on."""
    costs, months = inputs.costs, max(1, site.construction_months)
    cost = costs.facility_usd_per_facility_mw
    before = range(1, months + 1) if site.construction_months else [0]
    built = sum(cost / months * factor[max(0, period - k)] for k in before)
    yearly = cost * costs.facility_operation_fraction_per_year
    match site.ownership:
        case Owned():
            return built + sum(yearly / MONTHS_PER_YEAR * f for f in factor[period:])
        case Leased(rent_usd_per_it_mw_month=rent, escalator_fraction_per_year=rise):
            paid = [rent / site.peak_pue * (1.0 + rise) ** (m // MONTHS_PER_YEAR) * f for m, f in enumerate(factor)]
            return sum(paid[period:])
        case _:
            return 0.0


def _racks(inputs: Inputs, site: Site, offer, factor: list[float]) -> dict[str, object]:  # noqa: ANN001
    """Facility power of a rack, and per megawatt of it what a vintage costs over its life at present value."""
    it_mw = rack_it_power_mw(offer.platform, fabric_power_fraction=inputs.operation.fabric_power.best)
    mw, hours = it_mw * site.peak_pue, inputs.calendar.month_hours
    fabric = it_mw * inputs.costs.fabric_usd_per_it_mw
    operation = (offer.price_usd_per_rack + fabric) * inputs.costs.systems_operation_fraction_per_year / MONTHS_PER_YEAR
    energy = it_mw * inputs.operation.mean_power.best * site.annual_pue * site.energy_price_usd_per_mwh
    vintages = []
    for period in range(offer.lead_months, len(factor)):
        served = range(period, min(len(factor), period + offer.life_months))
        if isinstance(site.ownership, Cloud):
            cost = sum(mw * site.ownership.price_usd_per_facility_mw_month * factor[m] for m in served)
        else:
            deposit = offer.price_usd_per_rack * offer.deposit_fraction
            cost = deposit * factor[period - offer.lead_months]
            cost += (offer.price_usd_per_rack - deposit + fabric) * factor[period]
            cost += sum((energy * float(hours[m]) + operation) * factor[m] for m in served)
        vintages.append({"period": period, "life": offer.life_months, "cost": cost / mw})
    return {"site": site.id, "platform": offer.platform.id, "mw": mw, "vintages": vintages}


def _service(inputs: Inputs, rates: Performance, index: int, hours: list[float]) -> dict[str, object]:
    service = inputs.services[index]
    used = inputs.operation.availability.best * inputs.operation.serving_load.best
    median = rates.serving["tokens_per_s_per_rack"].sel(service=service.id).sel(quantile=0.5, method="nearest")
    months = inputs.calendar.months
    return {
        "id": service.id,
        "price": [token_price_usd(service, day) * TOKENS_PER_MILLION for day in months],
        "demand": [
            service.demand_tokens_per_month[day] / TOKENS_PER_MILLION / h for day, h in zip(months, hours, strict=True)
        ],
        "mtokens_per_rack_hour": {
            str(name): float(median.sel(platform=name)) * used * SECONDS_PER_HOUR / TOKENS_PER_MILLION
            for name in median.platform.values
        },
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
