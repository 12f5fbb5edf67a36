"""The figures that a training step rests on, beyond its platform's data sheet and its model's architecture."""

from gigawatt.catalog import Catalog
from gigawatt.catalog.kernels import kernel_evidence, load_kernels
from gigawatt.catalog.quantities import evidences
from gigawatt.catalog.step import step_assumption_figures
from gigawatt.cli.steps import Asked
from gigawatt.provenance import Evidence


def ledger_json(catalog: Catalog, of: Asked) -> list[dict[str, str]]:
    """Engineering assumptions, those taken where the question was silent, and how well each law is known here."""
    figures = [*step_assumption_figures(catalog), *(catalog.figure(key) for key in of.defaults)]
    kernels = kernel_evidence(catalog, load_kernels(), of.where.kernels_id)
    return [_row(each) for each in (*evidences(figures), *kernels)]


def _row(evidence: Evidence) -> dict[str, str]:
    return {
        "key": evidence.key,
        "value": evidence.text,
        "low": evidence.low,
        "high": evidence.high,
        "grade": evidence.grade.value,
        "note": evidence.note,
    }
