"""What still stands when the horizon ends, as its owners' books carry it: a valued asset, sold by nobody.

What is in service counts at its cost less what the books have written off by then; racks of a platform that lists what
used ones sell for, at that. What is paid for and not in service yet counts at cost. Racks whose life is over, or that
were sold, are gone. A building that is rented is its owner's, not the tenant's.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import polars as pl

from gigawatt.entities.schedules import book_fractions, rack_worth_fractions
from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.assets import Assets, assets, units_left_count
from gigawatt.finance.flows import FlowKind, Purpose, whole_cents
from gigawatt.timeline import FloatArray, end_discount_factor
from gigawatt.units import CENTS_PER_USD

END_VALUE_SCHEMA = {
    "owner": pl.String,
    "site": pl.String,
    "platform": pl.String,
    "layer": pl.String,
    "value_usd": pl.Float64,
    "present_usd": pl.Float64,
}

_Key = tuple[str, str, str, str]


def end_values(inputs: Inputs, history: History, *, flows: pl.DataFrame) -> pl.DataFrame:
    """Value of what stands on the day after the horizon, and its present value at the start; see `END_VALUE_SCHEMA`.

    One row for each owner, site, platform ("" for what stands at a site for good) and layer of capital.
    """
    factor = end_discount_factor(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    placed_usd, worth_usd = defaultdict[_Key, float](float), defaultdict[_Key, float](float)
    for found in assets(inputs, history):
        for layer, unit_usd in found.layers_usd.items():
            key = (found.owner, found.site, found.platform, layer.value)
            placed_usd[key] += float(found.placed_usd_of(layer).sum())
            left_usd = units_left_count(found) * unit_usd
            worth_usd[key] += float(left_usd @ _fractions_left(inputs, found, layer=layer))
    paid_usd = dict(_paid_usd(flows))
    rows = []
    for key in sorted(placed_usd.keys() | paid_usd.keys()):
        waiting_usd = max(0.0, paid_usd.get(key, 0.0) - placed_usd[key])
        value_usd = worth_usd[key] + waiting_usd
        rows.append((*key, value_usd, value_usd * factor))
    return pl.DataFrame(rows, schema=END_VALUE_SCHEMA, orient="row")


def present_end_value_usd(inputs: Inputs, history: History, *, flows: pl.DataFrame, owner: str) -> float:
    """Present value of what a party still owns when the horizon ends."""
    table = end_values(inputs, history, flows=flows)
    return float(table.filter(pl.col("owner") == owner)["present_usd"].sum())


def _fractions_left(inputs: Inputs, found: Assets, *, layer: Purpose) -> FloatArray:
    """Part of its cost that a unit is worth at the end, by the month in which it was placed, `(month,)`."""
    age_months = inputs.calendar.month_count - np.arange(inputs.calendar.month_count, dtype=np.float64)
    if layer is Purpose.SYSTEMS:
        offer = next(each for each in inputs.offers if each.platform.id == found.platform)
        return rack_worth_fractions(age_months, offer=offer)
    return book_fractions(age_months, life_months=found.life_months, residual_fraction=found.residual_fraction)


def _paid_usd(flows: pl.DataFrame) -> Iterator[tuple[_Key, float]]:
    """What was paid for capital in all, by payer, site, platform and layer."""
    keys = ["payer", "site", "platform", "purpose"]
    capital = flows.filter(pl.col("kind") == FlowKind.CAPEX.value)
    summed = capital.group_by(keys).agg(cents=whole_cents(pl.col("amount_usd")).sum())
    for payer, site, platform, layer, cents in summed.iter_rows():
        yield (payer, site, platform, layer), cents / CENTS_PER_USD
