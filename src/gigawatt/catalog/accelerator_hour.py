"""What an hour of an accelerator costs: as stated, or from a platform's price and the layers around it."""

from dataclasses import dataclass

from gigawatt.catalog.capacity import assumed_costs, neocloud, unit
from gigawatt.catalog.dimensions import MONEY_PER_ACCELERATOR, MONEY_PER_ACCELERATOR_HOUR
from gigawatt.catalog.platforms import platform
from gigawatt.catalog.quantities import published, quantity
from gigawatt.catalog.records import Catalog
from gigawatt.finance.capacity import cost_by_layer_usd_per_accelerator_hour
from gigawatt.units import MONEY_PER_RACK, parse

_PRICES = ("street-price", "list-price")
_PRICES_EACH = ("street-price-per-accelerator", "list-price-per-accelerator")


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
    for name in (*_PRICES, *_PRICES_EACH):
        figure = record.figures.get(name)
        if figure is None or not published(figure):
            continue
        key = f"platforms/{record.id}/{name}"
        if name in _PRICES:
            return quantity(figure, MONEY_PER_RACK), key
        each = platform(catalog, platform_id).item.accelerators_per_rack_count
        return quantity(figure, MONEY_PER_ACCELERATOR) * each, key
    return None
