"""Leases, guarantees, cloud capacity, commitments, advances, supply and power."""

from datetime import date

from gigawatt.entities.contracts import (
    CapacityLease,
    Deposit,
    PowerPurchase,
    Prepayment,
    ResidualGuarantee,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
)
from gigawatt.entities.hardware import Offer, SupplyStep
from gigawatt.entities.site import Cloud, Leased
from gigawatt.scenario.agreements.setting import (
    TERMS,
    Setting,
    declared,
    fraction_or,
    months_or_none,
    or_programme,
    pair,
    positive,
    some,
    whole_months,
)
from gigawatt.scenario.checks import known_id, rising_dates
from gigawatt.scenario.contract_tables import (
    CapacityLeaseTable,
    DepositTable,
    PowerPurchaseTable,
    PrepaymentTable,
    ResidualGuaranteeTable,
    SpendCommitmentTable,
    SupplyAgreementTable,
    TakeOrPayTable,
)
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.timeline import Calendar
from gigawatt.units import LIFE, RENT_PER_IT_MW, YEARLY_SHARE


def lease(desk: Desk, table: CapacityLeaseTable, *at: Step, setting: Setting) -> CapacityLease:
    """IT power rented for years; with a site, one that the lessor leases out."""
    lessor, lessee = pair(desk, *at, names={"lessor": table.lessor, "lessee": table.lessee}, setting=setting)
    return CapacityLease(
        id=table.id,
        lessor=lessor,
        lessee=lessee,
        site="" if table.site is None else _leased_site(desk, table.site, lessor, *at, setting=setting),
        leased_it_mw=positive(desk, table.capacity, *at, "capacity"),
        rent_usd_per_it_mw_month=desk.number_or(
            table.rent, *at, "rent", default="assumptions/site/leased-rent", dimension=RENT_PER_IT_MW
        ),
        escalator_fraction_per_year=_escalator(desk, table.escalator, *at),
        start=table.start,
        term_months=_term(desk, table.term, table.start, *at, calendar=setting.calendar),
    )


def guarantee(desk: Desk, table: ResidualGuaranteeTable, *at: Step, setting: Setting) -> ResidualGuarantee:
    """A guarantor who stands in for the lessee of a leased site."""
    lessor = declared(desk, table.lessor, *at, "lessor")
    lessee = or_programme(desk, table.lessee, *at, "lessee", setting=setting)
    guarantor = declared(desk, table.guarantor, *at, "guarantor")
    for role, party in (("lessor", lessor), ("lessee", lessee)):
        if guarantor == party:
            raise desk.refuse(
                *at,
                "guarantor",
                found=f'"{guarantor}", who is the {role} too',
                expected="a guarantor who stands in for somebody else",
                fix="Name another guarantor.",
            )
    return ResidualGuarantee(
        id=table.id,
        guarantor=guarantor,
        lessor=lessor,
        lessee=lessee,
        site=_leased_site(desk, table.site, lessor, *at, setting=setting),
        covered_it_mw=desk.number(table.covered, *at, "covered"),
        cap_usd=desk.number(table.cap, *at, "cap"),
        trigger_months=months_or_none(
            desk, table.trigger, *at, "trigger", note="a guarantee is called in the month of the first unpaid rent"
        ),
        recovery_fraction=fraction_or(desk, table.recovery, *at, "recovery", figure="recovery"),
    )


def take_or_pay(desk: Desk, table: TakeOrPayTable, *at: Step, setting: Setting) -> TakeOrPay:
    """Cloud capacity that is paid for, used or not."""
    names = {"provider": table.provider, "customer": table.customer}
    provider, customer = pair(desk, *at, names=names, setting=setting)
    capacity_mw = positive(desk, table.capacity, *at, "capacity")
    term_months = _term(desk, table.term, table.start, *at, calendar=setting.calendar)
    ramp_months = months_or_none(desk, table.ramp, *at, "ramp", note="all the capacity is there from the start")
    if ramp_months > term_months:
        raise desk.refuse(
            *at, "ramp", found=f"{ramp_months} months", expected="a ramp within the term", fix="Shorten the ramp."
        )
    return TakeOrPay(
        id=table.id,
        provider=provider,
        customer=customer,
        sites=_cloud_sites(desk, table, provider, *at, setting=setting),
        capacity_mw=capacity_mw,
        price_usd_per_mw_month=_capacity_price(
            desk, table, *at, mw_months=capacity_mw * sum(ramped(term_months, ramp_months=ramp_months))
        ),
        take_fraction=fraction_or(desk, table.take, *at, "take", figure="take"),
        start=table.start,
        term_months=term_months,
        ramp_months=ramp_months,
    )


