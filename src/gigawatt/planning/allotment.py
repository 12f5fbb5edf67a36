"""Who works on which racks at which site, where the plan says so: placed runs at theirs, the rest on what is left."""

import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import ROUNDING, in_period, month_axis
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.placing import held_by_run, unplaced
from gigawatt.planning.reach import spread_in_reach
from gigawatt.planning.resale import gone_racks
from gigawatt.planning.terms import Terms


def allotted_at_sites(
    inputs: Inputs, *, terms: Terms, built: Formulation, installed: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Installed racks given to each service and to each run at each site, in each period.

    Shares are those of the output of a site's racks over the period's hours. What may stand anywhere takes the same
    part of what is left at every site; what services leave idle at a site is given to those that are there.
    """
    hours = in_period(inputs.calendar) * month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    output = _output_hours(terms=terms, built=built, hours=hours)
    placed = _placed_hours(terms=terms, built=built, hours=hours)
    left = (output - placed.sum("run")).clip(0.0)
    near = _near_hours(terms=terms, built=built, hours=hours, over=left)
    left = (left - near.sum("service")).clip(0.0)
    training = placed + _spread(unplaced(built.choose.training.solution, terms.jobs) @ hours, over=left)
    serving = near + _spread(_anywhere(terms=terms, built=built) @ hours, over=left)
    served = serving.sum("service")
    idle = (output - training.sum("run")).clip(0.0)
    filled = serving * (idle / served.where(served > ROUNDING)).fillna(0.0)
    per_output = (installed / output.where(output > ROUNDING)).fillna(0.0)
    return (
        (filled * per_output).transpose("site", "platform", "service", "period"),
        (training * per_output).transpose("site", "platform", "run", "period"),
    )


def _output_hours(*, terms: Terms, built: Formulation, hours: xr.DataArray) -> xr.DataArray:
    """Rack-hours at full output of each site's racks, `(site, platform, period)`."""
    limits = terms.fleet
    full = limits.output_share.rename(period="came") @ hours * limits.block_racks
    hours_of: xr.DataArray = (built.choose.arrivals.solution.rename(period="came") * full).sum("came")
    resales, sold = terms.resales, built.choose.sold
    if resales is None or sold is None:
        return hours_of
    return hours_of - gone_racks(resales, sold.solution, block_racks=limits.block_racks) * hours.sum("month")


def _placed_hours(*, terms: Terms, built: Formulation, hours: xr.DataArray) -> xr.DataArray:
    """Rack-hours at full output of placed runs, `(site, platform, run, period)`."""
    if terms.jobs is None or built.choose.starts is None:
        return (
            xr.zeros_like(terms.fleet.taken, dtype=float) * xr.zeros_like(terms.work.compute_flop) * hours.sum("month")
        )
    return held_by_run(terms.jobs, built.choose.starts.place.solution) * hours.sum("month")


def _spread(wanted: xr.DataArray, *, over: xr.DataArray) -> xr.DataArray:
    """Rack-hours of a platform, the same part of what `over` leaves at every site."""
    whole = over.sum("site")
    return wanted * (over / whole.where(whole > ROUNDING)).fillna(0.0)


def _anywhere(*, terms: Terms, built: Formulation) -> xr.DataArray:
    """Racks of the services that every site may serve, 0 for others, `(platform, service, month)`."""
    serving: xr.DataArray = built.choose.serving.solution
    return serving if terms.reach is None else serving.where(~terms.reach.limited, 0.0)


def _near_hours(*, terms: Terms, built: Formulation, hours: xr.DataArray, over: xr.DataArray) -> xr.DataArray:
    """Rack-hours of services that only some sites may serve, 0 for others, `(site, platform, service, period)`."""
    names = terms.work.demand_tokens.service
    if terms.reach is None or built.choose.regional is None:
        nowhere: xr.DataArray = over * xr.zeros_like(names, dtype=float)
        return nowhere
    near = spread_in_reach(terms.reach, built.choose.regional.solution @ hours, over=over)
    every: xr.DataArray = near.reindex(service=names, fill_value=0.0)
    return every
