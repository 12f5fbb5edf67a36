"""What one more unit of each limit would add to the present value: dual values of the plan with its integers fixed.

Milestones and every other yes or no stay as the plan has them, blocks of racks are divisible: a linear programme, whose
dual values say what a little more of each limit is worth (Dantzig, 1963). Such a programme is degenerate where limits
meet - most of all at a site that has no power yet - and then its dual values are any of many, up to what one unit less
would cost. So one family of limits after the other is widened by a hair: there one unit more has one worth.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, SolverSettings
from gigawatt.planning.families import DIVISIBLE, LIMITS
from gigawatt.planning.fleet import can_arrive
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.restate import Standing, solved, standing
from gigawatt.planning.search import duals_of, search, silent
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms

_LEAST_WORTH_USD = 1.0
"""Less than this for a unit of the model's own is the solver's noise."""
_HAIR_FRACTION = 1e-5
_GOLDEN_RATIO = 0.6180339887498949
_IN_REGION = "region_racks"
_SERVED_FRACTION = 1e-6
_FULL_FRACTION = 0.95
"""A site whose racks draw this part of its energized power is full; so is one with no room for a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Racks:
    """The racks of a plan: `arrived_blocks` and `installed_blocks` `(site, platform, period)`, `earned` tranches."""

    arrived_blocks: xr.DataArray
    installed_blocks: xr.DataArray
    earned: xr.DataArray


def marginal_values(
    inputs: Inputs, *, terms: Terms, built: Formulation, racks: Racks, firm_mw: xr.DataArray
) -> xr.Dataset:
    """Marginal value of every limit, by family, and how full each site is; no family where time did not suffice.

    Each family has its model's own dimensions and, as attributes, its `units`, `words`, `scarcity` and `key`.
    `site_filled_fraction` `(site, period)` is the part of the energized power that racks draw at peak; `site_full`
    marks where no more fits, `site_waiting` where there is no power yet. Where plants may be built, what of them is
    firm, `firm_mw` `(site, period)`, counts as energized and is kept as `site_plants_mw`. A rack more in a region is
    worth something where demand that its sites alone may serve goes unserved.
    """
    values: dict[str, xr.DataArray] = {}
    waiting = _unserved(terms, built)
    if fix_integers(built, racks=racks, settings=inputs.solver):
        divisible(built)
        values = values_by_family(standing(built.model, settings=inputs.solver), terms=terms)
        if waiting is not None and _IN_REGION in values:
            found = values[_IN_REGION]
            values[_IN_REGION] = found.where(waiting, 0.0).transpose(*found.dims).assign_attrs(found.attrs)
    return _dated(xr.Dataset({**values, **_fullness(terms=terms, racks=racks, firm_mw=firm_mw)}), inputs)


def _unserved(terms: Terms, built: Formulation) -> xr.DataArray | None:
    """Whether demand that only a region's sites may serve goes unserved there in a month, `(region, month)`."""
    if terms.reach is None:
        return None
    wanted = terms.work.demand_tokens / TOKEN_UNIT
    short = built.choose.served.solution < wanted * (1.0 - _SERVED_FRACTION)
    waiting: xr.DataArray = (terms.reach.allowed & short.sel(service=terms.reach.allowed.service)).any("service")
    return waiting


def fix_integers(built: Formulation, *, racks: Racks, settings: SolverSettings) -> bool:
    """Holds every integer but the divisible ones at the plan's value; False where the model cannot repeat the plan.

    Integers that are not part of a stored plan are completed by the solver, racks and milestones being as planned.
    """
    model, arrivals, tranches = built.model, built.choose.arrivals, built.choose.tranches
    tranches.update(lower=racks.earned, upper=racks.earned)
    others = _undecided(built)
    if not others:
        return True
    limits = arrivals.lower.copy(), arrivals.upper.copy()
    arrivals.update(lower=racks.arrived_blocks, upper=racks.arrived_blocks)
    model.add_objective(built.npv, sense="max", overwrite=True)
    found = search(model, settings=settings, report=silent)
    arrivals.update(lower=limits[0], upper=limits[1])
    if not found.found:
        return False
    model.variables.relax()
    for name in others:
        variable = model.variables[name]
        kept = variable.labels.copy(data=found.values[variable.labels.values].round())
        variable.update(lower=kept, upper=kept)
    return True


