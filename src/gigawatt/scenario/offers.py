"""Platforms of the catalogue as offered to the programme; what the scenario states stands in for published figures."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from gigawatt.catalog import Catalog, Figure, Record, platform
from gigawatt.catalog.items import PlatformTable as CatalogPlatform
from gigawatt.catalog.prices import system_price
from gigawatt.catalog.quantities import published
from gigawatt.entities.hardware import Offer, Platform, SupplyStep
from gigawatt.errors import CatalogError
from gigawatt.provenance import Evidence, Grade
from gigawatt.scenario.allocations import allocations
from gigawatt.scenario.checks import rising_dates, unique_ids
from gigawatt.scenario.desk import Desk, slug
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.resales import with_resales
from gigawatt.scenario.schema import PlatformTable
from gigawatt.units import DURATION_MONTHS, FRACTION, LIFE, MONEY_PER_RACK, RACK_COUNT

SUPPLIERS: Final = "Suppliers"
ONE_WAY: Final = "each way"
FIGURE_OF_KEY: Final[Mapping[str, str]] = {
    "rack_power": "system-power-max",
    "accelerators": "accelerators-per-system",
    "scale_up_domain": "scale-up-domain",
    "memory": "hbm-capacity",
    "memory_bandwidth": "hbm-bandwidth",
    "scale_up_bandwidth": "scale-up-bandwidth",
    "scale_out_bandwidth": "scale-out-bandwidth",
    "peak_dense_bf16": "peak-dense-bf16",
    "peak_dense_fp8": "peak-dense-fp8",
    "peak_dense_fp4": "peak-dense-fp4",
}


def offers(desk: Desk) -> tuple[Offer, ...]:
    """All platforms the programme can buy, in the order of the scenario."""
    tables = desk.scenario.document.platforms
    unique_ids(desk.scenario, [table.id for table in tables], key="platform")
    return tuple(
        with_resales(desk, table, index, offer=_offer(desk, table, index)) for index, table in enumerate(tables)
    )


def _offer(desk: Desk, table: PlatformTable, index: int) -> Offer:
    at = ("platform", index)
    record = desk.placed(lambda: desk.catalog.record("platforms", table.id), *at, "id")
    block = desk.number_or(table.block, *at, "block", default="assumptions/offer/block", dimension=RACK_COUNT)
    return Offer(
        platform=_platform(desk, table, index, record=record),
        vendor=desk.party(table.vendor, *at, "vendor", default=_vendor(record)),
        price_usd_per_rack=_price(desk, table, index, record=record),
        price_spread=desk.spread(
            table.price,
            *at,
            "price",
            default=_price_figure(record),
            dimension=MONEY_PER_RACK,
        ),
        supply=_supply(desk, table, index),
        software_from=_software_from(desk, table, index, record=record),
        lead_months=desk.months_or(
            table.lead, *at, "lead", default="assumptions/offer/lead", dimension=DURATION_MONTHS
        ),
        life_months=desk.months_or(table.life, *at, "life", default="assumptions/offer/life", dimension=LIFE),
        book_life_months=desk.months_or(
            table.book_life, *at, "book_life", default=_book_figure(desk, table.id, "life"), dimension=LIFE
        ),
        residual_fraction=desk.number_or(
            table.residual, *at, "residual", default=_book_figure(desk, table.id, "residual"), dimension=FRACTION
        ),
        deposit_fraction=desk.number_or(
            table.deposit, *at, "deposit", default="assumptions/offer/deposit", dimension=FRACTION
        ),
        block_racks_count=round(block) if table.block is None else desk.whole(block, table.block, *at, "block"),
        allocations=allocations(desk, table, index),
        supplier=desk.party(None, *at, default=SUPPLIERS),
        goods_fraction=1.0
        - desk.number_or(
            table.gross_margin, *at, "gross_margin", default=_margin_figure(desk, record), dimension=FRACTION
        ),
    )


def _margin_figure(desk: Desk, record: Record) -> str:
    """The gross margin that the vendor reports, or the assumption on vendors at large."""
    own = slug(_vendor(record))
    reported = own in desk.catalog.record("economics", "vendor-margin").figures
    return f"economics/vendor-margin/{own}" if reported else "assumptions/offer/gross-margin"


def _book_figure(desk: Desk, platform_id: str, name: str) -> str:
    """The assumption on a platform's own life or residual value in the books, or the one on systems at large."""
    own = f"{platform_id}-{name}"
    return (
        f"assumptions/books/{own if own in desk.catalog.record('assumptions', 'books').figures else f'systems-{name}'}"
    )


