"""Contracts, targets and unit costs, with every name in them checked."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gigawatt.entities.assumptions import SURE, Ranged
from gigawatt.entities.capital import CostBook, PowerTarget
from gigawatt.entities.contracts import Contract
from gigawatt.scenario import contract_tables as tables
from gigawatt.scenario.agreements import capacity, equity, lending
from gigawatt.scenario.agreements.consistency import check_contracts
from gigawatt.scenario.agreements.setting import Setting, some
from gigawatt.scenario.checks import unique_ids, within_calendar
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.tables import Table
from gigawatt.units import FRACTION, LIFE, MONEY_PER_FACILITY_MW, MONEY_PER_IT_MW, YEARLY_SHARE, Dimension

COSTS: Final = "assumptions/cost"
BOOKS: Final = "assumptions/books"

READERS: Final[Mapping[type[Table], Callable[..., Contract]]] = {
    tables.MilestoneTranchesTable: equity.tranches,
    tables.EquityRoundTable: equity.equity_round,
    tables.VestingWarrantTable: equity.warrant,
    tables.CapacityLeaseTable: capacity.lease,
    tables.ResidualGuaranteeTable: capacity.guarantee,
    tables.TakeOrPayTable: capacity.take_or_pay,
    tables.SpendCommitmentTable: capacity.commitment,
    tables.PrepaymentTable: capacity.prepayment,
    tables.DepositTable: capacity.deposit,
    tables.SupplyAgreementTable: capacity.supply,
    tables.VendorFinancingTable: lending.vendor_financing,
    tables.GpuDebtTable: lending.gpu_debt,
    tables.ProjectDebtTable: lending.project_debt,
    tables.RevenueShareTable: lending.revenue_share,
    tables.PowerPurchaseTable: capacity.power_purchase,
    tables.TaxRegimeTable: lending.income_tax,
    tables.GrantTable: lending.grant,
}


def contracts(desk: Desk, setting: Setting) -> tuple[Contract, ...]:
    """All contracts, each sound in itself and none at odds with another."""
    written: tuple[Any, ...] = desk.scenario.document.contracts
    unique_ids(desk.scenario, [table.id for table in written], key="contract")
    found = tuple(
        READERS[type(table)](desk, table, "contract", index, setting=setting) for index, table in enumerate(written)
    )
    check_contracts(desk, found)
    return found


def targets(desk: Desk, setting: Setting) -> tuple[PowerTarget, ...]:
    """All targets, each within the calendar."""
    return tuple(
        PowerTarget(
            facility_mw=desk.number(table.facility, "target", index, "facility"),
            deadline=within_calendar(desk.scenario, table.by, "target", index, "by", calendar=setting.calendar),
            platforms=some(
                desk, table.platforms, "target", index, "platforms", known=setting.platforms, noun="platform"
            ),
        )
        for index, table in enumerate(desk.scenario.document.targets)
    )


def cost_book(desk: Desk) -> CostBook:
    """Unit costs, from the catalogue's assumptions where the scenario is silent."""
    costs = desk.scenario.document.costs

    spreads: dict[str, Ranged] = {}

    def unit_cost(stated: Stated | None, key: str, basis: str, dimension: Dimension) -> float:
        default = f"{COSTS}/{key.replace('_', '-')}"
        spreads[f"{key}_{basis}"] = desk.spread(stated, "costs", key, default=default, dimension=dimension)
        return desk.number_or(stated, "costs", key, default=default, dimension=dimension)

    def per_facility_mw(stated: Stated | None, layer: str) -> float:
        return unit_cost(stated, layer, "usd_per_facility_mw", MONEY_PER_FACILITY_MW)

    def per_it_mw(stated: Stated | None, layer: str) -> float:
        return unit_cost(stated, layer, "usd_per_it_mw", MONEY_PER_IT_MW)

    def per_year(stated: Stated | None, layer: str) -> float:
        return unit_cost(stated, layer, "fraction_per_year", YEARLY_SHARE)

    def share(stated: Stated | None, key: str) -> float:
        default = f"{BOOKS}/{key.replace('_', '-')}"
        return desk.number_or(stated, "costs", key, default=default, dimension=FRACTION)

    return CostBook(
        building_usd_per_facility_mw=per_facility_mw(costs.building, "building"),
        cooling_usd_per_facility_mw=per_facility_mw(costs.cooling, "cooling"),
        power_usd_per_facility_mw=per_facility_mw(costs.power, "power"),
        grid_usd_per_facility_mw=per_facility_mw(costs.grid, "grid"),
        network_usd_per_it_mw=per_it_mw(costs.network, "network"),
        storage_usd_per_it_mw=per_it_mw(costs.storage, "storage"),
        facility_operation_fraction_per_year=per_year(costs.facility_operation, "facility_operation"),
        systems_operation_fraction_per_year=per_year(costs.systems_operation, "systems_operation"),
        facility_book_life_months=desk.months_or(
            costs.facility_life, "costs", "facility_life", default=f"{BOOKS}/facility-life", dimension=LIFE
        ),
        facility_residual_fraction=share(costs.facility_residual, "facility_residual"),
        spreads={name: spread for name, spread in spreads.items() if spread != SURE},
    )
