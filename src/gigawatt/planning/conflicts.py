"""Why no plan is feasible: which of the user's statements cannot hold, by how much, and what stands in the way.

Limits (power, supply, lead times, prices) can always be kept by building nothing. Only demands - targets, training runs
and the least cash - can contradict them. Each demand is first relaxed alone: if that suffices, the demand belongs to
every conflict and the least relaxation is its remedy. If none suffices alone they are relaxed together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import floor, log10

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, SolverSettings
from gigawatt.errors import GigawattError
from gigawatt.planning.fleet import most_blocks
from gigawatt.planning.formulation import Formulation, formulation
from gigawatt.planning.search import search, silent, values_of
from gigawatt.planning.solve import maximized
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import most_tranches
from gigawatt.timeline import FloatArray
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION

_LEAST_SHORTFALL = 1e-6
_TIME_SHARE = 0.5
_GAP_FRACTION = 1e-4
_PLENTY = 10.0
_CASH = "cash"
_UNNAMED = "every statement holds if racks are divisible; order in smaller blocks, or ask for a little less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """A formulation whose demands may fall short: `short` `(statement,)`, as a fraction of what each asks for."""

    built: Formulation
    short: linopy.Variable


def conflicts(inputs: Inputs, *, terms: Terms) -> tuple[str, ...]:
    """The statements that cannot all hold, each with the smallest relaxation found and what stands in its way."""
    elastic = _elastic(inputs, terms=terms)
    shortfalls = _alone(elastic, inputs=inputs) or _together(elastic, inputs=inputs)
    if not shortfalls:
        return (_UNNAMED,)
    remedies = _remedies(elastic, inputs, shortfalls=shortfalls)
    return tuple(
        _words(inputs, statement, short, remedy=remedies.get(statement, "")) for statement, short in shortfalls.items()
    )


def _alone(elastic: Elastic, *, inputs: Inputs) -> Mapping[str, float]:
    """Statements each of whose relaxation alone lets all others hold, with the least shortfall found that does."""
    found = {name: _least_whole_shortfall(elastic, (name,), inputs=inputs) for name in _statements(inputs)}
    return {name: short[name] for name, short in found.items() if short and short[name] > _LEAST_SHORTFALL}


def _together(elastic: Elastic, *, inputs: Inputs) -> Mapping[str, float]:
    """The statements that fall short where the sum of all shortfalls is least."""
    short = _least_whole_shortfall(elastic, _statements(inputs), inputs=inputs)
    return {name: value for name, value in short.items() if value > _LEAST_SHORTFALL}


def _statements(inputs: Inputs) -> tuple[str, ...]:
    """A name for every demand: `target/0`, `training/0`, `cash`."""
    targets = tuple(f"target/{index}" for index in range(len(inputs.targets)))
    return (*targets, *(f"training/{index}" for index in range(len(inputs.runs))), _CASH)


def _elastic(inputs: Inputs, *, terms: Terms) -> Elastic:
    """The formulation with every demand softened by its own slack."""
    built = formulation(inputs, terms=terms)
    model, demands, names = built.model, built.demands, _statements(inputs)
    short = model.add_variables(lower=0.0, coords={"statement": list(names)}, name="short")
    if demands.counted_mw is not None:
        by_target = _part(short, names, kind="target", dim="target", labels=demands.target_mw.target.values)
        asked = demands.target_mw
        model.add_constraints(demands.counted_mw + asked * by_target >= asked, name="targets", mask=asked > 0.0)
    if inputs.runs:
        by_run = _part(short, names, kind="training", dim="run", labels=terms.work.compute_flop.run.values)
        model.add_constraints(demands.progress + by_run >= 1.0, name="runs")
    lent = short.sel(statement=_CASH, drop=True) * (_purse_usd(inputs) / MONEY_UNIT_USD)
    model.add_constraints(demands.cash + lent >= demands.minimum_cash, name="minimum_cash")
    return Elastic(built=built, short=short)


def _part(
    short: linopy.Variable,
    names: tuple[str, ...],
    *,
    kind: str,
    dim: str,
    labels: np.ndarray[tuple[int], np.dtype[np.generic]],
) -> linopy.Variable:
    """The slacks of one kind of demand under its own labels."""
    own = [name for name in names if name.startswith(f"{kind}/")]
    part: linopy.Variable = short.sel(statement=own).rename(statement=dim).assign_coords({dim: labels})
    return part


def _purse_usd(inputs: Inputs) -> float:
    """The scale of the programme's own money, against which a shortfall of cash is measured."""
    return max(inputs.treasury.opening_cash_usd, inputs.treasury.minimum_cash_usd, USD_PER_BILLION)


