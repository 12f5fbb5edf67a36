"""The user's own statements as things that can be taken back one by one, in one model.

Every limit and every demand gets room of its own, as a fraction of what it states: none where the statement holds, any
amount where it is taken back. Lead times are bounds on arrivals and are taken back by lifting those.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, SolverSettings
from gigawatt.planning.families import DIVISIBLE, LIMITS
from gigawatt.planning.fleet import can_arrive, month_axis
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.placing import loosen_starts
from gigawatt.planning.plants import MWH_PER_UNIT
from gigawatt.planning.restate import Standing, set_bounds, set_costs, set_whole, solved_again, standing
from gigawatt.planning.restatements import KINDS, plenty_mw
from gigawatt.planning.search import Search, values_of
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.units import USD_PER_BILLION

LEAD = "lead"
MONEY = "minimum_cash"
POWER = "energized"
_TIME = ("period", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that the scenario states: a family of limits (or `lead`) and what it is about (empty: all)."""

    family: str
    label: str

    @property
    def key(self) -> str:
        """Where the scenario states it: `target[0]`, `site.alpha.power`, `programme.minimum_cash`."""
        if self.family == LEAD:
            return f"platform.{self.label}.lead"
        if self.family in KINDS:
            return KINDS[self.family].key.format(label=self.label)
        table, dot, field = LIMITS[self.family].key.partition(".")
        if self.label.endswith("]"):
            owner, bracket, place = self.label.partition("[")
            return f"{table}.{owner}.{field}{bracket}{place}"
        if not self.label:
            return f"{table}{dot}{field}"
        return f"{table}.{self.label}.{field}" if dot else f"{table}[{self.label}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Softened:
    """A programme whose statements can be taken back: `room` and the `size` of what is stated, by family."""

    inputs: Inputs
    built: Formulation
    room: dict[str, linopy.Variable]
    size: dict[str, xr.DataArray]
    programme: Standing
    statements: tuple[Statement, ...]


def softened(inputs: Inputs, *, terms: Terms, settings: SolverSettings) -> Softened:
    """The model of a programme with room in every statement, whole numbers relaxed."""
    built = formulation(inputs, terms=terms)
    insist(built)
    room: dict[str, linopy.Variable] = {}
    size: dict[str, xr.DataArray] = {}
    for name in [name for name, family in LIMITS.items() if family.key and name in built.model.constraints]:
        if built.model.constraints[name].rhs.size:
            room[name], size[name] = _make_room(inputs, built.model, name)
    built.choose.tranches.update(upper=_any_tranches(terms))
    _any_power(inputs, built)
    if "plant_need" in built.model.constraints and POWER in room:
        _any_energy(inputs, built, more_mw=size[POWER] * room[POWER])
    if terms.jobs is not None and built.choose.starts is not None:
        loosen_starts(terms.jobs, built.choose.starts)
    built.model.add_objective((1.0 * next(iter(room.values()))).sum(), sense="min", overwrite=True)
    return Softened(
        inputs=inputs,
        built=built,
        room=room,
        size=size,
        programme=standing(built.model, settings=settings),
        statements=(*_leads(terms), *(found for name in room for found in _statements(inputs, name, size[name]))),
    )


def _make_room(inputs: Inputs, model: linopy.Model, name: str) -> tuple[linopy.Variable, xr.DataArray]:
    """A family's constraints with room in the direction that lets more through."""
    family = model.constraints[name]
    lhs, sign, rhs, stated = family.lhs, family.sign, family.rhs, family.labels >= 0
    highest = abs(rhs).where(stated).max([dim for dim in rhs.dims if dim in _TIME]).fillna(0.0)
    size = highest.where(highest > 0.0, max(float(highest.max()), 1.0))
    if name == MONEY:
        size = xr.full_like(size, _purse_usd(inputs) / MONEY_UNIT_USD)
    coords = {str(dim): size[dim].values for dim in size.dims}
    room = model.add_variables(lower=0.0, coords=coords, name=f"room_{name}")
    upward = bool((sign.where(stated, "<=") == "<=").all())
    model.remove_constraints(name)
    eased = lhs - size * room if upward else lhs + size * room
    model.add_constraints(eased, "<=" if upward else ">=", rhs, name=name, mask=stated)
    return room, size


def _purse_usd(inputs: Inputs) -> float:
    """The scale of the programme's own money, against which a shortfall of cash is measured."""
    return max(inputs.treasury.opening_cash_usd, inputs.treasury.minimum_cash_usd) or USD_PER_BILLION


