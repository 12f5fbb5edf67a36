"""Training benchmarks: how many sequences the reference takes to its target, and how often that is tested."""

from dataclasses import dataclass

from gigawatt.catalog.dimensions import EVALUATIONS, EVALUATIONS_PER_SEQUENCE, SEQUENCES
from gigawatt.catalog.items import BenchmarkTable
from gigawatt.catalog.quantities import quantity
from gigawatt.catalog.records import Catalog, Record
from gigawatt.units import Dimension, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergencePoint:
    """Sequences that the reference trains on until its target, with one batch: mean and standard deviation of a run."""

    batch_sequences_count: float
    mean_sequences_count: float
    deviation_sequences_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBenchmark:
    """A benchmark by its rules.

    `points` ascend with the batch. After every `interval_sequences_count`, rounded up to whole batches,
    `evaluation_sequences_count` are evaluated, without the first `skipped_count` + `skipped_per_sequence` x batch
    times. Submissions may converge `accepted_earlier_sequences_count` before the reference.
    """

    name: str
    rounds: tuple[str, ...]
    points: tuple[ConvergencePoint, ...]
    interval_sequences_count: float
    evaluation_sequences_count: float
    skipped_count: float
    skipped_per_sequence: float
    accepted_earlier_sequences_count: float


def training_benchmarks(catalog: Catalog) -> tuple[TrainingBenchmark, ...]:
    """All training benchmarks of the catalogue."""
    return tuple(_benchmark(record) for record in catalog.records["benchmarks"].values())


def _benchmark(record: Record) -> TrainingBenchmark:
    details = record.details
    if not isinstance(details, BenchmarkTable):
        raise TypeError(f"{record.id} is not a benchmark record")
    points = [
        ConvergencePoint(
            batch_sequences_count=parse(point.batch, SEQUENCES),
            mean_sequences_count=parse(point.mean, SEQUENCES),
            deviation_sequences_count=parse(point.deviation, SEQUENCES),
        )
        for point in details.convergence.points
    ]
    return TrainingBenchmark(
        name=details.benchmark,
        rounds=details.rounds,
        points=tuple(sorted(points, key=lambda point: point.batch_sequences_count)),
        interval_sequences_count=quantity(record.figures["evaluation-interval"], SEQUENCES),
        evaluation_sequences_count=quantity(record.figures["evaluation-size"], SEQUENCES),
        skipped_count=_or_none(record, "skipped-evaluations", EVALUATIONS),
        skipped_per_sequence=_or_none(record, "skipped-per-sequence", EVALUATIONS_PER_SEQUENCE),
        accepted_earlier_sequences_count=_or_none(record, "accepted-earlier", SEQUENCES),
    )


def _or_none(record: Record, key: str, dimension: Dimension) -> float:
    """The figure, zero where the rules know nothing of the kind."""
    return quantity(record.figures[key], dimension) if key in record.figures else 0.0