def _least_whole_shortfall(elastic: Elastic, allowed: tuple[str, ...], *, inputs: Inputs) -> Mapping[str, float]:
    """Least sum of shortfalls with whole blocks and milestones; with divisible ones where time does not suffice."""
    divisible = _least_shortfall(elastic, allowed, inputs=inputs)
    if not divisible:
        return {}
    limit_s = inputs.solver.time_limit_s * _TIME_SHARE / len(_statements(inputs))
    settings = SolverSettings(gap_fraction=_GAP_FRACTION, time_limit_s=limit_s)
    try:
        best = maximized(elastic.built, -1.0 * elastic.short.sum(), settings=settings, report=silent)
    except GigawattError:
        return divisible
    return {} if best is None else _shortfalls(elastic, allowed, values=best.values)


def _least_shortfall(
    elastic: Elastic, allowed: tuple[str, ...], *, inputs: Inputs, weighed: tuple[str, ...] = ()
) -> Mapping[str, float]:
    """Least sum of shortfalls when only `allowed` statements may fall short, racks and milestones being divisible.

    Only the shortfalls of `weighed` count, of all where it is empty. Empty where even that is not enough.
    """
    model = elastic.built.model
    elastic.short.update(upper=_upper(elastic, allowed))
    names = elastic.short.coords["statement"].values
    weight = xr.DataArray(np.isin(names, weighed or names) * 1.0, dims="statement", coords={"statement": names})
    model.add_objective((weight * elastic.short).sum(), sense="min", overwrite=True)
    model.variables.relax()
    found = search(model, settings=inputs.solver, report=silent)
    model.variables.unrelax()
    return _shortfalls(elastic, allowed, values=found.values) if found.found else {}


def _shortfalls(elastic: Elastic, allowed: tuple[str, ...], *, values: FloatArray) -> Mapping[str, float]:
    short = values_of(elastic.short, values)
    return {name: float(short.sel(statement=name)) for name in allowed}


def _upper(elastic: Elastic, allowed: tuple[str, ...]) -> xr.DataArray:
    names = elastic.short.coords["statement"].values
    most = np.where(names == _CASH, np.inf, 1.0)
    return xr.DataArray(np.where(np.isin(names, allowed), most, 0.0), dims="statement", coords={"statement": names})


def _remedies(elastic: Elastic, inputs: Inputs, *, shortfalls: Mapping[str, float]) -> Mapping[str, str]:
    """For each statement the limits that would let it hold were they wide enough: one by one, else two together."""
    missing = set(shortfalls) - {_CASH}
    remedies: dict[str, str] = {}
    for count, joined in ((1, " or "), (2, ", or ")):
        found: dict[str, list[str]] = {}
        for names in combinations(_LIFTS, count) if missing else ():
            for statement in _helped(elastic, inputs, limits=names, relaxed=tuple(shortfalls)) & missing:
                found.setdefault(statement, []).append(" and ".join(_REMEDY_WORDS[name] for name in names))
        remedies |= {statement: joined.join(ways) for statement, ways in found.items()}
        missing -= set(found)
    return remedies


def _helped(elastic: Elastic, inputs: Inputs, *, limits: tuple[str, ...], relaxed: tuple[str, ...]) -> set[str]:
    """The relaxed statements that would hold, racks divisible, if the named limits were wide enough."""
    lifted = elastic.built.terms
    for name in limits:
        lifted = _LIFTS[name](lifted, inputs)
    _set_limits(elastic.built, terms=lifted)
    helped = set()
    for statement in set(relaxed) - {_CASH}:
        allowed = {*(relaxed if len(relaxed) > 1 else (statement,)), *({_CASH} & set(limits))}
        short = _least_shortfall(elastic, tuple(allowed), inputs=inputs, weighed=(statement,))
        if short and short[statement] <= _LEAST_SHORTFALL:
            helped.add(statement)
    _set_limits(elastic.built, terms=elastic.built.terms)
    return helped