def ramped(term_months: int, *, ramp_months: int) -> list[float]:
    """Share of the capacity in each month of the term: even growth to all of it in the last month of the ramp."""
    return [min(1.0, (month + 1) / max(1, ramp_months)) for month in range(term_months)]


def commitment(desk: Desk, table: SpendCommitmentTable, *at: Step, setting: Setting) -> SpendCommitment:
    """A sum to be spent over a term."""
    seller, buyer = pair(desk, *at, names={"seller": table.seller, "buyer": table.buyer}, setting=setting)
    term_months = _term(desk, table.term, table.start, *at, calendar=setting.calendar)
    settlement_months = desk.months_or(
        table.settlement, *at, "settlement", default=f"{TERMS}/settlement", dimension=LIFE
    )
    if term_months % settlement_months:
        raise desk.refuse(
            *at,
            "settlement",
            found=f"{settlement_months} months in a term of {term_months}",
            expected="a term of whole settlement intervals",
            fix='Write it like settlement = "12 month".',
        )
    return SpendCommitment(
        id=table.id,
        buyer=buyer,
        seller=seller,
        amount_usd=positive(desk, table.amount, *at, "amount"),
        start=table.start,
        term_months=term_months,
        settlement_months=settlement_months,
        shortfall_fraction=fraction_or(desk, table.shortfall, *at, "shortfall", figure="shortfall"),
    )


def prepayment(desk: Desk, table: PrepaymentTable, *at: Step, setting: Setting) -> Prepayment:
    """An advance that later purchases use up."""
    payee, payer = pair(desk, *at, names={"payee": table.payee, "payer": table.payer}, setting=setting)
    return Prepayment(
        id=table.id,
        payer=payer,
        payee=payee,
        amount_usd=desk.number(table.amount, *at, "amount"),
        on=_within(desk, table.on, *at, "on", calendar=setting.calendar),
        credit_fraction=fraction_or(desk, table.credit, *at, "credit", figure="credit")
        if table.credit is None
        else positive(desk, table.credit, *at, "credit"),
    )


def deposit(desk: Desk, table: DepositTable, *at: Step, setting: Setting) -> Deposit:
    """Money left with somebody and returned later."""
    payee, payer = pair(desk, *at, names={"payee": table.payee, "payer": table.payer}, setting=setting)
    if table.returned <= table.on:
        raise desk.refuse(
            *at,
            "returned",
            found=f"{table.returned.isoformat()}, not after {table.on.isoformat()}",
            expected="a deposit that is returned after it was paid",
            fix="Swap the two days, or move one.",
        )
    return Deposit(
        id=table.id,
        payer=payer,
        payee=payee,
        amount_usd=desk.number(table.amount, *at, "amount"),
        on=_within(desk, table.on, *at, "on", calendar=setting.calendar),
        returned=table.returned,
    )


def supply(desk: Desk, table: SupplyAgreementTable, *at: Step, setting: Setting) -> SupplyAgreement:
    """Price and volume of a platform that the vendor offers."""
    vendor, buyer = pair(desk, *at, names={"vendor": table.vendor, "buyer": table.buyer}, setting=setting)
    platform = known_id(desk.scenario, table.platform, *at, "platform", known=setting.platforms, noun="platform")
    offer = next(offer for offer in setting.offers if offer.platform.id == platform)
    if offer.vendor != vendor:
        raise desk.refuse(
            *at,
            "vendor",
            found=f'"{vendor}", while {platform} is sold by "{offer.vendor}"',
            expected="the vendor of the platform",
            fix=f'Write vendor = "{offer.vendor}", or give the platform another vendor.',
        )
    if (table.committed is None) != (table.committed_by is None):
        raise desk.refuse(
            *at,
            "committed",
            found="a number of racks without a date, or a date without a number",
            expected="both committed and committed_by, or neither",
            fix='Write committed = "800 rack" and committed_by = "2029-12".',
        )
    return SupplyAgreement(
        id=table.id,
        vendor=vendor,
        buyer=buyer,
        platform=platform,
        price_usd_per_rack=offer.price_usd_per_rack
        if table.price is None
        else positive(desk, table.price, *at, "price"),
        supply=_volume(desk, table, offer, *at),
        exclusive=table.exclusive,
        committed_racks_count=0.0 if table.committed is None else desk.number(table.committed, *at, "committed"),
        committed_by=table.committed_by or setting.calendar.months[-1],
        shortfall_fraction=fraction_or(desk, table.shortfall, *at, "shortfall", figure="shortfall"),
    )


