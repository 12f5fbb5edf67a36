"""What an accelerator-hour and a million tokens cost on each platform, from what everybody really spends.

USD per accelerator-hour = PV(all layers of the platform) / PV(accelerator-hours), as in `compute_costs`
USD per million tokens   = USD per accelerator-hour x PV(accelerator-hours that serve) / PV(million served tokens)
"""

import numpy as np
import polars as pl

from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.compute_costs import compute_costs
from gigawatt.finance.costs import values
from gigawatt.timeline import FloatArray, discount_factors
from gigawatt.units import TOKENS_PER_MILLION

_SCHEMA = {"platform": pl.String, "usd_per_mtoken": pl.Float64, "usd_per_accelerator_hour": pl.Float64}


def unit_costs(inputs: Inputs, history: History, *, flows: pl.DataFrame) -> pl.DataFrame:
    """Cost by platform, as in `Appraisal.unit_costs`; null where a platform never ran or never served."""
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    accelerators = np.array([offer.platform.accelerators_per_rack_count for offer in inputs.offers])
    serving_rack_hours = values(inputs, history.state["serving_rack_hours"], "platform", "service", "month").sum(axis=1)
    tokens = values(inputs, history.state["served_tokens"], "platform", "service", "month").sum(axis=1)
    costs = compute_costs(inputs, history, flows=flows)
    per_hour = _over(costs.cost_usd.sum(axis=(0, 2)), costs.accelerator_hours.sum(axis=0))
    serving_hours = (serving_rack_hours @ factors) * accelerators
    columns = {
        "platform": list(costs.platforms),
        "usd_per_mtoken": _over(per_hour * serving_hours, tokens @ factors / TOKENS_PER_MILLION),
        "usd_per_accelerator_hour": per_hour,
    }
    return pl.DataFrame(columns, schema=_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _over(amount: FloatArray, count: FloatArray) -> FloatArray:
    """Amount per count, NaN where nothing was counted."""
    return np.divide(amount, count, out=np.full_like(count, np.nan), where=count > 0.0)
