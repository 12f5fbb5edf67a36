"""What parties own: systems and facilities placed in service month by month, and how the books write them off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gigawatt.entities.hardware import Offer
from gigawatt.entities.schedules import delivered_price_usd_per_rack
from gigawatt.entities.site import Site
from gigawatt.entities.stages import History, Inputs
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.finance.costs import values
from gigawatt.finance.depreciation import straight_line_fractions
from gigawatt.finance.flows import Purpose
from gigawatt.finance.parties import bearers
from gigawatt.finance.plants import plant_purpose
from gigawatt.timeline import FloatArray

Layers = Mapping[Purpose, float | FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Systems of one platform at one site (or, with `platform` empty, its facility) that `owner` has in service.

    `layers_usd` is what a unit (a rack, a facility MW) cost by layer, `(month,)` where that hangs on the month in which
    it was placed; `placed_count` and `retired_count` `(month,)` count units. Of those retired, `sold` says how many
    were sold at which age, `(month,)` by age in months.
    """

    owner: str
    site: str
    platform: str
    layers_usd: Layers
    placed_count: FloatArray
    retired_count: FloatArray
    life_months: int
    residual_fraction: float
    sold: Mapping[int, FloatArray] = field(default_factory=dict)

    @property
    def unit_usd(self) -> FloatArray:
        """What a unit that was placed in each month cost, `(month,)`."""
        layers = [np.broadcast_to(usd, self.placed_count.shape) for usd in self.layers_usd.values()]
        return np.asarray(np.sum(layers, axis=0), dtype=np.float64)

    @property
    def placed_usd(self) -> FloatArray:
        """Cost of what enters service in each month, `(month,)`."""
        return self.placed_count * self.unit_usd

    def placed_usd_of(self, layer: Purpose) -> FloatArray:
        """What of that cost is of one layer, `(month,)`."""
        return np.asarray(self.placed_count * self.layers_usd[layer], dtype=np.float64)


def assets(inputs: Inputs, history: History) -> tuple[Assets, ...]:
    """Everything that is placed in service in a history."""
    return tuple(each for row, site in enumerate(inputs.sites) for each in _site_assets(inputs, history, site, row=row))


def written_off_usd(found: Assets) -> FloatArray:
    """What the books write off in each month, `(month,)`.

    Evenly over the life from the month in which a unit enters service, but for the residual; what a unit that retires
    is still worth is written off in that month.
    """
    month_count = found.placed_count.size
    per_month = straight_line_fractions(found.life_months)[:month_count] * (1.0 - found.residual_fraction)
    written = np.convolve(found.placed_usd, per_month)[:month_count]
    for placed, retired, count in retirements(found):
        age, cost_usd = retired - placed, count * found.unit_usd[placed]
        written[retired:] -= cost_usd * _tail(per_month, age, month_count - retired)
        written[retired] += cost_usd * (1.0 - float(per_month[:age].sum()))
    return np.asarray(written, dtype=np.float64)


def units_left_count(found: Assets) -> FloatArray:
    """Units in service at the horizon's end by the month in which they were placed, `(month,)`."""
    left = found.placed_count.astype(np.float64)
    for placed, _, count in retirements(found):
        left[placed] -= count
    return left


def _tail(per_month: FloatArray, age: int, length: int) -> FloatArray:
    """What would still be written off from `age` on, `(length,)`."""
    left = per_month[age : age + length]
    return np.concatenate([left, np.zeros(length - left.size)])


def retirements(found: Assets) -> Iterator[tuple[int, int, float]]:
    """Month placed, month retired and number of units.

    What is sold at an age was placed no longer ago than that, the longest first; of the rest the oldest retire first.
    """
    standing = found.placed_count.astype(np.float64)
    for month in np.flatnonzero(found.retired_count > 0.0).tolist():
        left = float(found.retired_count[month])
        for age, counts in found.sold.items():
            sold = min(left, float(counts[month]))
            left -= sold
            yield from _taken(standing, sold, since=max(0, month - age), until=month)
        yield from _taken(standing, left, since=0, until=month)


def _taken(standing: FloatArray, count: float, *, since: int, until: int) -> Iterator[tuple[int, int, float]]:
    """Takes units out of what stands by month placed, from `since` on; month placed, month `until`, number of units."""
    for placed in range(since, until + 1):
        taken = min(count, float(standing[placed]))
        if taken > 0.0:
            standing[placed] -= taken
            count -= taken
            yield placed, until, taken


def _site_assets(inputs: Inputs, history: History, site: Site, *, row: int) -> Iterator[Assets]:
    who, costs = bearers(inputs, site), inputs.costs
    facility: Layers = {
        Purpose.BUILDING: costs.building_usd_per_facility_mw,
        Purpose.COOLING: costs.cooling_usd_per_facility_mw,
        Purpose.POWER: costs.power_usd_per_facility_mw,
        Purpose.GRID: costs.grid_usd_per_facility_mw,
    }
    built = values(inputs, history.state["built_facility_mw"], "site", "month")[row]
    yield _standing(inputs, site, built, owner=who.facility, layers_usd=facility)
    for plant in site.plants:
        standing = history.state["plant_mw"].sel(plant=f"{site.id}/{plant.id}").values
        layer: Layers = {plant_purpose(plant): plant.cost_usd_per_mw}
        yield _standing(inputs, site, standing, owner=inputs.programme, layers_usd=layer)
    installed = values(inputs, history.state["installed_racks"], "site", "platform", "month")[row]
    retired = values(inputs, history.state["retired_racks"], "site", "platform", "month")[row]
    fabric_power = inputs.operation.fabric_power.best
    for column, offer in enumerate(inputs.offers):
        rack_it_mw = rack_it_power_mw(offer.platform, fabric_power_fraction=fabric_power)
        yield Assets(
            owner=who.systems,
            site=site.id,
            platform=offer.platform.id,
            layers_usd={
                Purpose.SYSTEMS: delivered_price_usd_per_rack(offer, inputs.calendar),
                Purpose.NETWORK: rack_it_mw * costs.network_usd_per_it_mw,
                Purpose.STORAGE: rack_it_mw * costs.storage_usd_per_it_mw,
            },
            placed_count=np.clip(np.diff(installed[column], prepend=0.0) + retired[column], 0.0, None),
            retired_count=retired[column],
            life_months=offer.book_life_months,
            residual_fraction=offer.residual_fraction,
            sold=_sold(history, site, offer),
        )


def _sold(history: History, site: Site, offer: Offer) -> dict[int, FloatArray]:
    """Racks of a platform that were sold at a site in each month, by age in months."""
    if not offer.resale:
        return {}
    sold = history.state["sold_racks"].sel(site=site.id, platform=offer.platform.id).transpose("resale", "month")
    return {item.age_months: sold.values[rank].astype(np.float64) for rank, item in enumerate(offer.resale)}


def _standing(inputs: Inputs, site: Site, standing_mw: FloatArray, *, owner: str, layers_usd: Layers) -> Assets:
    """What stands at a site and is never retired, written off as facilities are; `standing_mw` `(month,)`."""
    return Assets(
        owner=owner,
        site=site.id,
        platform="",
        layers_usd=layers_usd,
        placed_count=np.clip(np.diff(standing_mw, prepend=0.0), 0.0, None),
        retired_count=np.zeros_like(standing_mw),
        life_months=inputs.costs.facility_book_life_months,
        residual_fraction=inputs.costs.facility_residual_fraction,
    )
