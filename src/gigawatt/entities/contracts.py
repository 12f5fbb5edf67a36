"""Agreements between parties with their terms as data. Money is nominal USD; `id` is unique in a programme.

Every kind names who pays and who receives by role, and holds nothing but terms: what they come to in a history is
worked out by `gigawatt.finance.contracts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.hardware import SupplyStep

UsdByMonth = Mapping[date, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneTranches:
    """`investor` pays `recipient` `amount_usd` for each full `unit_mw` energized, at most `cap_usd` in all.

    Only power of platforms in `platforms` at `sites` counts, on `basis`. `paid_on_signature_count` tranches are
    due on `signed` instead of on their gigawatt. Payment follows the milestone by `payment_lag_months`. What is not
    `binding` can be withheld. `pre_money_usd` is the recipient's value before each payment, the same in every month
    where it is fixed, empty where no shares are given.
    """

    id: str
    investor: str
    recipient: str
    unit_mw: float
    basis: PowerBasis
    amount_usd: float
    cap_usd: float
    platforms: tuple[str, ...]
    sites: tuple[str, ...]
    signed: date
    paid_on_signature_count: int
    payment_lag_months: int
    binding: bool
    pre_money_usd: UsdByMonth = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCondition:
    """Holds once power of `platforms` at `sites` in service has reached `level_mw` on `basis`."""

    level_mw: float
    basis: PowerBasis
    platforms: tuple[str, ...]
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """One payment of a round: on its day, or when its condition holds if that is later."""

    on: date
    amount_usd: float
    condition: PowerCondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityRound:
    """`investor` pays `recipient` in instalments; `pre_money_usd` as for tranches."""

    id: str
    investor: str
    recipient: str
    instalments: tuple[Instalment, ...]
    pre_money_usd: UsdByMonth = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VestingStep:
    """`shares_count` shares vest once `unit_mw` counts and the share price is at least the hurdle."""

    shares_count: float
    unit_mw: float
    hurdle_usd_per_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VestingWarrant:
    """`issuer` lets `holder` buy its shares at `strike_usd_per_share` as steps vest, until `expires`.

    Steps are exercised in the month they vest: the holder pays the strike. `share_price_usd` by month is assumed.
    """

    id: str
    issuer: str
    holder: str
    steps: tuple[VestingStep, ...]
    basis: PowerBasis
    platforms: tuple[str, ...]
    sites: tuple[str, ...]
    strike_usd_per_share: float
    share_price_usd: UsdByMonth
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityLease:
    """`lessee` rents `leased_it_mw` from `lessor` for `term_months` from `start`, whether it uses them or not.

    With a `site` of the programme, what is built there pays the site's own rent and the lease pays for the rest of the
    leased power; with `site` empty it stands alone.
    """

    id: str
    lessor: str
    lessee: str
    site: str
    leased_it_mw: float
    rent_usd_per_it_mw_month: float
    escalator_fraction_per_year: float
    start: date
    term_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualGuarantee:
    """`guarantor` covers what `lessor` of `site` loses when `lessee` stops paying, at most `cap_usd`.

    It covers the first `covered_it_mw` built. It is contingent: without a default no cash flows, and the exposure
    is reported. It may be called `trigger_months` after the first unpaid rent; `recovery_fraction` of the loss comes
    back from another tenant.
    """

    id: str
    guarantor: str
    lessor: str
    lessee: str
    site: str
    covered_it_mw: float
    cap_usd: float
    trigger_months: int = 0
    recovery_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOrPay:
    """`customer` pays `provider` for at least `take_fraction` of `capacity_mw`, used or not.

    The price is per facility MW and month, over `term_months` from `start`; capacity grows evenly to its full over the
    first `ramp_months`. What the customer pays for cloud capacity at `sites` counts.
    """

    id: str
    provider: str
    customer: str
    sites: tuple[str, ...]
    capacity_mw: float
    price_usd_per_mw_month: float
    take_fraction: float
    start: date
    term_months: int
    ramp_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCommitment:
    """`buyer` spends `amount_usd` with `seller` over `term_months` from `start`, or pays for the shortfall.

    The commitment is even over the term and settled every `settlement_months`, in the last month of each interval, at
    `shortfall_fraction` of what is missing by then.
    """

    id: str
    buyer: str
    seller: str
    amount_usd: float
    start: date
    term_months: int
    settlement_months: int
    shortfall_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepayment:
    """`payer` advances `amount_usd`; `payee` credits `credit_fraction` of each later purchase until it is used up."""

    id: str
    payer: str
    payee: str
    amount_usd: float
    on: date
    credit_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """`payer` leaves `amount_usd` with `payee` from `on` to `returned`."""

    id: str
    payer: str
    payee: str
    amount_usd: float
    on: date
    returned: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyAgreement:
    """`vendor` sells `buyer` racks of `platform` at a price and in a volume, which stand in the platform's offer.

    `committed_racks_count` are to be delivered by the month of `committed_by`; `shortfall_fraction` of the price is due
    then for each that is missing. An `exclusive` vendor is the only one at the programme's sites.
    """

    id: str
    vendor: str
    buyer: str
    platform: str
    price_usd_per_rack: float
    supply: tuple[SupplyStep, ...]
    exclusive: bool
    committed_racks_count: float
    committed_by: date
    shortfall_fraction: float


class Repayment(StrEnum):
    """How a loan is paid back."""

    LEVEL = "level"
    SCULPTED = "sculpted"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """What a lender asks and gives, whatever secures the loan.

    Drawn as collateral is paid for: `advance_fraction` of it in the same month, at most `commitment_usd`, during
    `grace_months` from `start`; interest is paid monthly. Then it is repaid over `tenor_months`: level (an annuity),
    or sculpted (cash available for debt service over `target_dscr_ratio`, at most what is owed, by planning period,
    the rest at maturity). Covenants: `least_dscr_ratio` in each planning period of repayment, and the balance at most
    `most_ltv_fraction` of the collateral, written off evenly over `collateral_life_months`; 0 means none. While one is
    broken `sweep_fraction` of the cash left after debt service goes to the lender. `reserve_months` of debt service
    are kept aside.
    """

    commitment_usd: float
    advance_fraction: float
    rate_fraction_per_year: float
    start: date
    grace_months: int
    tenor_months: int
    repayment: Repayment
    target_dscr_ratio: float
    least_dscr_ratio: float
    most_ltv_fraction: float
    sweep_fraction: float
    reserve_months: int
    collateral_life_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFinancing:
    """`vendor` lends `borrower` part of the price of the systems that it sells to it."""

    id: str
    vendor: str
    borrower: str
    terms: LoanTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDebt:
    """`lender` lends against systems of `platforms` that `borrower` pays for at `sites`."""

    id: str
    lender: str
    borrower: str
    platforms: tuple[str, ...]
    sites: tuple[str, ...]
    terms: LoanTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDebt:
    """`lender` lends against building, cooling, power and grid that `borrower` pays for at `sites`."""

    id: str
    lender: str
    borrower: str
    sites: tuple[str, ...]
    terms: LoanTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueShare:
    """`payer` pays `payee` `share_fraction` of its revenue from `start` to `end`, at most `cap_usd` in all."""

    id: str
    payer: str
    payee: str
    share_fraction: float
    cap_usd: float
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPurchase:
    """`buyer` fixes the price of `contracted_grid_mw` around the clock at `site` with `seller`, for difference.

    The buyer pays the utility as ever and settles strike less the site's energy price with the seller, both ways, over
    `term_months` from `start`.
    """

    id: str
    seller: str
    buyer: str
    site: str
    contracted_grid_mw: float
    strike_usd_per_mwh: float
    escalator_fraction_per_year: float
    start: date
    term_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeTax:
    """`authority` taxes the income of `taxpayer`, each calendar year in its last month.

    What enters service in a year is written off by a schedule of fractions, that year's first; systems and facilities
    have their own. A loss is carried forward without end and offsets at most `loss_offset_fraction` of a later year's
    income; `credit_fraction` of facilities placed in service reduces the tax, and what is left is carried forward.
    """

    id: str
    authority: str
    taxpayer: str
    rate_fraction: float
    systems_fractions: tuple[float, ...]
    facilities_fractions: tuple[float, ...]
    loss_offset_fraction: float
    credit_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`giver` pays `recipient` `capex_fraction` of its spending on facilities at `sites`, at most `cap_usd` in all."""

    id: str
    giver: str
    recipient: str
    sites: tuple[str, ...]
    capex_fraction: float
    cap_usd: float
    payment_lag_months: int


