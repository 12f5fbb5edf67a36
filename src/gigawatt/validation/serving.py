"""All rows of a truth file against the serving model, and the errors by group.

The main figure is the time of a whole request at the row's concurrency, TTFT + (OSL - 1) TPOT; both parts are judged
on their own as well. Bands hold operators, host times, expert skew and software maturity at their slow or fast ends.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

from gigawatt.calibration.backends import Backend, Kernels, fitted_backend
from gigawatt.catalog import Catalog
from gigawatt.catalog.engine import engine_figures
from gigawatt.entities.assumptions import EngineFigures
from gigawatt.entities.workload import DenseFeedForward
from gigawatt.performance.operators import QUANTILES, OperatorModel
from gigawatt.performance.serve.loop import Latencies, aggregated
from gigawatt.performance.serve.pools import pooled
from gigawatt.validation.comparison import ErrorSummary
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.serving_expression import ServingExpression, serve_task, serving_expression
from gigawatt.validation.serving_rows import ServingRow

QUANTITIES = ("request_s", "tpot_s", "ttft_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One measured time beside its prediction; `low` and `high` are the P10 and P90 of both."""

    measured: float
    predicted: float
    low: float
    high: float

    @property
    def error_fraction(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted / self.measured - 1.0

    @property
    def covered(self) -> bool:
        """Whether the band holds the measurement."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedServing:
    """One row beside its prediction: time of a request, TPOT and TTFT."""

    row: ServingRow
    expressed: ServingExpression
    request_s: Judged
    tpot_s: Judged
    ttft_s: Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedServing:
    """One row that has no prediction, with the reason."""

    row: ServingRow
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingComparison:
    """A truth file against the model, its operators from `kernels`."""

    kernels: Kernels
    compared: tuple[ComparedServing, ...]
    refused: tuple[RefusedServing, ...]


def compare_serving(rows: Iterable[ServingRow], catalog: Catalog, backend: Backend | None = None) -> ServingComparison:
    """Every row predicted or refused; with operators from the fitted laws unless another backend is given."""
    figures, times = engine_figures(catalog), backend or fitted_backend(catalog)
    kinds = {blocks: times.operators(blocks) for blocks in (False, True)}
    known: dict[tuple[bool, str], list[OperatorModel]] = {}
    compared: list[ComparedServing] = []
    refused: list[RefusedServing] = []
    for row in rows:
        try:
            expressed = _expressed(row, catalog)
        except Inexpressible as finding:
            refused.append(RefusedServing(row=row, reason=finding.reason))
            continue
        key = (expressed.block_scaled, expressed.platform.id)
        if key not in known:
            known[key] = [kinds[expressed.block_scaled](expressed.platform, quantile) for quantile in QUANTILES]
        compared.append(predicted_serving(expressed, figures, known[key]))
    return ServingComparison(kernels=times.kernels, compared=tuple(compared), refused=tuple(refused))


def _expressed(row: ServingRow, catalog: Catalog) -> ServingExpression:
    if row.fault:
        raise Inexpressible(f"the line is no measurement: {row.fault}")
    if row.flagged:
        raise Inexpressible("the source's two records of tensor parallelism differ")
    return serving_expression(row, catalog)


def predicted_serving(
    expressed: ServingExpression, figures: EngineFigures, operators: list[OperatorModel]
) -> ComparedServing:
    """One row's prediction with its band; `operators` at the P10, P50 and P90 of performance."""
    found = [
        latencies(expressed, figures, one, quantile=quantile)
        for one, quantile in zip(operators, QUANTILES, strict=True)
    ]
    numbers, length = expressed.row.numbers, expressed.row.numbers["osl"]
    measured = (expressed.row.request_s, numbers["tpot_s"], numbers["ttft_s"])
    values = [(float(f.request_s(length)[0]), float(f.tpot_s[0]), float(f.ttft_s[0])) for f in found]
    judged = {
        name: Judged(measured=measured[at], predicted=values[1][at], low=values[2][at], high=values[0][at])
        for at, name in enumerate(QUANTITIES)
    }
    return ComparedServing(row=expressed.row, expressed=expressed, **judged)


def latencies(
    expressed: ServingExpression, figures: EngineFigures, operators: OperatorModel, *, quantile: float
) -> Latencies:
    """What the row's clients would see. The row ran, so memory stands at the high end of what is usable."""
    task = serve_task(expressed, figures, quantile=quantile)
    device = expressed.platform.accelerator
    usable = device.memory_bytes * figures.memory_usable.high
    counts = tuple(np.array([count]) for count in expressed.pools.workers_count)
    layouts = expressed.pools.layouts
    if len(layouts) == 1:
        return aggregated(task, layouts[0], expressed.clients, operators, workers_count=counts[0], usable_bytes=usable)
    return pooled(
        task,
        (layouts[0], layouts[1]),
        expressed.clients,
        operators,
        workers_count=(counts[0], counts[1]),
        usable_bytes=usable,
        link_bytes_per_s=device.scale_out_bandwidth_bytes_per_s,
    )


def serving_summary(items: Iterable[Judged], *, group: str, name: str) -> ErrorSummary:
    """The errors of some rows."""
    judged = tuple(items)
    errors = np.array([item.error_fraction for item in judged])
    return ErrorSummary(
        group=group,
        name=name,
        cases_count=len(judged),
        median_abs_error_fraction=float(np.median(np.abs(errors))),
        mean_abs_error_fraction=float(np.mean(np.abs(errors))),
        median_error_fraction=float(np.median(errors)),
        band_coverage_fraction=float(np.mean([item.covered for item in judged])),
    )


def overall(comparison: ServingComparison) -> tuple[ErrorSummary, ...]:
    """The errors of all rows: whole requests, TPOT, TTFT."""
    return tuple(
        serving_summary((getattr(item, name) for item in comparison.compared), group="all", name=name)
        for name in QUANTITIES
    )


def serving_summaries(comparison: ServingComparison) -> tuple[ErrorSummary, ...]:
    """Errors of whole requests by platform, model, engine, format, kind of workers, concurrency and lengths."""
    keys: dict[str, Callable[[ComparedServing], str]] = {
        "platform": lambda item: item.expressed.platform.id,
        "model": lambda item: item.row.text("model"),
        "model class": _model_class,
        "software": lambda item: item.expressed.practice,
        "precision": lambda item: item.row.text("precision") or "not stated",
        "workers": lambda item: "prefill and decode" if item.row.disaggregated else "aggregated",
        "concurrency": lambda item: _concurrency_class(float(item.expressed.clients.concurrency_count[0])),
        "lengths": lambda item: f"{item.row.numbers['isl']:.0f} in, {item.row.numbers['osl']:.0f} out",
    }
    found: list[ErrorSummary] = []
    for group, key in keys.items():
        names = sorted({key(item) for item in comparison.compared})
        found += [
            serving_summary((i.request_s for i in comparison.compared if key(i) == name), group=group, name=name)
            for name in names
        ]
    return tuple(found)


def _model_class(item: ComparedServing) -> str:
    return "dense" if isinstance(item.expressed.model.feed_forward, DenseFeedForward) else "experts"


def _concurrency_class(count: float) -> str:
    bounds = ((8.0, "1 to 8"), (32.0, "9 to 32"), (128.0, "33 to 128"))
    return next((name for most, name in bounds if count <= most), "more than 128")


def workers_stated_share(comparison: ServingComparison) -> tuple[int, int]:
    """Unflagged rows with known worker counts that are expressed, and all of them."""
    expressed = sum(item.row.workers_stated for item in comparison.compared)
    refused = sum(item.row.workers_stated and not (item.row.flagged or item.row.fault) for item in comparison.refused)
    return expressed, expressed + refused


def serving_reasons(comparison: ServingComparison) -> list[tuple[str, int]]:
    """Why rows could not be expressed, most frequent first."""
    return Counter(item.reason for item in comparison.refused).most_common()


def serving_row_object(item: ComparedServing) -> dict[str, object]:
    """One row beside its prediction as one object."""
    layouts = item.expressed.pools.layouts
    return {
        "case": item.row.text("case"),
        "line": item.row.number,
        "model": item.row.text("model"),
        "platform": item.expressed.platform.id,
        "software": item.expressed.practice,
        "concurrency": float(item.expressed.clients.concurrency_count[0]),
        "quantity": "request_s",
        "measured": item.request_s.measured,
        "predicted": item.request_s.predicted,
        "p10": item.request_s.low,
        "p90": item.request_s.high,
        "error_fraction": item.request_s.error_fraction,
        "tpot": asdict(item.tpot_s),
        "ttft": asdict(item.ttft_s),
        "layouts": [{name: float(getattr(one, name)[0]) for name in one.__dataclass_fields__} for one in layouts],
    }
