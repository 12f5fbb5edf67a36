"""What has really happened up to a day, and what is known since: the input of re-planning."""

from dataclasses import dataclass
from datetime import date

from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import PowerStep


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNews:
    """A site's power: `energized` in all so far (None: as expected), and by how much what is to come slips further."""

    site: str
    energized: tuple[PowerStep, ...] | None
    slip_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantNews:
    """A site's own plant or grid step: by how much what is still to come of it is later than last expected."""

    site: str
    plant: str
    slip_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RacksInService:
    """Racks of a platform in service at a site when the day begins."""

    site: str
    platform: str
    racks_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Racks on their way to a site; with one of them, all orders of that site and platform are stated."""

    site: str
    platform: str
    arrives: date
    racks_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a vendor now says of orders still to come; None where it says what it said before."""

    platform: str
    price_usd_per_rack: float | None
    lead_months: int | None
    supply: tuple[SupplyStep, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuals:
    """The state of a programme on the day `as_of`; what is not stated is as planned. `cash_usd` None: as planned."""

    as_of: date
    sites: tuple[SiteNews, ...]
    racks: tuple[RacksInService, ...]
    orders: tuple[Ordered, ...]
    quotes: tuple[Quote, ...]
    cash_usd: float | None
    plants: tuple[PlantNews, ...] = ()
