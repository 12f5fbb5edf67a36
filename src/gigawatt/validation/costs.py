"""Costs from layers beside published ones: an hour of an accelerator, and the capital of known sites.

Nothing is fitted: every figure is the catalogue's, and no assumed one was chosen by its effect on this comparison,
though the published costs were known when the owners' assumptions were written. Prices are the newest of
whole systems that are older than the published cost; where the catalogue has none, the first after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gigawatt.catalog import Catalog, quantity
from gigawatt.catalog.capacity import assumed_costs, hyperscaler, in_hyperscaler_building, neocloud, unit
from gigawatt.catalog.dimensions import MONEY_PER_ACCELERATOR_HOUR, MONEY_PER_MW, POWER
from gigawatt.catalog.prices import system_price_at
from gigawatt.catalog.records import Figure
from gigawatt.entities.capital import CostBook
from gigawatt.facility.electrical import facility_power_mw
from gigawatt.finance.capacity import (
    SYSTEM_LAYERS,
    RentedBuilding,
    Unit,
    capital_by_layer_usd,
    capital_usd_per_mw,
    cost_by_layer_usd_per_accelerator_hour,
)
from gigawatt.finance.flows import Purpose
from gigawatt.units import (
    FACILITY_POWER,
    IT_POWER,
    LIFE,
    MONEY,
    MONEY_PER_FACILITY_MW,
    MONEY_PER_RACK,
    PUE,
    RENT_PER_IT_MW,
)

HOUR_TOLERANCE_FRACTION = 0.15
SITE_TOLERANCE_FRACTION = 0.20
_TCO = "economics/tco-per-gpu-hour-2026-04"
_OWNERS = {"hyperscaler": hyperscaler, "neocloud": neocloud}
_PLATFORMS = {
    "h100": "dgx-h100",
    "h200": "hgx-h200",
    "b200": "dgx-b200",
    "gb200": "gb200-nvl72",
    "gb300": "gb300-nvl72",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """An hour of one accelerator: what the publisher says an owner of this kind pays, and what our layers come to.

    `on_publisher_terms_usd_per_accelerator_hour` is the same with the publisher's stated conventions in place of ours.
    """

    accelerator: str
    owner: str
    published: Figure
    published_usd_per_accelerator_hour: float
    by_layer_usd_per_accelerator_hour: Mapping[Purpose, float]
    on_publisher_terms_usd_per_accelerator_hour: float

    @property
    def computed_usd_per_accelerator_hour(self) -> float:
        """The sum of the layers."""
        return sum(self.by_layer_usd_per_accelerator_hour.values())

    @property
    def error_fraction(self) -> float:
        """Computed over published, less one."""
        return self.computed_usd_per_accelerator_hour / self.published_usd_per_accelerator_hour - 1.0

    @property
    def error_on_publisher_terms_fraction(self) -> float:
        """The same with the publisher's conventions."""
        return self.on_publisher_terms_usd_per_accelerator_hour / self.published_usd_per_accelerator_hour - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCase:
    """A reported cost of a site and the power it buys; systems by platform, should the report hold them.

    `remark` says what limits the comparison.
    """

    site: str
    cost: str
    power: tuple[str, ...]
    systems: Mapping[str, float] = field(default_factory=dict)
    generation: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """The capital of a site as reported and from layers, on the scope and power of the report."""

    case: SiteCase
    reported: Figure
    facility_mw: float
    with_systems: bool
    reported_usd: float
    computed_usd: float

    @property
    def error_fraction(self) -> float:
        """Computed over reported, less one."""
        return self.computed_usd / self.reported_usd - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallRow:
    """Capital by layer of a platform per megawatt, on both bases."""

    accelerator: str
    per_facility_mw_usd: Mapping[Purpose, float]
    per_it_mw_usd: Mapping[Purpose, float]


