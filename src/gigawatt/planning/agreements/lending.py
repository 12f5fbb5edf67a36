"""Loans in the plan: drawn as their collateral is paid for, repaid level or sculpted, within their covenants.

A plan may leave a loan untaken, a yes or no of its own; a loan that is taken is drawn as far as its terms allow. It is
left untaken where its covenants or the least cash could not be kept otherwise.
"""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.contracts import GpuDebt, Loan, ProjectDebt, Repayment, VendorFinancing
from gigawatt.entities.schedules import level_balance_fractions
from gigawatt.planning.agreements.pieces import NAME, Desk, Pay, increments, steps, up_to_month
from gigawatt.planning.agreements.spending import Counted, Spending, most_spending
from gigawatt.planning.fleet import in_period, month_axis
from gigawatt.planning.terms import MONEY_UNIT_USD
from gigawatt.timeline import FloatArray
from gigawatt.units import MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A loan while it is drawn: `so_far` `(step,)` by the months of the window, in the solver's money.

    `first` is the month in which repayment begins, `rate` the interest of a month, `taken` whether it is taken.
    """

    loan: Loan
    months: range
    so_far: linopy.Variable
    first: int
    rate: float
    taken: linopy.Variable


def loan(contract: Loan, desk: Desk) -> None:
    """Draws, interest, principal, covenants and reserve of a loan of the programme."""
    calendar, terms = desk.inputs.calendar, contract.terms
    start = calendar.month_index(terms.start)
    months = range(max(0, start), min(calendar.month_count, start + terms.grace_months))
    if contract.borrower != desk.inputs.programme or not months:
        return
    drawn = _draws(contract, desk, months=months, first=start + terms.grace_months)
    desk.taken[contract.id] = drawn.taken
    if terms.repayment is Repayment.LEVEL:
        interest, principal, owed = _level(drawn)
    else:
        interest, principal, owed = _sculpted(drawn, desk)
    desk.financing.extend([increments(drawn.so_far, months, sign=1.0), _negative(interest), _negative(principal)])
    desk.interest.append(interest)
    _covenants(drawn, desk, service=lambda weights: interest(weights) + principal(weights), owed=owed)
    if terms.reserve_months:
        ahead = _months_ahead(desk, terms.reserve_months)
        desk.reserve.append((interest(ahead) + principal(ahead)).rename(step="period"))


def counted(contract: Loan) -> Counted:
    """The spending that secures a loan."""
    match contract:
        case VendorFinancing(vendor=vendor):
            return Counted(kinds=(Spending.SYSTEMS,), payee=vendor)
        case GpuDebt(sites=sites, platforms=platforms):
            return Counted(kinds=(Spending.SYSTEMS, Spending.FABRIC), sites=sites, platforms=platforms)
        case ProjectDebt(sites=sites):
            return Counted(kinds=(Spending.FACILITY,), sites=sites)


def _draws(contract: Loan, desk: Desk, *, months: range, first: int) -> Drawn:
    """so_far = taken x min(commitment, advance x collateral so far), held by a binary where the cap may bind."""
    terms, model, name = contract.terms, desk.model, f"{NAME} {contract.id}"
    cap, weights = terms.commitment_usd / MONEY_UNIT_USD, up_to_month(desk, months, since=months.start)
    secured = terms.advance_fraction * desk.counted(counted(contract), weights)
    most = terms.advance_fraction * float(
        most_spending(desk.inputs, counted(contract), weights=weights, paid=desk.paid, terms=desk.terms).max()
    )
    so_far = model.add_variables(lower=0.0, upper=cap, coords={"step": steps(months).values}, name=f"{name} drawn")
    taken = model.add_variables(binary=True, name=f"{name} taken")
    model.add_constraints(so_far - secured <= 0.0, name=f"{name} secured")
    model.add_constraints(so_far - cap * taken <= 0.0, name=f"{name} taken")
    least = so_far - secured - most * taken
    if most > cap:
        full = model.add_variables(binary=True, coords={"step": steps(months).values}, name=f"{name} full")
        model.add_constraints(so_far - cap * full >= 0.0, name=f"{name} full")
        least = least + (most - cap) * full
    model.add_constraints(least >= -most, name=f"{name} drawn as allowed")

    def settle() -> None:
        so_far.solution = float(taken.solution) * secured.solution.clip(0.0, cap)

    desk.settle.append(settle)
    rate = terms.rate_fraction_per_year / MONTHS_PER_YEAR
    return Drawn(loan=contract, months=months, so_far=so_far, first=first, rate=rate, taken=taken)


def _level(drawn: Drawn) -> tuple[Pay, Pay, Pay]:
    """Interest, principal and what is owed at the end of a month, all in proportion to what was drawn."""
    owed = level_balance_fractions(drawn.loan.terms.tenor_months, interest_fraction=drawn.rate)
    last = drawn.months[-1]

    def in_repayment(weights: xr.DataArray, parts: FloatArray) -> xr.DataArray:
        due = np.arange(drawn.first, drawn.first + parts.size)
        when = weights.reindex(month=due, fill_value=0.0)
        weighed: xr.DataArray = xr.dot(when, xr.DataArray(parts, dims="month", coords={"month": due}), dim="month")
        return weighed

    def held(weights: xr.DataArray, *, delay: int) -> linopy.LinearExpression:
        """The balance of each month of the window, weighed with the month `delay` later."""
        due = [month + delay for month in drawn.months if month + delay < drawn.first]
        months = [month - delay for month in due]
        when = weights.reindex(month=due, fill_value=0.0).rename(month="paid").assign_coords(paid=months)
        weighed: linopy.LinearExpression = (when * (1.0 * drawn.so_far).rename(step="paid").sel(paid=months)).sum(
            "paid"
        )
        return weighed

    total = drawn.so_far.sel(step=last, drop=True)

    def interest(weights: xr.DataArray) -> linopy.LinearExpression:
        due: linopy.LinearExpression = in_repayment(weights, drawn.rate * owed[:-1]) * total
        return drawn.rate * held(weights, delay=1) + due

    def principal(weights: xr.DataArray) -> linopy.LinearExpression:
        repaid: linopy.LinearExpression = in_repayment(weights, -np.diff(owed)) * total
        return repaid

    def balance(weights: xr.DataArray) -> linopy.LinearExpression:
        left: linopy.LinearExpression = in_repayment(weights, owed[1:]) * total
        return held(weights, delay=0) + left

    return interest, principal, balance


def _sculpted(drawn: Drawn, desk: Desk) -> tuple[Pay, Pay, Pay]:
    """Principal of an interval = min(balance, cash / target - interest); what is left at maturity is due then.

    A binary says which of the two is the lesser. Cash must cover the interest at the target's coverage.
    """
    terms, calendar = drawn.loan.terms, desk.inputs.calendar
    size = calendar.months_per_period
    ends = [
        m for m in range(drawn.first + size - 1, drawn.first + terms.tenor_months, size) if m < calendar.month_count
    ]
    name, cap = f"{NAME} {drawn.loan.id}", terms.commitment_usd / MONEY_UNIT_USD
    owed = desk.model.add_variables(lower=0.0, upper=cap, coords={"step": steps(ends).values}, name=f"{name} owed")
    total = drawn.so_far.sel(step=drawn.months[-1], drop=True)
    at_start = xr.zeros_like(steps(ends), dtype=np.float64)
    if ends:
        at_start[0] = 1.0
    before = (1.0 * owed.shift(step=1)).fillna(0.0) + at_start * total
    repaid = before - owed
    carried = desk.operating(_interval(desk, ends)) * (1.0 / terms.target_dscr_ratio) - size * drawn.rate * before
    final = (steps(ends) == drawn.first + terms.tenor_months - 1).astype(np.float64)
    clear = desk.model.add_variables(binary=True, coords={"step": steps(ends).values}, name=f"{name} cleared")
    most = _most_operating(desk) / terms.target_dscr_ratio + cap
    desk.model.add_constraints(repaid >= 0.0, name=f"{name} repaid")
    desk.model.add_constraints(owed + (cap * final) * drawn.taken <= cap, name=f"{name} matures")
    desk.model.add_constraints(carried - (most * (1.0 - final)) * drawn.taken >= -most, name=f"{name} covered")
    desk.model.add_constraints(repaid - carried + most * drawn.taken <= most * (1.0 + final), name=f"{name} sculpted")
    desk.model.add_constraints(owed + cap * clear <= cap, name=f"{name} cleared")
    desk.model.add_constraints(repaid - carried + most * clear >= 0.0, name=f"{name} as carried")

    def settle() -> None:
        values, balance = owed.solution.copy(), float((1.0 * total).solution)
        cash = desk.operating(_interval(desk, ends)).solution / terms.target_dscr_ratio
        for position in range(len(ends)):
            due = max(0.0, float(cash[position]) - size * drawn.rate * balance)
            balance = 0.0 if bool(final[position]) else balance - min(balance, due)
            values[position] = balance
        owed.solution = values

    desk.settle.append(settle)
    return _sculpted_payments(drawn, desk, ends=ends, owed=owed, before=before)


def _sculpted_payments(
    drawn: Drawn, desk: Desk, *, ends: list[int], owed: linopy.Variable, before: linopy.LinearExpression
) -> tuple[Pay, Pay, Pay]:
    inside = _interval(desk, ends).rename(step="paid")

    def at_ends(weights: xr.DataArray) -> xr.DataArray:
        return weights.sel(month=ends).rename(month="paid").assign_coords(paid=ends)

    def drawing(weights: xr.DataArray) -> linopy.LinearExpression:
        due = [month + 1 for month in drawn.months if month + 1 < drawn.first]
        months = [month - 1 for month in due]
        when = weights.reindex(month=due, fill_value=0.0).rename(month="paid").assign_coords(paid=months)
        weighed: linopy.LinearExpression = (when * (1.0 * drawn.so_far).rename(step="paid").sel(paid=months)).sum(
            "paid"
        )
        return weighed

    def interest(weights: xr.DataArray) -> linopy.LinearExpression:
        per_interval = xr.dot(inside, weights, dim="month")
        due: linopy.LinearExpression = (drawn.rate * per_interval * before.rename(step="paid")).sum("paid")
        return drawn.rate * drawing(weights) + due

    def principal(weights: xr.DataArray) -> linopy.LinearExpression:
        repaid: linopy.LinearExpression = (at_ends(weights) * (before - owed).rename(step="paid")).sum("paid")
        return repaid

    def balance(weights: xr.DataArray) -> linopy.LinearExpression:
        left: linopy.LinearExpression = (at_ends(weights) * (1.0 * owed).rename(step="paid")).sum("paid")
        return left

    return interest, principal, balance


def _covenants(drawn: Drawn, desk: Desk, *, service: Pay, owed: Pay) -> None:
    """Coverage in each period of repayment, and the balance at its end against what secures it."""
    terms, calendar, name = drawn.loan.terms, desk.inputs.calendar, f"{NAME} {drawn.loan.id}"
    size = calendar.months_per_period
    ends = [
        month
        for month in range(size - 1, calendar.month_count, size)
        if drawn.first <= month < drawn.first + terms.tenor_months
    ]
    if not ends:
        return
    if terms.least_dscr_ratio:
        inside = _interval(desk, ends)
        kept = desk.operating(inside) - terms.least_dscr_ratio * service(inside)
        most = _most_operating(desk)
        desk.model.add_constraints(kept - most * drawn.taken >= -most, name=f"{name} coverage")
        desk.covenants.setdefault(drawn.loan.id, []).append(kept)
    if terms.most_ltv_fraction:
        at_end = (month_axis(calendar) == steps(ends)).astype(np.float64)
        age = steps(ends) - month_axis(calendar)
        drawn_then = (month_axis(calendar) >= drawn.months.start) & (month_axis(calendar) <= drawn.months[-1])
        left = ((1.0 - age / terms.collateral_life_months).clip(0.0) * (age >= 0) * drawn_then).astype(np.float64)
        worth = desk.counted(counted(drawn.loan), left)
        kept = terms.most_ltv_fraction * worth - owed(at_end)
        desk.model.add_constraints(kept >= 0.0, name=f"{name} value")
        desk.covenants.setdefault(drawn.loan.id, []).append(kept)


def _interval(desk: Desk, ends: list[int]) -> xr.DataArray:
    """1 for the months of the planning period that ends with each step, `(month, step)`."""
    size, axis = desk.inputs.calendar.months_per_period, month_axis(desk.inputs.calendar)
    return ((axis <= steps(ends)) & (axis > steps(ends) - size)).astype(np.float64)


def _months_ahead(desk: Desk, count: int) -> xr.DataArray:
    """1 for the months after each period's end that the reserve covers, `(month, step)`."""
    calendar = desk.inputs.calendar
    period = xr.DataArray(
        np.arange(calendar.period_count), dims="step", coords={"step": np.arange(calendar.period_count)}
    )
    end = (period + 1) * calendar.months_per_period - 1
    axis = month_axis(calendar)
    return ((axis > end) & (axis <= end + count)).astype(np.float64)


