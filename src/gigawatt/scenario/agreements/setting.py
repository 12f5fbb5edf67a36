"""What contracts refer to, and the questions that all kinds of them ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import PowerCondition
from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import Cloud, Leased, Site
from gigawatt.scenario.checks import known_id
from gigawatt.scenario.contract_tables import ConditionTable, VestingStepTable
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.monthly import monthly
from gigawatt.scenario.path_tables import Anchors, Growth
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.timeline import Calendar
from gigawatt.units import FRACTION, IT_POWER

TERMS: Final = "assumptions/contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The programme, its months, its sites and what it can buy."""

    programme: str
    calendar: Calendar
    sites: tuple[Site, ...]
    offers: tuple[Offer, ...]

    @property
    def site_ids(self) -> tuple[str, ...]:
        """The ids of all sites."""
        return tuple(site.id for site in self.sites)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The ids of all platforms."""
        return tuple(offer.platform.id for offer in self.offers)

    def site(self, name: str) -> Site:
        """The site called `name`, which must exist."""
        return next(site for site in self.sites if site.id == name)

    def systems_owner(self, name: str) -> str:
        """Who pays for the systems at a site."""
        ownership = self.site(name).ownership
        return ownership.provider if isinstance(ownership, Cloud) else self.programme

    def facility_owner(self, name: str) -> str:
        """Who pays for the building of a site."""
        ownership = self.site(name).ownership
        return ownership.lessor if isinstance(ownership, Leased) else self.systems_owner(name)


def declared(desk: Desk, name: str, *steps: Step) -> str:
    """The id of a declared party."""
    return desk.party(name, *steps, default=name)


def or_programme(desk: Desk, name: str | None, *steps: Step, setting: Setting) -> str:
    """The id of a declared party, or the programme's."""
    return setting.programme if name is None else declared(desk, name, *steps)


def pair(desk: Desk, *at: Step, names: Mapping[str, str | None], setting: Setting) -> tuple[str, str]:
    """The two parties of a contract, by key: the one who offers, and the one who by default is the programme."""
    (offering, first), (other, second) = names.items()
    if first is None:
        raise desk.refuse(*at, offering, found="nothing", expected="a party", fix=f"Name the {offering}.")
    left = declared(desk, first, *at, offering)
    right = or_programme(desk, second, *at, other, setting=setting)
    if left == right:
        raise desk.refuse(
            *at,
            offering,
            found=f'"{left}", who is the {other} too',
            expected=f"{article(offering)} and {article(other)} who are two different parties",
            fix=f"Name another {offering} or another {other}.",
        )
    return left, right


def article(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def some(desk: Desk, names: tuple[str, ...] | None, *steps: Step, known: tuple[str, ...], noun: str) -> tuple[str, ...]:
    """The named ones, all of them known and none twice; all that are known where none are named."""
    if names is None:
        return known
    found = tuple(
        known_id(desk.scenario, name, *steps, position, known=known, noun=noun) for position, name in enumerate(names)
    )
    for position, name in enumerate(found):
        if name in found[:position]:
            raise desk.refuse(
                *steps,
                position,
                found=f'"{name}" a second time',
                expected=f"each {noun} once",
                fix="Leave one of the two out.",
            )
    return found


def positive(desk: Desk, stated: Stated, *steps: Step) -> float:
    """The number at `steps`, which must be more than nothing."""
    value = desk.number(stated, *steps)
    if value <= 0:
        raise desk.refuse(
            *steps,
            found=f'"{stated.text}"',
            expected="more than zero",
            fix=f"Write it like {stated.dimension.example}.",
        )
    return value


def whole_months(desk: Desk, stated: Stated, *steps: Step) -> int:
    """A duration in whole months."""
    return desk.whole(desk.number(stated, *steps), stated, *steps)


def months_or_none(desk: Desk, stated: Stated | None, *steps: Step, note: str) -> int:
    """A duration in whole months; none, by convention, where the scenario is silent."""
    if stated is not None:
        return whole_months(desk, stated, *steps)
    desk.choose(None, *steps, default="0 month", note=note)
    return 0


def fraction_or(desk: Desk, stated: Stated | None, *steps: Step, figure: str) -> float:
    """A fraction, from the assumptions on contracts where the scenario is silent."""
    return desk.number_or(stated, *steps, default=f"{TERMS}/{figure}", dimension=FRACTION)


def basis(stated: Stated) -> PowerBasis:
    """Which megawatt a quantity of power counts."""
    return PowerBasis.IT if stated.dimension == IT_POWER else PowerBasis.FACILITY


def condition(desk: Desk, table: ConditionTable | None, *at: Step, setting: Setting) -> PowerCondition | None:
    """The power that must be reached first, if any."""
    if table is None:
        return None
    return PowerCondition(
        level_mw=positive(desk, table.reached, *at, "reached"),
        basis=basis(table.reached),
        platforms=some(desk, table.platforms, *at, "platforms", known=setting.platforms, noun="platform"),
        sites=some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site"),
    )


def path_or_none(
    desk: Desk, path: Growth | Anchors | None, *steps: Step, calendar: Calendar, note: str
) -> dict[date, float]:
    """A value for every month, empty where the scenario is silent; refuses a path that is anywhere nothing."""
    if path is None:
        desk.choose(None, *steps, default="none", note=note)
        return {}
    values = monthly(desk, path, *steps, calendar=calendar)
    if min(values.values()) <= 0.0:
        raise desk.refuse(
            *steps, found="a path that comes to nothing", expected="more than zero in every month", fix="Correct it."
        )
    return values


def rising_levels(desk: Desk, tables: tuple[VestingStepTable, ...], *at: Step) -> PowerBasis:
    """The one basis of all steps, each of which must ask for more power than the one before."""
    first = basis(tables[0].reached)
    levels = [positive(desk, table.reached, *at, position, "reached") for position, table in enumerate(tables)]
    for position in range(1, len(levels)):
        here = tables[position].reached
        if basis(here) is not first:
            raise desk.refuse(
                *at,
                position,
                "reached",
                found=f'"{here.text}" after "{tables[0].reached.text}"',
                expected="all steps on one basis of power",
                fix="State all levels as facility power, or all as IT power.",
            )
        if levels[position] <= levels[position - 1]:
            raise desk.refuse(
                *at,
                position,
                "reached",
                found=f'"{here.text}" after "{tables[position - 1].reached.text}", milestones that overlap',
                expected="more power with each step; steps state power in all, not what is added",
                fix="Sort the steps and give each a higher level.",
            )
    return first
