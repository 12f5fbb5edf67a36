"""Ages at which racks may leave before their life ends, and what they are then worth."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from gigawatt.entities.assumptions import OperationAssumptions
from gigawatt.entities.hardware import Offer, Resale
from gigawatt.entities.schedules import book_fractions
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.schema import PlatformTable, ResaleTable
from gigawatt.timeline import Calendar
from gigawatt.units import PERCENT_PER_ONE

BUYERS = "Buyers of used systems"


def with_resales(desk: Desk, table: PlatformTable, index: int, *, offer: Offer) -> Offer:
    """The offer with the ages at which its racks may leave; a value not stated is what the books say at that age."""
    if not table.resale:
        return offer
    found = tuple(
        _resale(desk, stated, ("platform", index, "resale", place), offer=offer)
        for place, stated in enumerate(table.resale)
    )
    for place, (earlier, later) in enumerate(pairwise(found), start=1):
        if later.age_months <= earlier.age_months:
            raise desk.refuse(
                "platform",
                index,
                "resale",
                place,
                "age",
                found=f"{later.age_months} month after {earlier.age_months} month",
                expected="each age above the one before",
                fix="Sort them by age.",
            )
    buyer = desk.party(table.buyer, "platform", index, "buyer", default=BUYERS)
    return replace(offer, resale=found, buyer=buyer)


def _resale(desk: Desk, table: ResaleTable, at: tuple[Step, ...], *, offer: Offer) -> Resale:
    age_months = desk.whole(desk.number(table.age, *at, "age"), table.age, *at, "age")
    if table.value is not None:
        return Resale(age_months=age_months, value_fraction=desk.number(table.value, *at, "value"))
    life, residual = offer.book_life_months, offer.residual_fraction
    left = float(book_fractions(np.array(age_months), life_months=life, residual_fraction=residual))
    note = "used racks are sold at what they are worth in the books"
    desk.choose(None, *at, "value", default=f"{PERCENT_PER_ONE * left:.3g} percent", note=note)
    return Resale(age_months=age_months, value_fraction=left)


def check_resales(
    desk: Desk, offers: tuple[Offer, ...], *, calendar: Calendar, operation: OperationAssumptions
) -> None:
    """Refuses ages that fall between planning periods, within the ramp or beyond the life."""
    step = calendar.months_per_period
    for index, offer in enumerate(offers):
        for place, item in enumerate(offer.resale):
            at = ("platform", index, "resale", place, "age")
            if item.age_months % step:
                raise desk.refuse(
                    *at,
                    found=f"{item.age_months} month",
                    expected=f"a multiple of {step} months, because the plan decides by the quarter",
                    fix='Round the age, or write period = "month" in [programme].',
                )
            if not operation.ramp_months <= item.age_months < offer.life_months:
                raise desk.refuse(
                    *at,
                    found=f"{item.age_months} month",
                    expected=f"an age from the ramp's {operation.ramp_months} months to less than the life's "
                    f"{offer.life_months}",
                    fix="Choose an age at which racks are in full service.",
                )
