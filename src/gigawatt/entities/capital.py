"""Parties, purses and what things cost. Money is nominal USD."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gigawatt.entities.assumptions import Ranged


class PartyRole(StrEnum):
    """What a party does in the programme."""

    PROGRAMME = "programme"
    INVESTOR = "investor"
    VENDOR = "vendor"
    SUPPLIER = "supplier"
    SITE_PARTNER = "site partner"
    LENDER = "lender"
    UTILITY = "utility"
    BUILDER = "builder"
    CUSTOMERS = "customers"
    SELLER = "seller"
    GUARANTOR = "guarantor"
    AUTHORITY = "authority"


class PowerBasis(StrEnum):
    """Which megawatt a contract counts."""

    FACILITY = "facility"
    IT = "IT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who pays or is paid. A vendor that also invests is one party with several roles."""

    id: str
    name: str
    roles: tuple[PartyRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBook:
    """Unit costs by layer, each on the basis its name says, and how the books write facilities off.

    `spreads` maps the name of a unit cost to the factors of itself that it may turn out to be; the others are sure.
    """

    building_usd_per_facility_mw: float
    cooling_usd_per_facility_mw: float
    power_usd_per_facility_mw: float
    grid_usd_per_facility_mw: float
    network_usd_per_it_mw: float
    storage_usd_per_it_mw: float
    facility_operation_fraction_per_year: float
    systems_operation_fraction_per_year: float
    facility_book_life_months: int
    facility_residual_fraction: float
    spreads: Mapping[str, Ranged] = field(default_factory=dict)

    @property
    def facility_usd_per_facility_mw(self) -> float:
        """Building, cooling, power and grid together: what a site costs before anything computes."""
        return (
            self.building_usd_per_facility_mw
            + self.cooling_usd_per_facility_mw
            + self.power_usd_per_facility_mw
            + self.grid_usd_per_facility_mw
        )

    @property
    def fabric_usd_per_it_mw(self) -> float:
        """Network outside the rack and storage: they join racks, and what cooling takes does not make them dearer."""
        return self.network_usd_per_it_mw + self.storage_usd_per_it_mw


@dataclass(frozen=True, slots=True, kw_only=True)
class Treasury:
    """The programme's own purse: cash at the start and the least it may ever hold."""

    opening_cash_usd: float
    minimum_cash_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTarget:
    """At least `facility_mw` of racks of `platforms` energized by the month of `deadline`."""

    facility_mw: float
    deadline: date
    platforms: tuple[str, ...]
