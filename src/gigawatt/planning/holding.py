"""What stands in a plan made anew: held in the model, stored with the plan's decisions, and found there again.

So a plan made anew can be asked what its limits are worth, or what it would be without a choice, like any other.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.errors import StudyFolderError
from gigawatt.planning.commitments import Commitments, left_racks
from gigawatt.planning.cooling import MEDIA, block_heat_mw
from gigawatt.planning.fleet import in_period
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.generation import brought_energy
from gigawatt.planning.placing import held_by_job, planned_place, ready_racks, unplaced
from gigawatt.planning.plants import planned_firm_mw, planned_plant_mw
from gigawatt.planning.resale import left_before, planned_sold
from gigawatt.planning.search import Ending, search, silent
from gigawatt.planning.terms import TOKEN_UNIT, Terms, terms

REPLANNED = "replanned_as_of"
"""Attribute of a plan's decisions that says from which month on it was planned anew."""
_FIRST = "first_open_period"
KEPT, _WAITING, _CLOSED, _PAID = "kept_racks", "waiting_racks", "closed_to_orders", "paid_more_usd_per_rack"
_LONG_AGO = -1e9
EVEN = 1.0 + 1e-9
_LEAST_RACKS = 1e-3


def stored(decisions: xr.Dataset, stand: Commitments, *, as_of: str, known: Terms, listed: Terms) -> xr.Dataset:
    """A plan's decisions with what stood when it was made: racks, orders and, where it differs, what they were paid at.

    `known` has the price that each rack is paid at, `listed` today's.
    """
    block, period = known.fleet.block_racks, decisions["period"]
    more = (known.money.arrival_usd_per_rack - listed.money.arrival_usd_per_rack).assign_coords(period=period.values)
    kept = {
        KEPT: (stand.kept * block).assign_coords(period=period.values).assign_attrs(units="rack"),
        _WAITING: (stand.waiting * block).assign_coords(period=period.values).assign_attrs(units="rack"),
        _CLOSED: stand.in_lead.astype(np.float64).assign_coords(period=period.values).assign_attrs(units="1"),
    }
    if bool((more != 0.0).any()):
        months = more.rename(month="payment").drop_vars("payment")
        kept[_PAID] = months.assign_attrs(units="USD/rack")
    return decisions.assign(kept).assign_attrs({REPLANNED: as_of, _FIRST: stand.first})


def is_made_anew(plan: BuildPlan) -> bool:
    """Whether a plan was made anew on a later day. Raises StudyFolderError where what stood then is not with it."""
    anew = REPLANNED in plan.decisions.attrs
    if anew and KEPT not in plan.decisions:
        raise StudyFolderError(
            where="the study's plan",
            found="a plan made anew, without what stood on that day",
            expected="what stood, which gigawatt keeps with such a plan",
            fix="Make it anew with `gigawatt replan`.",
        )
    return anew


def stands(inputs: Inputs, plan: BuildPlan, *, known: Terms) -> Commitments | None:
    """What stood when a plan was made anew; None for a plan made at the start."""
    if not is_made_anew(plan):
        return None
    decisions, block, first = plan.decisions, known.fleet.block_racks, int(plan.decisions.attrs[_FIRST])
    period = known.fleet.supply_blocks.period

    def blocks(name: str, *dims: str) -> xr.DataArray:
        return (decisions[name].assign_coords(period=period) / block).transpose(*dims)

    return Commitments(
        first=first,
        planned=blocks("arrived_racks", "site", "platform", "period"),
        kept=blocks(KEPT, "site", "platform", "period"),
        waiting=blocks(_WAITING, "platform", "period"),
        in_lead=decisions[_CLOSED].assign_coords(period=period).transpose("platform", "period") > 0.0,
        firm_mw=planned_firm_mw(inputs, decisions),
        plants_mw=planned_plant_mw(inputs, decisions),
        left=left_racks(inputs, plan, limits=known.fleet, first=first),
    )


