"""What an accelerator-hour and a million tokens cost on each platform: the sums of `compute_costs`."""

import polars as pl

from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.compute_costs import compute_costs, waterfall

_UNITS = ("usd_per_mtoken", "usd_per_accelerator_hour")


def unit_costs(inputs: Inputs, history: History, *, flows: pl.DataFrame) -> pl.DataFrame:
    """Cost by platform, as in `Appraisal.unit_costs`; null where a platform never ran or never served."""
    costs = compute_costs(inputs, history, flows=flows)
    rows = [(name, *waterfall(costs, platform=name).select(_UNITS).row(-1)) for name in costs.platforms]
    return pl.DataFrame(rows, schema={"platform": pl.String, **dict.fromkeys(_UNITS, pl.Float64)}, orient="row")
