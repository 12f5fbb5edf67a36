"""The sites' own power plants and grid steps as contracts and tax count them: built and owned by the programme.

Their building counts as a facility's, whoever owns the site; their energy as bought energy that is saved.
"""

import linopy
import xarray as xr

from gigawatt.planning.generation import fuel_usd, invested_usd, standing_usd
from gigawatt.planning.plants import Plants
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import Variables


def at_sites(plants: Plants, sites: xr.DataArray) -> xr.DataArray:
    """1 for plants at the sites that `sites` `(site,)` counts, `(plant,)`."""
    counted: xr.DataArray = (plants.at * sites).sum("site")
    return counted


def plant_spending(
    *,
    facility: xr.DataArray,
    operation: xr.DataArray,
    energy: xr.DataArray,
    weights: xr.DataArray,
    terms: Terms,
    choose: Variables,
) -> linopy.LinearExpression | None:
    """Spending on plants at the sites that each `(site,)` counts, in the solver's money, `(step,)`; None: nothing."""
    plants, chosen = terms.plants, choose.plants
    if plants is None or chosen is None:
        return None
    usd = (
        invested_usd(plants, chosen, weights=weights, of=at_sites(plants, facility))
        + standing_usd(plants, chosen, weights=weights, of=at_sites(plants, operation))
        + fuel_usd(plants, chosen, weights=weights, of=at_sites(plants, energy))
    )
    spent: linopy.LinearExpression = usd / MONEY_UNIT_USD
    return spent


def most_plant_spending(terms: Terms, *, facility: xr.DataArray) -> float:
    """The most that plants at the sites that `facility` counts can cost, in the solver's money."""
    if terms.plants is None:
        return 0.0
    plants = terms.plants
    worth = plants.most_mw * plants.added_usd_per_mw.sum("month").max("period") * (plants.at * facility).sum("site")
    return float(worth.sum()) / MONEY_UNIT_USD


def plant_additions_usd(terms: Terms, choose: Variables, *, counted: xr.DataArray) -> linopy.LinearExpression | None:
    """Cost of the plants that come into service, by their period's weight in `counted` `(period, step)`, `(step,)`."""
    plants, chosen = terms.plants, choose.plants
    if plants is None or chosen is None:
        return None
    worth = plants.added_usd_per_mw.sum("month").max("period") / MONEY_UNIT_USD
    placed: linopy.LinearExpression = (worth * counted * chosen.added).sum(["plant", "period"])
    return placed