def _any_power(inputs: Inputs, built: Formulation) -> None:
    """Leaves what a site of one vendor can draw to its power, which may be taken back; only the choice stays."""
    if "vendor_power" not in built.model.constraints:
        return
    rows, hosts = built.model.constraints["vendor_power"], built.model.variables["hosts"]
    limits, rules = built.terms.fleet, built.terms.places
    block_mw = (limits.rack_facility_mw * limits.block_racks).sel(site=hosts.coords["site"])
    drawn = (rules.vendor * block_mw * built.choose.in_service.sel(site=hosts.coords["site"])).sum("platform")
    most_mw = plenty_mw(inputs) * xr.ones_like(rows.rhs)
    built.model.remove_constraints("vendor_power")
    built.model.add_constraints(drawn - most_mw * hosts <= 0.0, name="vendor_power")


def _any_energy(inputs: Inputs, built: Formulation, *, more_mw: linopy.LinearExpression) -> None:
    """Lets a connection whose power is taken back bring the energy of what it has more."""
    rows = built.model.constraints["plant_need"]
    lhs, rhs = rows.lhs, rows.rhs
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours) / MWH_PER_UNIT
    built.model.remove_constraints("plant_need")
    built.model.add_constraints(lhs + hours * more_mw >= rhs, name="plant_need")


def _any_tranches(terms: Terms) -> xr.DataArray:
    """Tranches that a contract can pay at most, whatever power and supply allow."""
    promise = terms.financing
    earned = (promise.most_count - promise.signature_count).clip(0.0)
    return (earned * promise.open * (promise.amount_usd != 0.0)).transpose("contract", "period")


def _leads(terms: Terms) -> tuple[Statement, ...]:
    lead = terms.fleet.lead_periods
    return tuple(Statement(family=LEAD, label=str(label)) for label in lead.platform.values[lead.values > 0.0])


def _statements(inputs: Inputs, name: str, size: xr.DataArray) -> tuple[Statement, ...]:
    """A statement for each label of a family; runs and targets by their number."""
    if not size.dims:
        return (Statement(family=name, label=""),)
    if size.dims == ("run",):
        return tuple(Statement(family=name, label=str(index)) for index in range(len(inputs.runs)))
    stacked = size.stack(label=size.dims).label.values
    labels = ["/".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in stacked]
    return tuple(Statement(family=name, label=label) for label in labels)


def hold(
    soft: Softened,
    kept: Iterable[Statement],
    *,
    least: Statement | None = None,
    least_of: linopy.Variable | None = None,
    whole: bool = False,
    racks_divisible: bool = False,
) -> Search:
    """Solves with the `kept` statements holding and all others taken back, whole numbers being whole if `whole`.

    Those of racks may stay divisible all the same.
    `least` is a statement that gives way, `least_of` a decision that is taken, as little as possible; otherwise any
    solution does.
    """
    held = set(kept)
    for name, room in soft.room.items():
        set_bounds(soft.programme, room, upper=_rooms(soft, name, lambda item: 0.0 if item in held else np.inf))
    set_bounds(soft.programme, soft.built.choose.arrivals, upper=_arrivals(soft, held))
    if least_of is not None:
        set_costs(soft.programme, least_of, costs=xr.ones_like(least_of.labels, dtype=np.float64))
    else:
        family = next(iter(soft.room)) if least is None else least.family
        costs = _rooms(soft, family, lambda item: 1.0 if item == least else 0.0)
        set_costs(soft.programme, soft.room[family], costs=costs)
    set_whole(soft.programme, whole=whole, divisible=DIVISIBLE if racks_divisible else frozenset())
    return solved_again(soft.programme)


def _rooms(soft: Softened, name: str, value: Callable[[Statement], float]) -> xr.DataArray:
    """A value for each statement of a family, in the shape of its room."""
    labels = soft.room[name].labels
    values = [value(item) for item in soft.statements if item.family == name]
    return labels.copy(data=np.array(values, dtype=np.float64).reshape(labels.shape))


def _arrivals(soft: Softened, held: set[Statement]) -> xr.DataArray:
    """No arrival where the site does not take the platform, or before a lead time that holds."""
    limits = soft.built.terms.fleet
    platforms = limits.lead_periods.platform
    free = [Statement(family=LEAD, label=str(label)) not in held for label in platforms.values]
    allowed = can_arrive(limits) | (limits.taken & xr.DataArray(free, dims="platform", coords={"platform": platforms}))
    return xr.where(allowed, np.inf, 0.0).transpose(*soft.built.choose.arrivals.dims)  # type: ignore[no-untyped-call,no-any-return]  # xarray's own


def room_taken(soft: Softened, statement: Statement, found: Search) -> float:
    """The part of its own size by which a statement gives way in a solution."""
    own = [item for item in soft.statements if item.family == statement.family]
    return float(values_of(soft.room[statement.family], found.values).values.ravel()[own.index(statement)])


def stated_size(soft: Softened, statement: Statement) -> float:
    """What a statement states at its highest, in the model's own unit."""
    own = [item for item in soft.statements if item.family == statement.family]
    return float(soft.size[statement.family].values.ravel()[own.index(statement)])
