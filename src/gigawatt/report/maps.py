"""Maps without a map server: outlines that ship with the package, in equal-area projections.

The contiguous United States in Albers' conic, the world in Equal Earth, so that areas compare as they are.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from math import asin, cos, radians, sin, sqrt

Point = tuple[float, float]
Ring = Sequence[Sequence[float]]

_STANDARD_PARALLELS = (29.5, 45.5)
_ORIGIN = (-96.0, 37.5)
_UNITED_STATES = (-125.0, 24.3, -66.5, 49.6)
# Savric, Patterson, Jenny (2018), The Equal Earth map projection, equations 5 and 6.
_EQUAL_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)


def outlines() -> dict[str, list[Ring]]:
    """Rings and lines in degrees: `land` and `borders` of the world, `states` of the contiguous United States."""
    content = json.loads(files("gigawatt.report").joinpath("outlines.json").read_text(encoding="utf-8"))
    return {name: content[name] for name in ("land", "borders", "states")}


def is_contiguous_us(longitude: float, latitude: float) -> bool:
    """Whether a place lies in the map of the contiguous United States."""
    west, south, east, north = _UNITED_STATES
    return west <= longitude <= east and south <= latitude <= north


def albers(longitude: float, latitude: float) -> Point:
    """Albers equal-area conic on the unit sphere (Snyder 1987, Map Projections, equations 14-1 to 14-6)."""
    first, second = (radians(parallel) for parallel in _STANDARD_PARALLELS)
    n = (sin(first) + sin(second)) / 2
    c = cos(first) ** 2 + 2 * n * sin(first)
    rho = sqrt(c - 2 * n * sin(radians(latitude))) / n
    rho_0 = sqrt(c - 2 * n * sin(radians(_ORIGIN[1]))) / n
    theta = n * radians(longitude - _ORIGIN[0])
    return rho * sin(theta), rho_0 - rho * cos(theta)


def equal_earth(longitude: float, latitude: float) -> Point:
    """Equal Earth on the unit sphere, centred on Greenwich."""
    a_1, a_2, a_3, a_4 = _EQUAL_EARTH
    theta = asin(sqrt(3) / 2 * sin(radians(latitude)))
    square = theta * theta
    sixth = square**3
    slope = a_1 + 3 * a_2 * square + sixth * (7 * a_3 + 9 * a_4 * square)
    x = 2 * sqrt(3) * radians(longitude) * cos(theta) / (3 * slope)
    return x, theta * (a_1 + a_2 * square + sixth * (a_3 + a_4 * square))