def _set_limits(built: Formulation, *, terms: Terms) -> None:
    """Puts the power, supply and lead times of `terms` into the model."""
    built.model.constraints["energized"].update(rhs=terms.fleet.energized_facility_mw)
    built.model.constraints["supply"].update(rhs=terms.fleet.supply_blocks)
    built.choose.arrivals.update(upper=most_blocks(terms.fleet))
    built.choose.tranches.update(upper=most_tranches(terms))


def _with(terms: Terms, **changes: xr.DataArray) -> Terms:
    return replace(terms, fleet=replace(terms.fleet, **changes))


def _ample_power(terms: Terms, inputs: Inputs) -> Terms:
    """Energized power at every site in every period, tens of times what is there or asked for."""
    energized = terms.fleet.energized_facility_mw
    asked = max((target.facility_mw for target in inputs.targets), default=0.0)
    return _with(terms, energized_facility_mw=xr.full_like(energized, _PLENTY * max(float(energized.max()), asked)))


def _ample_supply(terms: Terms, inputs: Inputs) -> Terms:
    """As many racks in every period as the energized power could ever carry."""
    limits = terms.fleet
    asked = max((target.facility_mw for target in inputs.targets), default=0.0)
    power = max(float(limits.energized_facility_mw.sum("site").max()), asked)
    blocks = np.ceil(power / float((limits.rack_facility_mw * limits.block_racks).min()))
    return _with(terms, supply_blocks=xr.full_like(limits.supply_blocks, blocks))


def _no_lead(terms: Terms, _inputs: Inputs) -> Terms:
    """Racks in service as soon as they are ordered."""
    return _with(terms, lead_periods=xr.zeros_like(terms.fleet.lead_periods))


def _as_stated(terms: Terms, _inputs: Inputs) -> Terms:
    return terms


_LIFTS: Mapping[str, Callable[[Terms, Inputs], Terms]] = {
    "power": _ample_power,
    "supply": _ample_supply,
    "lead": _no_lead,
    _CASH: _as_stated,
}
_REMEDY_WORDS = {
    "power": "more or earlier energized power (site.power)",
    "supply": "a larger or earlier supply of racks (platform.supply)",
    "lead": "shorter lead times (platform.lead)",
    _CASH: "more cash (programme.opening_cash)",
}


def _words(inputs: Inputs, statement: str, short: float, *, remedy: str) -> str:
    """One statement in the scenario's key: what it asks, by how much it falls short, what would help."""
    advice = f"; it would hold with {remedy}" if remedy else ""
    if statement == _CASH:
        lacking = short * _purse_usd(inputs) / USD_PER_BILLION
        least = inputs.treasury.minimum_cash_usd / USD_PER_BILLION
        return (
            f"programme.minimum_cash ({least:g} bn USD): short by {_up(lacking)} bn USD; "
            "opening cash or contracts would have to bring as much more"
        )
    kind, index = statement.split("/")
    if kind == "target":
        target = inputs.targets[int(index)]
        asked = target.facility_mw / MEGAWATTS_PER_GIGAWATT
        return (
            f"target[{index}] ({asked:g} GW facility by {target.deadline:%Y-%m}): short by {_up(short * asked)} GW; "
            f"the most that can be energized by then is {_down(asked * (1.0 - short))} GW{advice}"
        )
    run = inputs.runs[int(index)]
    return (
        f"training[{index}] ({run.id}, {run.compute_flop:g} FLOP by {run.deadline:%Y-%m}): "
        f"short by {_up(short):.4g} of its computation, {_up(short * run.compute_flop):.4g} FLOP{advice}"
    )


def _up(value: float) -> float:
    """`value` rounded away from zero to four figures, so that a remedy suffices."""
    return -_down(-value)


def _down(value: float) -> float:
    """`value` rounded down to four figures."""
    if abs(value) <= _LEAST_SHORTFALL:
        return 0.0
    scale = 10.0 ** (3 - floor(log10(abs(value))))
    return float(f"{floor(value * scale + _LEAST_SHORTFALL) / scale:.6g}")