def _most_operating(desk: Desk) -> float:
    """More than a period's operation can bring or cost, in the solver's money."""
    limits, money = desk.terms.fleet, desk.terms.money
    by_period = in_period(desk.inputs.calendar)
    power = float(limits.energized_facility_mw.sum("site").max())
    per_mw = (money.service_usd_per_rack / limits.rack_facility_mw).max(["site", "platform"])
    cost = ((per_mw + money.standing_usd_per_mw.max("site")) * power) @ by_period
    revenue = (money.price_usd_per_token * desk.terms.work.demand_tokens).sum("service") @ by_period
    promised = sum(promised_usd(contract) for contract in desk.inputs.contracts)
    return (float(cost.max()) + float(revenue.max()) + promised) / MONEY_UNIT_USD


def promised_usd(contract: object) -> float:
    """What a contract can add to a period's operating costs at most, roughly and never less."""
    amount = getattr(contract, "amount_usd", 0.0) if hasattr(contract, "shortfall_fraction") else 0.0
    take = getattr(contract, "capacity_mw", 0.0) * getattr(contract, "price_usd_per_mw_month", 0.0) * MONTHS_PER_YEAR
    rent = getattr(contract, "leased_it_mw", 0.0) * getattr(contract, "rent_usd_per_it_mw_month", 0.0) * MONTHS_PER_YEAR
    racks = getattr(contract, "committed_racks_count", 0.0) * getattr(contract, "price_usd_per_rack", 0.0)
    return float(amount + take + 2.0 * rent + racks)


def _negative(pay: Pay) -> Pay:
    return lambda weights: -1.0 * pay(weights)
