"""The levelized cost of compute by layer, site and platform: what everybody really spends over what it yields.

    cost of a unit = PV(spending of the layer) / PV(units),  units: accelerator-hours, PFLOP-years, MW-years
    cost of a million tokens = PV(spending of the layer) x share of hours that serve / PV(million served tokens)

PV is at the programme's start and rate, over the horizon. What still stands at its end is a layer of its own, taken off
at the present value of what it is worth then (`end_value`). A site's facility is shared between platforms by
power-time, the MW-hours of racks in service. Hours count all racks in service, idle ones too. Rent and what else one
party pays another for capacity stay out: the lessor's and the provider's own spending is in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.costs import values
from gigawatt.finance.end_value import end_values
from gigawatt.finance.flows import TRANSFERS, FlowKind, Purpose, whole_cents
from gigawatt.timeline import FloatArray, discount_factors
from gigawatt.units import CENTS_PER_USD, FLOP_PER_PETAFLOP, HOURS_PER_YEAR, TOKENS_PER_MILLION

LAYERS = tuple(p for p in Purpose if p.kind in (FlowKind.CAPEX, FlowKind.OPEX) and p not in TRANSFERS)
"""What is spent on: capital and running costs, prices between parties left out."""

END_VALUE = "end value"
LAYER_NAMES = (*(layer.value for layer in LAYERS), END_VALUE)
"""What costs are split into: spending, and what is taken off for what is left at the end."""

WATERFALL_SCHEMA = {
    "layer": pl.String,
    "cost_usd": pl.Float64,
    "usd_per_accelerator_hour": pl.Float64,
    "usd_per_mtoken": pl.Float64,
    "usd_per_pflop_year": pl.Float64,
    "usd_per_it_mw_year": pl.Float64,
    "usd_per_facility_mw_year": pl.Float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeCosts:
    """Present values: `cost_usd` `(site, platform, layer)`, the rest `(site, platform)` or `(platform,)`.

    Layers are `LAYER_NAMES`, the last of them negative. `pflop_years` count peak dense rates in `precision`; NaN for a
    platform without one. `serving_hours` and `mtokens` `(platform,)` are the accelerator-hours that serve and the
    million tokens served, which no site has to itself.
    """

    sites: tuple[str, ...]
    platforms: tuple[str, ...]
    precision: Precision
    cost_usd: FloatArray
    accelerator_hours: FloatArray
    pflop_years: FloatArray
    it_mw_years: FloatArray
    facility_mw_years: FloatArray
    serving_hours: FloatArray
    mtokens: FloatArray


def compute_costs(
    inputs: Inputs, history: History, *, flows: pl.DataFrame, precision: Precision = Precision.FP8
) -> ComputeCosts:
    """What compute cost and yielded, by site, platform and layer."""
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    years = inputs.calendar.month_hours * factors / HOURS_PER_YEAR
    by_rack = ("site", "platform", "month")
    accelerators = np.array([offer.platform.accelerators_per_rack_count for offer in inputs.offers])
    hours = values(inputs, history.state["rack_hours"], *by_rack) @ factors * accelerators
    peaks = np.array([_peak_pflop_per_s(offer.platform, precision) for offer in inputs.offers])
    serving = values(inputs, history.state["serving_rack_hours"], "platform", "service", "month").sum(axis=1)
    tokens = values(inputs, history.state["served_tokens"], "platform", "service", "month").sum(axis=1)
    return ComputeCosts(
        sites=tuple(site.id for site in inputs.sites),
        platforms=tuple(offer.platform.id for offer in inputs.offers),
        precision=precision,
        cost_usd=_cost_usd(inputs, history, flows=flows, factors=factors),
        accelerator_hours=hours,
        pflop_years=hours / HOURS_PER_YEAR * peaks,
        it_mw_years=values(inputs, history.state["energized_it_mw"], *by_rack) @ years,
        facility_mw_years=values(inputs, history.state["energized_facility_mw"], *by_rack) @ years,
        serving_hours=(serving @ factors) * accelerators,
        mtokens=tokens @ factors / TOKENS_PER_MILLION,
    )


def waterfall(costs: ComputeCosts, *, site: str = "", platform: str = "") -> pl.DataFrame:
    """Cost by layer and its sum ("all"), of a site, a platform or ("") all of them; columns of `WATERFALL_SCHEMA`.

    Money is present value. A unit that nothing yielded has no cost: null. So have tokens of one site.
    """
    rows = np.array([site in ("", name) for name in costs.sites], dtype=bool)
    columns = np.array([platform in ("", name) for name in costs.platforms], dtype=bool)

    def chosen(array: FloatArray) -> FloatArray:
        return np.asarray(array[rows][:, columns].sum(axis=(0, 1)), dtype=np.float64)

    layered = chosen(costs.cost_usd)
    cost_usd = np.append(layered, layered.sum())
    ran = np.where(costs.accelerator_hours > 0.0, costs.pflop_years, 0.0)
    units = {
        "usd_per_accelerator_hour": chosen(costs.accelerator_hours),
        "usd_per_pflop_year": chosen(ran),
        "usd_per_it_mw_year": chosen(costs.it_mw_years),
        "usd_per_facility_mw_year": chosen(costs.facility_mw_years),
    }
    per_unit = {name: _over(cost_usd, np.full(cost_usd.size, count)) for name, count in units.items()}
    per_unit["usd_per_mtoken"] = _usd_per_mtoken(costs, columns=columns) * (np.nan if site else 1.0)
    table = {"layer": [*LAYER_NAMES, "all"], "cost_usd": cost_usd, **per_unit}
    ordered = pl.DataFrame({name: table[name] for name in WATERFALL_SCHEMA}, schema=WATERFALL_SCHEMA)
    return ordered.with_columns(pl.col(pl.Float64).fill_nan(None))


def _usd_per_mtoken(costs: ComputeCosts, *, columns: NDArray[np.bool_]) -> FloatArray:
    """Cost of a million tokens on the chosen platforms by layer, then in all: idle and training hours stay out."""
    hours = costs.accelerator_hours.sum(axis=0)
    serving_share = np.divide(costs.serving_hours, hours, out=np.zeros_like(hours), where=hours > 0.0)
    spent_usd = (costs.cost_usd.sum(axis=0) * serving_share[:, None])[columns].sum(axis=0)
    served = float(costs.mtokens[columns].sum())
    return _over(np.append(spent_usd, spent_usd.sum()), np.full(spent_usd.size + 1, served))


def _peak_pflop_per_s(platform: Platform, precision: Precision) -> float:
    rate = platform.accelerator.peak_dense_flop_per_s.get(precision)
    return float("nan") if rate is None else rate / FLOP_PER_PETAFLOP


def _cost_usd(inputs: Inputs, history: History, *, flows: pl.DataFrame, factors: FloatArray) -> FloatArray:
    """Present value of spending less what is left, `(site, platform, layer)`: own of a platform, and of its site."""
    spent = _spent_usd(inputs, flows=flows, factors=factors)
    left_usd = _left_usd(inputs, end_values(inputs, history, flows=flows))
    spent_usd = np.concatenate([spent, -left_usd[..., None]], axis=2)
    shared, direct = spent_usd[:, :1], spent_usd[:, 1:]
    share = _power_time_share(inputs, history)[:, :, None]
    return np.asarray(direct + shared * share, dtype=np.float64)


def _spent_usd(inputs: Inputs, *, flows: pl.DataFrame, factors: FloatArray) -> FloatArray:
    """Present value of capex and opex at each site, `(site, 1 + platform, layer)`: first what no platform bears alone.

    Payments are added up by the cent before they are discounted.
    """
    axes: dict[str, Sequence[object]] = {
        "site": [site.id for site in inputs.sites],
        "platform": ["", *(offer.platform.id for offer in inputs.offers)],
        "purpose": [layer.value for layer in LAYERS],
        "month": list(inputs.calendar.months),
    }
    sums = flows.group_by(list(axes)).agg(cents=whole_cents(pl.col("amount_usd")).sum())
    indexed = sums.filter([pl.col(name).is_in(labels) for name, labels in axes.items()])
    places = tuple(
        indexed[name].replace_strict(labels, range(len(labels)), return_dtype=pl.Int64).to_numpy()
        for name, labels in axes.items()
    )
    spent = np.zeros([len(labels) for labels in axes.values()])
    spent[places] = indexed["cents"].to_numpy() / CENTS_PER_USD
    return np.asarray(spent @ factors, dtype=np.float64)


def _left_usd(inputs: Inputs, table: pl.DataFrame) -> FloatArray:
    """Present value of what is left at each site, `(site, 1 + platform)`: first what no platform has to itself."""
    sites = [site.id for site in inputs.sites]
    platforms = ["", *(offer.platform.id for offer in inputs.offers)]
    left = np.zeros((len(sites), len(platforms)))
    for site, platform, usd in table.select("site", "platform", "present_usd").iter_rows():
        left[sites.index(site), platforms.index(platform)] += usd
    return left


def _power_time_share(inputs: Inputs, history: History) -> FloatArray:
    """Each platform's share of the MW-hours in service at each site, `(site, platform)`."""
    power = values(inputs, history.state["energized_facility_mw"], "site", "platform", "month")
    mwh = power @ inputs.calendar.month_hours
    whole = mwh.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(mwh, whole, out=np.zeros_like(mwh), where=whole > 0.0), dtype=np.float64)


def _over(amount: FloatArray, count: FloatArray) -> FloatArray:
    """Amount per count, NaN where nothing was counted."""
    return np.divide(amount, count, out=np.full_like(amount, np.nan), where=count > 0.0)
