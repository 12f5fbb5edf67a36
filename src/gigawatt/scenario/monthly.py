"""Paths over the months, from what a scenario states to one value a month."""

from datetime import date

from gigawatt.scenario.checks import rising_dates
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.path_tables import Anchors, Growth
from gigawatt.scenario.paths import GrowthRate, grown, interpolated
from gigawatt.scenario.places import Step
from gigawatt.timeline import Calendar


def monthly(desk: Desk, path: Growth | Anchors, *steps: Step, calendar: Calendar) -> dict[date, float]:
    """The value in every month of the calendar.

    Raises ScenarioError where steps are out of order, a path begins too late or an anchor is nothing.
    """
    if isinstance(path, Anchors):
        return _anchored(desk, path, *steps, "anchors", calendar=calendar)
    at = path.at or calendar.start
    if at > calendar.start:
        raise desk.refuse(
            *steps,
            "at",
            found=at.isoformat()[:7],
            expected=f"a month not after the programme's start, {calendar.start.isoformat()[:7]}",
            fix="State an earlier month, or write the path as anchors.",
        )
    rising_dates(desk.scenario, [step.start for step in path.growth], *steps, "growth")
    rates = [
        GrowthRate(start=step.start, fraction_per_year=desk.number(step.rate, *steps, "growth", position, "rate"))
        for position, step in enumerate(path.growth)
    ]
    value = desk.number(path.start, *steps, "start")
    try:
        return grown(calendar.months, value=value, at=at, rates=rates)
    except OverflowError as error:
        raise desk.refuse(
            *steps,
            "growth",
            found="growth beyond every number",
            expected="a path that stays finite to the programme's end",
            fix='Write yearly growth like "80 percent/year".',
        ) from error


def _anchored(desk: Desk, path: Anchors, *steps: Step, calendar: Calendar) -> dict[date, float]:
    anchors = {}
    for month, stated in path.anchors.items():
        at = (*steps, month.isoformat()[:7])
        anchors[month] = desk.number(stated, *at)
        if anchors[month] == 0:
            raise desk.refuse(
                *at,
                found=f'"{stated.text}"',
                expected="more than zero; between anchors values change by a factor",
                fix="Write a small amount, or leave the anchor out.",
            )
    return interpolated(calendar.months, anchors=anchors)
