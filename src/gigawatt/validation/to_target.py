"""From a time to train to steps: how long MLPerf's reference trains until its target, and how often it is evaluated.

The number of sequences is a fact of the benchmark, not of the machine: MLCommons publishes for each batch how many the
reference took (reference convergence points, RCP). Between two batches its rules interpolate linearly after leaving out
points that are slower than their neighbours' line, and a batch below the smallest converges no slower than that
(training rules, "Reference Convergence Points"; mlcommons/logging, rcp_checker).
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from gigawatt.catalog import Catalog
from gigawatt.catalog.benchmarks import ConvergencePoint, TrainingBenchmark, training_benchmarks
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

_TO_TARGET = re.compile(r"time[_ -]?to[_ -]?(train|target)|\bttt\b|(?<![a-z])ttt(?![a-z])")
_ROUND = re.compile(r"(?:training_results_v|mlperf(?: training)? v?)(\d+\.\d+)", re.IGNORECASE)
# "3,072 steps to the target", "3072 samples to converge".
_STATED = re.compile(r"([\d,]+) (steps|iterations|samples|sequences) to (?:the )?(?:target|converge)", re.IGNORECASE)
_QUANTILE = float(ndtri(0.9))
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRun:
    """A run to the target: `steps_count` steps and `evaluations_count` times `evaluated_sequences_count` forward.

    `early_log` and `late_log` are how far the logarithm of its length lies below and above in one run of ten each.
    """

    steps_count: float
    evaluations_count: float
    evaluated_sequences_count: float
    early_log: float
    late_log: float


def measures_run(row: TruthRow) -> bool:
    """Whether a row's metric is a time to a quality target."""
    return _TO_TARGET.search(row.metric.lower()) is not None


def run_to_target(row: TruthRow, catalog: Catalog) -> TargetRun:
    """How long a row's run is; raises `Inexpressible` where nothing published says so."""
    benchmark = _benchmark(row, training_benchmarks(catalog))
    if row.global_batch_seqs is None:
        raise Inexpressible("the batch or the sequence length is not stated")
    batch = float(row.global_batch_seqs)
    interval = math.ceil(benchmark.interval_sequences_count / batch) * batch
    stated = _stated_sequences_count(row)
    early = late = 0.0
    if stated is None:
        point = converged(benchmark, batch)
        deviation = math.hypot(point.deviation_sequences_count, interval / math.sqrt(12.0))
        late = _QUANTILE * deviation / point.mean_sequences_count
        earlier = (benchmark.accepted_earlier_sequences_count, _below(benchmark, batch))
        early = math.hypot(late, *(sequences / point.mean_sequences_count for sequences in earlier))
        stated = point.mean_sequences_count
    skipped = math.floor(benchmark.skipped_count + benchmark.skipped_per_sequence * batch)
    return TargetRun(
        steps_count=stated / batch,
        evaluations_count=max(stated / interval - skipped, 1.0),
        evaluated_sequences_count=benchmark.evaluation_sequences_count,
        early_log=early,
        late_log=late,
    )


def _benchmark(row: TruthRow, known: tuple[TrainingBenchmark, ...]) -> TrainingBenchmark:
    """The row's benchmark in its round, or in the round nearest to it; named by its source, else by its model."""
    ends = row.source_url.rstrip("/").split("/")
    named = [one for one in known if one.name in ends] or [one for one in known if _same(one.name, row.model)]
    if not named:
        raise Inexpressible(f"no reference convergence to a target is known for {row.model[:_LONGEST] or 'the row'}")
    found = _ROUND.search(row.source_url) or _ROUND.search(row.notes)
    if found is None:
        return max(named, key=lambda one: max(map(_order, one.rounds)))
    return min(named, key=lambda one: min(_apart(found[1], other) for other in one.rounds))


def _same(benchmark: str, model: str) -> bool:
    one, other = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (benchmark, model.rsplit("/", 1)[-1]))
    return bool(other) and (one.startswith(other) or other.startswith(one))


def _order(round_name: str) -> float:
    return float(round_name)


def _apart(one: str, other: str) -> float:
    return abs(_order(one) - _order(other))


def _stated_sequences_count(row: TruthRow) -> float | None:
    found = _STATED.search(row.notes)
    if found is None or row.global_batch_seqs is None:
        return None
    count = float(found[1].replace(",", ""))
    return count * (row.global_batch_seqs if found[2].lower() in ("steps", "iterations") else 1.0)


def converged(benchmark: TrainingBenchmark, batch: float) -> ConvergencePoint:
    """The reference's convergence at a batch."""
    own = next((point for point in benchmark.points if point.batch_sequences_count == batch), None)
    if own is not None:
        return own
    points = quickest(benchmark.points)
    largest = benchmark.points[-1].batch_sequences_count
    if batch > largest:
        raise Inexpressible(f"no convergence of {benchmark.name} is published for batches beyond {largest:,.0f}")
    return _between(points, batch)


def _between(points: tuple[ConvergencePoint, ...], batch: float) -> ConvergencePoint:
    """Mean and deviation on the straight line between neighbours; below the smallest batch as there."""
    batches = [point.batch_sequences_count for point in points]
    return ConvergencePoint(
        batch_sequences_count=batch,
        mean_sequences_count=float(np.interp(batch, batches, [point.mean_sequences_count for point in points])),
        deviation_sequences_count=float(
            np.interp(batch, batches, [point.deviation_sequences_count for point in points])
        ),
    )


def quickest(points: tuple[ConvergencePoint, ...]) -> tuple[ConvergencePoint, ...]:
    """Without batches below the quickest one, and without points above the line between their neighbours."""
    first = min(points, key=lambda point: point.mean_sequences_count)
    kept = [point for point in points if point.batch_sequences_count >= first.batch_sequences_count]
    at = 1
    while at < len(kept) - 1:
        line = _between((kept[at - 1], kept[at + 1]), kept[at].batch_sequences_count)
        if kept[at].mean_sequences_count > line.mean_sequences_count:
            del kept[at]
        else:
            at += 1
    return tuple(kept)


def _below(benchmark: TrainingBenchmark, batch: float) -> float:
    """By how many sequences the line of the two smallest batches lies below the smallest, for a batch under both."""
    points = quickest(benchmark.points)
    if len(points) < 2 or batch >= benchmark.points[0].batch_sequences_count:
        return 0.0
    first, second = points[:2]
    slope = (second.mean_sequences_count - first.mean_sequences_count) / (
        second.batch_sequences_count - first.batch_sequences_count
    )
    return max(slope * (first.batch_sequences_count - batch), 0.0)
