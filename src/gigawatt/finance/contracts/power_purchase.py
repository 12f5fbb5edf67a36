"""Power purchase agreements, settled for difference around the clock."""

import numpy as np

from gigawatt.entities.contracts import PowerPurchase
from gigawatt.entities.stages import Inputs
from gigawatt.finance.contracts.given import Outcome, escalation, in_term
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import FloatArray


def power_purchase(contract: PowerPurchase, inputs: Inputs) -> Outcome:
    """MWh of the month x (strike - the site's energy price): from the buyer where positive, from the seller else."""
    difference_usd = settled_usd(contract, inputs)
    return Outcome(
        streams=(
            Stream(
                payer=contract.buyer,
                payee=contract.seller,
                purpose=Purpose.POWER_PURCHASE,
                amount_usd=np.clip(difference_usd, 0.0, None),
                site=contract.site,
            ),
            Stream(
                payer=contract.seller,
                payee=contract.buyer,
                purpose=Purpose.POWER_PURCHASE,
                amount_usd=np.clip(-difference_usd, 0.0, None),
                site=contract.site,
            ),
        )
    )


def settled_usd(contract: PowerPurchase, inputs: Inputs) -> FloatArray:
    """What the buyer pays (negative: gets) in each month, `(month,)`."""
    calendar = inputs.calendar
    site = next(site for site in inputs.sites if site.id == contract.site)
    growth = escalation(
        calendar, start=contract.start, escalator_fraction_per_year=contract.escalator_fraction_per_year
    )
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    energy_mwh = term * contract.contracted_grid_mw * calendar.month_hours
    return np.asarray(
        energy_mwh * (contract.strike_usd_per_mwh * growth - site.energy_price_usd_per_mwh), dtype=np.float64
    )
