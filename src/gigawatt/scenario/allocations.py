"""What vendors set aside for the programme in a window of months, and how much of it must be taken."""

from math import inf

from gigawatt.entities.hardware import Allocation
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.schema import MONTHS_PER_PERIOD, AllocationTable, Period, PlatformTable
from gigawatt.timeline import months_between


def allocations(desk: Desk, table: PlatformTable, index: int) -> tuple[Allocation, ...]:
    """The allocations of a platform, in the scenario's order."""
    return tuple(
        _allocation(desk, stated, ("platform", index, "allocation", place))
        for place, stated in enumerate(table.allocation)
    )


def _allocation(desk: Desk, table: AllocationTable, at: tuple[Step, ...]) -> Allocation:
    _check_months(desk, table, at)
    if table.most is None and table.least is None:
        raise desk.refuse(
            *at,
            found="neither most nor least",
            expected="the racks that are set aside, or that must be taken",
            fix='Write most = "300 rack", least = "100 rack", or both.',
        )
    if table.shortfall is not None and table.least is None:
        raise desk.refuse(
            *at,
            "shortfall",
            found="a price of missing racks where none must be taken",
            expected="shortfall beside least",
            fix='Add least = "100 rack", or leave out shortfall.',
        )
    most = None if table.most is None else desk.number(table.most, *at, "most")
    least = 0.0 if table.least is None else desk.number(table.least, *at, "least")
    if least > (inf if most is None else most):
        raise desk.refuse(
            *at,
            "least",
            found=f"{least:g} racks to be taken of {most:g} set aside",
            expected="no more than most",
            fix="Lower least, or raise most.",
        )
    return Allocation(
        first=table.first,
        last=table.last,
        most_racks_count=most,
        least_racks_count=least,
        shortfall_usd_per_rack=None if table.shortfall is None else desk.number(table.shortfall, *at, "shortfall"),
    )


def _check_months(desk: Desk, table: AllocationTable, at: tuple[Step, ...]) -> None:
    start = desk.scenario.document.programme.start
    if table.first < start:
        raise desk.refuse(
            *at,
            "from",
            found=f"{table.first:%Y-%m}, before the programme's start",
            expected=f"{start:%Y-%m} or later, for earlier deliveries are not known",
            fix="Begin with the programme, and take what was delivered before off the racks.",
        )
    if table.last < table.first:
        raise desk.refuse(
            *at,
            "to",
            found=f"{table.last:%Y-%m}, before {table.first:%Y-%m}",
            expected="the last month of the window, no earlier than its first",
            fix="Put the two months in order.",
        )
    if _begins_no_period(desk, table):
        raise desk.refuse(
            *at,
            found=f"{table.first:%Y-%m} to {table.last:%Y-%m}, in which no planning period begins",
            expected="the first month of a quarter among its months, for racks come with a period",
            fix='Write whole quarters, or period = "month" in [programme].',
        )


def _begins_no_period(desk: Desk, table: AllocationTable) -> bool:
    """Whether a window lies within a planning period, which is a quarter unless stated."""
    programme = desk.scenario.document.programme
    step = MONTHS_PER_PERIOD[programme.period or Period.QUARTER]
    since, until = (months_between(programme.start, day) for day in (table.first, table.last))
    return -(-since // step) * step > until
