"""Everything the optimization needs, as arrays in the solver's own units.

The solver works in millions of USD, in millions of millions of tokens, in blocks of racks and in fractions of a
training run, so that its coefficients stay within a few orders of magnitude of one. Results leave in canonical units.
"""

from dataclasses import dataclass

from gigawatt.entities.stages import Inputs, Performance
from gigawatt.planning.days import Days, days
from gigawatt.planning.financing import Financing, financing
from gigawatt.planning.fleet import Fleet, fleet
from gigawatt.planning.jobs import Jobs, jobs
from gigawatt.planning.money import Money, money
from gigawatt.planning.places import Places, places
from gigawatt.planning.plants import Plants, plants
from gigawatt.planning.purchases import Purchases, purchases
from gigawatt.planning.reach import Reach, reach
from gigawatt.planning.resale import Resales, resales
from gigawatt.planning.work import Work, work
from gigawatt.units import TOKENS_PER_MILLION, USD_PER_MILLION

MONEY_UNIT_USD = USD_PER_MILLION
TOKEN_UNIT = TOKENS_PER_MILLION * TOKENS_PER_MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is physical, what is paid, what is asked and what is promised."""

    fleet: Fleet
    money: Money
    work: Work
    financing: Financing
    places: Places
    plants: Plants | None
    days: Days | None
    purchases: Purchases | None
    jobs: Jobs | None
    reach: Reach | None
    resales: Resales | None


def terms(inputs: Inputs, performance: Performance) -> Terms:
    """The arrays of a programme, each worked out once."""
    limits = fleet(inputs)
    return Terms(
        fleet=limits,
        money=money(inputs, fleet=limits),
        work=work(inputs, performance),
        financing=financing(inputs, fleet=limits),
        places=places(inputs),
        plants=plants(inputs, fleet=limits),
        days=days(inputs),
        purchases=purchases(inputs),
        jobs=jobs(inputs, performance, limits=limits),
        reach=reach(inputs),
        resales=resales(inputs, limits=limits),
    )
