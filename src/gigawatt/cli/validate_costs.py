"""`gigawatt validate costs`: costs from layers beside published ones, with the misses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.catalog import load
from gigawatt.cli.console import out, print_json
from gigawatt.cli.forecasts import validate_app
from gigawatt.cli.pages import write_page
from gigawatt.cli.wide import print_whole
from gigawatt.finance.flows import Purpose
from gigawatt.report.costs_page import costs_html
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION, USD_PER_MILLION
from gigawatt.validation.costs import (
    HOUR_TOLERANCE_FRACTION,
    SITE_TOLERANCE_FRACTION,
    HourRow,
    SiteRow,
    WaterfallRow,
    hour_rows,
    site_rows,
    waterfall_rows,
)

__all__ = ["validate_app"]


@validate_app.command("costs")
def costs_command(
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw both comparisons into this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Set the cost of an accelerator-hour and the capital of known sites, from layers, beside published figures."""
    catalog = load()
    hours, sites, waterfall = hour_rows(catalog), site_rows(catalog), waterfall_rows(catalog)
    if plot is not None:
        write_page(plot, costs_html(hours, sites, verdicts=_verdicts(hours, sites)))
    if as_json:
        print_json(_object(hours, sites, waterfall))
        return
    print_whole(_hours_table(hours))
    print_whole(_hour_layers_table(hours))
    print_whole(_sites_table(sites))
    print_whole(_waterfall_table(waterfall))
    for line in _verdicts(hours, sites):
        out.print(line, highlight=False)


def _object(
    hours: tuple[HourRow, ...], sites: tuple[SiteRow, ...], waterfall: tuple[WaterfallRow, ...]
) -> dict[str, object]:
    return {
        "accelerator_hours": [_hour_object(row) for row in hours],
        "accelerator_hours_within": sum(_hour_within(row) for row in hours),
        "accelerator_hour_tolerance_fraction": HOUR_TOLERANCE_FRACTION,
        "sites": [_site_object(row) for row in sites],
        "sites_within": sum(_site_within(row) for row in sites),
        "site_tolerance_fraction": SITE_TOLERANCE_FRACTION,
        "capital_per_mw": [
            {
                "accelerator": row.accelerator,
                "per_facility_mw_usd": _named(row.per_facility_mw_usd),
                "per_it_mw_usd": _named(row.per_it_mw_usd),
            }
            for row in waterfall
        ],
    }


def _hour_object(row: HourRow) -> dict[str, object]:
    return {
        "accelerator": row.accelerator,
        "owner": row.owner,
        "figure": row.published.key,
        "published_usd_per_accelerator_hour": row.published_usd_per_accelerator_hour,
        "computed_usd_per_accelerator_hour": row.computed_usd_per_accelerator_hour,
        "by_layer_usd_per_accelerator_hour": _named(row.by_layer_usd_per_accelerator_hour),
        "error_fraction": row.error_fraction,
        "on_publisher_terms_usd_per_accelerator_hour": row.on_publisher_terms_usd_per_accelerator_hour,
        "error_on_publisher_terms_fraction": row.error_on_publisher_terms_fraction,
    }


def _site_object(row: SiteRow) -> dict[str, object]:
    return {
        "site": row.case.site,
        "figure": row.reported.key,
        "facility_mw": row.facility_mw,
        "with_systems": row.with_systems,
        "reported_usd": row.reported_usd,
        "computed_usd": row.computed_usd,
        "error_fraction": row.error_fraction,
        "remark": row.case.remark,
    }


def _named(by_layer: Mapping[Purpose, float]) -> dict[str, float]:
    return {layer.value: value for layer, value in by_layer.items()}


def _hour_within(row: HourRow) -> bool:
    return abs(row.error_fraction) <= HOUR_TOLERANCE_FRACTION


def _site_within(row: SiteRow) -> bool:
    return abs(row.error_fraction) <= SITE_TOLERANCE_FRACTION


def _hours_table(rows: tuple[HourRow, ...]) -> Table:
    table = Table(title="USD per accelerator-hour (error)", title_justify="left")
    _columns(table, ("chip", "owner"), ("published", "from layers", "publisher's terms"))
    for row in rows:
        table.add_row(
            row.accelerator,
            row.owner,
            f"{row.published_usd_per_accelerator_hour:.2f}",
            f"{row.computed_usd_per_accelerator_hour:.2f} ({row.error_fraction:+.1%})",
            f"{row.on_publisher_terms_usd_per_accelerator_hour:.2f} ({row.error_on_publisher_terms_fraction:+.1%})",
        )
    return table


def _hour_layers_table(rows: tuple[HourRow, ...]) -> Table:
    table = Table(title="USD per accelerator-hour from layers", title_justify="left")
    _columns(table, ("chip", "owner"), ("systems and fabric", "building", "running"))
    for row in rows:
        layers = row.by_layer_usd_per_accelerator_hour
        capital = sum(layers[layer] for layer in (Purpose.SYSTEMS, Purpose.NETWORK, Purpose.STORAGE))
        running = sum(layers[layer] for layer in (Purpose.ENERGY, Purpose.SYSTEMS_OPERATION))
        building = row.computed_usd_per_accelerator_hour - capital - running
        table.add_row(row.accelerator, row.owner, f"{capital:.2f}", f"{building:.2f}", f"{running:.2f}")
    return table


def _sites_table(rows: tuple[SiteRow, ...]) -> Table:
    table = Table(title="Capital of known sites, bn USD (per GW facility)", title_justify="left")
    _columns(table, ("site", "scope"), ("GW", "reported", "from layers", "error"))
    for row in rows:
        gigawatts = row.facility_mw / MEGAWATTS_PER_GIGAWATT
        reported, computed = row.reported_usd / USD_PER_BILLION, row.computed_usd / USD_PER_BILLION
        table.add_row(
            row.case.site,
            "all" if row.with_systems else "building",
            f"{gigawatts:.2f}",
            f"{reported:.1f} ({reported / gigawatts:.1f})",
            f"{computed:.1f} ({computed / gigawatts:.1f})",
            f"{row.error_fraction:+.0%}",
        )
    return table


def _waterfall_table(rows: tuple[WaterfallRow, ...]) -> Table:
    layers = tuple(rows[0].per_facility_mw_usd)
    table = Table(title="Capital by layer, MUSD per MW facility (per MW IT)", title_justify="left")
    _columns(table, ("chip",), (*(layer.value for layer in layers), "all"))
    for row in rows:
        pairs = [(row.per_facility_mw_usd[layer], row.per_it_mw_usd[layer]) for layer in layers]
        pairs.append((sum(row.per_facility_mw_usd.values()), sum(row.per_it_mw_usd.values())))
        cells = (f"{facility / USD_PER_MILLION:.1f} ({it / USD_PER_MILLION:.1f})" for facility, it in pairs)
        table.add_row(row.accelerator, *cells)
    return table


def _columns(table: Table, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    for name in words:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")


def _verdicts(hours: tuple[HourRow, ...], sites: tuple[SiteRow, ...]) -> list[str]:
    count = (
        f"{sum(map(_hour_within, hours))} of {len(hours)} hours within {HOUR_TOLERANCE_FRACTION:.0%}; "
        f"{sum(map(_site_within, sites))} of {len(sites)} sites within {SITE_TOLERANCE_FRACTION:.0%}."
    )
    misses = [row for row in sites if not _site_within(row)]
    return [count, *(f"  {row.case.site} misses by {row.error_fraction:+.0%}: {row.case.remark}." for row in misses)]
