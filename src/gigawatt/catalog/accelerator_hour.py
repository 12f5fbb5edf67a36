"""What an hour of an accelerator costs: as stated, or from a platform's price and the layers around it."""

from dataclasses import dataclass

from gigawatt.catalog.capacity import assumed_costs, neocloud, unit
from gigawatt.catalog.dimensions import MONEY_PER_ACCELERATOR, MONEY_PER_ACCELERATOR_HOUR
from gigawatt.catalog.platforms import platform
from gigawatt.catalog.prices import accelerator_price, system_price
from gigawatt.catalog.quantities import quantity
from gigawatt.catalog.records import Catalog
from gigawatt.finance.capacity import cost_by_layer_usd_per_accelerator_hour
from gigawatt.units import MONEY_PER_RACK, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorHour:
    """A price, and in words where it comes from."""

    usd_per_hour: float
    origin: str


def accelerator_hour(catalog: Catalog, platform_id: str, *, stated: str | None) -> AcceleratorHour | None:
    """The stated price, else the cost to a GPU cloud that rents its building; `None` where no price is published."""
    if stated is not None:
        found = parse(stated, MONEY_PER_ACCELERATOR_HOUR, where="--gpu-hour")
        return AcceleratorHour(usd_per_hour=found, origin="stated")
    price = _rack_price(catalog, platform_id)
    if price is None:
        return None
    usd_per_rack, key = price
    what = unit(catalog, platform_id, price_usd_per_rack=usd_per_rack)
    layers = cost_by_layer_usd_per_accelerator_hour(what, assumed_costs(catalog), owner=neocloud(catalog))
    return AcceleratorHour(
        usd_per_hour=sum(layers.values()), origin=f"cost to a GPU cloud, from {key} and gigawatt catalog assumptions"
    )


def _rack_price(catalog: Catalog, platform_id: str) -> tuple[float, str] | None:
    record = catalog.record("platforms", platform_id)
    whole = system_price(record)
    if whole is not None:
        return quantity(whole, MONEY_PER_RACK), whole.key
    each = accelerator_price(record)
    if each is None:
        return None
    accelerators = platform(catalog, platform_id).item.accelerators_per_rack_count
    return quantity(each, MONEY_PER_ACCELERATOR) * accelerators, each.key
