"""Take-or-pay: cloud capacity that is paid for at least in part, used or not."""

import numpy as np

from gigawatt.entities.contracts import TakeOrPay
from gigawatt.entities.schedules import minimum_payment_usd
from gigawatt.finance.contracts.given import Given, Outcome, paid_usd
from gigawatt.finance.flows import Purpose, Stream


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
