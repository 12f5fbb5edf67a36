"""What still stands when the horizon ends, where a scenario lets the plan count it: the owner's books, discounted."""

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.schedules import book_fractions, delivered_price_usd_per_rack, rack_worth_fractions
from gigawatt.entities.stages import EndValue, Inputs
from gigawatt.planning.fleet import Fleet, period_axis
from gigawatt.planning.money import pays_building, pays_systems
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import Variables
from gigawatt.timeline import Calendar, FloatArray, end_discount_factor


def end_value(inputs: Inputs, *, terms: Terms, choose: Variables) -> linopy.LinearExpression | None:
    """Present value, in the solver's money, of what the programme owns at the end; None where it does not count.

    Racks whose life is not over and that were not sold, halls and plants, each at what `entities.schedules` says of
    its age on the day after the horizon.
    """
    if inputs.end_value is EndValue.NOTHING:
        return None
    present = end_discount_factor(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction) / MONEY_UNIT_USD
    block = _rack_usd(inputs, limits=terms.fleet) * terms.fleet.block_racks * present
    hall = pays_building(inputs) * inputs.costs.facility_usd_per_facility_mw * _facility_fraction(inputs) * present
    left: linopy.LinearExpression = (block * choose.arrivals).sum() + (hall * choose.expansion).sum()
    if terms.resales is not None and choose.sold is not None:
        last = inputs.calendar.period_count - 1
        left = left - (block * terms.resales.gone.sel(later=last, drop=True) * choose.sold).sum()
    if terms.plants is not None and choose.plants is not None:
        cost = terms.plants.added_usd_per_mw.sum("month")
        left = left + (cost * _facility_fraction(inputs) * present * choose.plants.added).sum()
    return left


def _ages_months(calendar: Calendar) -> FloatArray:
    """Age at the horizon's end of what came in each period, `(period,)`."""
    return calendar.month_count - np.arange(calendar.period_count, dtype=np.float64) * calendar.months_per_period


def _facility_fraction(inputs: Inputs) -> xr.DataArray:
    """Part of its cost that a hall or a plant of each period is worth at the end, `(period,)`."""
    costs = inputs.costs
    return period_axis(inputs.calendar).copy(
        data=book_fractions(
            _ages_months(inputs.calendar),
            life_months=costs.facility_book_life_months,
            residual_fraction=costs.facility_residual_fraction,
        )
    )


def _rack_usd(inputs: Inputs, *, limits: Fleet) -> xr.DataArray:
    """What a rack that came in each period is worth at the end, with its fabric, `(site, platform, period)`."""
    ages, step = _ages_months(inputs.calendar), inputs.calendar.months_per_period
    fabric = limits.rack_it_mw * inputs.costs.fabric_usd_per_it_mw
    rows = [
        delivered_price_usd_per_rack(offer, inputs.calendar)[::step] * rack_worth_fractions(ages, offer=offer)
        + float(fabric.sel(platform=offer.platform.id))
        * book_fractions(ages, life_months=offer.book_life_months, residual_fraction=offer.residual_fraction)
        for offer in inputs.offers
    ]
    period = period_axis(inputs.calendar)
    worth = xr.DataArray(
        np.array(rows), dims=("platform", "period"), coords={"platform": fabric.platform, "period": period}
    )
    alive = period + limits.life_periods > inputs.calendar.period_count - 1
    return pays_systems(inputs) * worth * alive
