"""Money from investors: fixed instalments by period, and tranches that wait for their megawatts."""

from dataclasses import dataclass
from math import floor

import numpy as np
import xarray as xr

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import EquityRound, MilestoneTranches
from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import ROUNDING, Fleet, month_axis
from gigawatt.timeline import Calendar, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Financing:
    """What the programme gets (or, negative, pays) outside operation and investment.

    `fixed_usd` `(month,)`: instalments and tranches due on signature. Tranches, by `contract`: `counted_mw`
    `(contract, site, platform)` power of a rack that the contract counts; `unit_mw`, `amount_usd` (negative where the
    programme is the investor, 0 where it is neither), `signature_count`, `most_count` in all `(contract,)`;
    `open` `(contract, period)` 1 once signed; `receipt` `(contract, period, paid)` 1 where a milestone reached at the
    start of `period` is paid in `paid`, `into_period_months` `(contract,)` after its first month.
    """

    fixed_usd: xr.DataArray
    counted_mw: xr.DataArray
    unit_mw: xr.DataArray
    amount_usd: xr.DataArray
    signature_count: xr.DataArray
    most_count: xr.DataArray
    open: xr.DataArray
    receipt: xr.DataArray
    into_period_months: xr.DataArray


def financing(inputs: Inputs, *, fleet: Fleet) -> Financing:
    """Every contract's payments to and from the programme."""
    contracts = [*_tranches(inputs), *_conditional_instalments(inputs)]
    coords = {"contract": [contract.id for contract in contracts]}

    def by_contract(values: list[float]) -> xr.DataArray:
        return xr.DataArray(np.array(values, dtype=np.float64), dims="contract", coords=coords)

    periods = np.arange(inputs.calendar.period_count)
    most = [float(floor(c.cap_usd / c.amount_usd + ROUNDING)) if c.amount_usd > 0.0 else 0.0 for c in contracts]
    signature = [min(float(c.paid_on_signature_count), m) for c, m in zip(contracts, most, strict=True)]
    return Financing(
        fixed_usd=month_axis(inputs.calendar).copy(data=_fixed(inputs, contracts, signature)),
        counted_mw=_counted_mw(inputs, contracts, fleet),
        unit_mw=by_contract([contract.unit_mw for contract in contracts]),
        amount_usd=by_contract([_sign(inputs, contract) * contract.amount_usd for contract in contracts]),
        signature_count=by_contract(signature),
        most_count=by_contract(most),
        open=xr.DataArray(
            np.array([_open(contract, inputs.calendar) for contract in contracts]).reshape(-1, len(periods)),
            dims=("contract", "period"),
            coords={**coords, "period": periods},
        ),
        receipt=xr.DataArray(
            np.array([_receipt(contract, inputs.calendar) for contract in contracts]).reshape(-1, *[len(periods)] * 2),
            dims=("contract", "period", "paid"),
            coords={**coords, "period": periods, "paid": periods},
        ),
        into_period_months=by_contract(
            [float(contract.payment_lag_months % inputs.calendar.months_per_period) for contract in contracts]
        ),
    )


def _tranches(inputs: Inputs) -> list[MilestoneTranches]:
    return [contract for contract in inputs.contracts if isinstance(contract, MilestoneTranches)]


def _conditional_instalments(inputs: Inputs) -> list[MilestoneTranches]:
    """Instalments that wait for power, each as the one tranche of a contract of its own, `round/position`."""
    return [
        MilestoneTranches(
            id=f"{contract.id}/{position}",
            investor=contract.investor,
            recipient=contract.recipient,
            unit_mw=instalment.condition.level_mw,
            basis=instalment.condition.basis,
            amount_usd=instalment.amount_usd,
            cap_usd=instalment.amount_usd,
            platforms=instalment.condition.platforms,
            sites=instalment.condition.sites,
            signed=instalment.on,
            paid_on_signature_count=0,
            payment_lag_months=0,
            binding=True,
        )
        for contract in inputs.contracts
        if isinstance(contract, EquityRound)
        for position, instalment in enumerate(contract.instalments)
        if instalment.condition is not None
    ]


def _sign(inputs: Inputs, contract: MilestoneTranches | EquityRound) -> float:
    """+1 where the programme receives, -1 where it pays, 0 where it does neither (or both)."""
    return float(contract.recipient == inputs.programme) - float(contract.investor == inputs.programme)


def _fixed(inputs: Inputs, contracts: list[MilestoneTranches], signature: list[float]) -> FloatArray:
    """Money that comes on fixed dates, whatever is built, `(month,)`; what lies outside the horizon is left out."""
    calendar = inputs.calendar
    signed = [(c.signed, _sign(inputs, c) * n * c.amount_usd) for c, n in zip(contracts, signature, strict=True)]
    rounds = [contract for contract in inputs.contracts if isinstance(contract, EquityRound)]
    instalments = [
        (i.on, _sign(inputs, r) * i.amount_usd) for r in rounds for i in r.instalments if i.condition is None
    ]
    usd = np.zeros(calendar.month_count)
    for day, amount in (*signed, *instalments):
        month = calendar.month_index(day)
        if 0 <= month < calendar.month_count:
            usd[month] += amount
    return usd


def _counted_mw(inputs: Inputs, contracts: list[MilestoneTranches], fleet: Fleet) -> xr.DataArray:
    """Power of a rack on the contract's basis where the contract counts it, else 0, `(contract, site, platform)`."""
    it_mw = fleet.rack_it_mw.broadcast_like(fleet.rack_facility_mw).transpose("site", "platform")
    rows = []
    for contract in contracts:
        counts_site = np.array([site.id in contract.sites for site in inputs.sites])
        counts_platform = np.array([offer.platform.id in contract.platforms for offer in inputs.offers])
        power = fleet.rack_facility_mw if contract.basis is PowerBasis.FACILITY else it_mw
        rows.append(power.values * counts_site[:, None] * counts_platform[None, :])
    return xr.DataArray(
        np.array(rows).reshape(-1, *fleet.rack_facility_mw.shape),
        dims=("contract", "site", "platform"),
        coords={
            "contract": [contract.id for contract in contracts],
            "site": fleet.rack_facility_mw.site,
            "platform": fleet.rack_facility_mw.platform,
        },
    )


def _open(contract: MilestoneTranches, calendar: Calendar) -> FloatArray:
    """1 in the periods that begin in or after the month of signature, `(period,)`."""
    first_months = np.arange(calendar.period_count) * calendar.months_per_period
    return (first_months >= calendar.month_index(contract.signed)).astype(np.float64)


def _receipt(contract: MilestoneTranches, calendar: Calendar) -> FloatArray:
    """1 where a milestone of the period's first month is paid within the horizon, `(period, paid)`."""
    reached = np.arange(calendar.period_count) * calendar.months_per_period
    paid = (reached + contract.payment_lag_months) // calendar.months_per_period
    return np.asarray(paid[:, None] == np.arange(calendar.period_count)[None, :], dtype=np.float64)
