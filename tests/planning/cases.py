"""Made-up programmes: a large one that resembles a real build-out, and a napkin one whose sums are done by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import xarray as xr

from gigawatt.entities.assumptions import OperationAssumptions
from gigawatt.entities.capital import CostBook, PowerBasis, Treasury
from gigawatt.entities.contracts import EquityRound, Instalment, MilestoneTranches
from gigawatt.entities.hardware import Offer, SupplyStep
from gigawatt.entities.site import Cloud, Leased, Owned, PowerStep, Site
from gigawatt.entities.stages import Inputs, Performance, SolverSettings
from gigawatt.entities.workload import Service, TrainingRun
from gigawatt.timeline import Calendar
from tests.samples import PLATFORM, exactly, run, service, small_inputs

START = date(2026, 1, 1)


def month(offset: int) -> date:
    """First day of the month `offset` months after the start."""
    return date(START.year + offset // 12, offset % 12 + 1, 1)


def large_inputs(
    *,
    site_count: int = 12,
    platform_count: int = 3,
    period_count: int = 32,
    months_per_period: int = 3,
    price_factor: float = 0.35,
    seed: int = 7,
) -> Inputs:
    """About nine gigawatts at `site_count` sites over generations of platforms, money unlocked by ten milestones.

    At the default prices money is short and the milestones decide the pace; at twice the price power and chips do.
    """
    rng = np.random.default_rng(seed)
    calendar = Calendar(start=START, month_count=period_count * months_per_period, months_per_period=months_per_period)
    offers = tuple(_offer(index, calendar) for index in range(platform_count))
    ids = tuple(offer.platform.id for offer in offers)
    sites = tuple(_site(index, ids, calendar, rng) for index in range(site_count))
    months = calendar.months
    tranches = MilestoneTranches(
        id="tranches",
        investor="nvidia",
        recipient="openai",
        unit_mw=500.0,
        basis=PowerBasis.FACILITY,
        amount_usd=5e9,
        cap_usd=50e9,
        platforms=ids,
        sites=tuple(site.id for site in sites),
        signed=START,
        paid_on_signature_count=0,
        payment_lag_months=2,
        binding=False,
    )
    instalments = tuple(Instalment(on=month(6 * i), amount_usd=1e9) for i in range(4))
    return small_inputs(
        calendar=calendar,
        offers=offers,
        sites=sites,
        services=tuple(_service(index, months, price_factor) for index in range(2)),
        runs=tuple(_run(index, calendar) for index in range(4)),
        contracts=(tranches, EquityRound(id="round", investor="softbank", recipient="openai", instalments=instalments)),
        targets=(),
        treasury=Treasury(opening_cash_usd=4e9, minimum_cash_usd=1e9),
        solver=SolverSettings(gap_fraction=0.005, time_limit_s=120.0),
    )


def _offer(index: int, calendar: Calendar) -> Offer:
    first = index * calendar.month_count // 6
    return Offer(
        platform=replace(PLATFORM, id=f"gen-{index}", name=f"Gen {index}", rack_power_w=130e3 * 1.5**index),
        vendor="nvidia",
        price_usd_per_rack=3.5e6 * 1.5**index,
        supply=(
            SupplyStep(start=month(first), racks_per_month=150.0),
            SupplyStep(start=month(first + 12), racks_per_month=500.0),
        ),
        software_from=month(first),
        lead_months=6,
        life_months=60,
        book_life_months=60,
        residual_fraction=0.0,
        deposit_fraction=0.2,
        block_racks_count=8,
    )


def _site(index: int, platforms: tuple[str, ...], calendar: Calendar, rng: np.random.Generator) -> Site:
    first = int(rng.integers(6, calendar.month_count // 2))
    size = float(rng.integers(3, 13)) * 100.0
    ownership = (
        Owned(builder="builders"),
        Leased(
            lessor="landlord",
            rent_usd_per_it_mw_month=float(rng.integers(110, 150)) * 1e3,
            escalator_fraction_per_year=0.03,
        ),
        Cloud(provider="landlord", price_usd_per_facility_mw_month=1.0e6),
    )[index % 3]
    return Site(
        id=f"site-{index:02d}",
        name=f"Site {index}",
        ownership=ownership,
        power_steps=tuple(PowerStep(start=month(first + 9 * k), facility_mw=size * (k + 1) / 3) for k in range(3)),
        construction_months=18,
        peak_pue=float(rng.uniform(1.15, 1.35)),
        annual_pue=1.15,
        cooling="liquid",
        energy_price_usd_per_mwh=float(rng.integers(40, 90)),
        utility="utilities",
        platforms=platforms if index % 4 else platforms[1:] or platforms,
        latitude=32.0,
        longitude=-99.0,
        slip_median_months=float(rng.integers(0, 6)),
    )


def _service(index: int, months: tuple[date, ...], price_factor: float) -> Service:
    growth = 1.045 if index else 1.03
    price = {day: price_factor * (6.0 if index else 1.5) * 0.97**i for i, day in enumerate(months)}
    return replace(
        service(),
        id=f"service-{index}",
        demand_tokens_per_month={day: (3e14 if index else 2e15) * growth**i for i, day in enumerate(months)},
        input_price_usd_per_mtoken=price,
        output_price_usd_per_mtoken=price,
    )


def _run(index: int, calendar: Calendar) -> TrainingRun:
    first = 18 + index * (calendar.month_count - 24) // 5
    return replace(
        run(), id=f"run-{index}", compute_flop=1e26 * 3**index, earliest=month(first), deadline=month(first + 8)
    )


def performance_of(inputs: Inputs, *, tokens_per_s: float = 500e3, flop_per_s: float = 1.2e17) -> Performance:
    """Rates that double with each platform; the first platform cannot serve the second service."""
    platforms = [offer.platform.id for offer in inputs.offers]
    quantile = xr.DataArray([0.8, 1.0, 1.2], dims="quantile", coords={"quantile": [0.1, 0.5, 0.9]})
    growth = xr.DataArray(2.0 ** np.arange(len(platforms)), dims="platform", coords={"platform": platforms})

    def pairs(dim: str, names: list[str]) -> xr.DataArray:
        weight = xr.DataArray(0.5 ** np.arange(len(names)) ** 0.5, dims=dim, coords={dim: names})
        return growth * weight * quantile

    serving = tokens_per_s * pairs("service", [service.id for service in inputs.services])
    if len(platforms) > 1 and len(inputs.services) > 1:
        serving[{"platform": 0, "service": 1}] = np.nan
    return Performance(
        serving=xr.Dataset({"tokens_per_s_per_rack": serving}),
        training=xr.Dataset({"flop_per_s_per_rack": flop_per_s * pairs("run", [item.id for item in inputs.runs])}),
        refusals={},
    )


HOURS_2026 = (744, 672, 744, 720, 744, 720, 744, 744, 720, 744, 720, 744)
"""Hours of the napkin's months; 8760 in all."""

