"""Who owns how much of a company as one payment for shares follows another.

A valuation is a price: the company's value before the first payment made at it, over the shares there were then.
Payments at the same valuation (the instalments of a round, tranches at a fixed valuation) buy at the same price; a
valuation of the day is a new price each time. With n shares before, a payment A at a new valuation V buys A n / V
shares, which is A / (V + A) of the company.
"""

from dataclasses import dataclass, field

import polars as pl

from gigawatt.entities.stages import Appraisal

EARLIER = "earlier holders"


@dataclass(slots=True, kw_only=True)
class _Register:
    """The shares of one company, those of earlier holders counted as 1, and the price of a share by valuation."""

    shares: dict[str, float] = field(default_factory=lambda: {EARLIER: 1.0})
    price_usd: dict[float, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.shares.values())

    def buy(self, holder: str, *, paid_usd: float, pre_money_usd: float) -> float:
        """Issues what a payment buys; the fraction of all shares there are then."""
        price = self.price_usd.setdefault(pre_money_usd, pre_money_usd / self.total)
        self.shares[holder] = self.shares.get(holder, 0.0) + paid_usd / price
        return paid_usd / price / self.total


def with_stakes(stakes: pl.DataFrame) -> pl.DataFrame:
    """`Appraisal.stakes` in order of months, with the fraction that each payment at a valuation bought."""
    registers: dict[str, _Register] = {}
    ordered = stakes.sort("month", maintain_order=True)
    fractions = [
        None
        if row["pre_money_usd"] is None
        else registers.setdefault(row["issuer"], _Register()).buy(
            row["holder"], paid_usd=row["paid_usd"], pre_money_usd=row["pre_money_usd"]
        )
        for row in ordered.iter_rows(named=True)
    ]
    return ordered.with_columns(stake_fraction=pl.Series(fractions, dtype=pl.Float64))


def holdings(appraisal: Appraisal, *, issuer: str) -> pl.DataFrame:
    """Stakes in `issuer` after each payment: `month`, `contract`, `holder`, `stake_fraction`; all of them add up to 1.

    Whoever held the company before is one party, "earlier holders". Warrants are counted in shares and stay out.
    """
    register = _Register()
    rows: list[dict[str, object]] = []
    bought = appraisal.stakes.filter((pl.col("issuer") == issuer) & pl.col("pre_money_usd").is_not_null())
    for issue in bought.iter_rows(named=True):
        register.buy(issue["holder"], paid_usd=issue["paid_usd"], pre_money_usd=issue["pre_money_usd"])
        rows.extend(
            {
                "month": issue["month"],
                "contract": issue["contract"],
                "holder": holder,
                "stake_fraction": shares / register.total,
            }
            for holder, shares in register.shares.items()
        )
    schema = {"month": pl.Date, "contract": pl.String, "holder": pl.String, "stake_fraction": pl.Float64}
    return pl.DataFrame(rows, schema=schema)
