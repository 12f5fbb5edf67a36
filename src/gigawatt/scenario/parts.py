"""A service by class and region: who asks for how much of it, at which level and price, and where it may be served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gigawatt.catalog import Record
from gigawatt.catalog.items import SiteTable as CatalogSite
from gigawatt.entities.site import Site
from gigawatt.entities.workload import ServicePart
from gigawatt.scenario.desk import Desk, slug
from gigawatt.scenario.monthly import monthly
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import ANYWHERE, OWN_REGION
from gigawatt.scenario.refusals import quoted, suggestion
from gigawatt.scenario.schema import ClassTable, RegionTable, ServiceTable, SiteTable
from gigawatt.timeline import Calendar

_WHOLE = 1e-6
_SILENT = "a service that does not say where it is served from is served from anywhere"
Demand = Mapping[date, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One class of a service in one region; `part` None where the service has neither.

    `own` is the class's table, which stands at `own_at`; `sites` may serve it, all where None.
    """

    part: ServicePart | None
    own: ClassTable | None
    own_at: tuple[Step, ...]
    demand_tokens_per_month: Demand
    sites: tuple[str, ...] | None


def site_region(desk: Desk, table: SiteTable, index: int, *, record: Record | None) -> str | None:
    """The region of a site, where regions matter: as stated, else the country of the catalogue's record."""
    if table.region is not None or not _regions_matter(desk):
        return table.region
    country = record.details.country if record and isinstance(record.details, CatalogSite) else None
    if country is None:
        return None
    note = "the country of the catalogue's record"
    return desk.choose(None, "site", index, "region", default=slug(country), note=note)


def _regions_matter(desk: Desk) -> bool:
    services = desk.scenario.document.services
    return any(
        table.regions or table.served_from or any(own.served_from for own in table.classes) for table in services
    )


def parts(desk: Desk, table: ServiceTable, *at: Step, calendar: Calendar, sites: tuple[Site, ...]) -> tuple[Part, ...]:
    """Every class of every region of a service; the service itself where it has neither."""
    return tuple(
        Part(
            part=_named(table, own, region),
            own=own,
            own_at=own_at,
            demand_tokens_per_month={day: tokens * fraction for day, tokens in demand.items()},
            sites=_reach(desk, table, own, own_at, at, region=region, sites=sites),
        )
        for region, demand in _demand_by_region(desk, table, *at, calendar=calendar).items()
        for own, own_at, fraction in _classes(desk, table, *at)
    )


def _classes(
    desk: Desk, table: ServiceTable, *at: Step
) -> tuple[tuple[ClassTable | None, tuple[Step, ...], float], ...]:
    """Each class, where it stands and its part of the demand; the service as a whole where it has none."""
    if not table.classes:
        return ((None, at, 1.0),)
    fractions = _fractions(desk, table.classes, *at, "class")
    return tuple(
        (own, (*at, "class", index), fraction)
        for index, (own, fraction) in enumerate(zip(table.classes, fractions, strict=True))
    )


def _named(table: ServiceTable, own: ClassTable | None, region: str | None) -> ServicePart | None:
    if own is None and region is None:
        return None
    return ServicePart(service=table.id or table.model, service_class=None if own is None else own.id, region=region)


def _demand_by_region(desk: Desk, table: ServiceTable, *at: Step, calendar: Calendar) -> dict[str | None, Demand]:
    """Tokens wanted in each month by region: parts of the service's demand, or paths of their own."""
    unique_ids_of(desk, [region.id for region in table.regions], *at, "region")
    own = [region.demand is not None for region in table.regions]
    if table.regions and all(own):
        if table.demand is not None:
            raise desk.refuse(
                *at, "demand",
                found="demand of the service and of each of its regions",
                expected="one of the two",
                fix="Leave the service's away, or give each region a share of it.",
            )  # fmt: skip
        return {
            region.id: monthly(desk, region.demand, *at, "region", index, "demand", calendar=calendar)
            for index, region in enumerate(table.regions)
            if region.demand is not None
        }
    if table.demand is None or any(own):
        raise desk.refuse(
            *at, "demand",
            found="no demand" if not table.regions else "a demand in some of its regions",
            expected="demand of the service, or of each of its regions",
            fix='Add demand = "20e12 token/month".',
        )  # fmt: skip
    whole = monthly(desk, table.demand, *at, "demand", calendar=calendar)
    if not table.regions:
        return {None: whole}
    fractions = _fractions(desk, table.regions, *at, "region")
    return {
        region.id: {day: tokens * fraction for day, tokens in whole.items()}
        for region, fraction in zip(table.regions, fractions, strict=True)
    }


def unique_ids_of(desk: Desk, ids: Sequence[str], *at: Step) -> None:
    """Refuse an id that stands twice in a list."""
    for position, name in enumerate(ids):
        if name in ids[:position]:
            raise desk.refuse(
                *at, position,
                found=f"the id {quoted(name)} a second time",
                expected="one entry per id",
                fix="Give one of the two another id.",
            )  # fmt: skip


def _fractions(desk: Desk, tables: Sequence[ClassTable | RegionTable], *at: Step) -> tuple[float, ...]:
    """Shares of the demand, which add up to all of it."""
    unique_ids_of(desk, [table.id for table in tables], *at)
    found = []
    for index, table in enumerate(tables):
        if table.share is None:
            raise desk.refuse(
                *at, index, "share",
                found="no share",
                expected="the part of the service's demand",
                fix='Add share = "60 percent".',
            )  # fmt: skip
        found.append(desk.number(table.share, *at, index, "share"))
    if found and abs(sum(found) - 1.0) > _WHOLE:
        raise desk.refuse(
            *at, 0, "share",
            found=f"shares that add up to {100.0 * sum(found):g} percent",
            expected="100 percent in all",
            fix="Change the shares so that nothing of the demand is left over or counted twice.",
        )  # fmt: skip
    return tuple(found)


def _reach(
    desk: Desk,
    table: ServiceTable,
    own: ClassTable | None,
    own_at: tuple[Step, ...],
    at: tuple[Step, ...],
    *,
    region: str | None,
    sites: tuple[Site, ...],
) -> tuple[str, ...] | None:
    """The sites that may serve a part, by its class's `served_from` or else the service's; None for all."""
    stated, where = (table.served_from, at) if own is None or own.served_from is None else (own.served_from, own_at)
    if stated is None:
        if table.regions or table.classes:
            desk.choose(None, *own_at, "served_from", default=ANYWHERE, note=_SILENT)
        return None
    if stated == (ANYWHERE,):
        return None
    if stated == (OWN_REGION,) and region is None:
        raise desk.refuse(
            *where, "served_from",
            found=f'"{OWN_REGION}" of a service whose demand has no region',
            expected="regions that ask for it",
            fix='Add [[service.region]] with id = "us" and share = "100 percent".',
        )  # fmt: skip
    names = (region,) if stated == (OWN_REGION,) else stated
    known = tuple(dict.fromkeys(site.region for site in sites if site.region is not None))
    for name in names:
        if name not in known:
            raise desk.refuse(
                *where, "served_from",
                found=f"no site in the region {quoted(name or '')}",
                expected="a region with a site",
                fix=suggestion(name or "", known),
            )  # fmt: skip
    return tuple(site.id for site in sites if site.region in names)
