"""How far serving software has come on a platform, month by month: an assumption of its own, beside the physics."""

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.timeline import FloatArray, months_between
from gigawatt.units import MONTHS_PER_YEAR


def software_fraction(inputs: Inputs, *, first_fraction: float) -> xr.DataArray:
    """Tokens that a platform's software delivers over those of mature software of today, `(platform, month)`.

    (1 - (1 - f) 2^(-a/h)) (1 + g)^(a/12) at an age of a months, for a first fraction f, a halving time h of the gap
    and a yearly gain g; before the first month as in it.
    """
    operation, months = inputs.operation, inputs.calendar.months
    ages = np.array(
        [[max(months_between(offer.software_from, day), 0) for day in months] for offer in inputs.offers],
        dtype=np.float64,
    ).reshape(len(inputs.offers), len(months))
    gap = (1.0 - first_fraction) * 2.0 ** (-ages / operation.software_halving_months)
    gained: FloatArray = (1.0 + operation.software_gain_fraction_per_year) ** (ages / MONTHS_PER_YEAR)
    return xr.DataArray(
        (1.0 - gap) * gained,
        dims=("platform", "month"),
        coords={"platform": [offer.platform.id for offer in inputs.offers], "month": np.arange(len(months))},
        attrs={"units": "1"},
    )
