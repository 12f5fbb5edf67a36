"""Accelerators and the platforms they are sold in. Device regime: s, byte, FLOP, W."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gigawatt.entities.assumptions import SURE, Ranged


class Precision(StrEnum):
    """Number format of a matrix multiplication or of stored values."""

    FP4 = "fp4"
    FP8 = "fp8"
    BF16 = "bf16"

    @property
    def value_bytes(self) -> float:
        """Bytes per stored value, without block scales."""
        return {Precision.FP4: 0.5, Precision.FP8: 1.0, Precision.BF16: 2.0}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One accelerator package. Rates are dense, never sparse; link bandwidths count one direction."""

    peak_dense_flop_per_s: Mapping[Precision, float]
    memory_bytes: float
    memory_bandwidth_bytes_per_s: float
    scale_up_bandwidth_bytes_per_s: float
    scale_out_bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleOutFabric:
    """How scale-up domains are joined: leaf switches with `leaf_ports_count` accelerators each, and a core above them.

    On a rail-optimized fabric a leaf joins accelerators of one rank in each of as many domains, elsewhere all those of
    a few domains. A leaf has `oversubscription_ratio` times as much bandwidth down as up.
    """

    leaf_ports_count: int
    rail_optimized: bool
    oversubscription_ratio: float

    def pod_accelerators_count(self, scale_up_domain_count: int) -> int:
        """Consecutive accelerators whose peers, rank by rank, share a leaf."""
        return self.leaf_ports_count * (scale_up_domain_count if self.rail_optimized else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A product as it is sold: one system (an 8-GPU server or a rack), called a rack throughout.

    `rack_power_w` is the greatest IT power of the rack itself, without the share of network and storage
    outside it. `measured` says whether published measurements of this platform exist. Without a `fabric` the network
    between domains is non-blocking. `silicon_of` is the platform with the same processors, if its kernels run here too.
    """

    id: str
    name: str
    vendor: str
    accelerator: Accelerator
    accelerators_per_rack_count: int
    scale_up_domain_count: int
    rack_power_w: float
    measured: bool
    fabric: ScaleOutFabric | None = None
    silicon_of: str | None = None

    @property
    def kernels_id(self) -> str:
        """The platform whose kernels run here."""
        return self.silicon_of or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyStep:
    """From `start` on, at most `racks_per_month` racks of a platform can be delivered to the programme."""

    start: date
    racks_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What a vendor sets aside for the programme in the months from `first` to `last`, both included, and what is due.

    At most `most_racks_count` are delivered in them (None: as many as supply allows) and at least `least_racks_count`.
    Each rack that is missing costs `shortfall_usd_per_rack` in the month of `last`; None: no rack may be missing.
    """

    first: date
    last: date
    most_racks_count: float | None
    least_racks_count: float
    shortfall_usd_per_rack: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resale:
    """Racks may leave at this age, sold for `value_fraction` of their price."""

    age_months: int
    value_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPrice:
    """What a rack was paid at before its vendor quoted anew: of orders before a day, which arrive before another."""

    usd_per_rack: float
    ordered_before: date
    arrives_before: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A platform as offered to the programme: price, supply, lead time and life.

    Racks are ordered in blocks of `block_racks_count`, delivered and in service `lead_months` after the order,
    and retired `life_months` after they entered service. `deposit_fraction` of the price is due with the order,
    the rest on delivery. Systems are bought from the party `vendor`. The books write a rack off evenly over
    `book_life_months`, but for `residual_fraction` of its cost. Serving software matures from the month
    `software_from` on. `price_spread` is what the price may turn out to be, as factors of it. `allocations`
    limit deliveries over several months and say how many racks must be taken. Of each payment the vendor passes
    `goods_fraction` on to `supplier`, for what its goods cost it. `resale` lists the ages, rising, at which racks may
    leave before their life ends, sold to the party `buyer`. Of the racks' heat `liquid_fraction` leaves by liquid, the
    rest by air; None where no site limits either. `former_prices` are those of earlier orders, the earliest first.
    """

    platform: Platform
    vendor: str
    price_usd_per_rack: float
    supply: tuple[SupplyStep, ...]
    software_from: date
    lead_months: int
    life_months: int
    book_life_months: int
    residual_fraction: float
    deposit_fraction: float
    block_racks_count: int
    price_spread: Ranged = SURE
    allocations: tuple[Allocation, ...] = ()
    supplier: str = ""
    goods_fraction: float = 0.0
    resale: tuple[Resale, ...] = ()
    buyer: str = ""
    liquid_fraction: float | None = None
    former_prices: tuple[FormerPrice, ...] = ()
