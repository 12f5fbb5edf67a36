"""Where training runs may stand: anywhere, at one site, or at several that a wide-area network joins."""

from itertools import combinations
from math import asin, cos, radians, sin, sqrt

from gigawatt.catalog.dimensions import DISTANCE, PROPAGATION
from gigawatt.entities.site import Site
from gigawatt.entities.workload import Placement, WideArea
from gigawatt.scenario.checks import known_id
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.schema import PlacementTable
from gigawatt.units import FRACTION, RATIO

_KNOWN = "assumptions/wide-area"


def placement(desk: Desk, table: PlacementTable | None, *at: Step, sites: tuple[Site, ...]) -> Placement | None:
    """What a run's `placement` says; None, which stands in the ledger, where it says nothing."""
    if table is None:
        desk.choose(
            None, *at, default="anywhere", note="spreads over racks of all sites and platforms without a penalty"
        )
        return None
    ids = tuple(site.id for site in sites)
    allowed = ids
    if table.sites is not None:
        allowed = tuple(
            known_id(desk.scenario, name, *at, "sites", position, known=ids, noun="site")
            for position, name in enumerate(table.sites)
        )
    most = _most_sites_count(desk, table, *at)
    if not 1 <= most <= len(set(allowed)):
        raise desk.refuse(
            *at,
            "most_sites",
            found=f"{most} of {len(set(allowed))} sites",
            expected="at least one site, and no more than the run may stand at",
            fix="Write most_sites = 1, or name more sites.",
        )
    if most == 1:
        _refuse_wide_area(desk, table, *at)
    stations = tuple(site for site in sites if site.id in allowed)
    return Placement(
        sites=tuple(site.id for site in stations),
        most_sites_count=most,
        wide_area=_wide_area(desk, table, *at, sites=stations) if most > 1 else None,
    )


def _most_sites_count(desk: Desk, table: PlacementTable, *at: Step) -> int:
    if table.most_sites is None:
        desk.choose(None, *at, "most_sites", default="1", note="a job stands at one site")
        return 1
    return table.most_sites


def _refuse_wide_area(desk: Desk, table: PlacementTable, *at: Step) -> None:
    if table.wan is not None or table.distance is not None:
        raise desk.refuse(
            *at,
            "distance" if table.wan is None else "wan",
            found="a network between sites for a run that stands at one",
            expected="several sites",
            fix="State most_sites = 2 or more, or leave the network away.",
        )


def _wide_area(desk: Desk, table: PlacementTable, *at: Step, sites: tuple[Site, ...]) -> WideArea:
    """The line between sites: its usable bandwidth, and a signal's way between the two that are farthest apart."""
    if table.wan is None:
        raise desk.refuse(
            *at,
            "wan",
            found="several sites and no bandwidth between them",
            expected="what each site sends to the others in all",
            fix='Add wan = "20 Tb/s", or write most_sites = 1.',
        )
    metres = _farthest_m(desk, sites, *at) if table.distance is None else desk.number(table.distance, *at, "distance")
    detour = desk.number_or(None, *at, default=f"{_KNOWN}/detour", dimension=RATIO)
    way_s = metres * detour * desk.number_or(None, *at, default=f"{_KNOWN}/propagation", dimension=PROPAGATION)
    usable = desk.number_or(None, *at, default=f"{_KNOWN}/bandwidth", dimension=FRACTION)
    return WideArea(wan_bytes_per_s=desk.number(table.wan, *at, "wan") * usable, one_way_s=way_s)


def _farthest_m(desk: Desk, sites: tuple[Site, ...], *at: Step) -> float:
    """The great circle between the two sites that lie farthest apart, by the haversine of their coordinates."""
    radius_m = desk.number_or(None, *at, default=f"{_KNOWN}/earth-radius", dimension=DISTANCE)
    return radius_m * max(_angle(one, other) for one, other in combinations(sites, 2))


def _angle(one: Site, other: Site) -> float:
    """Angle between two places seen from the centre of the earth, in radians."""
    north = sin(radians(other.latitude - one.latitude) / 2.0) ** 2
    east = sin(radians(other.longitude - one.longitude) / 2.0) ** 2
    return 2.0 * asin(sqrt(north + cos(radians(one.latitude)) * cos(radians(other.latitude)) * east))