def _undecided(built: Formulation) -> tuple[str, ...]:
    """Whole-number decisions beside the divisible ones and the milestones."""
    variables = built.model.variables
    whole = {*variables.integers, *variables.binaries}
    return tuple(sorted(whole - DIVISIBLE - {built.choose.tranches.name}))


def divisible(built: Formulation) -> None:
    """Makes racks divisible and the present value the objective; the fixed integers stay.

    Bounds that repeat power and supply are lifted, so that each limit's value stands in one place.
    """
    arrivals = built.choose.arrivals
    possible = can_arrive(built.terms.fleet) | (arrivals.upper > 0.0)
    arrivals.update(
        lower=xr.zeros_like(arrivals.lower), upper=xr.full_like(arrivals.upper, np.inf).where(possible, 0.0)
    )
    built.model.variables.relax()
    built.model.add_objective(built.npv, sense="max", overwrite=True)


def values_by_family(programme: Standing, *, terms: Terms) -> dict[str, xr.DataArray]:
    """USD of present value that one more unit of each limit would add, by family, without what is noise.

    A family that is not solved in time is left out.
    """
    values: dict[str, xr.DataArray] = {}
    for name, family in LIMITS.items():
        if name not in programme.model.constraints:
            continue
        rows = programme.model.constraints[name]
        if rows.rhs.size == 0:
            continue
        hair = _hair(rows.rhs, rows.sign)
        around = [programme.model.constraints[family.within]] if family.within else []
        wider = {
            outer.name: outer.rhs + hair.sum([d for d in hair.dims if d not in outer.rhs.dims]) for outer in around
        }
        found = solved(programme, **{name: rows.rhs + hair, **wider})
        if not found.found:
            continue
        dual_usd = sum((duals_of(each, found.duals) for each in around), duals_of(rows, found.duals)) * MONEY_UNIT_USD
        dual_usd = dual_usd.transpose(*rows.rhs.dims)
        worth = dual_usd.where(dual_usd > _LEAST_WORTH_USD, 0.0) / family.scale(terms)
        values[name] = worth.transpose(*dual_usd.dims).assign_attrs(
            units=f"USD/{family.unit}", words=family.words, scarcity=str(family.scarcity), key=family.key
        )
    if "energized" in values:
        taken = terms.fleet.taken.any("platform")
        values["energized"] = values["energized"].where(taken, 0.0).assign_attrs(values["energized"].attrs)
    return values


def _hair(level: xr.DataArray, sign: xr.DataArray) -> xr.DataArray:
    """A little of each limit in the direction that gives room, no two alike (Weyl's sequence), later ones the larger.

    Power that comes stays; a later hair narrower than an earlier one would be the limit of both.
    """
    size = _HAIR_FRACTION * max(1.0, float(np.abs(level).max()))
    spread = (np.arange(1, level.size + 1) * _GOLDEN_RATIO) % 1.0
    hair = level.copy(data=(size * (1.0 + spread)).reshape(level.shape))
    if "period" in hair.dims:
        hair = hair.cumsum("period") / hair.sizes["period"]
    return hair.where(sign == "<=", -hair)


def _fullness(*, terms: Terms, racks: Racks, firm_mw: xr.DataArray) -> dict[str, xr.DataArray]:
    limits = terms.fleet
    block_mw = limits.rack_facility_mw * limits.block_racks
    drawn_mw = (block_mw * racks.installed_blocks).sum("platform").transpose("site", "period")
    energized_mw = (limits.energized_facility_mw + firm_mw).transpose("site", "period")
    least_block_mw = block_mw.where(limits.taken).min("platform")
    filled = (drawn_mw / energized_mw.where(energized_mw > 0.0)).fillna(0.0)
    full = (energized_mw > 0.0) & ((filled >= _FULL_FRACTION) | (energized_mw - drawn_mw < least_block_mw))
    plants = {} if terms.plants is None else {"site_plants_mw": firm_mw.assign_attrs(units="MW")}
    return {
        **plants,
        "site_filled_fraction": filled.assign_attrs(units="1"),
        "site_full": full.astype(np.float64).assign_attrs(units="1"),
        "site_waiting": (energized_mw <= 0.0).astype(np.float64).assign_attrs(units="1"),
    }


def _dated(dataset: xr.Dataset, inputs: Inputs) -> xr.Dataset:
    """The dataset with periods and months as days."""
    days = {"period": inputs.calendar.periods, "month": inputs.calendar.months}
    return dataset.assign_coords(
        {name: np.array(days[name], dtype="datetime64[ns]") for name in days if name in dataset.dims}
    )
