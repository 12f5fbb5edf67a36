"""A comparison as plain objects and counts, for the command line and the report."""

from collections import Counter
from dataclasses import asdict

from gigawatt.validation.comparison import Compared, Comparison, ErrorSummary


def summary_object(item: ErrorSummary) -> dict[str, object]:
    """A group's errors as one object."""
    return asdict(item)


def row_object(item: Compared) -> dict[str, object]:
    """One row beside its prediction as one object."""
    return {
        "line": item.row.number,
        "source": item.row.source_url,
        "model": item.row.model,
        "platform": item.platform,
        "accelerators": item.row.num_gpus,
        "quantity": item.quantity,
        "measured": item.measured,
        "predicted": item.predicted,
        "p10": item.low,
        "p90": item.high,
        "error_fraction": item.error_fraction,
        "model_class": item.model_class,
        "software": item.practice,
        "configuration": item.row.full_config,
        "chosen": list(item.chosen),
        "layout": dict(item.layout),
    }


def reasons(comparison: Comparison) -> list[tuple[str, int]]:
    """Why rows could not be expressed, most frequent first."""
    return Counter(item.reason for item in comparison.refused).most_common()


def scatter(comparison: Comparison) -> dict[str, list[tuple[float, float, str]]]:
    """Measured and predicted step seconds with a label, by platform: the numbers of the scatter plot."""
    points: dict[str, list[tuple[float, float, str]]] = {}
    for item in comparison.times:
        label = f"{item.row.model}, {item.row.num_gpus:,} accelerators, line {item.row.number}"
        points.setdefault(item.platform, []).append((item.measured, item.predicted, label))
    return points
