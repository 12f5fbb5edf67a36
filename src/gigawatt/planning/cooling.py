"""What a site's cooling takes away: heat that leaves racks by air and by liquid, each within what is there for it.

Where a site limits neither, nothing is added. Platforms that a site cannot cool at all are none of its own.
"""

from collections.abc import Callable, Iterator, Mapping

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.site import CoolingLimits
from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import Fleet

AIR, LIQUID = "air_cooling", "liquid_cooling"
MEDIA: Mapping[str, Callable[[CoolingLimits], float | None]] = {
    AIR: lambda limits: limits.air_it_mw,
    LIQUID: lambda limits: limits.liquid_it_mw,
}
"""Families of limits, and what a site states of each."""


def block_heat_mw(medium: str, limits: Fleet) -> xr.DataArray:
    """Greatest heat of a block of racks that leaves by a medium, in IT power, `(platform,)`."""
    part = limits.liquid_fraction if medium == LIQUID else 1.0 - limits.liquid_fraction
    return part * limits.rack_it_mw * limits.block_racks


def cooling(model: linopy.Model, inputs: Inputs, *, limits: Fleet, in_service: linopy.Variable) -> None:
    """Racks at a site give no more heat to air, and to liquid, than it takes away."""
    for medium, stated in MEDIA.items():
        most = {site.id: level for site in inputs.sites if (level := stated(site.cooling_limits)) is not None}
        if not most:
            continue
        sites = list(most)
        heat = (block_heat_mw(medium, limits) * in_service.sel(site=sites)).sum("platform")
        each = xr.DataArray(np.array(list(most.values())), dims="site", coords={"site": sites})
        every = each * xr.ones_like(limits.energized_facility_mw.sel(site=sites))
        model.add_constraints(heat <= every, name=medium)


def unhosted(inputs: Inputs) -> Iterator[str]:
    """In words, which site cannot host which platform, and why."""
    for site in inputs.sites:
        for item in site.unable:
            yield f"{site.id} cannot host {item.platform}: {item.reason}"
