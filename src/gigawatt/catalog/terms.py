"""Minimal machine forms of agreements, told apart by their `kind`."""

from typing import Literal

from gigawatt.catalog.schema import Quantity, Table


class MilestoneTranchesTerms(Table):
    """So much for each gigawatt deployed."""

    kind: Literal["milestone-tranches"]
    milestone: str
    unit_power: Quantity
    amount_per_unit: Quantity
    cap: Quantity
    binding: bool


class EquityTerms(Table):
    """Money for shares, without milestones."""

    kind: Literal["equity"]
    amount: Quantity
    side_letter_power: Quantity


class ResidualGuaranteeTerms(Table):
    """Leases whose residual value a third party guarantees up to a cap."""

    kind: Literal["lease-with-residual-guarantee"]
    power: Quantity
    guaranteed_power: Quantity
    cap: Quantity
    term: Quantity


class TakeOrPayTerms(Table):
    """Capacity that is paid for, used or not."""

    kind: Literal["take-or-pay-capacity"]
    power: Quantity
    amount: Quantity
    term: Quantity


class SpendCommitmentTerms(Table):
    """A total to be spent; the schedule may be unknown."""

    kind: Literal["spend-commitment"]
    amount: Quantity
    term: Quantity | None = None


class VestingWarrantTerms(Table):
    """Shares that vest with gigawatts purchased."""

    kind: Literal["vesting-warrant"]
    shares: Quantity
    strike: Quantity
    milestone: str
    first_vest: Quantity
    full_vest: Quantity
    last_price_hurdle: Quantity
    intermediate_schedule: str


Terms = (
    MilestoneTranchesTerms
    | EquityTerms
    | ResidualGuaranteeTerms
    | TakeOrPayTerms
    | SpendCommitmentTerms
    | VestingWarrantTerms
)
