"""Tranches, rounds and warrants."""

from datetime import date
from math import floor
from typing import Final

from gigawatt.entities.contracts import EquityRound, Instalment, MilestoneTranches, VestingStep, VestingWarrant
from gigawatt.scenario.agreements.setting import (
    Setting,
    basis,
    condition,
    months_or_none,
    pair,
    path_or_none,
    positive,
    rising_levels,
    some,
)
from gigawatt.scenario.checks import within_calendar
from gigawatt.scenario.contract_tables import (
    EquityRoundTable,
    InstalmentTable,
    MilestoneTranchesTable,
    VestingStepTable,
    VestingWarrantTable,
)
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.monthly import monthly
from gigawatt.scenario.places import Step
from gigawatt.timeline import Calendar

MOST_TRANCHES: Final = 1000
NO_SHARES: Final = "without a valuation no shares are counted"


def tranches(desk: Desk, table: MilestoneTranchesTable, *at: Step, setting: Setting) -> MilestoneTranches:
    """A slice of committed money for each unit of power."""
    names = {"investor": table.investor, "recipient": table.recipient}
    investor, recipient = pair(desk, *at, names=names, setting=setting)
    amount_usd, cap_usd = _amount_and_cap(desk, table, *at)
    on_signature_count = _on_signature(desk, table, *at, amount_usd=amount_usd, cap_usd=cap_usd)
    if on_signature_count:
        within_calendar(desk.scenario, table.signed, *at, "signed", calendar=setting.calendar)
    return MilestoneTranches(
        id=table.id,
        investor=investor,
        recipient=recipient,
        unit_mw=positive(desk, table.unit, *at, "unit"),
        basis=basis(table.unit),
        amount_usd=amount_usd,
        cap_usd=cap_usd,
        platforms=some(desk, table.platforms, *at, "platforms", known=setting.platforms, noun="platform"),
        sites=some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site"),
        signed=table.signed,
        paid_on_signature_count=on_signature_count,
        payment_lag_months=months_or_none(
            desk, table.payment_lag, *at, "payment_lag", note="a tranche is paid in the month of its milestone"
        ),
        binding=table.binding,
        pre_money_usd=path_or_none(desk, table.valuation, *at, "valuation", calendar=setting.calendar, note=NO_SHARES),
    )


def _on_signature(desk: Desk, table: MilestoneTranchesTable, *at: Step, amount_usd: float, cap_usd: float) -> int:
    """How many tranches are paid on signature: no more than there are."""
    most = floor(cap_usd / amount_usd * (1.0 + 1e-9))
    if table.paid_on_signature > most:
        raise desk.refuse(
            *at,
            "paid_on_signature",
            found=f"{table.paid_on_signature} of {most} tranches",
            expected=f"at most the {most} tranches of the cap",
            fix="Lower it, or raise the cap.",
        )
    return table.paid_on_signature


def equity_round(desk: Desk, table: EquityRoundTable, *at: Step, setting: Setting) -> EquityRound:
    """Instalments, some of them on conditions."""
    names = {"investor": table.investor, "recipient": table.recipient}
    investor, recipient = pair(desk, *at, names=names, setting=setting)
    return EquityRound(
        id=table.id,
        investor=investor,
        recipient=recipient,
        instalments=tuple(
            _instalment(desk, entry, *at, "instalments", position, setting=setting)
            for position, entry in enumerate(table.instalments)
        ),
        pre_money_usd=path_or_none(desk, table.valuation, *at, "valuation", calendar=setting.calendar, note=NO_SHARES),
    )


def warrant(desk: Desk, table: VestingWarrantTable, *at: Step, setting: Setting) -> VestingWarrant:
    """Steps that vest with power and share price; each asks for more power than the one before."""
    issuer, holder = pair(desk, *at, names={"issuer": table.issuer, "holder": table.holder}, setting=setting)
    return VestingWarrant(
        id=table.id,
        issuer=issuer,
        holder=holder,
        basis=rising_levels(desk, table.steps, *at, "steps"),
        steps=tuple(_step(desk, entry, *at, "steps", position) for position, entry in enumerate(table.steps)),
        platforms=some(desk, table.platforms, *at, "platforms", known=setting.platforms, noun="platform"),
        sites=some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site"),
        strike_usd_per_share=desk.number(table.strike, *at, "strike"),
        share_price_usd=monthly(desk, table.share_price, *at, "share_price", calendar=setting.calendar),
        expires=_expiry(desk, table.expires, *at, "expires", calendar=setting.calendar),
    )


def _instalment(desk: Desk, entry: InstalmentTable, *at: Step, setting: Setting) -> Instalment:
    return Instalment(
        on=_not_before(desk, entry.on, *at, "on", calendar=setting.calendar),
        amount_usd=desk.number(entry.amount, *at, "amount"),
        condition=condition(desk, entry.condition, *at, "condition", setting=setting),
    )


def _step(desk: Desk, entry: VestingStepTable, *at: Step) -> VestingStep:
    if entry.hurdle is None:
        desk.choose(None, *at, "hurdle", default="0 USD/share", note="a step without a hurdle vests at any price")
    return VestingStep(
        shares_count=desk.number(entry.shares, *at, "shares"),
        unit_mw=positive(desk, entry.reached, *at, "reached"),
        hurdle_usd_per_share=0.0 if entry.hurdle is None else desk.number(entry.hurdle, *at, "hurdle"),
    )


def _amount_and_cap(desk: Desk, table: MilestoneTranchesTable, *at: Step) -> tuple[float, float]:
    """What a tranche pays and all of them at most; a cap of nothing switches the contract off."""
    amount_usd = positive(desk, table.amount, *at, "amount")
    cap_usd = desk.number(table.cap, *at, "cap")
    if 0.0 < cap_usd < amount_usd or cap_usd > amount_usd * MOST_TRANCHES:
        raise desk.refuse(
            *at,
            "cap",
            found=f'"{table.cap.text}" for tranches of "{table.amount.text}"',
            expected=f"a cap of 1 to {MOST_TRANCHES:,} whole tranches, or of nothing",
            fix="Correct the amount or the cap.",
        )
    return amount_usd, cap_usd


def _not_before(desk: Desk, on: date, *steps: Step, calendar: Calendar) -> date:
    if calendar.month_index(on) < 0:
        raise desk.refuse(
            *steps,
            found=on.isoformat(),
            expected=f"a day not before the programme's start, {calendar.start.isoformat()[:7]}",
            fix="Count money paid earlier in programme.opening_cash.",
        )
    return on


def _expiry(desk: Desk, on: date, *steps: Step, calendar: Calendar) -> date:
    if calendar.month_index(on) < 0:
        raise desk.refuse(
            *steps,
            found=on.isoformat(),
            expected=f"a day after the programme's start, {calendar.start.isoformat()[:7]}",
            fix="Leave the warrant out; it has expired.",
        )
    return on
