"""The one place where the device regime (W) meets the site regime (MW), and IT power meets facility power."""

from gigawatt.entities.hardware import Platform
from gigawatt.units import WATTS_PER_MEGAWATT


def rack_it_power_mw(platform: Platform, *, fabric_power_fraction: float) -> float:
    """Greatest IT power of one rack with its share of network and storage outside the rack.

    `fabric_power_fraction` is the power outside the rack over the power of the rack.
    """
    return platform.rack_power_w / WATTS_PER_MEGAWATT * (1.0 + fabric_power_fraction)


def facility_power_mw(it_power_mw: float, *, pue: float) -> float:
    """Power at the site's meter that `it_power_mw` of IT load needs: IT times PUE (The Green Grid, 2012)."""
    return it_power_mw * pue


def it_power_mw(facility_power_mw: float, *, pue: float) -> float:
    """IT load that `facility_power_mw` at the site's meter carries."""
    return facility_power_mw / pue
