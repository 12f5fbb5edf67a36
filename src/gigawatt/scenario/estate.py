"""Sites as the scenario states them, completed from the catalogue."""

from gigawatt.catalog import Record
from gigawatt.catalog.items import SiteTable as CatalogSite
from gigawatt.entities.site import Cloud, Leased, Owned, Ownership, PowerStep, RentFrom, Site
from gigawatt.facility.electrical import facility_power_mw
from gigawatt.provenance import Evidence, Grade
from gigawatt.scenario.checks import known_id, rising_dates, rising_power, unique_ids
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.grounds import site_rules, step_start
from gigawatt.scenario.parts import site_region
from gigawatt.scenario.schema import CloudTable, Cooling, LeasedTable, OwnedTable, PowerStepTable, SiteTable
from gigawatt.units import (
    DURATION_MONTHS,
    ENERGY_PRICE,
    LATITUDE,
    LONGITUDE,
    PUE,
    RENT_PER_IT_MW,
    YEARLY_SHARE,
    parse,
)

BUILDERS = "Builders"
UTILITIES = "Utilities"
LANDLORDS = "Landlords"
PROVIDERS = "Cloud providers"


def sites(desk: Desk, *, platforms: tuple[str, ...]) -> tuple[Site, ...]:
    """All sites of the scenario, able to host `platforms` unless they say otherwise."""
    tables = desk.scenario.document.sites
    unique_ids(desk.scenario, [_id(desk, table, index) for index, table in enumerate(tables)], key="site")
    return tuple(_site(desk, table, index, platforms=platforms) for index, table in enumerate(tables))


def _id(desk: Desk, table: SiteTable, index: int) -> str:
    site_id = table.id or table.catalog
    if site_id is None:
        raise desk.refuse(
            "site",
            index,
            found="neither id nor catalog",
            expected="one of them",
            fix='Add id = "..." or catalog = "...".',
        )
    return site_id


def _site(desk: Desk, table: SiteTable, index: int, *, platforms: tuple[str, ...]) -> Site:
    at = ("site", index)
    record = _record(desk, table, index)
    site_id = _id(desk, table, index)
    cooling = desk.choose(
        table.cooling, *at, "cooling", default=Cooling.LIQUID, note="racks of today are liquid-cooled"
    )
    peak_pue = desk.number_or(
        table.peak_pue, *at, "peak_pue", default=f"assumptions/site/peak-pue-{cooling}", dimension=PUE
    )
    latitude, longitude = _location(desk, table, index, record=record)
    return Site(
        id=site_id,
        name=table.name or (record.name if record else site_id),
        ownership=_ownership(desk, table, index, record=record),
        power_steps=_power_steps(desk, table.power, index, peak_pue=peak_pue),
        construction_months=desk.months_or(
            table.construction,
            *at,
            "construction",
            default="assumptions/site/construction",
            dimension=DURATION_MONTHS,
        ),
        peak_pue=peak_pue,
        annual_pue=desk.number_or(
            table.annual_pue, *at, "annual_pue", default=f"assumptions/site/annual-pue-{cooling}", dimension=PUE
        ),
        cooling=cooling,
        energy_price_usd_per_mwh=desk.number_or(
            table.energy_price,
            *at,
            "energy_price",
            default="assumptions/site/energy-price-default",
            dimension=ENERGY_PRICE,
        ),
        energy_price_spread=desk.spread(
            table.energy_price,
            *at,
            "energy_price",
            default="assumptions/site/energy-price-default",
            dimension=ENERGY_PRICE,
        ),
        utility=desk.party(table.utility, *at, "utility", default=UTILITIES),
        platforms=_platforms(desk, table, index, offered=platforms),
        latitude=latitude,
        longitude=longitude,
        slip_median_months=desk.number_or(
            table.slip_median,
            *at,
            "slip_median",
            default="assumptions/operation/slip-median",
            dimension=DURATION_MONTHS,
        ),
        region=site_region(desk, table, index, record=record),
        **site_rules(desk, table, index, latitude_degree=latitude),
    )


def _rent_from(desk: Desk, table: SiteTable, lease: LeasedTable, index: int) -> RentFrom:
    """What starts the rent; halls that may stand ahead of their power leave only the hall itself."""
    at = ("site", index, "ownership", "rent_from")
    default, note = RentFrom.BUILDING, "rent runs with the hall, also where power is late"
    chosen = RentFrom(desk.choose(lease.rent_from, *at, default=default, note=note))
    if chosen is RentFrom.POWER and table.construction_rate is not None:
        raise desk.refuse(
            *at,
            found='"power" beside construction_rate',
            expected="rent from the building where halls may be built ahead of their power",
            fix="Leave out one of the two.",
        )
    return chosen


