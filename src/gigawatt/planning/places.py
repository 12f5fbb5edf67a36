"""The rules of places as arrays: how fast halls are built, which vendor may come in, who shares power with whom."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Rules of the sites.

    `build_mw` `(site,)` the most that is built in a period, infinite where nothing limits it; `vendor` `(vendor,
    platform)` 1 where a vendor makes a platform; `one_vendor` `(site,)` whether only one may come in; `share` `(place,
    site)` 1 where a site is one of several ways to use the same place, by the site that has the power.
    """

    build_mw: xr.DataArray
    vendor: xr.DataArray
    one_vendor: xr.DataArray
    share: xr.DataArray


def places(inputs: Inputs) -> Places:
    """The rules that `inputs` states for its sites."""
    sites = {"site": [site.id for site in inputs.sites]}
    months = inputs.calendar.months_per_period
    rates = [site.construction_mw_per_month for site in inputs.sites]
    vendors = sorted({offer.vendor for offer in inputs.offers})
    shared = sorted({site.same_place_as for site in inputs.sites if site.same_place_as is not None})
    return Places(
        build_mw=xr.DataArray([np.inf if r is None else r * months for r in rates], dims="site", coords=sites),
        vendor=xr.DataArray(
            np.array([[float(offer.vendor == name) for offer in inputs.offers] for name in vendors]),
            dims=("vendor", "platform"),
            coords={"vendor": vendors, "platform": [offer.platform.id for offer in inputs.offers]},
        ),
        one_vendor=xr.DataArray([site.one_vendor for site in inputs.sites], dims="site", coords=sites),
        share=xr.DataArray(
            np.array([[float(place in (s.id, s.same_place_as)) for s in inputs.sites] for place in shared]).reshape(
                len(shared), len(inputs.sites)
            ),
            dims=("place", "site"),
            coords={"place": shared, **sites},
        ),
    )


def latest_building_mw(drawn_mw: xr.DataArray, rules: Places) -> xr.DataArray:
    """Halls as late as racks and the builders' pace allow, never shrinking, `(site, period)`."""
    needed = np.maximum.accumulate(drawn_mw.values, axis=1)
    pace = rules.build_mw.values
    for period in range(needed.shape[1] - 2, -1, -1):
        needed[:, period] = np.maximum(needed[:, period], needed[:, period + 1] - pace)
    return drawn_mw.copy(data=needed)
