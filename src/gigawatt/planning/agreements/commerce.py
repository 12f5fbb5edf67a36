"""Leases, cloud capacity, commitments, advances, supply, shares of revenue, power and grants in the plan."""

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.contracts import (
    CapacityLease,
    Deposit,
    Grant,
    PowerPurchase,
    Prepayment,
    RevenueShare,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
)
from gigawatt.entities.schedules import (
    committed_so_far_usd,
    lease_rent_usd_per_it_mw,
    minimum_payment_usd,
    power_difference_usd,
    settlement_months,
)
from gigawatt.entities.site import Site
from gigawatt.planning.agreements.pieces import (
    Desk,
    Pay,
    at_least,
    at_most,
    capped,
    increments,
    steps,
    up_to_month,
)
from gigawatt.planning.agreements.spending import Counted, Spending
from gigawatt.planning.fleet import in_period, month_axis
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT
from gigawatt.timeline import Calendar, FloatArray


def sign(desk: Desk, *, payer: str, payee: str) -> float:
    """+1 where the programme receives, -1 where it pays, 0 where it does neither."""
    return float(payee == desk.inputs.programme) - float(payer == desk.inputs.programme)


def capacity_lease(contract: CapacityLease, desk: Desk) -> None:
    """Rent of what is leased and not built at the lease's own site."""
    direction = sign(desk, payer=contract.lessee, payee=contract.lessor)
    rent_usd = lease_rent_usd_per_it_mw(contract, desk.inputs.calendar)
    site = next((site for site in desk.inputs.sites if site.id == contract.site), None)
    if site is None:
        desk.run(desk.fixed(direction * rent_usd * contract.leased_it_mw), seller=contract.lessor)
        return
    desk.run(_unbuilt(contract, desk, site, rent_usd=direction * rent_usd), seller=contract.lessor)


def _unbuilt(contract: CapacityLease, desk: Desk, site: Site, *, rent_usd: FloatArray) -> Pay:
    built = (desk.choose.built.sel(site=site.id, drop=True) * (1.0 / site.peak_pue)).rename(period="step")
    unbuilt = at_least(desk, contract.id, contract.leased_it_mw * desk.one - built)
    rent = month_axis(desk.inputs.calendar).copy(data=rent_usd / MONEY_UNIT_USD)
    by_period = in_period(desk.inputs.calendar)

    def pay(weights: xr.DataArray) -> linopy.LinearExpression:
        per_mw = xr.dot(rent, weights, by_period, dim="month")
        due: linopy.LinearExpression = (per_mw * unbuilt.rename(step="period")).sum("period")
        return due

    return pay


def take_or_pay(contract: TakeOrPay, desk: Desk) -> None:
    """What is missing month by month between the minimum and what is paid for capacity at the sites."""
    calendar = desk.inputs.calendar
    minimum_usd = minimum_payment_usd(contract, calendar)
    direction = sign(desk, payer=contract.customer, payee=contract.provider)
    if not contract.sites or contract.customer != desk.inputs.programme:
        desk.run(desk.fixed(direction * minimum_usd), seller=contract.provider)
        return
    due = np.flatnonzero(minimum_usd).tolist()
    each = (month_axis(calendar) == steps(due)).astype(np.float64)
    used = desk.counted(Counted(kinds=(Spending.CLOUD,), payee=contract.provider, sites=contract.sites), each)
    least = steps(due).copy(data=minimum_usd[due] / MONEY_UNIT_USD)
    missing = at_least(desk, contract.id, least * desk.one - used)
    desk.run(_at_steps(missing, due), seller=contract.provider)


def _at_steps(amount: linopy.Variable | linopy.LinearExpression, months: list[int]) -> Pay:
    """Payments of the programme that fall in the steps' own months."""

    def pay(weights: xr.DataArray) -> linopy.LinearExpression:
        when = weights.sel(month=months).rename(month="paid").assign_coords(paid=months)
        due: linopy.LinearExpression = (-1.0 * when * (1.0 * amount).rename(step="paid")).sum("paid")
        return due

    return pay


def spend_commitment(contract: SpendCommitment, desk: Desk) -> None:
    """M_k >= C_k - S_k and M_k >= M_(k-1): what is missing so far, paid for in part."""
    calendar = desk.inputs.calendar
    due = settlement_months(contract, calendar)
    if contract.buyer != desk.inputs.programme or not due:
        return
    since = max(0, calendar.month_index(contract.start))
    spent = desk.spent(contract.seller, up_to_month(desk, due, since=since))
    committed = steps(due).copy(data=committed_so_far_usd(contract, calendar)[due] / MONEY_UNIT_USD)
    missing = desk.model.add_variables(lower=0.0, coords={"step": steps(due).values}, name=f"contract {contract.id}")
    short = committed * desk.one - spent
    desk.model.add_constraints(missing - short >= 0.0, name=f"contract {contract.id} due")
    before = (1.0 * missing.shift(step=1)).fillna(0.0)
    desk.model.add_constraints(missing - before >= 0.0, name=f"contract {contract.id} grows")

    def settle() -> None:
        exact = short.solution.clip(0.0)
        missing.solution = exact.copy(data=np.maximum.accumulate(exact.values))

    desk.settle.append(settle)
    desk.run(increments(missing, due, sign=-contract.shortfall_fraction))