def power_purchase(desk: Desk, table: PowerPurchaseTable, *at: Step, setting: Setting) -> PowerPurchase:
    """Power at a fixed price, settled for difference at a site."""
    seller, buyer = pair(desk, *at, names={"seller": table.seller, "buyer": table.buyer}, setting=setting)
    return PowerPurchase(
        id=table.id,
        seller=seller,
        buyer=buyer,
        site=known_id(desk.scenario, table.site, *at, "site", known=setting.site_ids, noun="site"),
        contracted_grid_mw=positive(desk, table.contracted, *at, "contracted"),
        strike_usd_per_mwh=desk.number(table.strike, *at, "strike"),
        escalator_fraction_per_year=_escalator(desk, table.escalator, *at),
        start=table.start,
        term_months=_term(desk, table.term, table.start, *at, calendar=setting.calendar),
    )


def _leased_site(desk: Desk, name: str, lessor: str, *at: Step, setting: Setting) -> str:
    known_id(desk.scenario, name, *at, "site", known=setting.site_ids, noun="site")
    ownership = setting.site(name).ownership
    if isinstance(ownership, Leased) and ownership.lessor == lessor:
        return name
    raise desk.refuse(
        *at,
        "lessor",
        found=f'"{lessor}", who does not lease out the site {name}',
        expected="the lessor of the site",
        fix=f'Give the site {name} ownership = {{ kind = "leased", lessor = "{lessor}" }}.',
    )


def _cloud_sites(desk: Desk, table: TakeOrPayTable, provider: str, *at: Step, setting: Setting) -> tuple[str, ...]:
    names = some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site")
    for position, name in enumerate(names):
        ownership = setting.site(name).ownership
        if not isinstance(ownership, Cloud) or ownership.provider != provider:
            raise desk.refuse(
                *at,
                "sites",
                position,
                found=f'"{name}", where "{provider}" does not sell cloud capacity',
                expected="sites of the provider",
                fix=f'Give the site {name} ownership = {{ kind = "cloud", provider = "{provider}", price = ... }}.',
            )
    return names


def _capacity_price(desk: Desk, table: TakeOrPayTable, *at: Step, mw_months: float) -> float:
    """Price per MW and month: as stated, or the amount over all MW and months of the term."""
    if table.price is not None and table.amount is None:
        return desk.number(table.price, *at, "price")
    if table.amount is not None and table.price is None:
        return desk.number(table.amount, *at, "amount") / mw_months
    raise desk.refuse(
        *at,
        "price",
        found="neither price nor amount" if table.price is None else "both price and amount",
        expected="one of the two",
        fix='Write price = "1.1 MUSD/MW facility/month", or amount = "300 bn USD" for the whole term.',
    )


def _volume(desk: Desk, table: SupplyAgreementTable, offer: Offer, *at: Step) -> tuple[SupplyStep, ...]:
    if not table.volume:
        return offer.supply
    rising_dates(desk.scenario, [step.start for step in table.volume], *at, "volume")
    return tuple(
        SupplyStep(start=step.start, racks_per_month=desk.number(step.rate, *at, "volume", position, "rate"))
        for position, step in enumerate(table.volume)
    )


def _escalator(desk: Desk, stated: Stated | None, *at: Step) -> float:
    if stated is not None:
        return desk.number(stated, *at, "escalator")
    return desk.number_or(None, *at, "escalator", default="assumptions/site/rent-escalator", dimension=YEARLY_SHARE)


def _term(desk: Desk, stated: Stated, start: date, *at: Step, calendar: Calendar) -> int:
    """Whole months of a term that lies at least partly within the calendar."""
    months = whole_months(desk, stated, *at, "term")
    first = calendar.month_index(start)
    if first >= calendar.month_count or first + months <= 0:
        last = calendar.months[-1].isoformat()[:7]
        raise desk.refuse(
            *at,
            "start",
            found=f"{start.isoformat()[:7]} for {months} months",
            expected=f"a term that reaches into the programme, {calendar.start.isoformat()[:7]} to {last}",
            fix="Move the start, lengthen the term, or leave the contract out.",
        )
    return months


def _within(desk: Desk, on: date, *steps: Step, calendar: Calendar) -> date:
    if not 0 <= calendar.month_index(on) < calendar.month_count:
        raise desk.refuse(
            *steps,
            found=on.isoformat(),
            expected=f"a day of the programme, which starts in {calendar.start.isoformat()[:7]}",
            fix="Count money paid earlier in programme.opening_cash.",
        )
    return on