def _vendor(record: Record) -> str:
    return record.details.vendor if isinstance(record.details, CatalogPlatform) else record.id


def _platform(desk: Desk, table: PlatformTable, index: int, *, record: Record) -> Platform:
    supplied = _supplied(desk, table, index, record=record)
    catalog = _with_figures(desk.catalog, record, supplied)
    try:
        cited = platform(catalog, record.id)
    except CatalogError as error:
        raise CatalogError(
            where=f"{desk.scenario.place('platform', index)} -> {error.where}",
            found=error.found,
            expected=error.expected,
            fix=f"State {_lacking(catalog, record)} in this [[platform]], or choose another platform.",
        ) from error
    desk.cite(*(entry for entry in cited.evidence if not entry.key.startswith("scenario/")))
    return cited.item


def _supplied(desk: Desk, table: PlatformTable, index: int, *, record: Record) -> dict[str, Figure]:
    stated: dict[str, Stated | None] = {key: getattr(table, key) for key in FIGURE_OF_KEY}
    return {
        FIGURE_OF_KEY[key]: _figure(desk, value, index, key=key, record=record)
        for key, value in stated.items()
        if value is not None
    }


def _figure(desk: Desk, stated: Stated, index: int, *, key: str, record: Record) -> Figure:
    at = ("platform", index, key)
    value = desk.number(stated, *at)
    if stated.reference:
        return desk.catalog.figure(stated.reference)
    return Figure(
        key=f"scenario/platform.{record.id}.{key}",
        text=stated.text,
        value=value,
        unit=stated.dimension.canonical,
        grade=Grade.ASSUMED,
        sources=(),
        as_of="",
        direction=ONE_WAY,
    )


def _with_figures(catalog: Catalog, record: Record, figures: Mapping[str, Figure]) -> Catalog:
    if not figures:
        return catalog
    completed = replace(record, figures={**record.figures, **figures})
    platforms = {**catalog.records["platforms"], record.id: completed}
    return replace(catalog, records={**catalog.records, "platforms": platforms})


def _lacking(catalog: Catalog, record: Record) -> str:
    figures = catalog.record("platforms", record.id).figures
    peaks = [key for key in FIGURE_OF_KEY if key.startswith("peak_dense")]
    lacking = [key for key, name in FIGURE_OF_KEY.items() if key not in peaks and not published(figures.get(name))]
    if not any(published(figures.get(FIGURE_OF_KEY[key])) for key in peaks):
        lacking.append("peak_dense_bf16")
    return ", ".join(lacking) or "the figures with their direction"


def _price(desk: Desk, table: PlatformTable, index: int, *, record: Record) -> float:
    at = ("platform", index, "price")
    default = _price_figure(record)
    if table.price is None and not default:
        raise desk.refuse(
            *at,
            found=f"no price, and no published price of {record.id}",
            expected=MONEY_PER_RACK.name,
            fix=f"State it like price = {MONEY_PER_RACK.example}.",
        )
    return desk.number_or(table.price, *at, default=default, dimension=MONEY_PER_RACK)


def _price_figure(record: Record) -> str:
    """The address of the platform's published price, empty if it has none."""
    figure = system_price(record)
    return "" if figure is None else figure.key


def _software_from(desk: Desk, table: PlatformTable, index: int, *, record: Record) -> date:
    """The month from which serving software matures: that of volume production, or else of the first supply."""
    if table.software_from is not None:
        return table.software_from
    details = record.details
    if isinstance(details, CatalogPlatform) and details.volume_from is not None:
        note = f"serving software matures from volume production on: {details.volume_production}"
        key, text = f"platforms/{record.id}/volume-from", details.volume_from
        desk.cite(Evidence(key=key, text=text, grade=Grade.REPORTED, origin="default", note=note))
        return date.fromisoformat(f"{details.volume_from}-01")
    first = table.supply[0].start
    note = "serving software matures from the first month of the supply on"
    desk.choose(None, "platform", index, "software_from", default=first.isoformat()[:7], note=note)
    return first


def _supply(desk: Desk, table: PlatformTable, index: int) -> tuple[SupplyStep, ...]:
    at = ("platform", index, "supply")
    rising_dates(desk.scenario, [step.start for step in table.supply], *at)
    return tuple(
        SupplyStep(start=step.start, racks_per_month=desk.number(step.rate, *at, position, "rate"))
        for position, step in enumerate(table.supply)
    )