def prepayment(contract: Prepayment, desk: Desk) -> None:
    """The advance, and its credit against what is bought."""
    calendar = desk.inputs.calendar
    direction = sign(desk, payer=contract.payer, payee=contract.payee)
    since = calendar.month_index(contract.on)
    desk.financing.append(desk.fixed(direction * _on(since, contract.amount_usd, calendar)))
    if contract.payer != desk.inputs.programme:
        return
    months = range(since, calendar.month_count)
    bought = desk.spent(contract.payee, up_to_month(desk, months, since=since))
    cap = contract.amount_usd / MONEY_UNIT_USD
    credit = at_most(desk, contract.id, contract.credit_fraction * bought, cap=cap)
    desk.financing.append(increments(credit, months, sign=1.0))


def deposit(contract: Deposit, desk: Desk) -> None:
    """The deposit and its return."""
    calendar = desk.inputs.calendar
    direction = sign(desk, payer=contract.payer, payee=contract.payee)
    there = _on(calendar.month_index(contract.on), contract.amount_usd, calendar)
    back = _on(calendar.month_index(contract.returned), contract.amount_usd, calendar)
    desk.financing.append(desk.fixed(direction * (there - back)))


def supply_agreement(contract: SupplyAgreement, desk: Desk) -> None:
    """Racks of the commitment that have not arrived by its month."""
    calendar, month = desk.inputs.calendar, desk.inputs.calendar.month_index(contract.committed_by)
    if contract.buyer != desk.inputs.programme or not 0 <= month < calendar.month_count:
        return
    block = float(desk.terms.fleet.block_racks.sel(platform=contract.platform))
    last = month // calendar.months_per_period
    by_then = (desk.choose.arrivals.coords["period"] <= last).astype(np.float64)
    arrived = (by_then * block * desk.choose.arrivals.sel(platform=contract.platform, drop=True)).sum(
        ["site", "period"]
    )
    missing = at_least(desk, contract.id, contract.committed_racks_count * desk.one + 0.0 * steps([month]) - arrived)
    fee = contract.shortfall_fraction * contract.price_usd_per_rack / MONEY_UNIT_USD
    desk.run(_at_steps(fee * missing, [month]))


def revenue_share(contract: RevenueShare, desk: Desk) -> None:
    """The share of revenue so far, until it reaches the cap."""
    if contract.payer != desk.inputs.programme:
        return
    calendar, price = desk.inputs.calendar, desk.terms.money.price_usd_per_token
    first = max(0, calendar.month_index(contract.start))
    months = range(first, min(calendar.month_count, calendar.month_index(contract.end) + 1))
    if not months:
        return
    so_far = up_to_month(desk, months, since=first)
    unit = contract.share_fraction * price * so_far * (TOKEN_UNIT / MONEY_UNIT_USD)
    shared = (unit * desk.choose.served).sum(["service", "month"])
    wanted = desk.terms.work.demand_tokens / TOKEN_UNIT
    most = (unit * wanted).sum(["service", "month"])
    paid = capped(desk, contract.id, shared, cap=contract.cap_usd / MONEY_UNIT_USD, most=most)
    desk.run(increments(paid, months, sign=-1.0), seller=contract.payee)


def power_purchase(contract: PowerPurchase, desk: Desk) -> None:
    """The settled difference, which depends on nothing."""
    site = next(site for site in desk.inputs.sites if site.id == contract.site)
    difference_usd = power_difference_usd(
        contract, desk.inputs.calendar, energy_price_usd_per_mwh=site.energy_price_usd_per_mwh
    )
    direction = sign(desk, payer=contract.buyer, payee=contract.seller)
    for part_usd, payee in (
        (np.clip(difference_usd, 0.0, None), contract.seller),
        (np.clip(difference_usd, None, 0.0), ""),
    ):
        desk.run(desk.fixed(direction * part_usd), seller=payee)


def grant(contract: Grant, desk: Desk) -> None:
    """The fraction of spending on facilities so far, up to the cap."""
    if contract.recipient != desk.inputs.programme:
        return
    months = range(desk.inputs.calendar.month_count)
    spent = desk.counted(Counted(kinds=(Spending.FACILITY,), sites=contract.sites), up_to_month(desk, months))
    cap = contract.cap_usd / MONEY_UNIT_USD
    earned = at_most(desk, contract.id, contract.capex_fraction * spent, cap=cap)
    desk.financing.append(increments(earned, months, sign=1.0, lag_months=contract.payment_lag_months))


def _on(month: int, amount_usd: float, calendar: Calendar) -> FloatArray:
    """An amount in one month, nothing where it lies outside, `(month,)`."""
    amounts = np.zeros(calendar.month_count)
    if 0 <= month < calendar.month_count:
        amounts[month] = amount_usd
    return amounts