NAPKIN_PLATFORM = replace(PLATFORM, id="box", name="Box", rack_power_w=1e6)


def napkin_calendar(*, month_count: int = 12, months_per_period: int = 1) -> Calendar:
    """The year 2026."""
    return Calendar(start=START, month_count=month_count, months_per_period=months_per_period)


def napkin_offer(**changes: object) -> Offer:
    """Racks of 1 MW at 1 MUSD, as many as wanted, at once, one by one, for longer than the horizon."""
    base = Offer(
        platform=NAPKIN_PLATFORM,
        vendor="nvidia",
        price_usd_per_rack=1e6,
        supply=(SupplyStep(start=START, racks_per_month=1000.0),),
        software_from=START,
        lead_months=0,
        life_months=60,
        book_life_months=60,
        residual_fraction=0.0,
        deposit_fraction=0.0,
        block_racks_count=1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def napkin_site(site_id: str = "alpha", **changes: object) -> Site:
    """10 MW from the start at PUE 1, with free energy."""
    base = Site(
        id=site_id,
        name=site_id.title(),
        ownership=Owned(builder="builders"),
        power_steps=(PowerStep(start=START, facility_mw=10.0),),
        construction_months=0,
        peak_pue=1.0,
        annual_pue=1.0,
        cooling="liquid",
        energy_price_usd_per_mwh=0.0,
        utility="utilities",
        platforms=("box",),
        latitude=32.0,
        longitude=-99.0,
        slip_median_months=0.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def napkin_service(calendar: Calendar, *, racks: float = 1000.0, price_usd_per_mtoken: float = 1.0) -> Service:
    """Demand that `racks` racks serve at full load."""
    hours = dict(zip(calendar.months, calendar.month_hours, strict=True))
    price = dict.fromkeys(calendar.months, price_usd_per_mtoken)
    return replace(
        service(),
        demand_tokens_per_month={day: racks * 1e9 * hours[day] for day in calendar.months},
        input_price_usd_per_mtoken=price,
        output_price_usd_per_mtoken=price,
    )


FREE = CostBook(
    building_usd_per_facility_mw=0.0,
    cooling_usd_per_facility_mw=0.0,
    power_usd_per_facility_mw=0.0,
    grid_usd_per_facility_mw=0.0,
    network_usd_per_it_mw=0.0,
    storage_usd_per_it_mw=0.0,
    facility_operation_fraction_per_year=0.0,
    systems_operation_fraction_per_year=0.0,
    facility_book_life_months=240,
    facility_residual_fraction=0.0,
)


def napkin_inputs(**changes: object) -> Inputs:
    """One site, one platform, one service, one year by month, money plenty and undiscounted.

    A rack serves 1e9 tokens an hour at 1 USD per million: it earns 1000 USD an hour, 8.76 MUSD in the year.
    """
    calendar = changes.get("calendar", napkin_calendar())
    assert isinstance(calendar, Calendar)
    base = small_inputs(
        calendar=calendar,
        discount_rate_fraction=0.0,
        offers=(napkin_offer(),),
        sites=(napkin_site(),),
        services=(napkin_service(calendar),),
        runs=(),
        contracts=(),
        targets=(),
        treasury=Treasury(opening_cash_usd=1e9, minimum_cash_usd=0.0),
        costs=FREE,
        operation=OperationAssumptions(
            availability=exactly(1.0),
            training_ettr=exactly(1.0),
            serving_load=exactly(1.0),
            mean_power=exactly(1.0),
            fabric_power=exactly(0.0),
            memory_usable=exactly(0.9),
            ramp_months=0,
            slip_spread=exactly(0.5),
            software_first=exactly(1.0),
            software_halving_months=6,
            software_gain_fraction_per_year=0.0,
        ),
        solver=SolverSettings(gap_fraction=1e-6, time_limit_s=60.0),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def napkin_performance(inputs: Inputs) -> Performance:
    """1e9 tokens and 1e21 FLOP an hour of every rack."""
    platforms = [offer.platform.id for offer in inputs.offers]

    def same(rate_per_hour: float, dim: str, names: list[str]) -> xr.DataArray:
        rates = np.full((len(platforms), len(names), 3), rate_per_hour / 3600.0)
        coords = {"platform": platforms, dim: names, "quantile": [0.1, 0.5, 0.9]}
        return xr.DataArray(rates, dims=("platform", dim, "quantile"), coords=coords)

    return Performance(
        serving=xr.Dataset({"tokens_per_s_per_rack": same(1e9, "service", [item.id for item in inputs.services])}),
        training=xr.Dataset({"flop_per_s_per_rack": same(1e21, "run", [item.id for item in inputs.runs])}),
        refusals={},
    )
