"""Contracts as a scenario writes them, one table per kind, told apart by `kind`.

Whoever is not named on the programme's side is the programme; the other side must be a declared party.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gigawatt.entities.contracts import Repayment
from gigawatt.scenario import quantities as q
from gigawatt.scenario.path_tables import MoneyPath, SharePath
from gigawatt.scenario.tables import Shown, Table, choice

Names = Annotated[tuple[q.Identifier, ...], Field(min_length=1)]
Term = Annotated[q.Life, Shown('"60 month"')]


class MilestoneTranchesTable(Table):
    """A slice of committed money for each full `unit` of power energized."""

    kind: Literal["milestone-tranches"]
    id: Annotated[q.Identifier, Shown('"tranches"')]
    investor: Annotated[q.Identifier, Shown('"nvidia"')]
    recipient: q.Identifier | None = None
    unit: q.FacilityOrItPower
    amount: q.Money
    cap: q.Money
    platforms: Names | None = None
    sites: Names | None = None
    signed: Annotated[q.Day, Shown('"2025-09-22"')]
    paid_on_signature: q.Count = 0
    payment_lag: q.Months | None = None
    binding: Annotated[q.Flag, Field(examples=["false"])]
    valuation: MoneyPath | None = None


class ConditionTable(Table):
    """Power in service that must be reached first."""

    reached: q.FacilityOrItPower
    platforms: Names | None = None
    sites: Names | None = None


class InstalmentTable(Table):
    """One payment on its day, or when its condition holds if that is later."""

    on: Annotated[q.Day, Shown('"2026-10-01"')]
    amount: q.Money
    condition: ConditionTable | None = None


class EquityRoundTable(Table):
    """Payments on fixed dates, some of them on conditions."""

    kind: Literal["equity-round"]
    id: Annotated[q.Identifier, Shown('"round-2026"')]
    investor: Annotated[q.Identifier, Shown('"softbank"')]
    recipient: q.Identifier | None = None
    valuation: MoneyPath | None = None
    instalments: Annotated[
        tuple[InstalmentTable, ...], Field(min_length=1), Shown('[{ on = "2026-10-01", amount = "10 bn USD" }]')
    ]


class VestingStepTable(Table):
    """Shares that vest at a level of power and a share price."""

    shares: q.Shares
    reached: q.FacilityOrItPower
    hurdle: q.SharePrice | None = None


class VestingWarrantTable(Table):
    """Shares of `issuer` that vest to `holder` with power and share price."""

    kind: Literal["vesting-warrant"]
    id: Annotated[q.Identifier, Shown('"amd-warrant"')]
    issuer: Annotated[q.Identifier, Shown('"amd"')]
    holder: q.Identifier | None = None
    strike: q.SharePrice
    share_price: Annotated[SharePath, Shown('"210 USD/share"')]
    steps: Annotated[
        tuple[VestingStepTable, ...],
        Field(min_length=1),
        Shown('[{ shares = "20 million share", reached = "1 GW facility" }]'),
    ]
    platforms: Names | None = None
    sites: Names | None = None
    expires: Annotated[q.Day, Shown('"2030-10-05"')]


class CapacityLeaseTable(Table):
    """IT power rented for years, used or not."""

    kind: Literal["capacity-lease"]
    id: Annotated[q.Identifier, Shown('"colossus-1"')]
    lessor: Annotated[q.Identifier, Shown('"spacex"')]
    lessee: q.Identifier | None = None
    site: q.Identifier | None = None
    capacity: q.ItPower
    rent: q.ItRent | None = None
    escalator: q.YearlyShare | None = None
    start: Annotated[q.Month, Shown('"2027-01"')]
    term: Term


class ResidualGuaranteeTable(Table):
    """A guarantor stands in for the lessee of one site."""

    kind: Literal["residual-guarantee"]
    id: Annotated[q.Identifier, Shown('"pike-guarantee"')]
    guarantor: Annotated[q.Identifier, Shown('"nvidia"')]
    lessor: Annotated[q.Identifier, Shown('"sb-energy"')]
    lessee: q.Identifier | None = None
    site: Annotated[q.Identifier, Shown('"ports-pike"')]
    covered: q.ItPower
    cap: q.Money
    trigger: q.Months | None = None
    recovery: q.FractionText | None = None


class TakeOrPayTable(Table):
    """Cloud capacity that is paid for, used or not; give `price`, or `amount` over the term."""

    kind: Literal["take-or-pay"]
    id: Annotated[q.Identifier, Shown('"oracle-capacity"')]
    provider: Annotated[q.Identifier, Shown('"oracle"')]
    customer: q.Identifier | None = None
    sites: tuple[q.Identifier, ...] = ()
    capacity: q.FacilityPower
    price: q.FacilityRent | None = None
    amount: q.Money | None = None
    take: q.FractionText | None = None
    start: Annotated[q.Month, Shown('"2027-01"')]
    term: Term
    ramp: q.Months | None = None


class SpendCommitmentTable(Table):
    """A sum to be spent with a seller over a term, or the shortfall paid."""

    kind: Literal["spend-commitment"]
    id: Annotated[q.Identifier, Shown('"azure-2025"')]
    seller: Annotated[q.Identifier, Shown('"microsoft"')]
    buyer: q.Identifier | None = None
    amount: q.Money
    start: Annotated[q.Month, Shown('"2026-01"')]
    term: Term
    settlement: q.Life | None = None
    shortfall: q.FractionText | None = None


class PrepaymentTable(Table):
    """An advance that later purchases use up."""

    kind: Literal["prepayment"]
    id: Annotated[q.Identifier, Shown('"chip-advance"')]
    payee: Annotated[q.Identifier, Shown('"nvidia"')]
    payer: q.Identifier | None = None
    amount: q.Money
    on: Annotated[q.Day, Shown('"2027-01-31"')]
    credit: q.FractionText | None = None


class DepositTable(Table):
    """Money left with somebody and returned."""

    kind: Literal["deposit"]
    id: Annotated[q.Identifier, Shown('"lease-deposit"')]
    payee: Annotated[q.Identifier, Shown('"landlord"')]
    payer: q.Identifier | None = None
    amount: q.Money
    on: Annotated[q.Day, Shown('"2027-01-31"')]
    returned: Annotated[q.Day, Shown('"2030-01-31"')]


class SupplyVolumeTable(Table):
    """From a month on, at most this many racks a month."""

    start: Annotated[q.Month, Field(alias="from"), Shown('"2027-01"')]
    rate: q.RackRate


class SupplyAgreementTable(Table):
    """Price and volume of a platform; they replace those of its offer."""

    kind: Literal["supply-agreement"]
    id: Annotated[q.Identifier, Shown('"mi450-supply"')]
    vendor: Annotated[q.Identifier, Shown('"amd"')]
    buyer: q.Identifier | None = None
    platform: Annotated[q.Identifier, Shown('"mi450-helios"')]
    price: q.RackPrice | None = None
    volume: tuple[SupplyVolumeTable, ...] = ()
    exclusive: q.Flag = False
    committed: q.Racks | None = None
    committed_by: q.Month | None = None
    shortfall: q.FractionText | None = None


class LoanTable(Table):
    """What every loan states."""

    id: Annotated[q.Identifier, Shown('"gpu-loan"')]
    borrower: q.Identifier | None = None
    commitment: q.Money
    advance: q.FractionText | None = None
    rate: q.YearlyShare | None = None
    start: Annotated[q.Month, Shown('"2027-01"')]
    grace: q.Months | None = None
    tenor: q.Life | None = None
    repayment: Annotated[Repayment, choice(Repayment)] | None = None
    target_dscr: q.RatioText | None = None
    least_dscr: q.RatioText | None = None
    most_ltv: q.FractionText | None = None
    sweep: q.FractionText | None = None
    reserve: q.Months | None = None
    collateral_life: q.Life | None = None


class VendorFinancingTable(LoanTable):
    """A vendor lends part of the price of its systems."""

    kind: Literal["vendor-financing"]
    vendor: Annotated[q.Identifier, Shown('"nvidia"')]


class GpuDebtTable(LoanTable):
    """A loan against systems."""

    kind: Literal["gpu-debt"]
    lender: Annotated[q.Identifier, Shown('"bank"')]
    platforms: Names | None = None
    sites: Names | None = None


class ProjectDebtTable(LoanTable):
    """A loan against facilities."""

    kind: Literal["project-debt"]
    lender: Annotated[q.Identifier, Shown('"bank"')]
    sites: Names | None = None


class RevenueShareTable(Table):
    """A part of revenue, up to a cap."""

    kind: Literal["revenue-share"]
    id: Annotated[q.Identifier, Shown('"microsoft-share"')]
    payee: Annotated[q.Identifier, Shown('"microsoft"')]
    payer: q.Identifier | None = None
    share: q.FractionText
    cap: q.Money
    start: Annotated[q.Month, Shown('"2026-01"')]
    end: Annotated[q.Month, Shown('"2030-12"')]


class PowerPurchaseTable(Table):
    """A fixed price for power around the clock, settled against the site's price."""

    kind: Literal["power-purchase"]
    id: Annotated[q.Identifier, Shown('"wind-ppa"')]
    seller: Annotated[q.Identifier, Shown('"wind-farm"')]
    buyer: q.Identifier | None = None
    site: Annotated[q.Identifier, Shown('"stargate-milam"')]
    contracted: q.GridPower
    strike: q.EnergyPrice
    escalator: q.YearlyShare | None = None
    start: Annotated[q.Month, Shown('"2028-01"')]
    term: Term


