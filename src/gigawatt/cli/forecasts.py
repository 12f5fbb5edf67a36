"""`gigawatt validate forecasts`: what we say of recipes that nobody has measured, written down and held against us."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from gigawatt import __version__
from gigawatt.catalog import Catalog, load
from gigawatt.catalog.operators import training_operators
from gigawatt.cli.console import out, print_json
from gigawatt.cli.validate_serving import validate_app
from gigawatt.errors import InputError
from gigawatt.validation.forecasts import (
    Forecast,
    Recorded,
    forecasts,
    read_recipes,
    read_record,
    record_text,
)

__all__ = ["validate_app"]

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@validate_app.command("forecasts")
def forecasts_command(
    recipes: Annotated[Path, typer.Argument(metavar="RECIPES", help="A CSV file of configurations without results.")],
    record: Annotated[
        Path | None, typer.Option("--record", help="Write the forecasts into this new file; needs --date.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help='Day of the record, like "2026-11-23".')] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="An earlier record: what moved since, and how what is measured fared."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Forecast recipes that nobody has measured, record them, and score earlier records."""
    catalog = load()
    found = forecasts(read_recipes(recipes), catalog, training_operators(catalog))
    earlier = read_record(against) if against is not None else ()
    if record is not None:
        _write(record, found, catalog, date=date)
    if as_json:
        print_json(_object(found, earlier, catalog))
    else:
        _print(found, earlier)


def _write(path: Path, found: Sequence[Forecast], catalog: Catalog, *, date: str | None) -> None:
    if date is None or not _DAY.match(date):
        raise InputError(
            where="--date",
            found=date or "no day",
            expected="the day of the record",
            fix='Write it like "--date 2026-11-23".',
        )
    text = record_text(found, recorded=date, version=__version__, catalogue_sha256=catalog.sha256)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise InputError(
            where=str(path),
            found=str(error),
            expected="a new file in an existing folder",
            fix="A record is never overwritten: name a new file.",
        ) from error


def _object(found: Sequence[Forecast], earlier: Sequence[Recorded], catalog: Catalog) -> dict[str, object]:
    return {
        "recipes": len(found),
        "forecast": sum(item.made for item in found),
        "version": __version__,
        "catalogue_sha256": catalog.sha256,
        "rows": [asdict(item) for item in found],
        "moved": _moved(found, earlier),
        "score": _score(earlier),
    }


def _moved(found: Sequence[Forecast], earlier: Sequence[Recorded]) -> list[dict[str, object]]:
    """Today's median step time over the recorded one, less one, for every recipe in both."""
    today = {item.recipe: item for item in found if item.made}
    both = [(item.forecast, today[item.forecast.recipe]) for item in earlier if item.forecast.recipe in today]
    return [
        {"recipe": then.recipe, "step_time_change_fraction": now.step_p50_s / then.step_p50_s - 1.0}
        for then, now in both
        if then.made
    ]


def _score(earlier: Sequence[Recorded]) -> dict[str, object] | None:
    """How the recorded forecasts fared against what has been measured since."""
    scored = [item for item in earlier if item.scored]
    if not scored:
        return None
    errors = np.abs([item.error_fraction for item in scored])
    return {
        "measured": len(scored),
        "median_abs_error_fraction": float(np.median(errors)),
        "mean_abs_error_fraction": float(np.mean(errors)),
        "band_coverage_fraction": float(np.mean([item.covered for item in scored])),
        "rows": [
            {"recipe": item.forecast.recipe, "error_fraction": item.error_fraction, "inside_band": item.covered}
            for item in scored
        ],
    }


def _print(found: Sequence[Forecast], earlier: Sequence[Recorded]) -> None:
    table = Table(title="Forecasts; P10 to P90 in brackets", title_justify="left")
    table.add_column("recipe")
    for name in ("step, s", "tokens/s per accelerator"):
        table.add_column(name, justify="right")
    for item in found:
        if item.made:
            rates = (
                item.tokens_per_s_per_accelerator_p50,
                item.tokens_per_s_per_accelerator_p10,
                item.tokens_per_s_per_accelerator_p90,
            )
            step = f"{item.step_p50_s:.3g} ({item.step_p10_s:.3g} to {item.step_p90_s:.3g})"
            table.add_row(escape(item.recipe), step, "{:,.0f} ({:,.0f} to {:,.0f})".format(*rates))
    out.print(table)
    out.print(f"{sum(item.made for item in found)} of {len(found)} recipes forecast.")
    for item in found:
        if not item.made:
            out.print(f"  {item.recipe}: {item.reason}", highlight=False, markup=False)
    _print_earlier(found, earlier)


def _print_earlier(found: Sequence[Forecast], earlier: Sequence[Recorded]) -> None:
    for item in _moved(found, earlier):
        change = float(str(item["step_time_change_fraction"]))
        if round(change, 4):
            out.print(f"  {item['recipe']}: step time moved by {change:+.2%} since the record", highlight=False)
    score = _score(earlier)
    if score is not None:
        out.print(
            f"{score['measured']} measured since: median error {score['median_abs_error_fraction']:.1%}, "
            f"mean {score['mean_abs_error_fraction']:.1%}, inside the band {score['band_coverage_fraction']:.0%}."
        )
