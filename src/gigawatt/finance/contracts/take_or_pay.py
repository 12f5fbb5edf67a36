"""Take-or-pay: cloud capacity that is paid for at least in part, used or not."""

import numpy as np

from gigawatt.entities.contracts import TakeOrPay
from gigawatt.finance.contracts.given import Given, Outcome, in_term, paid_usd
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import Calendar, FloatArray


def take_or_pay(contract: TakeOrPay, given: Given) -> Outcome:
    """What is missing in each month between the minimum and what was paid for capacity at the contract's sites.

    payment = max(0, take x capacity of the month x price - cloud payments at the sites)
    """
    minimum_usd = minimum_payment_usd(contract, given.inputs.calendar)
    taken_usd = paid_usd(
        given,
        payer=contract.customer,
        payee=contract.provider,
        purposes=(Purpose.CLOUD,),
        sites=contract.sites,
    )
    stream = Stream(
        payer=contract.customer,
        payee=contract.provider,
        purpose=Purpose.TAKE_OR_PAY,
        amount_usd=np.clip(minimum_usd - taken_usd, 0.0, None),
    )
    return Outcome(streams=(stream,))


def minimum_payment_usd(contract: TakeOrPay, calendar: Calendar) -> FloatArray:
    """The least that the customer pays in each month, `(month,)`."""
    months = np.arange(calendar.month_count) - calendar.month_index(contract.start)
    ramp = np.clip((months + 1) / max(1, contract.ramp_months), 0.0, 1.0)
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    full_usd = contract.take_fraction * contract.capacity_mw * contract.price_usd_per_mw_month
    return np.asarray(term * ramp * full_usd, dtype=np.float64)
