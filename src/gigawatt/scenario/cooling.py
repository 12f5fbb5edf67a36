"""Sites that limit cooling, and what platforms ask of it; scenarios that state no limits take no figures for them."""

from dataclasses import replace

from gigawatt.catalog.dimensions import TEMPERATURE
from gigawatt.catalog.items import PlatformTable as CatalogPlatform
from gigawatt.catalog.quantities import published
from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import CoolingLimits, Site, Unable
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.schema import Cooling, PlatformTable, SiteTable
from gigawatt.units import FRACTION, PERCENT_PER_ONE

_COOLANT_FIGURE = "coolant-inlet-temperature"


def _limits_cooling(table: SiteTable) -> bool:
    stated = (table.air_capacity, table.liquid_capacity, table.coolant_temperature)
    return table.cooling is Cooling.AIR or any(limit is not None for limit in stated)


def with_heat(desk: Desk, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The offers with the part of their heat that leaves by liquid, where any site limits cooling."""
    document = desk.scenario.document
    if not any(_limits_cooling(table) for table in document.sites):
        return offers
    return tuple(
        replace(offer, liquid_fraction=_liquid_fraction(desk, table, index))
        for index, (offer, table) in enumerate(zip(offers, document.platforms, strict=True))
    )


def _liquid_fraction(desk: Desk, table: PlatformTable, index: int) -> float:
    """As stated; or the catalogue's figure of the platform, or of racks or servers at large."""
    known = desk.catalog.record("assumptions", "cooling").figures
    own = f"{table.id}-liquid"
    if own not in known:
        details = desk.catalog.record("platforms", table.id).details
        server = isinstance(details, CatalogPlatform) and "server" in details.form
        own = "server-liquid" if server else "rack-liquid"
    return desk.number_or(
        table.liquid, "platform", index, "liquid", default=f"assumptions/cooling/{own}", dimension=FRACTION
    )


def with_cooling(desk: Desk, sites: tuple[Site, ...], *, offers: tuple[Offer, ...]) -> tuple[Site, ...]:
    """The sites with their limits, each without the platforms that it cannot cool."""
    return tuple(
        _cooled(desk, site, table, index, offers=offers) if _limits_cooling(table) else site
        for index, (site, table) in enumerate(zip(sites, desk.scenario.document.sites, strict=True))
    )


def _cooled(desk: Desk, site: Site, table: SiteTable, index: int, *, offers: tuple[Offer, ...]) -> Site:
    at, air, liquid = ("site", index), table.air_capacity, table.liquid_capacity
    none_of_it = 0.0 if table.cooling is Cooling.AIR else None
    limits = CoolingLimits(
        air_it_mw=None if air is None else desk.number(air, *at, "air_capacity"),
        liquid_it_mw=none_of_it if liquid is None else desk.number(liquid, *at, "liquid_capacity"),
    )
    coolant = table.coolant_temperature
    coolant_degc = None if coolant is None else desk.number(coolant, *at, "coolant_temperature")
    reasons = {
        name: reason
        for position, offer in enumerate(offers)
        if (name := offer.platform.id) in site.platforms
        and (reason := _reason(desk, offer, position, limits=limits, coolant_degc=coolant_degc))
    }
    _refuse_named(desk, table, index, reasons=reasons)
    left = tuple(name for name in site.platforms if name not in reasons)
    if not left:
        raise desk.refuse(
            *at,
            found=f"no platform that {site.id} can cool: " + "; ".join(f"{n}: {why}" for n, why in reasons.items()),
            expected="at least one platform that its cooling takes",
            fix="State more cooling, offer another platform, or leave the site out.",
        )
    unable = tuple(Unable(platform=name, reason=reason) for name, reason in reasons.items())
    return replace(site, platforms=left, cooling_limits=limits, unable=unable)


def _refuse_named(desk: Desk, table: SiteTable, index: int, *, reasons: dict[str, str]) -> None:
    """Refuses platforms that a site names although it cannot cool them."""
    for position, name in enumerate(table.platforms or ()):
        if name in reasons:
            raise desk.refuse(
                "site",
                index,
                "platforms",
                position,
                found=f'"{name}", which the site cannot cool: {reasons[name]}',
                expected="platforms that its cooling takes",
                fix=f"Leave {name} out, or change cooling, air_capacity, liquid_capacity or coolant_temperature.",
            )


def _reason(desk: Desk, offer: Offer, position: int, *, limits: CoolingLimits, coolant_degc: float | None) -> str:
    """Why a site cannot cool a platform at all; empty where it can."""
    liquid = offer.liquid_fraction or 0.0
    if limits.liquid_it_mw == 0.0 and liquid > 0.0:
        return f"it has no cooling by liquid, which takes {PERCENT_PER_ONE * liquid:.0f} % of the racks' heat"
    if limits.air_it_mw == 0.0 and liquid < 1.0:
        return f"it has no cooling by air, which takes {PERCENT_PER_ONE * (1.0 - liquid):.0f} % of the racks' heat"
    if coolant_degc is None or liquid == 0.0:
        return ""
    most_degc = _most_coolant_degc(desk, offer.platform.id, position)
    if coolant_degc > most_degc:
        return f"its liquid comes at {coolant_degc:g} degC, the racks take {most_degc:g} degC at most"
    return ""


def _most_coolant_degc(desk: Desk, platform: str, position: int) -> float:
    """The warmest liquid that a platform takes: as stated, its maker's figure, or what racks at large take."""
    table = desk.scenario.document.platforms[position]
    own = published(desk.catalog.record("platforms", platform).figures.get(_COOLANT_FIGURE))
    default = f"platforms/{platform}/{_COOLANT_FIGURE}" if own else "assumptions/cooling/coolant-temperature"
    return desk.number_or(
        table.coolant_temperature, "platform", position, "coolant_temperature", default=default, dimension=TEMPERATURE
    )
