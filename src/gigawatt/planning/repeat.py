"""A stored plan as a linear programme again: its integers fixed, its racks divisible, its limits free to be restated.

So a study on disk needs to hold no more than inputs, performance and decisions to be asked what one unit more of
anything would be worth: the answer is a second, small optimization.
"""

from dataclasses import dataclass

import linopy
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.planning.formulation import Formulation, earned_count, formulation, insist
from gigawatt.planning.goals import keep
from gigawatt.planning.holding import hold, planned_terms, stands
from gigawatt.planning.marginals import Racks, divisible, fix_integers
from gigawatt.planning.placing import fix_starts, planned_place
from gigawatt.planning.restate import Standing, solved, standing
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms

_LEAST_CHANGE_FRACTION = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A plan's linear programme and the present value it reaches as stated, in USD."""

    inputs: Inputs
    built: Formulation
    programme: Standing
    npv_usd: float


def planned_racks(plan: BuildPlan, *, terms: Terms) -> Racks:
    """The racks of a plan as the model counts them."""
    arrived, installed = (
        (_indexed(plan.decisions[name]) / terms.fleet.block_racks).transpose("site", "platform", "period")
        for name in ("arrived_racks", "installed_racks")
    )
    return Racks(arrived_blocks=arrived, installed_blocks=installed, earned=earned_count(installed, terms=terms))


def _indexed(array: xr.DataArray) -> xr.DataArray:
    """A decision by number of the period instead of its day."""
    return array.assign_coords(period=range(array.sizes["period"]))


def repeated(inputs: Inputs, performance: Performance, plan: BuildPlan) -> Repeated | None:
    """The plan's linear programme; None where it is not solved again in the time that the inputs allow.

    What stood when a plan was made anew on a later day stands here too.
    """
    with linopy.options as options:
        options(semantics="v1")
        known = planned_terms(inputs, performance, plan)
        built = formulation(inputs, terms=known)
        insist(built)
        stand = stands(inputs, plan, known=known)
        if stand is not None:
            hold(inputs, plan, built=built, stand=stand)
        keep(inputs, built=built, values=plan.goal_values or (plan.objective_value,))
        if known.jobs is not None and built.choose.starts is not None:
            placed = planned_place(known.jobs, _indexed(plan.decisions["training_racks"]))
            fix_starts(built.choose.starts, placed)
        if not fix_integers(built, racks=planned_racks(plan, terms=known), settings=inputs.solver):
            return None
        divisible(built)
        programme = standing(built.model, settings=inputs.solver)
    found = solved(programme)
    if not found.found:
        return None
    return Repeated(inputs=inputs, built=built, programme=programme, npv_usd=found.objective * MONEY_UNIT_USD)


def worth_usd(plan: Repeated, **limits: xr.DataArray) -> float:
    """Present value added by restating limits (family = right-hand side in the model's unit); NaN if none in time."""
    found = solved(plan.programme, **limits)
    if not found.found:
        return float("nan")
    added = found.objective * MONEY_UNIT_USD - plan.npv_usd
    return 0.0 if abs(added) < _LEAST_CHANGE_FRACTION * max(1.0, abs(plan.npv_usd)) else added
