"""Who takes part: the parties a scenario declares, and those its entries bring with them."""

from collections.abc import Iterator, Mapping
from typing import Final

from gigawatt.entities.capital import Party, PartyRole
from gigawatt.entities.contracts import Contract, parties_of
from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import Cloud, Leased, Owned, Site
from gigawatt.scenario.agreements import Setting
from gigawatt.scenario.checks import unique_ids
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.estate import BUILDERS

_ROLES: Final[Mapping[str, PartyRole]] = {
    "investor": PartyRole.INVESTOR,
    "issuer": PartyRole.VENDOR,
    "vendor": PartyRole.VENDOR,
    "lessor": PartyRole.SITE_PARTNER,
    "provider": PartyRole.SITE_PARTNER,
    "seller": PartyRole.SELLER,
    "payee": PartyRole.SELLER,
    "guarantor": PartyRole.GUARANTOR,
    "lender": PartyRole.LENDER,
    "authority": PartyRole.AUTHORITY,
    "giver": PartyRole.AUTHORITY,
    "buyer": PartyRole.CUSTOMERS,
    "customer": PartyRole.CUSTOMERS,
    "lessee": PartyRole.CUSTOMERS,
}
"""What it makes of a party to have a role in a contract."""

_BUYERS: Final = ("buyer", "customer", "lessee")
"""Roles that make nothing of the programme."""


def parties(
    desk: Desk, setting: Setting, *, customers: str, offers: tuple[Offer, ...], contracts: tuple[Contract, ...]
) -> tuple[Party, ...]:
    """All parties, each with the roles it states and those it plays."""
    declared = desk.scenario.document.parties
    unique_ids(desk.scenario, [party.id for party in declared], key="party")
    roles: dict[str, list[PartyRole]] = {party.id: list(party.roles) for party in declared}
    played = (
        (setting.programme, PartyRole.PROGRAMME),
        *((offer.vendor, PartyRole.VENDOR) for offer in offers),
        *((offer.supplier, PartyRole.SUPPLIER) for offer in offers),
        *((offer.buyer, PartyRole.CUSTOMERS) for offer in offers if offer.resale),
        *(pair for site in setting.sites for pair in _site_roles(site)),
        *(pair for contract in contracts for pair in _contract_roles(contract, programme=setting.programme)),
        (customers, PartyRole.CUSTOMERS),
    )
    for name, role in played:
        known = roles.setdefault(name, [])
        if role not in known:
            known.append(role)
    if not any(PartyRole.BUILDER in known for known in roles.values()):
        # Lessors and providers build too; whom they pay is rarely worth a line in a scenario.
        roles.setdefault(desk.party(None, "party", default=BUILDERS), []).append(PartyRole.BUILDER)
    names = {party.id: party.name for party in declared} | dict(desk.introduced)
    return tuple(Party(id=name, name=names[name], roles=tuple(played)) for name, played in roles.items())


def _site_roles(site: Site) -> Iterator[tuple[str, PartyRole]]:
    yield site.utility, PartyRole.UTILITY
    match site.ownership:
        case Owned(builder=builder):
            yield builder, PartyRole.BUILDER
        case Leased(lessor=lessor):
            yield lessor, PartyRole.SITE_PARTNER
        case Cloud(provider=provider):
            yield provider, PartyRole.SITE_PARTNER


def _contract_roles(contract: Contract, *, programme: str) -> Iterator[tuple[str, PartyRole]]:
    for role, party in parties_of(contract).items():
        if role in _ROLES and (party != programme or role not in _BUYERS):
            yield party, _ROLES[role]