SITES = (
    SiteCase(
        site="stargate-abilene",
        cost="cost-shell-power-cooling",
        power=("sites/stargate-abilene/planned-facility-power",),
        remark="shell, power and cooling, systems excluded: the developer's own figure",
    ),
    SiteCase(
        site="meta-hyperion",
        cost="cost-jv",
        power=("sites/meta-hyperion/first-phase-facility-power",),
        remark="shell and M&E of the joint venture, systems and generation excluded",
    ),
    SiteCase(site="stargate-michigan", cost="cost-total", power=("sites/stargate-michigan/planned-facility-power",)),
    SiteCase(site="stargate-wisconsin", cost="cost-total", power=("sites/stargate-wisconsin/planned-facility-power",)),
    SiteCase(site="stargate-shackelford", cost="cost-total", power=("sites/stargate-shackelford/planned-it-power",)),
    SiteCase(
        site="amzn-madison",
        cost="cost-state-total",
        power=(
            "sites/amzn-madison/timeline-2026-09-18-facility-power",
            "sites/amzn-ridgeland/timeline-2027-09-21-facility-power",
        ),
        remark="announced for the state: the campuses of Madison and Ridgeland as Epoch AI projects them",
    ),
    SiteCase(
        site="ports-pike",
        cost="cost-total",
        power=("sites/ports-pike/planned-it-power",),
        systems={"vr-nvl72": 1.0},
        generation="sites/ports-pike/onsite-generation-nameplate",
        remark="a press estimate, at least; Vera Rubin racks and the gas plant on site are in",
    ),
    SiteCase(
        site="stargate-argentina",
        cost="cost-total",
        power=("sites/stargate-argentina/planned-facility-power",),
        systems={"gb300-nvl72": 1.0},
        remark="the ceiling of a letter of intent, hardware not named",
    ),
    SiteCase(
        site="colossus-2",
        cost="epoch-2026-09-capital",
        power=("sites/colossus-2/epoch-2026-09-it-power",),
        systems={"gb200-nvl72": 0.25, "gb300-nvl72": 0.75},
        remark="Epoch AI's cost model: 11.77 MUSD per IT megawatt of construction, where our layers have 13.4 per "
        "facility megawatt",
    ),
    SiteCase(
        site="fairwater-wi",
        cost="cost-total",
        power=("sites/fairwater-wi/planned-facility-power",),
        remark="3.3 bn of a first phase of 400 MW and 13.3 bn of taxable land and buildings of fifteen later ones, "
        "beside the power forecast for 2030: not one scope",
    ),
    SiteCase(
        site="new-carlisle",
        cost="cost-initial",
        power=("sites/new-carlisle/timeline-2026-03-23-facility-power",),
        remark="announced in 2024 for sixteen halls, beside the power of sixteen as Epoch AI counts them in March "
        "2026; the halls were planned before their power was",
    ),
)


def hour_rows(catalog: Catalog) -> tuple[HourRow, ...]:
    """Every accelerator with every kind of owner that the publisher has."""
    costs = assumed_costs(catalog)
    return tuple(
        _hour_row(catalog, costs, accelerator=accelerator, owner=owner)
        for accelerator in _PLATFORMS
        for owner in _OWNERS
    )


def site_rows(catalog: Catalog) -> tuple[SiteRow, ...]:
    """Every reported cost of a known site beside its layers."""
    costs = assumed_costs(catalog)
    return tuple(_site_row(catalog, costs, case) for case in SITES)


def waterfall_rows(catalog: Catalog) -> tuple[WaterfallRow, ...]:
    """Capital by layer per facility and per IT megawatt of every accelerator that is compared."""
    costs = assumed_costs(catalog)
    rows = []
    for accelerator in _PLATFORMS:
        one = _unit(catalog, accelerator)
        capital_usd = capital_by_layer_usd(one, costs)
        rows.append(
            WaterfallRow(
                accelerator=accelerator,
                per_facility_mw_usd=capital_usd_per_mw(capital_usd, power_mw=one.facility_mw),
                per_it_mw_usd=capital_usd_per_mw(capital_usd, power_mw=one.it_mw),
            )
        )
    return tuple(rows)


