"""Who owns how much of a company as one payment for shares follows another."""

import polars as pl

from gigawatt.entities.stages import Appraisal

EARLIER = "earlier holders"


def holdings(appraisal: Appraisal, *, issuer: str) -> pl.DataFrame:
    """Stakes in `issuer` after each payment: `month`, `contract`, `holder`, `stake_fraction`; all of them add up to 1.

    A payment that buys the fraction f of all shares there are after it leaves 1 - f of every earlier stake. Whoever
    held the company before is one party, "earlier holders". Warrants are counted in shares and stay out.
    """
    stakes: dict[str, float] = {EARLIER: 1.0}
    rows: list[dict[str, object]] = []
    bought = appraisal.stakes.filter((pl.col("issuer") == issuer) & pl.col("stake_fraction").is_not_null())
    for issue in bought.sort("month", maintain_order=True).iter_rows(named=True):
        fraction = issue["stake_fraction"]
        stakes = {holder: stake * (1.0 - fraction) for holder, stake in stakes.items()}
        stakes[issue["holder"]] = stakes.get(issue["holder"], 0.0) + fraction
        rows.extend(
            {"month": issue["month"], "contract": issue["contract"], "holder": holder, "stake_fraction": stake}
            for holder, stake in stakes.items()
        )
    schema = {"month": pl.Date, "contract": pl.String, "holder": pl.String, "stake_fraction": pl.Float64}
    return pl.DataFrame(rows, schema=schema)
