"""What a place allows beyond its power: how fast halls are built, which vendor may come in, caps on carbon and water.

None of this adds anything to a model whose sites do not ask for it.
"""

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.days import dispatch
from gigawatt.planning.fleet import Fleet, in_period, month_axis
from gigawatt.planning.generation import energy_balance, firm_mw
from gigawatt.planning.plants import MWH_PER_UNIT
from gigawatt.planning.terms import Terms
from gigawatt.planning.variables import Variables
from gigawatt.timeline import Calendar
from gigawatt.units import MONTHS_PER_YEAR


def usable_mw(*, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """What needs the connection's power, `(site, period)`: halls, or racks alone where halls are built ahead of it.

    What a site's own plants bring firmly comes off.
    """
    limits, rules = terms.fleet, terms.places
    ahead = np.isfinite(rules.build_mw)
    used = 1.0 * choose.built
    if bool(ahead.any()):
        drawn = ((limits.rack_facility_mw * limits.block_racks) * ahead * choose.in_service).sum("platform")
        used = (1.0 - ahead) * choose.built + drawn
    if terms.plants is None or choose.plants is None:
        return used
    return used - firm_mw(terms.plants, choose.plants)


def plants(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> None:
    """The energy of a site's own plants against what its racks take and its connection brings."""
    if terms.plants is not None and choose.plants is not None:
        energy_balance(
            model, inputs, plants=terms.plants, limits=terms.fleet, choose=choose.plants, in_service=choose.in_service
        )
        if terms.days is not None:
            dispatch(
                model,
                inputs,
                known=terms.days,
                plants=terms.plants,
                limits=terms.fleet,
                choose=choose.plants,
                in_service=choose.in_service,
            )


def construction(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Halls grow no faster than the site's builders work."""
    rules = terms.places
    limited = np.isfinite(rules.build_mw)
    if bool(limited.any()):
        most = rules.build_mw.where(limited, 0.0) * xr.ones_like(choose.expansion.lower)
        model.add_constraints(1.0 * choose.expansion <= most, name="construction", mask=limited & (most >= 0.0))


def one_vendor(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """A site that takes one vendor only takes the racks of the one that is chosen for it."""
    limits, rules = terms.fleet, terms.places
    picky = rules.one_vendor.site.values[rules.one_vendor.values]
    if not picky.size or rules.vendor.sizes["vendor"] < 2:
        return
    coords = {"site": picky, "vendor": rules.vendor.vendor.values}
    hosts = model.add_variables(binary=True, coords=coords, name="hosts")
    model.add_constraints(hosts.sum("vendor") <= 1.0, name="one_vendor")
    block_mw = (limits.rack_facility_mw * limits.block_racks).sel(site=picky)
    drawn = (rules.vendor * block_mw * choose.in_service.sel(site=picky)).sum("platform")
    energized = (limits.energized_facility_mw + limits.plant_firm_mw).sel(site=picky)
    model.add_constraints(drawn - energized * hosts <= 0.0, name="vendor_power")


def shared_power(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Several ways to use one place have its power together."""
    limits, rules = terms.fleet, terms.places
    if rules.share.sizes["place"]:
        used = (rules.share * usable_mw(terms=terms, choose=choose)).sum("site")
        power = limits.energized_facility_mw.sel(site=rules.share.place.values).rename(site="place")
        model.add_constraints(used <= power, name="shared_power")


def year_of_month(calendar: Calendar) -> xr.DataArray:
    """1 where a month lies in a year since the start, `(year, month)`."""
    count = -(-calendar.month_count // MONTHS_PER_YEAR)
    years = xr.DataArray(np.arange(count), dims="year", coords={"year": np.arange(count)})
    return (month_axis(calendar) // MONTHS_PER_YEAR == years).astype(np.float64)


def rack_energy_mwh(inputs: Inputs, limits: Fleet) -> xr.DataArray:
    """Energy at the meter that a rack in service takes in a month, `(site, platform, month)`."""
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    pue = _by_site(inputs, [site.annual_pue for site in inputs.sites])
    return limits.rack_it_mw * inputs.operation.mean_power.best * pue * hours


def _by_site(inputs: Inputs, values: list[float]) -> xr.DataArray:
    return xr.DataArray(values, dims="site", coords={"site": [site.id for site in inputs.sites]})


def caps(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> None:
    """Emissions of the programme, and water of each site, stay within what is allowed in a year."""
    limits = terms.fleet
    energy = rack_energy_mwh(inputs, limits) * limits.block_racks
    by_year = in_period(inputs.calendar) @ year_of_month(inputs.calendar)
    if inputs.carbon_cap_t_per_year is not None:
        intensity = _by_site(inputs, [site.grid_carbon_t_per_mwh or 0.0 for site in inputs.sites])
        emitted = _by_year(inputs, energy * intensity, choose=choose).sum("site")
        if terms.plants is not None and choose.plants is not None:
            more = terms.plants.carbon_t_per_mwh - (terms.plants.at * intensity).sum("site")
            years = year_of_month(inputs.calendar)
            emitted = emitted + (more * MWH_PER_UNIT * years * choose.plants.generated).sum(["plant", "month"])
        most = inputs.carbon_cap_t_per_year * xr.ones_like(by_year.isel(period=0, drop=True))
        model.add_constraints(emitted <= most, name="carbon")
    allowed = {s.id: s.water_cap_kl_per_year for s in inputs.sites if s.water_cap_kl_per_year is not None}
    if allowed:
        names = list(allowed)
        use = _by_site(inputs, [site.water_kl_per_mwh or 0.0 for site in inputs.sites])
        taken = _by_year(inputs, (energy * use).sel(site=names), choose=choose)
        most = xr.DataArray(list(allowed.values()), dims="site", coords={"site": names})
        model.add_constraints(taken <= most * xr.ones_like(by_year.isel(period=0, drop=True)), name="water")


def _by_year(inputs: Inputs, per_block: xr.DataArray, *, choose: Variables) -> linopy.LinearExpression:
    """Sums over the months of a year of what each block in service takes in a month, `(site, year)`."""
    months = year_of_month(inputs.calendar) * in_period(inputs.calendar)
    weight = (per_block * months).sum("month")
    standing = choose.in_service.sel(site=per_block.site.values)
    taken: linopy.LinearExpression = (weight * standing).sum(["platform", "period"])
    return taken
