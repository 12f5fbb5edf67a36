"""Who pays whom: every payer and payee is a party of the inputs, and ownership decides who bears a site."""

from dataclasses import dataclass

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.contracts import parties_of
from gigawatt.entities.site import Cloud, Leased, Owned, Ownership, Site
from gigawatt.entities.stages import Inputs
from gigawatt.errors import ScenarioError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearers:
    """Who bears a site: `systems` pays racks, fabric, energy and systems operation, `facility` pays building and
    facility operation. `builder` builds and runs it for them.
    """

    systems: str
    facility: str
    builder: str


def bearers(inputs: Inputs, site: Site) -> Bearers:
    """Who pays what at a site, by its ownership (decision 0001)."""
    match site.ownership:
        case Owned(builder=builder):
            return Bearers(systems=inputs.programme, facility=inputs.programme, builder=builder)
        case Leased(lessor=lessor):
            return Bearers(systems=inputs.programme, facility=lessor, builder=_general_builder(inputs, site))
        case Cloud(provider=provider):
            return Bearers(systems=provider, facility=provider, builder=_general_builder(inputs, site))


def check_parties(inputs: Inputs) -> None:
    """Refuses inputs in which somebody pays or is paid who is not a party.

    Raises ScenarioError with the place that names the stranger.
    """
    known = {party.id for party in inputs.parties}
    for where, party in _references(inputs):
        if party not in known:
            raise ScenarioError(
                where=where,
                found=f'"{party}"',
                expected=f"the id of a party: {', '.join(sorted(known)) or 'none is stated'}",
                fix="Add the party, or correct the id.",
            )


def _general_builder(inputs: Inputs, site: Site) -> str:
    """The first party with the role of builder: it builds what lessors and providers own."""
    builders = [party.id for party in inputs.parties if PartyRole.BUILDER in party.roles]
    if not builders:
        raise ScenarioError(
            where="parties",
            found="no party with the role builder",
            expected=f"somebody who builds and runs {site.id} for its owner",
            fix='Add a party with roles = ["builder"].',
        )
    return builders[0]


def _references(inputs: Inputs) -> list[tuple[str, str]]:
    """Every place of the inputs that names somebody who may pay or be paid."""
    sites = [(f"sites.{site.id}.utility", site.utility) for site in inputs.sites]
    owners = [(f"sites.{site.id}.ownership", _owner(site.ownership)) for site in inputs.sites]
    vendors = [(f"offers.{offer.platform.id}.vendor", offer.vendor) for offer in inputs.offers]
    suppliers = [(f"offers.{o.platform.id}.supplier", o.supplier) for o in inputs.offers if o.goods_fraction]
    buyers = [(f"offers.{offer.platform.id}.buyer", offer.buyer) for offer in inputs.offers if offer.resale]
    contracts = [
        (f"contracts.{contract.id}.{role}", party)
        for contract in inputs.contracts
        for role, party in parties_of(contract).items()
    ]
    return [
        ("programme", inputs.programme),
        ("customers", inputs.customers),
        *vendors,
        *suppliers,
        *buyers,
        *sites,
        *owners,
        *contracts,
    ]


def _owner(ownership: Ownership) -> str:
    match ownership:
        case Owned(builder=party) | Leased(lessor=party) | Cloud(provider=party):
            return party
