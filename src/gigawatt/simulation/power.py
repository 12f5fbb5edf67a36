"""When power really comes: announced steps, late by the luck."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from gigawatt.entities.site import PowerStep, Site
from gigawatt.entities.stages import Inputs, Luck
from gigawatt.errors import ScenarioError
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import MONTHS_PER_YEAR


def available_facility_mw(inputs: Inputs, luck: Luck) -> FloatArray:
    """Facility power energized at each site's meter, `(site, month)`.

    A step counts from the month it comes in: the announced month plus its slip.
    """
    return np.stack([_site_available_mw(inputs.calendar, site, luck=luck) for site in inputs.sites])


def slip_table(inputs: Inputs, luck: Luck) -> pl.DataFrame:
    """Announced and actual first day of the month of each power step, steps numbered from 1."""
    rows = [
        {
            "site": site.id,
            "step": number,
            "planned": step.start.replace(day=1),
            "actual": _months_later(step.start, slip),
        }
        for site in inputs.sites
        for number, (step, slip) in enumerate(_steps(site, luck=luck), start=1)
    ]
    schema = {"site": pl.String, "step": pl.Int64, "planned": pl.Date, "actual": pl.Date}
    return pl.DataFrame(rows, schema=schema)


def _site_available_mw(calendar: Calendar, site: Site, *, luck: Luck) -> FloatArray:
    months = np.arange(calendar.month_count)
    available = np.zeros(calendar.month_count)
    for step, slip in _steps(site, luck=luck):
        available[months >= calendar.month_index(step.start) + slip] = step.facility_mw
    return available


def _steps(site: Site, *, luck: Luck) -> list[tuple[PowerStep, int]]:
    """The site's steps with their slips in order of date; refused where power falls."""
    slipped = zip(site.power_steps, luck.slip_months[site.id], strict=True)
    steps = sorted(slipped, key=lambda pair: pair[0].start)
    for (earlier, _), (later, _) in pairwise(steps):
        if later.facility_mw < earlier.facility_mw:
            raise ScenarioError(
                where=f"sites.{site.id}.power_steps",
                found=f"{later.facility_mw:g} MW on {later.start} after {earlier.facility_mw:g} MW on {earlier.start}",
                expected="the power in all from each date on, never less than before",
                fix="State totals, not additions.",
            )
    return steps


def _months_later(day: date, month_count: int) -> date:
    """The first of the month that lies `month_count` months after the month of `day`."""
    ordinal = day.year * MONTHS_PER_YEAR + day.month - 1 + month_count
    return date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1)
