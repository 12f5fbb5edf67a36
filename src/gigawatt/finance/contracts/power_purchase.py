"""Power purchase agreements, settled for difference around the clock."""

import numpy as np

from gigawatt.entities.contracts import PowerPurchase
from gigawatt.entities.schedules import power_difference_usd
from gigawatt.entities.stages import Inputs
from gigawatt.finance.contracts.given import Outcome
from gigawatt.finance.flows import Purpose, Stream


def power_purchase(contract: PowerPurchase, inputs: Inputs) -> Outcome:
    """MWh of the month x (strike - the site's energy price): from the buyer where positive, from the seller else."""
    site = next(site for site in inputs.sites if site.id == contract.site)
    difference_usd = power_difference_usd(
        contract, inputs.calendar, energy_price_usd_per_mwh=site.energy_price_usd_per_mwh
    )
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