Loan = VendorFinancing | GpuDebt | ProjectDebt

Contract = (
    MilestoneTranches
    | EquityRound
    | VestingWarrant
    | CapacityLease
    | ResidualGuarantee
    | TakeOrPay
    | SpendCommitment
    | Prepayment
    | Deposit
    | SupplyAgreement
    | VendorFinancing
    | GpuDebt
    | ProjectDebt
    | RevenueShare
    | PowerPurchase
    | IncomeTax
    | Grant
)

ROLES: Mapping[type[Contract], tuple[str, str]] = {
    MilestoneTranches: ("investor", "recipient"),
    EquityRound: ("investor", "recipient"),
    VestingWarrant: ("issuer", "holder"),
    CapacityLease: ("lessor", "lessee"),
    ResidualGuarantee: ("guarantor", "lessor"),
    TakeOrPay: ("provider", "customer"),
    SpendCommitment: ("seller", "buyer"),
    Prepayment: ("payee", "payer"),
    Deposit: ("payee", "payer"),
    SupplyAgreement: ("vendor", "buyer"),
    VendorFinancing: ("vendor", "borrower"),
    GpuDebt: ("lender", "borrower"),
    ProjectDebt: ("lender", "borrower"),
    RevenueShare: ("payee", "payer"),
    PowerPurchase: ("seller", "buyer"),
    IncomeTax: ("authority", "taxpayer"),
    Grant: ("giver", "recipient"),
}
"""Who takes part, by field: first the one who offers, then the one who by default is the programme."""


def parties_of(contract: Contract) -> Mapping[str, str]:
    """Every party of a contract by its role."""
    roles = ROLES[type(contract)]
    more = ("lessee",) if isinstance(contract, ResidualGuarantee) else ()
    return {role: str(getattr(contract, role)) for role in (*roles, *more)}
