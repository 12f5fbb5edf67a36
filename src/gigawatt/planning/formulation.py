"""The plan as a mixed-integer programme: decisions, what holds them, what the user demands, what is maximized."""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning import constraints, site_limits
from gigawatt.planning.agreements import Agreed, agreements
from gigawatt.planning.cooling import cooling
from gigawatt.planning.end_value import end_value
from gigawatt.planning.flows import net_present_value
from gigawatt.planning.purchases import taken_racks
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import COUNT_TOLERANCE, Variables, variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What the user insists on, each as *left side >= level*: the only statements that can contradict the limits.

    `counted_mw` against `target_mw` `(target, period)`, None without targets; `progress` of each run `(run,)`
    against 1; `cash` `(period,)` against `minimum_cash`, in the solver's money; `purchases` `(window,)`, racks taken or
    paid for as missing, against what must be taken, None where nothing must be.
    """

    counted_mw: linopy.LinearExpression | None
    target_mw: xr.DataArray
    progress: linopy.LinearExpression
    cash: linopy.LinearExpression
    minimum_cash: float
    purchases: linopy.LinearExpression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Formulation:
    """A model whose limits are in place and whose demands and objective are ready to be set.

    `npv` is in the solver's money, `tokens` in the solver's tokens; `agreed` is what contracts add, if any.
    """

    model: linopy.Model
    terms: Terms
    choose: Variables
    demands: Demands
    npv: linopy.LinearExpression
    tokens: linopy.LinearExpression
    agreed: Agreed | None


def formulation(inputs: Inputs, *, terms: Terms) -> Formulation:
    """The model of a programme without its demands: doing nothing is always feasible here."""
    model = linopy.Model()
    choose = variables(model, inputs, terms=terms)
    constraints.rack_balance(model, terms=terms, choose=choose)
    constraints.power(model, terms=terms, choose=choose)
    constraints.supply(model, terms=terms, choose=choose)
    site_limits.construction(model, terms=terms, choose=choose)
    site_limits.one_vendor(model, terms=terms, choose=choose)
    site_limits.shared_power(model, terms=terms, choose=choose)
    site_limits.plants(model, inputs, terms=terms, choose=choose)
    site_limits.caps(model, inputs, terms=terms, choose=choose)
    cooling(model, inputs, limits=terms.fleet, in_service=choose.in_service)
    constraints.allocation(model, inputs, terms=terms, choose=choose)
    constraints.placed_training(model, inputs, terms=terms, choose=choose)
    constraints.regional_serving(model, inputs, terms=terms, choose=choose)
    constraints.tokens(model, terms=terms, choose=choose)
    constraints.milestones(model, terms=terms, choose=choose)
    agreed = agreements(model, inputs, terms=terms, choose=choose)
    operation = net_present_value(inputs, terms=terms, choose=choose)
    left = end_value(inputs, terms=terms, choose=choose)
    value = operation if left is None else operation + left
    return Formulation(
        model=model,
        terms=terms,
        choose=choose,
        demands=_demands(model, inputs, terms=terms, choose=choose, agreed=agreed),
        npv=value if agreed is None else value + agreed.npv,
        tokens=(1.0 * choose.served).sum(),
        agreed=agreed,
    )


def _demands(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables, agreed: Agreed | None) -> Demands:
    return Demands(
        counted_mw=constraints.counted_mw(inputs, terms=terms, choose=choose) if inputs.targets else None,
        target_mw=constraints.target_mw(inputs),
        progress=constraints.training_progress(terms=terms, choose=choose),
        cash=constraints.cash(model, inputs, terms=terms, choose=choose, agreed=agreed),
        minimum_cash=inputs.treasury.minimum_cash_usd / MONEY_UNIT_USD,
        purchases=_purchases(terms, choose),
    )


def _purchases(terms: Terms, choose: Variables) -> linopy.LinearExpression | None:
    if terms.purchases is None or choose.missing is None:
        return None
    taken = taken_racks(terms.purchases, block_racks=terms.fleet.block_racks, delivered=choose.delivered)
    return taken + choose.missing


def milestones_count(racks: xr.DataArray, *, terms: Terms) -> xr.DataArray:
    """Whole units that each contract has seen energized so far, at most as many as it pays, `(contract, period)`."""
    promise = terms.financing
    level = (promise.counted_mw * racks).sum(["site", "platform"]).transpose("contract", "period")
    highest = level.copy(data=np.maximum.accumulate(level.values, axis=1))
    units = (highest / promise.unit_mw + COUNT_TOLERANCE) // 1.0
    return units.where(units < promise.most_count, promise.most_count)


def earned_count(in_service: xr.DataArray, *, terms: Terms) -> xr.DataArray:
    """Tranches that so many blocks in service have earned by milestones, `(contract, period)`."""
    promise = terms.financing
    counts = milestones_count(in_service * terms.fleet.block_racks, terms=terms)
    earned = (counts - promise.signature_count).clip(0.0) * promise.open * (promise.amount_usd != 0.0)
    return earned.transpose("contract", "period")


def insist(built: Formulation) -> None:
    """Adds every demand as a hard constraint."""
    demands, model = built.demands, built.model
    asked = demands.target_mw
    if demands.counted_mw is not None and bool((asked > 0.0).any()):
        model.add_constraints(demands.counted_mw >= asked, name="targets", mask=asked > 0.0)
    if built.choose.training.sizes["run"]:
        model.add_constraints(demands.progress >= 1.0, name="runs")
    model.add_constraints(demands.cash >= demands.minimum_cash, name="minimum_cash")
    stated = built.terms.purchases
    if demands.purchases is not None and stated is not None:
        asked_racks = stated.least_racks
        model.add_constraints(demands.purchases >= asked_racks, name="purchases", mask=asked_racks > 0.0)
