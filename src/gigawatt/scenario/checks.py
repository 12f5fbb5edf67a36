"""What must hold between the entries of a scenario: ids that exist once, dates in order, power that grows."""

from collections.abc import Sequence
from datetime import date

from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import Scenario
from gigawatt.scenario.places import Step
from gigawatt.scenario.refusals import quoted, suggestion
from gigawatt.timeline import Calendar


def unique_ids(scenario: Scenario, ids: Sequence[str], *, key: str) -> None:
    """Refuse an id that stands twice in the list `key`."""
    for position, name in enumerate(ids):
        if name in ids[:position]:
            raise ScenarioError(
                where=scenario.place(key, position),
                found=f"the id {quoted(name)} a second time",
                expected="one entry per id",
                fix="Give one of the two another id.",
            )


def known_id(scenario: Scenario, name: str, *steps: Step, known: Sequence[str], noun: str) -> str:
    """`name`, if it is one of `known`."""
    if name in known:
        return name
    raise ScenarioError(
        where=scenario.place(*steps),
        found=f"the unknown {noun} {quoted(name)}",
        expected=f"a {noun} of this scenario",
        fix=suggestion(name, tuple(known)),
    )


def rising_dates(scenario: Scenario, starts: Sequence[date], *steps: Step) -> None:
    """Refuse steps that do not come later one after the other."""
    for position in range(1, len(starts)):
        if starts[position] <= starts[position - 1]:
            raise ScenarioError(
                where=scenario.place(*steps, position, "from"),
                found=f"{_month(starts[position])} after {_month(starts[position - 1])}",
                expected="each step in a later month than the one before",
                fix="Sort the steps by date.",
            )


def rising_power(scenario: Scenario, powers_mw: Sequence[float], *steps: Step) -> None:
    """Refuse cumulative power that does not grow."""
    for position, power_mw in enumerate(powers_mw):
        before_mw = powers_mw[position - 1] if position else 0.0
        if power_mw <= before_mw:
            raise ScenarioError(
                where=scenario.place(*steps, position),
                found=f"{power_mw:g} MW facility after {before_mw:g} MW facility",
                expected="more power with each step; steps state the site's power in all, not what is added",
                fix="Write the sum of all power from that month on.",
            )


def within_calendar(scenario: Scenario, day: date, *steps: Step, calendar: Calendar) -> date:
    """`day`, if it lies in the programme's months."""
    if 0 <= calendar.month_index(day) < calendar.month_count:
        return day
    raise ScenarioError(
        where=scenario.place(*steps),
        found=_month(day),
        expected=f"a month of the programme, {_month(calendar.months[0])} to {_month(calendar.months[-1])}",
        fix="Move the date, or the programme's start or end.",
    )


def _month(day: date) -> str:
    return day.isoformat()[:7]