def _record(desk: Desk, table: SiteTable, index: int) -> Record | None:
    name = table.catalog
    if name is None:
        return None
    return desk.placed(lambda: desk.catalog.record("sites", name), "site", index, "catalog")


def _platforms(desk: Desk, table: SiteTable, index: int, *, offered: tuple[str, ...]) -> tuple[str, ...]:
    return (
        offered
        if table.platforms is None
        else tuple(
            known_id(desk.scenario, name, "site", index, "platforms", position, known=offered, noun="platform")
            for position, name in enumerate(table.platforms)
        )
    )


def _location(desk: Desk, table: SiteTable, index: int, *, record: Record | None) -> tuple[float, float]:
    if table.latitude is not None and table.longitude is not None:
        at = ("site", index)
        return desk.number(table.latitude, *at, "latitude"), desk.number(table.longitude, *at, "longitude")
    location = record.details.location if record and isinstance(record.details, CatalogSite) else None
    if record is None or location is None or location.latitude is None or location.longitude is None:
        raise desk.refuse(
            "site",
            index,
            found="no location",
            expected="latitude and longitude, or a site of the catalogue whose location is known",
            fix='Add latitude = "32.5 degree" and longitude = "-99.8 degree".',
        )
    where = f"sites/{record.id}/location"
    desk.cite(
        Evidence(
            key=where,
            text=f"{location.latitude}, {location.longitude}",
            grade=Grade.ESTIMATE,
            origin="catalogue",
            note=f"precision: {location.precision}",
        )
    )
    return parse(location.latitude, LATITUDE, where=where), parse(location.longitude, LONGITUDE, where=where)


def _power_steps(
    desk: Desk, tables: tuple[PowerStepTable, ...], index: int, *, peak_pue: float
) -> tuple[PowerStep, ...]:
    at = ("site", index, "power")
    rising_dates(desk.scenario, [table.start for table in tables], *at)
    steps = tuple(
        PowerStep(
            start=step_start(desk, table, index, position),
            facility_mw=_step_power_mw(desk, table, index, position, peak_pue=peak_pue),
        )
        for position, table in enumerate(tables)
    )
    rising_power(desk.scenario, [step.facility_mw for step in steps], *at)
    return steps


def _step_power_mw(desk: Desk, table: PowerStepTable, index: int, position: int, *, peak_pue: float) -> float:
    at = ("site", index, "power", position)
    if table.facility is not None and table.it is None:
        return desk.number(table.facility, *at, "facility")
    if table.it is not None and table.facility is None:
        return facility_power_mw(desk.number(table.it, *at, "it"), pue=peak_pue)
    raise desk.refuse(
        *at,
        found="both facility and it" if table.facility else "neither facility nor it",
        expected="power on exactly one basis",
        fix='Write facility = "1180 MW facility" or it = "843 MW IT".',
    )


def _ownership(desk: Desk, table: SiteTable, index: int, *, record: Record | None) -> Ownership:
    at = ("site", index, "ownership")
    developer = record.details.developer if record and isinstance(record.details, CatalogSite) else ""
    match table.ownership:
        case LeasedTable() as leased:
            return Leased(
                lessor=desk.party(leased.lessor, *at, "lessor", default=developer or LANDLORDS),
                rent_usd_per_it_mw_month=desk.number_or(
                    leased.rent, *at, "rent", default="assumptions/site/leased-rent", dimension=RENT_PER_IT_MW
                ),
                escalator_fraction_per_year=desk.number_or(
                    leased.escalator,
                    *at,
                    "escalator",
                    default="assumptions/site/rent-escalator",
                    dimension=YEARLY_SHARE,
                ),
                rent_from=_rent_from(desk, table, leased, index),
            )
        case CloudTable() as cloud:
            return Cloud(
                provider=desk.party(cloud.provider, *at, "provider", default=developer or PROVIDERS),
                price_usd_per_facility_mw_month=desk.number(cloud.price, *at, "price"),
            )
        case OwnedTable() as owned:
            return Owned(builder=desk.party(owned.builder, *at, "builder", default=developer or BUILDERS))
        case None:
            desk.choose(
                None, *at, default="owned", note="a site without a landlord or a provider is the programme's own"
            )
            return Owned(builder=desk.party(None, *at, default=developer or BUILDERS))
