"""Forecasts on record: what the step model says of recipes before anyone has measured them.

A recipe is a row of a truth file whose value is not known yet. It goes through the very path that `validate training`
takes, so a forecast is made as blindly as the errors in the documentation were, and is scored in the same way.
"""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from gigawatt.catalog import Catalog
from gigawatt.catalog.step import step_assumptions, step_figures
from gigawatt.errors import InputError
from gigawatt.performance.laws import TrainingOperators
from gigawatt.performance.step.assumed import Ends, assumption_ends
from gigawatt.performance.step.task import StepAssumptions
from gigawatt.validation.comparison import predicted
from gigawatt.validation.expression import expression
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow, read_cells

_RECIPE = "recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A configuration that somebody publishes without saying how fast it runs; `row.value` is NaN."""

    name: str
    row: TruthRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One recipe's forecast: `reason` is empty, or says why there is none and the numbers are NaN.

    P10 of a time is fast, P10 of a rate slow: nine of ten outcomes are larger.
    """

    recipe: str
    model: str
    platform: str
    accelerators_count: int
    precision: str
    basis: str
    step_p10_s: float
    step_p50_s: float
    step_p90_s: float
    tokens_per_s_per_accelerator_p10: float
    tokens_per_s_per_accelerator_p50: float
    tokens_per_s_per_accelerator_p90: float
    reason: str

    @property
    def made(self) -> bool:
        """Whether there is a forecast."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A forecast as it stands in a record: when, by which version on which catalogue; measured once someone has."""

    forecast: Forecast
    recorded: str
    version: str
    catalogue_sha256: str
    measured_tokens_per_s_per_accelerator: float

    @property
    def scored(self) -> bool:
        """Whether a measurement stands beside the forecast."""
        return self.forecast.made and not math.isnan(self.measured_tokens_per_s_per_accelerator)

    @property
    def error_fraction(self) -> float:
        """Predicted over measured step time, less one, as `validate training` counts it."""
        return self.measured_tokens_per_s_per_accelerator / self.forecast.tokens_per_s_per_accelerator_p50 - 1.0

    @property
    def covered(self) -> bool:
        """Whether the band holds the measurement."""
        forecast = self.forecast
        low, high = forecast.tokens_per_s_per_accelerator_p10, forecast.tokens_per_s_per_accelerator_p90
        return low <= self.measured_tokens_per_s_per_accelerator <= high


def read_recipes(path: Path) -> tuple[Recipe, ...]:
    """The recipes of a file: a truth file with a `recipe` column whose values may be empty."""
    return tuple(
        Recipe(name=cells.get(_RECIPE, "") or f"line {row.number}", row=row)
        for row, cells in read_cells(path, unmeasured=True)
    )


def forecasts(recipes: Iterable[Recipe], catalog: Catalog, operators: TrainingOperators) -> tuple[Forecast, ...]:
    """Every recipe forecast, or named with the reason why not."""
    assumptions, ends = step_assumptions(catalog), assumption_ends(step_figures(catalog))
    return tuple(_forecast(recipe, catalog, operators, assumptions=assumptions, ends=ends) for recipe in recipes)


def _forecast(
    recipe: Recipe, catalog: Catalog, operators: TrainingOperators, *, assumptions: StepAssumptions, ends: Ends
) -> Forecast:
    row = recipe.row
    try:
        expressed = expression(row, catalog, assumptions)
    except Inexpressible as finding:
        times, platform, basis, tokens, reason = (math.nan,) * 3, row.platform, "", math.nan, finding.reason
    else:
        found = predicted(expressed, operators, ends)
        times, platform, reason = (found.low, found.predicted, found.high), found.platform, ""
        basis = "measured platform" if expressed.platform.measured else "projected from the data sheet"
        tokens = expressed.task.batch_tokens_count / row.num_gpus
    fast, middle, slow = times
    return Forecast(
        recipe=recipe.name,
        model=row.model,
        platform=platform,
        accelerators_count=row.num_gpus,
        precision=row.precision,
        basis=basis,
        step_p10_s=fast,
        step_p50_s=middle,
        step_p90_s=slow,
        tokens_per_s_per_accelerator_p10=tokens / slow,
        tokens_per_s_per_accelerator_p50=tokens / middle,
        tokens_per_s_per_accelerator_p90=tokens / fast,
        reason=reason,
    )


_NUMBERS = tuple(field.name for field in fields(Forecast) if field.type is float)
_STAMPS = ("recorded", "version", "catalogue_sha256")
_MEASURED = "measured_tokens_per_s_per_accelerator"
_COLUMNS = (*(field.name for field in fields(Forecast)), *_STAMPS, _MEASURED)


def record_text(items: Iterable[Forecast], *, recorded: str, version: str, catalogue_sha256: str) -> str:
    """Forecasts as the text of a record: a CSV table with five significant digits and an empty measured column."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in items:
        cells: dict[str, object] = {name: getattr(item, name) for name in _COLUMNS[: -len(_STAMPS) - 1]}
        cells |= {name: _figure(float(getattr(item, name))) for name in _NUMBERS}
        stamps = dict(zip(_STAMPS, (recorded, version, catalogue_sha256), strict=True))
        writer.writerow(cells | stamps | {_MEASURED: ""})
    return text.getvalue()


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.5g}"


def read_record(path: Path) -> tuple[Recorded, ...]:
    """A record as it was written; raises `InputError` when the file is none."""
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise _not_a_record(path, str(error)) from error
    missing = [name for name in _COLUMNS if not lines or name not in lines[0]]
    if missing:
        raise _not_a_record(path, f"no column {', '.join(missing[:3])}")
    return tuple(_recorded(line, number, path) for number, line in enumerate(lines, start=2))


def _recorded(line: dict[str, str], number: int, path: Path) -> Recorded:
    try:
        numbers = {name: float(line[name] or "nan") for name in (*_NUMBERS, _MEASURED)}
        count = int(line["accelerators_count"])
    except (TypeError, ValueError) as error:
        raise _not_a_record(path, f"line {number}: {error}") from error
    forecast = Forecast(
        recipe=line["recipe"],
        model=line["model"],
        platform=line["platform"],
        accelerators_count=count,
        precision=line["precision"],
        basis=line["basis"],
        step_p10_s=numbers["step_p10_s"],
        step_p50_s=numbers["step_p50_s"],
        step_p90_s=numbers["step_p90_s"],
        tokens_per_s_per_accelerator_p10=numbers["tokens_per_s_per_accelerator_p10"],
        tokens_per_s_per_accelerator_p50=numbers["tokens_per_s_per_accelerator_p50"],
        tokens_per_s_per_accelerator_p90=numbers["tokens_per_s_per_accelerator_p90"],
        reason=line["reason"],
    )
    return Recorded(
        forecast=forecast,
        measured_tokens_per_s_per_accelerator=numbers[_MEASURED],
        recorded=line["recorded"],
        version=line["version"],
        catalogue_sha256=line["catalogue_sha256"],
    )


def _not_a_record(path: Path, found: str) -> InputError:
    return InputError(
        where=str(path),
        found=found,
        expected="a record of forecasts",
        fix="Take a file that `gigawatt validate forecasts --record` wrote; docs/forecasts.md names its columns.",
    )
