"""The part of contracts that enters the plan: a plan never counts on money it will not have.

What depends on nothing is a sum by month; leases, commitments and take-or-pay are convex and stand as inequalities;
what ends at a cap (draws of a loan, shares of revenue) and what follows the lesser of two (sculpted service) is held
exactly by binaries. Present value counts what operation pays; loans, advances, grants and tax move cash only. Not in
the plan: what other parties agree among themselves, warrants, and payments for their exercise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.contracts import (
    CapacityLease,
    Contract,
    Deposit,
    Grant,
    IncomeTax,
    Loan,
    PowerPurchase,
    Prepayment,
    RevenueShare,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
)
from gigawatt.entities.stages import Inputs
from gigawatt.planning.agreements import commerce
from gigawatt.planning.agreements.lending import loan
from gigawatt.planning.agreements.pieces import Desk, desk
from gigawatt.planning.agreements.taxing import income_tax
from gigawatt.planning.fleet import month_axis
from gigawatt.planning.flows import months_after
from gigawatt.planning.terms import Terms
from gigawatt.planning.variables import Variables
from gigawatt.timeline import discount_factors

_READERS: Mapping[type, Callable[..., None]] = {
    CapacityLease: commerce.capacity_lease,
    TakeOrPay: commerce.take_or_pay,
    PowerPurchase: commerce.power_purchase,
    SupplyAgreement: commerce.supply_agreement,
    Deposit: commerce.deposit,
    RevenueShare: commerce.revenue_share,
    Grant: commerce.grant,
    SpendCommitment: commerce.spend_commitment,
    Prepayment: commerce.prepayment,
}
_CASH_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What contracts add: `cash` received and `reserve` to keep `(period,)`, and `npv`, in the solver's money.

    `late` is what of `cash` falls behind the first month of each period, behind its second, and so on.
    `taken` says of each loan whether the plan takes it. `settle` works out the contracts' amounts on a settled plan.
    """

    cash: linopy.LinearExpression
    late: tuple[linopy.LinearExpression, ...]
    reserve: linopy.LinearExpression
    npv: linopy.LinearExpression
    taken: Mapping[str, linopy.Variable]
    covenants: Mapping[str, list[linopy.LinearExpression]]
    settle: tuple[Callable[[], None], ...]


def agreements(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> Agreed | None:
    """Writes every contract that touches the programme's cash into the model; None where there is none."""
    contracts = [
        contract for contract in inputs.contracts if isinstance(contract, (*_READERS, *Loan.__args__, IncomeTax))
    ]
    if not contracts:
        return None
    found = desk(model, inputs, terms=terms, choose=choose)
    for contract in sorted(contracts, key=_rank):
        _write(contract, found)
    months_per_period = inputs.calendar.months_per_period
    factors = discount_factors(inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    worth = month_axis(inputs.calendar).copy(data=factors).expand_dims(step=[0])
    nothing = 0.0 * choose.cash

    def received(*, after_months: int) -> linopy.LinearExpression:
        weights = months_after(inputs.calendar, months=after_months).rename(period="step")
        paid = [pay(weights).rename(step="period") for pay in (*found.running, *found.financing)]
        return sum(paid, nothing)

    return Agreed(
        cash=received(after_months=0),
        late=tuple(received(after_months=months) for months in range(1, months_per_period)),
        reserve=sum(found.reserve, nothing),
        npv=sum((pay(worth).sum("step") for pay in found.running), 0.0 * found.one),
        taken=found.taken,
        covenants=found.covenants,
        settle=tuple(found.settle),
    )


def _rank(contract: Contract) -> int:
    """Commitments and advances look at what other contracts pay, loans at all of them, tax at the loans' interest."""
    if isinstance(contract, IncomeTax):
        return 3
    if isinstance(contract, Loan):
        return 2
    return 1 if isinstance(contract, SpendCommitment | Prepayment) else 0


def _write(contract: Contract, found: Desk) -> None:
    match contract:
        case IncomeTax():
            income_tax(contract, found)
        case _ if isinstance(contract, Loan):
            loan(contract, found)
        case _:
            _READERS[type(contract)](contract, found)


def settle_agreements(agreed: Agreed, *, enough: Callable[[], xr.DataArray]) -> None:
    """Works out the contracts' amounts on a settled plan, and takes every loan that does no harm.

    A plan that does not need a loan is indifferent to it; it is taken if its covenants and the least cash can be kept.
    `enough` is cash less what must be kept, `(period,)`, in the solver's money.
    """
    for variable in agreed.taken.values():
        variable.solution = variable.solution.round()
    _work_out(agreed)
    for name, variable in agreed.taken.items():
        if bool(variable.solution > 0.5):
            continue
        variable.solution = xr.ones_like(variable.solution)
        _work_out(agreed)
        kept = [expression.solution for expression in agreed.covenants.get(name, [])]
        if min(float(np.min(each)) for each in (enough(), *kept)) < -_CASH_TOLERANCE:
            variable.solution = xr.zeros_like(variable.solution)
            _work_out(agreed)


def _work_out(agreed: Agreed) -> None:
    for settle in agreed.settle:
        settle()
