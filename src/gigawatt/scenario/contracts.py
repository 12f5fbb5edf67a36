"""Contracts, targets and unit costs, with every name in them checked."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from gigawatt.entities.capital import (
    Contract,
    CostBook,
    EquityRound,
    Instalment,
    MilestoneTranches,
    PowerBasis,
    PowerTarget,
    ResidualGuarantee,
)
from gigawatt.entities.site import Leased, Site
from gigawatt.scenario.checks import known_id, unique_ids, within_calendar
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.schema import EquityRoundTable, InstalmentTable, MilestoneTranchesTable, ResidualGuaranteeTable
from gigawatt.timeline import Calendar
from gigawatt.units import IT_POWER, MONEY_PER_FACILITY_MW, YEARLY_SHARE

COSTS: Final = "assumptions/cost"
MOST_TRANCHES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What contracts refer to: the programme, its months, its sites and the platforms it can buy."""

    programme: str
    calendar: Calendar
    sites: tuple[Site, ...]
    platforms: tuple[str, ...]

    @property
    def site_ids(self) -> tuple[str, ...]:
        """The ids of all sites."""
        return tuple(site.id for site in self.sites)


def contracts(desk: Desk, setting: Setting) -> tuple[Contract, ...]:
    """All contracts; whoever is not named as recipient or lessee is the programme."""
    tables = desk.scenario.document.contracts
    unique_ids(desk.scenario, [table.id for table in tables], key="contract")
    return tuple(_contract(desk, table, index, setting) for index, table in enumerate(tables))


def targets(desk: Desk, setting: Setting) -> tuple[PowerTarget, ...]:
    """All targets, each within the calendar."""
    return tuple(
        PowerTarget(
            facility_mw=desk.number(table.facility, "target", index, "facility"),
            deadline=within_calendar(desk.scenario, table.by, "target", index, "by", calendar=setting.calendar),
            platforms=_some(
                desk, table.platforms, "target", index, "platforms", known=setting.platforms, noun="platform"
            ),
        )
        for index, table in enumerate(desk.scenario.document.targets)
    )


def cost_book(desk: Desk) -> CostBook:
    """Unit costs, from the catalogue's assumptions where the scenario is silent."""
    costs = desk.scenario.document.costs

    def per_facility_mw(stated: Stated | None, layer: str) -> float:
        return desk.number_or(stated, "costs", layer, default=f"{COSTS}/{layer}", dimension=MONEY_PER_FACILITY_MW)

    def per_year(stated: Stated | None, layer: str) -> float:
        default = f"{COSTS}/{layer.replace('_', '-')}"
        return desk.number_or(stated, "costs", layer, default=default, dimension=YEARLY_SHARE)

    return CostBook(
        building_usd_per_facility_mw=per_facility_mw(costs.building, "building"),
        cooling_usd_per_facility_mw=per_facility_mw(costs.cooling, "cooling"),
        power_usd_per_facility_mw=per_facility_mw(costs.power, "power"),
        grid_usd_per_facility_mw=per_facility_mw(costs.grid, "grid"),
        network_usd_per_facility_mw=per_facility_mw(costs.network, "network"),
        storage_usd_per_facility_mw=per_facility_mw(costs.storage, "storage"),
        facility_operation_fraction_per_year=per_year(costs.facility_operation, "facility_operation"),
        systems_operation_fraction_per_year=per_year(costs.systems_operation, "systems_operation"),
    )


def _contract(
    desk: Desk,
    table: MilestoneTranchesTable | EquityRoundTable | ResidualGuaranteeTable,
    index: int,
    setting: Setting,
) -> Contract:
    match table:
        case MilestoneTranchesTable():
            return _tranches(desk, table, index, setting)
        case EquityRoundTable():
            return _round(desk, table, index, setting)
        case ResidualGuaranteeTable():
            return _guarantee(desk, table, index, setting)


def _tranches(desk: Desk, table: MilestoneTranchesTable, index: int, setting: Setting) -> MilestoneTranches:
    at = ("contract", index)
    investor, recipient = _pair(desk, table.investor, table.recipient, *at, setting=setting)
    amount_usd, cap_usd = _amount_and_cap(desk, table, *at)
    if table.paid_on_signature:
        within_calendar(desk.scenario, table.signed, *at, "signed", calendar=setting.calendar)
    return MilestoneTranches(
        id=table.id,
        investor=investor,
        recipient=recipient,
        unit_mw=_positive(desk, table.unit, *at, "unit"),
        basis=PowerBasis.IT if table.unit.dimension == IT_POWER else PowerBasis.FACILITY,
        amount_usd=amount_usd,
        cap_usd=cap_usd,
        platforms=_some(desk, table.platforms, *at, "platforms", known=setting.platforms, noun="platform"),
        sites=_some(desk, table.sites, *at, "sites", known=setting.site_ids, noun="site"),
        signed=table.signed,
        paid_on_signature_count=table.paid_on_signature,
        payment_lag_months=_lag(desk, table.payment_lag, *at, "payment_lag"),
        binding=table.binding,
    )


