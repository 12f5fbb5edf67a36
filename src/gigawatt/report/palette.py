"""One colour per platform and per party in every picture, told apart by colour-blind eyes, and one per kind of grade.

Platforms take the palette of Okabe and Ito (Color Universal Design, 2008), parties that of Tol (Colour Schemes,
SRON/EPS/TN/09-002, 2021, bright, vibrant and muted). Neutral colours have a dark counterpart that the page swaps in.
"""

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Study
from gigawatt.report import measures

INK = "#1d2733"
MUTED = "#66727f"
RULE = "#e3e7eb"
LAND = "#e9edf0"
PAPER = "#fefefe"
GOOD = "#117a65"
BAD = "#b4413c"

DARK_COUNTERPARTS = {INK: "#e8edf2", MUTED: "#9aa7b4", RULE: "#2b3540", LAND: "#27313b", PAPER: "#141a20"}

_OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7d00", "#7d7d7d")
_TOL = (
    "#4477aa", "#228833", "#ee6677", "#ccbb44", "#66ccee", "#aa3377",
    "#ee7733", "#009988", "#882255", "#999933", "#88ccee", "#cc6677",
)  # fmt: skip
_BACKGROUND = ("#9aa3ad", "#b7bec6", "#7e8894", "#c9ced4")
_BACKGROUND_ROLES = {PartyRole.UTILITY, PartyRole.BUILDER, PartyRole.CUSTOMERS, PartyRole.LENDER}


def platform_colours(study: Study) -> dict[str, str]:
    """A colour for each offered platform, in the order of the offers."""
    return {offer.platform.id: _OKABE_ITO[index % len(_OKABE_ITO)] for index, offer in enumerate(study.inputs.offers)}


def party_colours(study: Study) -> dict[str, str]:
    """A colour for each party; builders, utilities, lenders and customers stay grey unless a site is theirs."""
    partners = {measures.partner(site) for site in study.inputs.sites}
    colours: dict[str, str] = {}
    for party in study.inputs.parties:
        is_background = set(party.roles) <= _BACKGROUND_ROLES and party.id not in partners
        palette = _BACKGROUND if is_background else _TOL
        taken = sum(colour in palette for colour in colours.values())
        colours[party.id] = palette[taken % len(palette)]
    return colours


def site_colours(study: Study) -> dict[str, str]:
    """A shade of its partner's colour for each site, from dark to light over the sites of the same partner."""
    parties = party_colours(study)
    seen: dict[str, list[Site]] = {}
    for site in measures.sites_in_use(study):
        seen.setdefault(measures.partner(site), []).append(site)
    return {
        site.id: _shade(parties[party], index / max(len(sites) - 1, 1)) if len(sites) > 1 else parties[party]
        for party, sites in seen.items()
        for index, site in enumerate(sites)
    }


def layer_colours(count: int) -> tuple[str, ...]:
    """A colour for each of so many layers of cost."""
    return tuple(_TOL[index % len(_TOL)] for index in range(count))


def _shade(colour: str, position: float) -> str:
    """From a third darker at 0 to 55 % lighter at 1."""
    share = -0.33 + 0.88 * position
    return lightened(colour, share) if share >= 0 else darkened(colour, -share)


def darkened(colour: str, share: float) -> str:
    """`colour` mixed with black; a share of 0 leaves it."""
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part * (1 - share)):02x}" for part in parts)


def lightened(colour: str, share: float) -> str:
    """`colour` mixed with white; a share of 0 leaves it, 1 is white."""
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)


def translucent(colour: str, opacity: float) -> str:
    """`colour` as CSS rgba."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
