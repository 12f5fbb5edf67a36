"""What holds the plan back, year by year, from the marginal values of its limits.

With its milestones fixed and racks divisible the plan is a linear programme; the dual value of each limit says what one
more unit of it would add to the present value (Dantzig, 1963). A limit binds in a year when that is more than nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.constraints import energized_mw
from gigawatt.planning.fleet import can_arrive
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import duals_of, search, silent
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms
from gigawatt.timeline import IntArray
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, TOKENS_PER_MILLION, USD_PER_MILLION

_TOLERANCE = 1e-6
_LEAST_WORTH_USD = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalValues:
    """Present value in USD that one more unit of each limit would add.

    `power_usd_per_mw` `(site, period)`; `supply_usd_per_rack` `(platform, period)`; `cash_usd_per_usd` lent through
    a period `(period,)`; `demand_usd_per_mtoken` `(service, month)`.
    """

    power_usd_per_mw: xr.DataArray
    supply_usd_per_rack: xr.DataArray
    cash_usd_per_usd: xr.DataArray
    demand_usd_per_mtoken: xr.DataArray


def binding(inputs: Inputs, *, terms: Terms, built: Formulation) -> tuple[str, ...]:
    """One sentence per calendar year: which of power, chip supply, cash, demand and lead time binds."""
    used = energized_mw(terms=terms, choose=built.choose).solution
    worth = marginal_values(inputs, terms=terms, built=built)
    if worth is None:
        return ()
    years = np.array([day.year for day in inputs.calendar.periods])
    return tuple(
        _sentence(int(year), np.flatnonzero(years == year), worth=worth, used=used, terms=terms, inputs=inputs)
        for year in np.unique(years)
    )


def marginal_values(inputs: Inputs, *, terms: Terms, built: Formulation) -> MarginalValues | None:
    """Dual values of the plan's limits, its milestones fixed; None where the linear programme is not solved in time.

    Bounds that repeat power and supply are lifted, so that each limit's value stands in one place.
    """
    model, tranches, arrivals = built.model, built.choose.tranches, built.choose.arrivals
    tranches.update(lower=tranches.solution, upper=tranches.solution)
    possible = can_arrive(terms.fleet)
    arrivals.update(upper=xr.full_like(arrivals.upper, np.inf).where(possible, 0.0))
    model.variables.relax()
    model.add_objective(built.npv, sense="max", overwrite=True)
    found = search(model, settings=inputs.solver, report=silent)
    if not found.found:
        return None

    def dual(name: str) -> xr.DataArray:
        return duals_of(model.constraints[name], found.duals)

    return MarginalValues(
        power_usd_per_mw=(dual("energized") * MONEY_UNIT_USD).where(possible.any("platform"), 0.0),
        supply_usd_per_rack=dual("supply") * MONEY_UNIT_USD / terms.fleet.block_racks,
        cash_usd_per_usd=dual("minimum_cash"),
        demand_usd_per_mtoken=dual("demand") * MONEY_UNIT_USD / TOKEN_UNIT * TOKENS_PER_MILLION,
    )


def _sentence(
    year: int, periods: IntArray, *, worth: MarginalValues, used: xr.DataArray, terms: Terms, inputs: Inputs
) -> str:
    last = int(periods[-1])
    open_mw = float(terms.fleet.energized_facility_mw.isel(period=last).sum())
    state = (
        f"{float(used.isel(period=last)) / MEGAWATTS_PER_GIGAWATT:.2f} of "
        f"{open_mw / MEGAWATTS_PER_GIGAWATT:.2f} GW energized carry racks"
    )
    reasons = [*_power(periods, worth), *_supply(periods, worth), *_cash(periods, worth)]
    reasons += [*_demand(periods, worth, inputs=inputs), *_lead(periods, terms)]
    if not reasons:
        return f"{year}: nothing binds; {state}, and more would not pay"
    return f"{year}: {', '.join(reasons)}; {state}"


def _power(periods: IntArray, worth: MarginalValues) -> Iterator[str]:
    by_site = worth.power_usd_per_mw.isel(period=periods).sum("period")
    scarce = int((by_site > _LEAST_WORTH_USD).sum())
    if scarce:
        best = by_site.idxmax("site").item()
        yield (
            f"power binds at {scarce} of {by_site.size} sites "
            f"(one more MW at {best} through the year is worth {_usd(float(by_site.max()))})"
        )


def _supply(periods: IntArray, worth: MarginalValues) -> Iterator[str]:
    by_platform = worth.supply_usd_per_rack.isel(period=periods).max("period")
    if float(by_platform.max()) > _LEAST_WORTH_USD:
        best = by_platform.idxmax("platform").item()
        yield f"chip supply binds (one more rack of {best} is worth {_usd(float(by_platform.max()))})"


def _cash(periods: IntArray, worth: MarginalValues) -> Iterator[str]:
    value = float(worth.cash_usd_per_usd.isel(period=periods).sum())
    if value > _TOLERANCE:
        yield f"cash binds (one more dollar through the year is worth {value:.2f} USD)"


def _demand(periods: IntArray, worth: MarginalValues, *, inputs: Inputs) -> Iterator[str]:
    months = np.flatnonzero(np.isin(inputs.calendar.period_of_month, periods))
    by_service = worth.demand_usd_per_mtoken.isel(month=months).max("month")
    if by_service.size and float(by_service.max()) > _TOLERANCE:
        names = [str(name) for name in by_service.service.values[by_service.values > _TOLERANCE]]
        yield f"demand for {' and '.join(names)} binds"


def _lead(periods: IntArray, terms: Terms) -> Iterator[str]:
    powered = terms.fleet.energized_facility_mw.isel(period=periods).sum(["site", "period"]) > 0.0
    none_yet = float(terms.fleet.lead_periods.min()) > int(periods[-1])
    if bool(powered) and none_yet:
        yield "the lead time of orders binds (no rack can arrive yet)"


def _usd(amount: float) -> str:
    return f"{amount / USD_PER_MILLION:,.2f} MUSD"
