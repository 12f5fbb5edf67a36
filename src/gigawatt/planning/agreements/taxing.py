"""Income tax in the plan: losses carried forward are linear, for tax never falls.

Let x_t be the income of year t, X_t its sum, l the share of a year's income that losses may offset. Taxed so far is

    T_t = max(T_(t-1),  T_(t-1) + (1 - l) x_t,  X_t)

because the losses that wait are T - X. Each of the three is linear in the plan's decisions.
"""

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.contracts import IncomeTax
from gigawatt.planning.agreements.estate import plant_additions_usd
from gigawatt.planning.agreements.pieces import NAME, Desk, increments, steps
from gigawatt.planning.fleet import month_axis
from gigawatt.planning.money import systems_worth_usd_per_rack
from gigawatt.planning.terms import MONEY_UNIT_USD


def income_tax(contract: IncomeTax, desk: Desk) -> None:
    """Tax of each calendar year in its last month, and what is left of credits carried forward."""
    if contract.taxpayer != desk.inputs.programme:
        return
    ends, income, credit = _incomes(contract, desk)
    model, name, offset = desk.model, f"{NAME} {contract.id}", contract.loss_offset_fraction
    taxed = model.add_variables(lower=0.0, coords={"step": steps(ends).values}, name=f"{name} taxed")
    used = model.add_variables(lower=0.0, coords={"step": steps(ends).values}, name=f"{name} credits")
    taxed_before, used_before = ((1.0 * v.shift(step=1)).fillna(0.0) for v in (taxed, used))
    so_far = _summed(income, ends)
    model.add_constraints(taxed - taxed_before >= 0.0, name=f"{name} grows")
    model.add_constraints(taxed - taxed_before - (1.0 - offset) * income >= 0.0, name=f"{name} offset")
    model.add_constraints(taxed - so_far >= 0.0, name=f"{name} income")
    earned = contract.credit_fraction * _summed(credit, ends)
    model.add_constraints(used - earned <= 0.0, name=f"{name} credits earned")
    due = contract.rate_fraction * (taxed - taxed_before) - (used - used_before)
    model.add_constraints(due >= 0.0, name=f"{name} due")
    model.add_constraints(used - used_before >= 0.0, name=f"{name} credits used")

    def settle() -> None:
        yearly, credits = income.solution.values, (contract.credit_fraction * credit).solution.values
        taxes, uses = np.zeros(len(ends)), np.zeros(len(ends))
        sum_taxed = sum_used = sum_income = sum_credit = 0.0
        for year in range(len(ends)):
            sum_income, sum_credit = sum_income + yearly[year], sum_credit + credits[year]
            grown = max(sum_taxed, sum_taxed + (1.0 - offset) * yearly[year], sum_income)
            sum_used += min(sum_credit - sum_used, contract.rate_fraction * (grown - sum_taxed))
            sum_taxed = grown
            taxes[year], uses[year] = sum_taxed, sum_used
        taxed.solution = taxed.solution.copy(data=taxes)
        used.solution = used.solution.copy(data=uses)

    desk.settle.append(settle)
    desk.financing.append(increments(taxed, ends, sign=-contract.rate_fraction))
    desk.financing.append(increments(used, ends, sign=1.0))


def _incomes(contract: IncomeTax, desk: Desk) -> tuple[list[int], linopy.LinearExpression, linopy.LinearExpression]:
    """Last month of each calendar year, taxable income and facilities placed in service by year."""
    calendar, choose = desk.inputs.calendar, desk.choose
    years = np.array([day.year for day in calendar.months])
    ends = np.flatnonzero(np.diff(years, append=years[-1] + 1)).tolist()
    year = month_axis(calendar).copy(data=years)
    by_year = (year == steps(ends).copy(data=years[ends])).astype(np.float64)
    first_months = np.arange(calendar.period_count) * calendar.months_per_period
    placed = xr.DataArray(
        years[first_months][:, None] == years[ends][None, :],
        dims=("period", "step"),
        coords={"period": np.arange(calendar.period_count), "step": ends},
    ).astype(np.float64)
    racks = systems_worth_usd_per_rack(desk.inputs, fleet=desk.terms.fleet) * desk.terms.fleet.block_racks
    halls = desk.terms.money.expansion_usd_per_mw.sum("month").max("period")
    written = _racks_written(contract, desk, worth=racks / MONEY_UNIT_USD, placed=placed) + (
        halls / MONEY_UNIT_USD * _later(placed, contract.facilities_fractions) * choose.expansion
    ).sum(["site", "period"])
    paid_interest = sum((pay(by_year) for pay in desk.interest), 0.0 * steps(ends) * desk.one)
    facilities = (halls / MONEY_UNIT_USD * placed * choose.expansion).sum(["site", "period"])
    plants = plant_additions_usd(desk.terms, choose, counted=placed)
    off = plant_additions_usd(desk.terms, choose, counted=_later(placed, contract.facilities_fractions))
    if plants is not None and off is not None:
        facilities, written = facilities + plants, written + off
    return ends, desk.operating(by_year) - paid_interest - written, facilities


def _racks_written(
    contract: IncomeTax, desk: Desk, *, worth: xr.DataArray, placed: xr.DataArray
) -> linopy.LinearExpression:
    """What is written off of racks in each year, in the year in which they leave all that is left, `(step,)`."""
    choose, terms = desk.choose, desk.terms
    life = terms.fleet.life_periods
    whole = _until(placed, contract.systems_fractions, after_periods=life)
    written = (worth * whole * choose.arrivals).sum(["site", "platform", "period"])
    if terms.resales is None or choose.sold is None:
        return written
    sold = _until(placed, contract.systems_fractions, after_periods=terms.resales.age_periods)
    return written + (worth * (sold - whole) * choose.sold).sum(["site", "platform", "resale", "period"])


def _until(placed: xr.DataArray, fractions: tuple[float, ...], *, after_periods: xr.DataArray) -> xr.DataArray:
    """Part written off in each year of racks of each period that leave so much later, `(..., period, step)`."""
    schedule, came = _later(placed, fractions), placed.values.argmax(axis=1)
    ever = float(np.sum(fractions))
    rows = []
    for periods in after_periods.values.ravel().astype(int):
        leaving = np.arange(came.size) + periods
        written = schedule.values.copy()
        for period in np.flatnonzero(leaving < came.size):
            year = came[leaving[period]]
            written[period, year] = ever - written[period, :year].sum()
            written[period, year + 1 :] = 0.0
        rows.append(written)
    table = np.array(rows).reshape(*after_periods.shape, *schedule.shape)
    return xr.DataArray(
        table, dims=(*after_periods.dims, *schedule.dims), coords={**after_periods.coords, **schedule.coords}
    )


def _later(placed: xr.DataArray, fractions: tuple[float, ...]) -> xr.DataArray:
    """Part written off in each year of what is placed in service in each period, `(period, step)`."""
    years = placed.sizes["step"]
    spread = np.zeros((years, years))
    for age, fraction in enumerate(fractions[:years]):
        spread += fraction * np.eye(years, k=age)
    return placed.copy(data=placed.values @ spread)


def _summed(yearly: linopy.LinearExpression, ends: list[int]) -> linopy.LinearExpression:
    """The running sum of yearly amounts, `(step,)`."""
    earlier = xr.DataArray(
        np.tril(np.ones((len(ends), len(ends)))), dims=("step", "year"), coords={"step": ends, "year": ends}
    )
    return (earlier * yearly.rename(step="year")).sum("year")