def _hour_row(catalog: Catalog, costs: CostBook, *, accelerator: str, owner: str) -> HourRow:
    published = catalog.figure(f"{_TCO}/{accelerator}-{owner}")
    one = _unit(catalog, accelerator)
    if owner == "hyperscaler":
        one = in_hyperscaler_building(catalog, one, platform_id=one.platform.id)
    return HourRow(
        accelerator=accelerator,
        owner=owner,
        published=published,
        published_usd_per_accelerator_hour=quantity(published, MONEY_PER_ACCELERATOR_HOUR),
        by_layer_usd_per_accelerator_hour=cost_by_layer_usd_per_accelerator_hour(
            one, costs, owner=_OWNERS[owner](catalog)
        ),
        on_publisher_terms_usd_per_accelerator_hour=_on_publisher_terms(catalog, costs, one, owner=owner),
    )


def _on_publisher_terms(catalog: Catalog, costs: CostBook, one: Unit, *, owner: str) -> float:
    """Capital over the publisher's life and colocation at its price for both owners, nobody who runs the systems."""
    terms = replace(
        _OWNERS[owner](catalog),
        systems_life_months=quantity(catalog.figure(f"{_TCO}/convention-economic-life"), LIFE),
        building=RentedBuilding(
            rent_usd_per_it_mw_month=quantity(catalog.figure(f"{_TCO}/convention-colocation"), RENT_PER_IT_MW)
        ),
    )
    bare = replace(costs, systems_operation_fraction_per_year=0.0)
    return sum(cost_by_layer_usd_per_accelerator_hour(one, bare, owner=terms).values())


def _unit(catalog: Catalog, accelerator: str) -> Unit:
    platform_id = _PLATFORMS[accelerator]
    published = catalog.figure(f"{_TCO}/{accelerator}-neocloud")
    price = system_price_at(catalog.record("platforms", platform_id), day=published.as_of)
    if price is None:
        raise ValueError(f"no price of {platform_id} in the catalogue")
    return unit(catalog, platform_id, price_usd_per_rack=quantity(price, MONEY_PER_RACK))


def _site_row(catalog: Catalog, costs: CostBook, case: SiteCase) -> SiteRow:
    """The row of a case. A report below `assumptions/cost/least-all-in` is taken to hold no systems."""
    reported = catalog.figure(f"sites/{case.site}/{case.cost}")
    reported_usd = quantity(reported, MONEY)
    facility_mw = sum(_facility_mw(catalog, key) for key in case.power)
    all_in_usd = quantity(catalog.figure("assumptions/cost/least-all-in"), MONEY_PER_FACILITY_MW) * facility_mw
    with_systems = reported_usd >= all_in_usd
    computed_usd = costs.facility_usd_per_facility_mw * facility_mw
    if with_systems:
        computed_usd += _systems_usd(catalog, costs, case, facility_mw=facility_mw)
        computed_usd += _generation_usd(catalog, case)
    return SiteRow(
        case=case,
        reported=reported,
        facility_mw=facility_mw,
        with_systems=with_systems,
        reported_usd=reported_usd,
        computed_usd=computed_usd,
    )


def _facility_mw(catalog: Catalog, key: str) -> float:
    figure = catalog.figure(key)
    if "facility" in figure.unit:
        return quantity(figure, FACILITY_POWER)
    peak_pue = quantity(catalog.figure("assumptions/site/peak-pue-liquid"), PUE)
    return facility_power_mw(quantity(figure, IT_POWER), pue=peak_pue)


def _systems_usd(catalog: Catalog, costs: CostBook, case: SiteCase, *, facility_mw: float) -> float:
    """Racks and fabric that fill the power, each platform its share of it."""
    total_usd = 0.0
    for platform_id, share in case.systems.items():
        price_usd = quantity(catalog.figure(f"platforms/{platform_id}/street-price"), MONEY_PER_RACK)
        one = unit(catalog, platform_id, price_usd_per_rack=price_usd)
        capital_usd = capital_by_layer_usd(one, costs)
        per_mw = capital_usd_per_mw(capital_usd, power_mw=one.facility_mw)
        total_usd += share * facility_mw * sum(per_mw[layer] for layer in SYSTEM_LAYERS)
    return total_usd


def _generation_usd(catalog: Catalog, case: SiteCase) -> float:
    if not case.generation:
        return 0.0
    gas = catalog.figure("economics/power-price/generation-btm-gas-capex")
    return quantity(catalog.figure(case.generation), POWER) * quantity(gas, MONEY_PER_MW)
