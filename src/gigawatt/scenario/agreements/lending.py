"""Loans, shares of revenue, taxes and grants."""

from collections.abc import Mapping

from gigawatt.catalog.taxation import macrs_fractions
from gigawatt.entities.contracts import (
    GpuDebt,
    Grant,
    IncomeTax,
    LoanTerms,
    ProjectDebt,
    Repayment,
    RevenueShare,
    VendorFinancing,
)
from gigawatt.finance.depreciation import half_step_straight_line_fractions
from gigawatt.scenario.agreements.setting import (
    TERMS,
    Setting,
    fraction_or,
    months_or_none,
    pair,
    some,
)
from gigawatt.scenario.contract_tables import (
    GpuDebtTable,
    GrantTable,
    LoanTable,
    ProjectDebtTable,
    RevenueShareTable,
    TaxDepreciation,
    TaxRegimeTable,
    VendorFinancingTable,
)
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.units import DURATION_MONTHS, FRACTION, LIFE, MONTHS_PER_YEAR, RATIO, YEARLY_SHARE


def vendor_financing(desk: Desk, table: VendorFinancingTable, *at: Step, setting: Setting) -> VendorFinancing:
    """A vendor of the programme's platforms who lends part of their price."""
    vendor, borrower = _lender(desk, *at, names={"vendor": table.vendor, "borrower": table.borrower}, setting=setting)
    if vendor not in {offer.vendor for offer in setting.offers}:
        raise desk.refuse(
            *at,
            "vendor",
            found=f'"{vendor}", who sells no platform of this scenario',
            expected="the vendor of a platform",
            fix="Name another vendor, or write the loan as gpu-debt.",
        )
    return VendorFinancing(
        id=table.id, vendor=vendor, borrower=borrower, terms=_loan_terms(desk, table, *at, setting=setting)
    )


def gpu_debt(desk: Desk, table: GpuDebtTable, *at: Step, setting: Setting) -> GpuDebt:
    """A loan against systems."""
    lender, borrower = _lender(desk, *at, names={"lender": table.lender, "borrower": table.borrower}, setting=setting)
    sites = some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site")
    _paid_for(desk, *at, "sites", what="systems", owners={setting.systems_owner(site) for site in sites}, by=borrower)
    return GpuDebt(
        id=table.id,
        lender=lender,
        borrower=borrower,
        platforms=some(desk, table.platforms, *at, "platforms", known=setting.platforms, noun="platform"),
        sites=sites,
        terms=_loan_terms(desk, table, *at, setting=setting),
    )


def project_debt(desk: Desk, table: ProjectDebtTable, *at: Step, setting: Setting) -> ProjectDebt:
    """A loan against facilities."""
    lender, borrower = _lender(desk, *at, names={"lender": table.lender, "borrower": table.borrower}, setting=setting)
    sites = some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site")
    _paid_for(
        desk, *at, "sites", what="buildings", owners={setting.facility_owner(site) for site in sites}, by=borrower
    )
    return ProjectDebt(
        id=table.id,
        lender=lender,
        borrower=borrower,
        sites=sites,
        terms=_loan_terms(desk, table, *at, setting=setting),
    )


def revenue_share(desk: Desk, table: RevenueShareTable, *at: Step, setting: Setting) -> RevenueShare:
    """A part of revenue between two months, up to a cap."""
    payee, payer = pair(desk, *at, names={"payee": table.payee, "payer": table.payer}, setting=setting)
    if table.end < table.start:
        raise desk.refuse(
            *at,
            "end",
            found=f"{table.end.isoformat()[:7]}, before the start {table.start.isoformat()[:7]}",
            expected="an end in or after the month of the start",
            fix="Swap the two, or move one.",
        )
    return RevenueShare(
        id=table.id,
        payer=payer,
        payee=payee,
        share_fraction=desk.number(table.share, *at, "share"),
        cap_usd=desk.number(table.cap, *at, "cap"),
        start=table.start,
        end=table.end,
    )