def planned_terms(inputs: Inputs, performance: Performance, plan: BuildPlan) -> Terms:
    """The arrays that a plan was made with; racks ordered before it was made anew are paid at the price of then."""
    known = terms(inputs, performance)
    if _PAID not in plan.decisions:
        return known
    listed = known.money.arrival_usd_per_rack
    more = plan.decisions[_PAID].rename(payment="month").assign_coords(month=listed.month, period=listed.period)
    paid = (listed + more).transpose(*listed.dims)
    return replace(known, money=replace(known.money, arrival_usd_per_rack=paid))


def hold(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """Holds the model to the past and to what is on order, and lets go of what the past has broken already."""
    model, arrivals, limits = built.model, built.choose.arrivals, built.terms.fleet
    period = limits.supply_blocks.period
    past = period < stand.first
    waiting = stand.waiting.cumsum("period")
    free = (~past & ~stand.in_lead).transpose("platform", "period")
    most = arrivals.upper.where(free, 0.0) + stand.kept + waiting.where(stand.in_lead & (waiting > 0.0), 0.0)
    arrivals.update(upper=most.transpose(*arrivals.dims))
    model.add_constraints(1.0 * arrivals >= stand.kept, name="standing", mask=stand.kept > 0.0)
    model.add_constraints(1.0 * arrivals <= stand.kept, name="past", mask=past & (stand.kept >= 0.0))
    so_far = (period <= period.rename(period="later")) & ~past
    standing = stand.kept.sum("site")
    received = (so_far * built.choose.delivered).sum("period").rename(later="period")
    limit = (so_far * standing).sum("period").rename(later="period") + waiting
    model.add_constraints(received <= limit, name="in_lead", mask=stand.in_lead)
    total = (standing.where(~past, 0.0) + stand.waiting).sum("period")
    model.add_constraints((~past * built.choose.delivered).sum("period") >= total, name="ordered", mask=total > 0.0)
    _let_go(built, stand, past=past, delivered=standing + waiting.where(stand.in_lead, 0.0))
    _hold_plants(inputs, built, stand=stand)
    _hold_sold(plan, built=built, stand=stand)
    _hold_work(inputs, plan, built=built, stand=stand, past=past)


def _let_go(built: Formulation, stand: Commitments, *, past: xr.DataArray, delivered: xr.DataArray) -> None:
    """Limits of the past and of deliveries on order give way to what was; targets, to what can still be met."""
    rows = built.model.constraints
    _raise(built, "energized", _drawn_mw(built, stand).where(past, 0.0))
    _raise(built, "supply", delivered.where(past | stand.in_lead, 0.0))
    _let_heat_go(built, stand, past=past)
    _let_windows_go(built, delivered=stand.kept.sum("site"), closed=past | stand.in_lead)
    rows["minimum_cash"].update(rhs=rows["minimum_cash"].rhs.where(~past, _LONG_AGO))
    if "targets" in rows:
        closed = past | stand.in_lead.all("platform")
        asked = rows["targets"].rhs
        rows["targets"].update(rhs=asked.where(~closed, 0.0).transpose(*asked.dims))


def _let_heat_go(built: Formulation, stand: Commitments, *, past: xr.DataArray) -> None:
    """Limits of cooling give way to the racks that stood in the past."""
    limits, names = built.terms.fleet, [name for name in MEDIA if name in built.model.constraints]
    serving = (stand.kept * limits.alive).sum("period").rename(later="period") - stand.left
    for name in names:
        heat = (block_heat_mw(name, limits) * serving).sum("platform").where(past, 0.0)
        _raise(built, name, heat.sel(site=built.model.constraints[name].rhs.site))


def _let_windows_go(built: Formulation, *, delivered: xr.DataArray, closed: xr.DataArray) -> None:
    """Allocations give way to what was delivered, and minimum purchases to what can still be ordered in time."""
    stated, rows = built.terms.purchases, built.model.constraints
    if stated is None:
        return
    taken = (stated.counted * built.terms.fleet.block_racks * delivered).sum(["platform", "period"])
    if "allocated" in rows:
        _raise(built, "allocated", taken)
    if "purchases" in rows:
        over = ~((stated.counted > 0.0) & ~closed).any(["platform", "period"])
        asked = rows["purchases"].rhs
        rows["purchases"].update(rhs=asked.where(~over | ~stated.refused | (asked <= taken), taken))


def _drawn_mw(built: Formulation, stand: Commitments) -> xr.DataArray:
    """Power at peak of the racks that stand or are kept on order, `(site, period)`."""
    limits = built.terms.fleet
    serving = (stand.kept * limits.alive).sum("period").rename(later="period") - stand.left
    return (limits.rack_facility_mw * limits.block_racks * serving).sum("platform")


def _hold_plants(inputs: Inputs, built: Formulation, *, stand: Commitments) -> None:
    """Plants that stand or are begun come as expected; in the past, connections brought what racks drew beyond them."""
    planned, chosen, known = stand.plants_mw, built.choose.plants, built.terms.plants
    if planned is None or chosen is None or known is None:
        return
    begun = (known.lead_periods > planned.period - stand.first).transpose("plant", "period")
    chosen.standing.update(lower=planned.where(begun, 0.0), upper=planned.where(begun, chosen.standing.upper))
    growth = planned.where(begun, chosen.added.upper)
    chosen.added.update(upper=growth.where(growth >= chosen.added.upper, chosen.added.upper))
    if chosen.units is not None:
        whole = chosen.units.coords["plant"].values
        size = known.unit_mw.sel(plant=whole)
        chosen.units.update(upper=(chosen.added.upper.sel(plant=whole) / size).round())
    came_mw = (_drawn_mw(built, stand) - stand.firm_mw).clip(0.0).where(planned.period < stand.first, 0.0)
    rows, came = built.model.constraints["plant_need"], brought_energy(inputs, came_mw)
    rows.update(rhs=rows.rhs.where(rows.rhs <= -came, -came).transpose(*rows.rhs.dims))
    if "day_need" in built.model.constraints:
        days = built.model.constraints["day_need"]
        brought = (came_mw * in_period(inputs.calendar)).sum("period").sel(site=days.rhs.site)
        days.update(rhs=days.rhs.where(days.rhs <= -brought, -brought).transpose(*days.rhs.dims))


def _hold_sold(plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """What has left early has left; who leaves from now on is open."""
    stated, sold = built.terms.resales, built.choose.sold
    if stated is None or sold is None:
        return
    planned = planned_sold(stated, plan.decisions, block_racks=built.terms.fleet.block_racks)
    over = (planned.period + stated.age_periods < stand.first).transpose("platform", "resale", "period")
    left = left_before(stated, planned, first=stand.first)
    settled = left.where(left <= stand.kept, stand.kept).transpose(*sold.dims)
    sold.update(lower=settled, upper=sold.upper.where(~over, settled).transpose(*sold.dims))


def _raise(built: Formulation, family: str, least: xr.DataArray) -> None:
    """Lifts the right-hand sides of a family to `least` where they are lower."""
    rows = built.model.constraints[family]
    stated = rows.rhs
    rows.update(rhs=stated.where(stated >= least, least).transpose(*stated.dims))


def _hold_work(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments, past: xr.DataArray) -> None:
    """No more was served and trained in the past than the plan had meant to."""
    choose, work, by_period = built.choose, built.terms.work, in_period(inputs.calendar)
    index = {"period": past.period}
    meant = plan.decisions["served_tokens"].assign_coords(index).transpose("service", "period") / TOKEN_UNIT
    served = (by_period * choose.served).sum("month")
    built.model.add_constraints(served <= meant * EVEN, name="past_served", mask=past & (meant >= 0.0))
    _hold_jobs(inputs, plan, built=built, stand=stand)
    if not inputs.runs:
        return
    flop = plan.decisions["training_flop"].assign_coords(index).transpose("run", "period")
    share = unplaced(work.flop_per_rack / work.compute_flop, built.terms.jobs) * by_period
    trained = (share * choose.training).sum(["platform", "month"])
    done = flop / work.compute_flop
    built.model.add_constraints(trained <= done * EVEN, name="past_trained", mask=past & (done >= 0.0))


def _hold_jobs(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """Placed runs that have begun go on where they are; others begin from the first open period on.

    One whose racks were not there in the past has not begun.
    """
    jobs, choose, limits = built.terms.jobs, built.choose.starts, built.terms.fleet
    if jobs is None or choose is None:
        return
    racks = plan.decisions["training_racks"].assign_coords(period=limits.supply_blocks.period)
    planned = planned_place(jobs, racks)
    begins = jobs.first_period + jobs.possible.start
    ready = ready_racks(limits, calendar=inputs.calendar, arrived_blocks=stand.kept)
    missing = (held_by_job(jobs, planned) > ready + _LEAST_RACKS) & (ready.period < stand.first)
    stands = (planned > 0.0) & (begins < stand.first) & ~missing.any(["site", "platform", "period"])
    going = stands.any(["site", "platform", "site_count", "start"])
    kept = planned.where(stands, 0.0)
    most = kept.where(going | (begins < stand.first), choose.place.upper)
    dims = choose.place.dims
    choose.place.update(lower=kept.transpose(*dims), upper=most.transpose(*dims))


def demands_in_conflict(inputs: Inputs, built: Formulation, stand: Commitments) -> tuple[str, ...]:
    """What of the scenario's demands, and of racks that are paid for, cannot all hold beside what stands, in words.

    None of them can be left out (a deletion filter, whole numbers being divisible); all of them where only whole ones
    conflict.
    """
    rows = built.model.constraints
    words = {
        **{("targets", index): f"target[{index}]" for index in range(len(inputs.targets))},
        **{("runs", index): f"training[{index}]" for index in range(len(inputs.runs))},
        ("minimum_cash", 0): "programme.minimum_cash",
        **{("ordered", p): line for p, line in enumerate(_paid_for(built, stand))},
    }
    asked = {name: rows[name].rhs.copy() for name in {family for family, _ in words} if name in rows}
    built.model.variables.relax()
    built.model.add_objective(0.0 * built.npv, sense="max", overwrite=True)
    kept = [item for item in words if item[0] in asked]
    for item in tuple(kept):
        less = [other for other in kept if other != item]
        if not _leaves_a_plan(inputs, built, asked, kept=less):
            kept = less
    needed = not _leaves_a_plan(inputs, built, asked, kept=kept)
    built.model.variables.unrelax()
    return tuple(words[item] for item in (kept if needed and kept else words) if item[0] in asked)


def _paid_for(built: Formulation, stand: Commitments) -> list[str]:
    """Racks of each platform that are paid for and must find power."""
    racks = (stand.kept.where(stand.kept.period >= stand.first, 0.0).sum("site") + stand.waiting).sum("period")
    total = racks * built.terms.fleet.block_racks
    return [
        f"{float(total.sel(platform=p)):g} racks of {p} on order, which must find power" for p in total.platform.values
    ]


def _leaves_a_plan(
    inputs: Inputs, built: Formulation, asked: Mapping[str, xr.DataArray], *, kept: list[tuple[str, int]]
) -> bool:
    """Whether a plan exists where only the kept demands hold."""
    first = {"targets": "target", "runs": "run", "ordered": "platform"}
    for name, level in asked.items():
        dim = first.get(name)
        if dim is None:
            less = level if (name, 0) in kept else xr.full_like(level, _LONG_AGO)
        else:
            held = [(name, index) in kept for index in range(level.sizes[dim])]
            less = level.where(xr.DataArray(held, dims=dim, coords={dim: level[dim]}), _LONG_AGO)
        built.model.constraints[name].update(rhs=less.transpose(*level.dims))
    found = search(built.model, settings=inputs.solver, report=silent).ending is not Ending.INFEASIBLE
    for name, level in asked.items():
        built.model.constraints[name].update(rhs=level)
    return found
