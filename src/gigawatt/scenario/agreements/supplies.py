"""What supply agreements change: price and volume of what is offered, and whose systems sites may take."""

from dataclasses import replace

from gigawatt.entities.assumptions import SURE
from gigawatt.entities.contracts import Contract, SupplyAgreement
from gigawatt.scenario.agreements.setting import Setting


def supplied(setting: Setting, contracts: tuple[Contract, ...]) -> Setting:
    """The setting with each agreement's price and volume in its offer, and only an exclusive vendor's platforms."""
    agreed = {found.platform: found for found in contracts if isinstance(found, SupplyAgreement)}
    offers = tuple(
        replace(offer, price_usd_per_rack=found.price_usd_per_rack, price_spread=SURE, supply=found.supply)
        if (found := agreed.get(offer.platform.id))
        else offer
        for offer in setting.offers
    )
    exclusive = {found.vendor for found in agreed.values() if found.exclusive}
    if not exclusive:
        return replace(setting, offers=offers)
    allowed = {offer.platform.id for offer in offers if offer.vendor in exclusive}
    sites = tuple(replace(site, platforms=tuple(p for p in site.platforms if p in allowed)) for site in setting.sites)
    return replace(setting, offers=offers, sites=sites)