def income_tax(desk: Desk, table: TaxRegimeTable, *at: Step, setting: Setting) -> IncomeTax:
    """How a party's income is taxed; lives are those of the books where an asset is written off evenly."""
    names = {"authority": table.authority, "taxpayer": table.taxpayer}
    authority, taxpayer = pair(desk, *at, names=names, setting=setting)
    return IncomeTax(
        id=table.id,
        authority=authority,
        taxpayer=taxpayer,
        rate_fraction=fraction_or(desk, table.rate, *at, "rate", figure="tax-rate"),
        systems_fractions=_schedule(
            desk,
            table.systems,
            *at,
            "systems",
            default=TaxDepreciation.MACRS_5,
            life_months=max(offer.book_life_months for offer in setting.offers),
        ),
        facilities_fractions=_schedule(
            desk,
            table.facilities,
            *at,
            "facilities",
            default=TaxDepreciation.MACRS_15,
            life_months=desk.months_or(
                desk.scenario.document.costs.facility_life,
                "costs",
                "facility_life",
                default="assumptions/books/facility-life",
                dimension=LIFE,
            ),
        ),
        loss_offset_fraction=desk.number_or(
            table.loss_offset, *at, "loss_offset", default="economics/us-tax/loss-limit", dimension=FRACTION
        ),
        credit_fraction=0.0 if table.credit is None else desk.number(table.credit, *at, "credit"),
    )


def grant(desk: Desk, table: GrantTable, *at: Step, setting: Setting) -> Grant:
    """Public money for part of what facilities cost."""
    giver, recipient = pair(desk, *at, names={"giver": table.giver, "recipient": table.recipient}, setting=setting)
    sites = some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site")
    owners = {setting.facility_owner(site) for site in sites}
    _paid_for(desk, *at, "sites", what="buildings", owners=owners, by=recipient)
    return Grant(
        id=table.id,
        giver=giver,
        recipient=recipient,
        sites=sites,
        capex_fraction=desk.number(table.share, *at, "share"),
        cap_usd=desk.number(table.cap, *at, "cap"),
        payment_lag_months=months_or_none(
            desk, table.payment_lag, *at, "payment_lag", note="a grant is paid with the spending that earns it"
        ),
    )


def _paid_for(desk: Desk, *at: Step, what: str, owners: set[str], by: str) -> None:
    """Refuses a contract about what somebody pays for where that party pays for none of it."""
    if by not in owners:
        raise desk.refuse(
            *at,
            found=f'none whose {what} "{by}" pays for',
            expected=f"at least one site whose {what} it owns",
            fix=f"Name such a site, or the owner of the {what}: {', '.join(sorted(owners))}.",
        )


def _schedule(
    desk: Desk, stated: TaxDepreciation | None, *steps: Step, default: TaxDepreciation, life_months: int
) -> tuple[float, ...]:
    """What is written off in the year of service and in each later one, as fractions of the cost."""
    chosen = TaxDepreciation(desk.choose(stated, *steps, default=default, note="the schedule of United States tax law"))
    match chosen:
        case TaxDepreciation.BONUS:
            return (1.0,)
        case TaxDepreciation.STRAIGHT_LINE:
            years = max(1, round(life_months / MONTHS_PER_YEAR))
            return tuple(float(part) for part in half_step_straight_line_fractions(years))
        case TaxDepreciation.MACRS_5 | TaxDepreciation.MACRS_15:
            years = int(chosen.value.rpartition("-")[2])
            return tuple(float(part) for part in macrs_fractions(desk.catalog, recovery_years=years))


def _lender(desk: Desk, *at: Step, names: Mapping[str, str | None], setting: Setting) -> tuple[str, str]:
    """Lender and borrower; a programme borrows, and what it lends no plan would know of."""
    lender, borrower = pair(desk, *at, names=names, setting=setting)
    if lender == setting.programme:
        key = next(iter(names))
        raise desk.refuse(
            *at,
            key,
            found=f'"{lender}", the programme',
            expected="somebody who lends to the programme or to another party",
            fix="Name another lender, or write what the programme pays as an equity-round or a deposit.",
        )
    return lender, borrower


