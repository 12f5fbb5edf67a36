"""A contract in one line of words."""

from gigawatt.entities.contracts import (
    CapacityLease,
    Contract,
    Deposit,
    EquityRound,
    Grant,
    IncomeTax,
    MilestoneTranches,
    PowerPurchase,
    Prepayment,
    ResidualGuarantee,
    RevenueShare,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
    VendorFinancing,
    VestingWarrant,
)
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION


def contract_in_words(contract: Contract) -> str:
    """Who gives what to whom, in one line."""
    match contract:
        case MilestoneTranches() | EquityRound() | VestingWarrant():
            return _equity(contract)
        case SpendCommitment() | Prepayment() | Deposit() | SupplyAgreement() | RevenueShare():
            return _commerce(contract)
        case CapacityLease() | ResidualGuarantee() | TakeOrPay() | PowerPurchase():
            return _capacity(contract)
        case IncomeTax():
            return f"{contract.authority} taxes {contract.taxpayer} at {contract.rate_fraction:.3g} of its income"
        case Grant():
            return (
                f"{contract.giver} pays {contract.recipient} {contract.capex_fraction:.3g} of its facilities, "
                f"at most {_bn(contract.cap_usd)}"
            )
        case _:
            lender = contract.vendor if isinstance(contract, VendorFinancing) else contract.lender
            terms = contract.terms
            return (
                f"{lender} lends {contract.borrower} at most {_bn(terms.commitment_usd)} at "
                f"{terms.rate_fraction_per_year:.3g} a year, repaid {terms.repayment.value} over "
                f"{terms.tenor_months} months"
            )


def _equity(contract: MilestoneTranches | EquityRound | VestingWarrant) -> str:
    match contract:
        case MilestoneTranches():
            unit_gw = contract.unit_mw / MEGAWATTS_PER_GIGAWATT
            return (
                f"{contract.investor} pays {contract.recipient} {_bn(contract.amount_usd)} per {unit_gw:g} GW "
                f"{contract.basis.value}, at most {_bn(contract.cap_usd)}"
            )
        case EquityRound():
            total_usd = sum(instalment.amount_usd for instalment in contract.instalments)
            return (
                f"{contract.investor} pays {contract.recipient} {_bn(total_usd)} in "
                f"{len(contract.instalments)} instalment{'s' * (len(contract.instalments) > 1)}"
            )
        case VestingWarrant():
            shares = sum(step.shares_count for step in contract.steps)
            return (
                f"{contract.issuer} lets {contract.holder} buy {shares:,.0f} shares at "
                f"{contract.strike_usd_per_share:g} USD in {len(contract.steps)} steps"
            )


def _capacity(contract: CapacityLease | ResidualGuarantee | TakeOrPay | PowerPurchase) -> str:
    match contract:
        case CapacityLease():
            return (
                f"{contract.lessor} leases {contract.lessee} {contract.leased_it_mw:,.0f} MW IT for "
                f"{contract.term_months} months at {contract.rent_usd_per_it_mw_month:,.0f} USD per MW IT and month"
            )
        case ResidualGuarantee():
            return (
                f"{contract.guarantor} guarantees {contract.lessor} at most {_bn(contract.cap_usd)} for the first "
                f"{contract.covered_it_mw:,.0f} MW IT at {contract.site}"
            )
        case TakeOrPay():
            return (
                f"{contract.customer} pays {contract.provider} for {contract.capacity_mw:,.0f} MW facility over "
                f"{contract.term_months} months, used or not, at {contract.price_usd_per_mw_month:,.0f} USD/MW/month"
            )
        case PowerPurchase():
            return (
                f"{contract.seller} sells {contract.buyer} {contract.contracted_grid_mw:,.0f} MW at {contract.site} "
                f"for {contract.strike_usd_per_mwh:g} USD/MWh over {contract.term_months} months"
            )


def _commerce(contract: SpendCommitment | Prepayment | Deposit | SupplyAgreement | RevenueShare) -> str:
    match contract:
        case SpendCommitment():
            return (
                f"{contract.buyer} spends {_bn(contract.amount_usd)} with {contract.seller} over "
                f"{contract.term_months} months, or pays {contract.shortfall_fraction:.3g} of what is missing"
            )
        case Prepayment():
            return f"{contract.payer} advances {contract.payee} {_bn(contract.amount_usd)}"
        case Deposit():
            return f"{contract.payer} leaves {_bn(contract.amount_usd)} with {contract.payee}"
        case SupplyAgreement():
            return (
                f"{contract.vendor} sells {contract.buyer} {contract.platform} for "
                f"{contract.price_usd_per_rack:,.0f} USD per rack"
            )
        case RevenueShare():
            return (
                f"{contract.payer} pays {contract.payee} {contract.share_fraction:.3g} of its revenue, "
                f"at most {_bn(contract.cap_usd)}"
            )


def _bn(amount_usd: float) -> str:
    return f"{amount_usd / USD_PER_BILLION:,.3g} bn USD"