class TaxDepreciation(StrEnum):
    """How fast an asset is written off for tax; straight-line takes its life in the books, bonus is all at once."""

    STRAIGHT_LINE = "straight-line"
    MACRS_5 = "macrs-5"
    MACRS_15 = "macrs-15"
    BONUS = "bonus"


class TaxRegimeTable(Table):
    """How a party's income is taxed."""

    kind: Literal["tax-regime"]
    id: Annotated[q.Identifier, Shown('"us-tax"')]
    authority: Annotated[q.Identifier, Shown('"treasury"')]
    taxpayer: q.Identifier | None = None
    rate: q.FractionText | None = None
    systems: Annotated[TaxDepreciation, choice(TaxDepreciation)] | None = None
    facilities: Annotated[TaxDepreciation, choice(TaxDepreciation)] | None = None
    loss_offset: q.FractionText | None = None
    credit: q.FractionText | None = None


class GrantTable(Table):
    """Public money for part of what facilities cost."""

    kind: Literal["grant"]
    id: Annotated[q.Identifier, Shown('"state-grant"')]
    giver: Annotated[q.Identifier, Shown('"state"')]
    recipient: q.Identifier | None = None
    sites: Names | None = None
    share: q.FractionText
    cap: q.Money
    payment_lag: q.Months | None = None


ContractTable = Annotated[
    MilestoneTranchesTable
    | EquityRoundTable
    | VestingWarrantTable
    | CapacityLeaseTable
    | ResidualGuaranteeTable
    | TakeOrPayTable
    | SpendCommitmentTable
    | PrepaymentTable
    | DepositTable
    | SupplyAgreementTable
    | VendorFinancingTable
    | GpuDebtTable
    | ProjectDebtTable
    | RevenueShareTable
    | PowerPurchaseTable
    | TaxRegimeTable
    | GrantTable,
    Field(discriminator="kind"),
]