def _round(desk: Desk, table: EquityRoundTable, index: int, setting: Setting) -> EquityRound:
    at = ("contract", index)
    investor, recipient = _pair(desk, table.investor, table.recipient, *at, setting=setting)
    return EquityRound(
        id=table.id,
        investor=investor,
        recipient=recipient,
        instalments=tuple(
            Instalment(
                on=_not_before(desk, entry, *at, "instalments", position, "on", calendar=setting.calendar),
                amount_usd=desk.number(entry.amount, *at, "instalments", position, "amount"),
            )
            for position, entry in enumerate(table.instalments)
        ),
    )


def _guarantee(desk: Desk, table: ResidualGuaranteeTable, index: int, setting: Setting) -> ResidualGuarantee:
    at = ("contract", index)
    name = known_id(desk.scenario, table.site, *at, "site", known=setting.site_ids, noun="site")
    lessor = _declared(desk, table.lessor, *at, "lessor")
    ownership = next(site.ownership for site in setting.sites if site.id == name)
    if not isinstance(ownership, Leased) or ownership.lessor != lessor:
        raise desk.refuse(
            *at,
            "lessor",
            found=f'"{lessor}", who does not lease out the site {name}',
            expected="the lessor of the site",
            fix=f'Give the site {name} ownership = {{ kind = "leased", lessor = "{lessor}" }}.',
        )
    return ResidualGuarantee(
        id=table.id,
        guarantor=_declared(desk, table.guarantor, *at, "guarantor"),
        lessor=lessor,
        lessee=_or_programme(desk, table.lessee, *at, "lessee", setting=setting),
        site=name,
        covered_it_mw=desk.number(table.covered, *at, "covered"),
        cap_usd=desk.number(table.cap, *at, "cap"),
    )


def _pair(desk: Desk, investor: str, recipient: str | None, *at: Step, setting: Setting) -> tuple[str, str]:
    """Who pays and who receives, two different parties."""
    payer = _declared(desk, investor, *at, "investor")
    payee = _or_programme(desk, recipient, *at, "recipient", setting=setting)
    if payer == payee:
        raise desk.refuse(
            *at,
            "investor",
            found=f'"{payer}", who is the recipient too',
            expected="an investor and a recipient who are two different parties",
            fix="Name another investor or another recipient.",
        )
    return payer, payee


def _amount_and_cap(desk: Desk, table: MilestoneTranchesTable, *at: Step) -> tuple[float, float]:
    """What a tranche pays and all of them at most; a cap of nothing switches the contract off."""
    amount_usd = _positive(desk, table.amount, *at, "amount")
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


def _declared(desk: Desk, name: str, *steps: Step) -> str:
    return desk.party(name, *steps, default=name)


def _or_programme(desk: Desk, name: str | None, *steps: Step, setting: Setting) -> str:
    return setting.programme if name is None else _declared(desk, name, *steps)


def _some(
    desk: Desk, names: tuple[str, ...] | None, *steps: Step, known: tuple[str, ...], noun: str
) -> tuple[str, ...]:
    if names is None:
        return known
    return tuple(
        known_id(desk.scenario, name, *steps, position, known=known, noun=noun) for position, name in enumerate(names)
    )


def _positive(desk: Desk, stated: Stated, *steps: Step) -> float:
    value = desk.number(stated, *steps)
    if value <= 0:
        raise desk.refuse(
            *steps,
            found=f'"{stated.text}"',
            expected="more than zero",
            fix=f"Write it like {stated.dimension.example}.",
        )
    return value


def _lag(desk: Desk, stated: Stated | None, *steps: Step) -> int:
    if stated is not None:
        return desk.whole(desk.number(stated, *steps), stated, *steps)
    desk.choose(None, *steps, default="0 month", note="a tranche is paid in the month of its milestone")
    return 0


def _not_before(desk: Desk, entry: InstalmentTable, *steps: Step, calendar: Calendar) -> date:
    if calendar.month_index(entry.on) < 0:
        raise desk.refuse(
            *steps,
            found=entry.on.isoformat(),
            expected=f"a day not before the programme's start, {calendar.start.isoformat()[:7]}",
            fix="Count money paid earlier in programme.opening_cash.",
        )
    return entry.on
