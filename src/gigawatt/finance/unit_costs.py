"""What an accelerator-hour and a million tokens cost, from what everybody really spends.

    USD per accelerator-hour = PV(systems + fabric + energy + systems operation of the platform
                                  + its share of each site's facility and facility operation) / PV(accelerator-hours)
    USD per million tokens   = USD per accelerator-hour x PV(accelerator-hours that serve) / PV(million served tokens)

PV is at the programme's start and rate, over the horizon, without residual value. A site's facility is shared between
platforms by power-time, the MW-hours of racks in service. Hours count all racks in service, idle ones too. Rent and the
price of cloud capacity are transfers and stay out: the lessor's and provider's own spending is in.
"""

import numpy as np
import polars as pl

from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.costs import values
from gigawatt.finance.flows import TRANSFERS, FlowKind, Purpose, whole_cents
from gigawatt.timeline import FloatArray, discount_factors
from gigawatt.units import CENTS_PER_USD, TOKENS_PER_MILLION

_SPENDING = (FlowKind.CAPEX, FlowKind.OPEX)
_SCHEMA = {"platform": pl.String, "usd_per_mtoken": pl.Float64, "usd_per_accelerator_hour": pl.Float64}


def unit_costs(inputs: Inputs, history: History, *, flows: pl.DataFrame) -> pl.DataFrame:
    """Cost by platform, as in `Appraisal.unit_costs`; null where a platform never ran or never served."""
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    accelerators = np.array([offer.platform.accelerators_per_rack_count for offer in inputs.offers])
    rack_hours = values(inputs, history.state["rack_hours"], "site", "platform", "month").sum(axis=0)
    serving_rack_hours = values(inputs, history.state["serving_rack_hours"], "platform", "service", "month").sum(axis=1)
    tokens = values(inputs, history.state["served_tokens"], "platform", "service", "month").sum(axis=1)
    hours = (rack_hours @ factors) * accelerators
    per_hour = _over(_cost_usd(inputs, history, flows=flows, factors=factors), hours)
    serving_hours = (serving_rack_hours @ factors) * accelerators
    per_mtoken = _over(per_hour * serving_hours, tokens @ factors / TOKENS_PER_MILLION)
    columns = {
        "platform": [offer.platform.id for offer in inputs.offers],
        "usd_per_mtoken": per_mtoken,
        "usd_per_accelerator_hour": per_hour,
    }
    return pl.DataFrame(columns, schema=_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _cost_usd(inputs: Inputs, history: History, *, flows: pl.DataFrame, factors: FloatArray) -> FloatArray:
    """Present value of all that was spent for each platform, `(platform,)`."""
    spent_usd = _spent_usd(inputs, flows=flows) @ factors
    shared, direct = spent_usd[:, :1], spent_usd[:, 1:]
    return np.asarray((direct + shared * _power_time_share(inputs, history)).sum(axis=0), dtype=np.float64)


def _spent_usd(inputs: Inputs, *, flows: pl.DataFrame) -> FloatArray:
    """Capex and opex at each site, transfers left out: what no platform bears alone first, then each platform's own.

    `(site, 1 + platform, month)`; exact to the cent before it is discounted.
    """
    spending = [purpose.value for purpose in Purpose if purpose.kind in _SPENDING and purpose not in TRANSFERS]
    keys = ["site", "platform", "month"]
    sums = (
        flows.filter(pl.col("purpose").is_in(spending))
        .group_by(keys)
        .agg(cents=whole_cents(pl.col("amount_usd")).sum())
    )
    sites = pl.DataFrame({"site": [site.id for site in inputs.sites]}, schema={"site": pl.String})
    platforms = pl.DataFrame({"platform": ["", *(offer.platform.id for offer in inputs.offers)]})
    months = pl.DataFrame({"month": pl.Series(inputs.calendar.months, dtype=pl.Date)})
    every = sites.join(platforms, how="cross", maintain_order="left_right").join(
        months, how="cross", maintain_order="left_right"
    )
    cents = every.join(sums, on=keys, how="left", maintain_order="left")["cents"].fill_null(0).to_numpy()
    return np.asarray(cents.reshape(sites.height, platforms.height, months.height) / CENTS_PER_USD, dtype=np.float64)


def _power_time_share(inputs: Inputs, history: History) -> FloatArray:
    """Each platform's share of the MW-hours in service at each site, `(site, platform)`."""
    power = values(inputs, history.state["energized_facility_mw"], "site", "platform", "month")
    mwh = power @ inputs.calendar.month_hours
    whole = mwh.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(mwh, whole, out=np.zeros_like(mwh), where=whole > 0.0), dtype=np.float64)


def _over(amount: FloatArray, count: FloatArray) -> FloatArray:
    """Amount per count, NaN where nothing was counted."""
    return np.divide(amount, count, out=np.full_like(count, np.nan), where=count > 0.0)
