"""The programme's money as linear expressions of its decisions: present value, and cash by period."""

import linopy
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import in_period, month_axis
from gigawatt.planning.generation import invested_usd, running_usd
from gigawatt.planning.money import Money
from gigawatt.planning.purchases import shortfall_usd
from gigawatt.planning.resale import receipts_usd
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms
from gigawatt.planning.variables import Variables
from gigawatt.timeline import Calendar, discount_factors


def net_present_value(inputs: Inputs, *, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Discounted operating and investment flows of the programme, each month with its own factor.

    NPV = sum over months i of (1 + r)^(-i/12) (price x tokens - all that arrivals, racks and megawatts cost).
    """
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    weight = month_axis(inputs.calendar).copy(data=factors)
    by_period = in_period(inputs.calendar) * weight
    block, money = terms.fleet.block_racks, terms.money
    earned = present_revenue(inputs, terms=terms, choose=choose)
    arrival = ((money.arrival_usd_per_rack @ weight) * block / MONEY_UNIT_USD * choose.arrivals).sum()
    service = ((money.service_usd_per_rack @ by_period) * block / MONEY_UNIT_USD * choose.in_service).sum()
    expansion = ((money.expansion_usd_per_mw @ weight) / MONEY_UNIT_USD * choose.expansion).sum()
    standing = ((money.standing_usd_per_mw @ by_period) / MONEY_UNIT_USD * choose.built).sum()
    value: linopy.LinearExpression = earned - arrival - service - expansion - standing
    weights = weight.expand_dims(step=[0]).transpose("month", "step")
    beside = [
        *_running_beside(weights=weights, terms=terms, choose=choose),
        *_invested_beside(weights=weights, terms=terms, choose=choose),
    ]
    return sum((-1.0 * usd.sum("step") / MONEY_UNIT_USD for usd in beside), value)


def _running_beside(*, weights: xr.DataArray, terms: Terms, choose: Variables) -> list[linopy.LinearExpression]:
    """Running costs beside racks and halls, in USD, months added up by `weights` `(month, step)`, `(step,)` each."""
    usd = []
    if terms.plants is not None and choose.plants is not None:
        usd.append(running_usd(terms.plants, choose.plants, weights=weights))
    if terms.purchases is not None and choose.missing is not None:
        usd.append(shortfall_usd(terms.purchases, choose.missing, weights=weights))
    if terms.resales is not None and choose.sold is not None:
        block = terms.fleet.block_racks
        usd.append(-1.0 * receipts_usd(terms.resales, choose.sold, block_racks=block, weights=weights))
    return usd


def _invested_beside(*, weights: xr.DataArray, terms: Terms, choose: Variables) -> list[linopy.LinearExpression]:
    """What is invested beside racks and halls, in USD, months added up by `weights` `(month, step)`, `(step,)` each."""
    if terms.plants is None or choose.plants is None:
        return []
    return [invested_usd(terms.plants, choose.plants, weights=weights)]


def present_revenue(inputs: Inputs, *, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Discounted revenue of the programme from tokens."""
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    weight = month_axis(inputs.calendar).copy(data=factors)
    return (terms.money.price_usd_per_token * weight * (TOKEN_UNIT / MONEY_UNIT_USD) * choose.served).sum()


def months_after(calendar: Calendar, *, months: int) -> xr.DataArray:
    """1 for the months of each period behind so many of its first, `(month, period)`; all of them behind none."""
    return in_period(calendar) * (month_axis(calendar) % calendar.months_per_period >= months)


def operating_and_investment_flow(
    inputs: Inputs, *, terms: Terms, choose: Variables, after_months: int = 0
) -> linopy.LinearExpression:
    """What operation and investment bring in less what they cost, undiscounted, `(period,)`.

    Only what falls behind the first `after_months` of each period counts.
    """
    by_period = months_after(inputs.calendar, months=after_months)
    earned = operating_flow(inputs, weights=by_period.rename(period="step"), terms=terms, choose=choose)
    spent = _investment(terms.money, by_period, block=terms.fleet.block_racks, choose=choose)
    net: linopy.LinearExpression = earned.rename(step="period") - spent
    beside = _invested_beside(weights=by_period.rename(period="step"), terms=terms, choose=choose)
    return sum((-1.0 * usd.rename(step="period") / MONEY_UNIT_USD for usd in beside), net)


def operating_flow(
    inputs: Inputs, *, weights: xr.DataArray, terms: Terms, choose: Variables
) -> linopy.LinearExpression:
    """What operation brings in less what it costs, the months added up by `weights` `(month, step)`, `(step,)`."""
    block, money, by_period = terms.fleet.block_racks, terms.money, in_period(inputs.calendar)
    price = money.price_usd_per_token * weights * (TOKEN_UNIT / MONEY_UNIT_USD)
    earned = (price * choose.served).sum(["service", "month"])
    service = xr.dot(money.service_usd_per_rack, weights, by_period, dim="month") * block / MONEY_UNIT_USD
    standing = xr.dot(money.standing_usd_per_mw, weights, by_period, dim="month") / MONEY_UNIT_USD
    running = (service * choose.in_service).sum(["site", "platform", "period"])
    net: linopy.LinearExpression = earned - running - (standing * choose.built).sum(["site", "period"])
    beside = _running_beside(weights=weights, terms=terms, choose=choose)
    return sum((-1.0 * usd / MONEY_UNIT_USD for usd in beside), net)


def _investment(
    money: Money, by_period: xr.DataArray, *, block: xr.DataArray, choose: Variables
) -> linopy.LinearExpression:
    """Payments for racks and building in the period they are due, `(period,)`."""
    paid = by_period.rename(period="paid")
    arrival = (money.arrival_usd_per_rack @ paid) * block / MONEY_UNIT_USD
    expansion = (money.expansion_usd_per_mw @ paid) / MONEY_UNIT_USD
    spent = (arrival * choose.arrivals).sum(["site", "platform", "period"]) + (expansion * choose.expansion).sum(
        ["site", "period"]
    )
    return spent.rename(paid="period")


def fixed_receipt(inputs: Inputs, *, terms: Terms, after_months: int = 0) -> xr.DataArray:
    """Money on fixed dates behind the first `after_months` of each period, in the solver's money, `(period,)`."""
    by_period = months_after(inputs.calendar, months=after_months)
    usd: xr.DataArray = xr.dot(terms.financing.fixed_usd, by_period, dim="month")
    return usd / MONEY_UNIT_USD


def tranche_receipt(*, terms: Terms, choose: Variables, after_months: int = 0) -> linopy.LinearExpression:
    """Tranches paid to the programme (or, negative, by it) behind the first `after_months` of a period, `(period,)`.

    The count earned so far is the variable; a tranche is paid on the step from one count to the next.
    """
    promise = terms.financing
    on_next = promise.receipt.shift(period=-1, fill_value=0.0)
    late = promise.amount_usd * (promise.into_period_months >= after_months)
    millions = late * (promise.receipt - on_next) / MONEY_UNIT_USD
    return (millions * choose.tranches).sum(["contract", "period"]).rename(paid="period")