def _loan_terms(desk: Desk, table: LoanTable, *at: Step, setting: Setting) -> LoanTerms:
    repayment = Repayment(
        desk.choose(table.repayment, *at, "repayment", default=Repayment.LEVEL, note="loans are repaid level")
    )
    advance, ltv = (
        fraction_or(desk, table.advance, *at, "advance", figure="advance"),
        _none(desk, table.most_ltv, *at, key="most_ltv"),
    )
    if 0.0 < ltv < advance:
        raise desk.refuse(
            *at,
            "most_ltv",
            found=f"{ltv:g} for an advance of {advance:g}",
            expected="a covenant that the first draw does not break",
            fix="Raise most_ltv, or lower the advance.",
        )
    facility = isinstance(table, ProjectDebtTable)
    collateral_life = "assumptions/books/facility-life" if facility else f"{TERMS}/collateral-life"
    target, least = _dscr(desk, table, repayment, *at)
    grace_months = desk.months_or(table.grace, *at, "grace", default=f"{TERMS}/loan-grace", dimension=DURATION_MONTHS)
    tenor_months = desk.months_or(table.tenor, *at, "tenor", default=f"{TERMS}/loan-tenor", dimension=LIFE)
    _check_dates(desk, table, *at, grace_months=grace_months, tenor_months=tenor_months, setting=setting)
    reserve_months = months_or_none(desk, table.reserve, *at, "reserve", note="no reserve is kept")
    if reserve_months > tenor_months:
        raise desk.refuse(
            *at,
            "reserve",
            found=f"{reserve_months} months of a tenor of {tenor_months}",
            expected="a reserve for months in which the loan is repaid",
            fix='Write it like reserve = "6 month".',
        )
    return LoanTerms(
        commitment_usd=desk.number(table.commitment, *at, "commitment"),
        advance_fraction=advance,
        rate_fraction_per_year=desk.number_or(
            table.rate, *at, "rate", default=f"{TERMS}/loan-rate", dimension=YEARLY_SHARE
        ),
        start=table.start,
        grace_months=grace_months,
        tenor_months=tenor_months,
        repayment=repayment,
        target_dscr_ratio=target,
        least_dscr_ratio=least,
        most_ltv_fraction=ltv,
        sweep_fraction=_none(desk, table.sweep, *at, key="sweep"),
        reserve_months=reserve_months,
        collateral_life_months=desk.months_or(
            table.collateral_life, *at, "collateral_life", default=collateral_life, dimension=LIFE
        ),
    )


def _check_dates(
    desk: Desk, table: LoanTable, *at: Step, grace_months: int, tenor_months: int, setting: Setting
) -> None:
    """Refuses a loan without a month to draw in, or one whose repayment does not keep to planning periods."""
    step, first = setting.calendar.months_per_period, setting.calendar.month_index(table.start)
    if grace_months == 0 or first + grace_months <= 0 or first >= setting.calendar.month_count:
        raise desk.refuse(
            *at,
            "grace" if grace_months == 0 else "start",
            found=f"{grace_months} months from {table.start.isoformat()[:7]}",
            expected="at least one month of the programme in which the loan can be drawn",
            fix="Lengthen the grace period, or move the start.",
        )
    if (first + grace_months) % step or tenor_months % step:
        raise desk.refuse(
            *at,
            "tenor" if tenor_months % step else "grace",
            found=f"repayment from month {first + grace_months} for {tenor_months} months",
            expected=f"a start of repayment and a tenor in whole planning periods of {step} months",
            fix="Round grace and tenor to whole periods.",
        )


def _dscr(desk: Desk, table: LoanTable, repayment: Repayment, *at: Step) -> tuple[float, float]:
    """Coverage that sculpted service keeps, and the covenant's least; the first must not break the second."""
    least = _none(desk, table.least_dscr, *at, key="least_dscr")
    if repayment is Repayment.LEVEL:
        if table.target_dscr is not None:
            raise desk.refuse(
                *at,
                "target_dscr",
                found=f'"{table.target_dscr.text}" for a loan that is repaid level',
                expected="a target only where repayment is sculpted",
                fix='Write repayment = "sculpted", or leave target_dscr out.',
            )
        return 0.0, least
    target = desk.number_or(table.target_dscr, *at, "target_dscr", default=f"{TERMS}/target-dscr", dimension=RATIO)
    if target < max(1.0, least):
        raise desk.refuse(
            *at,
            "target_dscr",
            found=f"{target:g}",
            expected=f"at least {max(1.0, least):g}: debt service within the cash, and within the covenant",
            fix='Write it like target_dscr = "1.3 ratio".',
        )
    return target, least


def _none(desk: Desk, stated: Stated | None, *at: Step, key: str) -> float:
    """The number at `key`; 0, which means none, where the scenario is silent."""
    if stated is None:
        desk.choose(None, *at, key, default="none", note=f"a loan has no {key} unless the scenario says so")
        return 0.0
    return desk.number(stated, *at, key)
