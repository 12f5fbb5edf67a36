"""Services that only some sites may serve: how many racks of which region each of them has.

Sites that the same services may use are one region here. A service's racks are the sum of what it has in its regions,
and in a region services and placed runs share the racks that stand there; what may be served from anywhere takes what
is left. Without such services nothing of this is in the model.
"""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.site import Site
from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import Service
from gigawatt.planning.fleet import Fleet, in_period


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which sites serve whom.

    `member` `(region, site)` 1 where a site lies in a region; `allowed` `(region, service)` where a service of limited
    reach may be served; `limited` `(service,)` which services those are, of all.
    """

    member: xr.DataArray
    allowed: xr.DataArray
    limited: xr.DataArray


def may_be_served(inputs: Inputs, service: Service) -> bool:
    """Whether there is a site that may serve it at all."""
    return service.sites is None or any(site.id in service.sites for site in inputs.sites)


def reach(inputs: Inputs) -> Reach | None:
    """Who may be served where; None where everything may be served from anywhere."""
    limited = [service for service in inputs.services if service.sites is not None and may_be_served(inputs, service)]
    if not limited:
        return None
    users = {
        site.id: tuple(service.sites is not None and site.id in service.sites for service in limited)
        for site in inputs.sites
    }
    groups = list(dict.fromkeys(signature for signature in users.values() if any(signature)))
    names = _names([[site for site in inputs.sites if users[site.id] == group] for group in groups])
    regions, sites = {"region": names}, {"site": [site.id for site in inputs.sites]}
    services = {"service": [service.id for service in inputs.services]}
    return Reach(
        member=xr.DataArray(
            np.array([[float(users[site.id] == group) for site in inputs.sites] for group in groups]).reshape(
                len(groups), len(inputs.sites)
            ),
            dims=("region", "site"),
            coords={**regions, **sites},
        ),
        allowed=xr.DataArray(
            np.array(groups, dtype=bool).reshape(len(groups), len(limited)),
            dims=("region", "service"),
            coords={**regions, "service": [service.id for service in limited]},
        ),
        limited=xr.DataArray([s in limited for s in inputs.services], dims="service", coords=services),
    )


def _names(groups: list[list[Site]]) -> list[str]:
    """Regions by the scenario's own words, or by the ids of their sites where those do not tell them apart."""
    stated = ["+".join(dict.fromkeys(site.region or site.id for site in group)) for group in groups]
    if len(set(stated)) == len(groups):
        return stated
    return ["+".join(site.id for site in group) for group in groups]


def regional_racks(model: linopy.Model, *, reach: Reach, rate: xr.DataArray) -> linopy.Variable:
    """Racks of each region that services of limited reach are given, `(region, platform, service, month)`."""
    possible = reach.allowed & (rate.sel(service=reach.allowed.service) > 0.0)
    most = xr.full_like(possible, np.inf, dtype=np.float64).where(possible, 0.0)
    return model.add_variables(
        lower=0.0, upper=most.transpose("region", "platform", "service", "month"), name="regional"
    )


def served_in_reach(model: linopy.Model, *, reach: Reach, serving: linopy.Variable, regional: linopy.Variable) -> None:
    """A service of limited reach has the racks that its regions give it."""
    names = reach.allowed.service.values
    model.add_constraints(serving.sel(service=names) - regional.sum("region") == 0.0, name="regional_serving")


def held_in_regions(inputs: Inputs, *, reach: Reach, held: linopy.LinearExpression) -> linopy.LinearExpression:
    """Racks that placed runs hold in each region, `(region, platform, month)`; `held` `(site, platform, period)`."""
    here: linopy.LinearExpression = (in_period(inputs.calendar) * (reach.member * held).sum("site")).sum("period")
    return here


def region_racks(
    model: linopy.Model,
    inputs: Inputs,
    *,
    reach: Reach,
    limits: Fleet,
    used: linopy.LinearExpression,
    arrivals: linopy.Variable,
    in_service: linopy.Variable,
) -> None:
    """What is used of a region alone, `(region, platform, month)`, stands in it, at what the ramp lets it deliver."""
    by_period = in_period(inputs.calendar)
    deficit = (limits.alive @ by_period.rename(period="later")) - limits.output_share
    standing = (reach.member * limits.block_racks * in_service).sum("site")
    missing = (reach.member * deficit * limits.block_racks * arrivals).sum(["site", "period"])
    model.add_constraints(used + missing - (by_period * standing).sum("period") <= 0.0, name="region_racks")


def spread_in_reach(reach: Reach, wanted: xr.DataArray, *, over: xr.DataArray) -> xr.DataArray:
    """Rack-hours of each region's services at its sites, the same part of what `over` leaves at each.

    `wanted` `(region, platform, service, period)`, `over` `(site, platform, period)`.
    """
    here = reach.member * over
    whole = here.sum("site")
    return (wanted * (here / whole.where(whole > 0.0)).fillna(0.0)).sum("region")
