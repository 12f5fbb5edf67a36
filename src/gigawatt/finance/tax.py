"""Income tax by step: rate, losses carried forward, credits.

A loss is either carried forward against later income, up to a share of it (Internal Revenue Code, section 172(a)(2)),
or relieved at once, by an owner that has other income to set it against. Credits reduce tax and carry forward too.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedForward:
    """Losses wait; in each later step they offset at most `limit_fraction` of that step's income."""

    limit_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelievedAtOnce:
    """A loss lowers the tax of an owner with other income in the same step: tax is negative."""


Losses = CarriedForward | RelievedAtOnce


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRegime:
    """Income tax: a flat rate, what becomes of losses, and how much of a step's tax credits may pay."""

    rate_fraction: float
    losses: Losses
    credit_limit_fraction: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """Tax by step, `(step,)` each: what is paid, and the losses and credits that wait at the step's end."""

    tax_usd: FloatArray
    waiting_losses_usd: FloatArray
    waiting_credits_usd: FloatArray


def income_tax(income_usd: FloatArray, *, regime: TaxRegime, credits_usd: FloatArray | None = None) -> Tax:
    """Tax on income `(step,)` before losses of other steps, with credits earned in each step `(step,)`.

        taxed_t = income_t - min(waiting losses, limit x income_t)    where income is positive
        tax_t   = rate x taxed_t - min(waiting credits, credit limit x rate x taxed_t)

    With losses relieved at once, tax_t = rate x income_t - credits_t, which may be negative.
    """
    earned_usd = np.zeros_like(income_usd) if credits_usd is None else credits_usd
    match regime.losses:
        case RelievedAtOnce():
            nothing = np.zeros_like(income_usd)
            tax_usd = income_usd * regime.rate_fraction - earned_usd
            return Tax(tax_usd=tax_usd, waiting_losses_usd=nothing, waiting_credits_usd=nothing)
        case CarriedForward(limit_fraction=limit_fraction):
            taxed_usd, losses_usd = _taxed(income_usd, limit_fraction=limit_fraction)
    gross_usd = taxed_usd * regime.rate_fraction
    credits_left = np.empty_like(income_usd)
    waiting_usd = 0.0
    tax_usd = gross_usd.copy()
    for step, due_usd in enumerate(gross_usd):
        waiting_usd += float(earned_usd[step])
        used_usd = min(waiting_usd, regime.credit_limit_fraction * due_usd)
        waiting_usd -= used_usd
        tax_usd[step] -= used_usd
        credits_left[step] = waiting_usd
    return Tax(tax_usd=tax_usd, waiting_losses_usd=losses_usd, waiting_credits_usd=credits_left)


def _taxed(income_usd: FloatArray, *, limit_fraction: float) -> tuple[FloatArray, FloatArray]:
    """Income that is taxed after losses brought forward, and the losses that wait at each step's end."""
    taxed_usd, waiting = np.zeros_like(income_usd), np.zeros_like(income_usd)
    waiting_usd = 0.0
    for step, income in enumerate(income_usd):
        used_usd = min(waiting_usd, limit_fraction * max(0.0, float(income)))
        waiting_usd += max(0.0, -float(income)) - used_usd
        taxed_usd[step] = max(0.0, float(income)) - used_usd
        waiting[step] = waiting_usd
    return taxed_usd, waiting
