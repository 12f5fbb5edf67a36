"""Which law gives operator times, and what it needs from assumptions."""

from dataclasses import replace

from gigawatt.catalog import Figure, ranged
from gigawatt.catalog.engine import engine_assumption_figures, engine_figures
from gigawatt.catalog.kernels import kernel_evidence, load_kernels
from gigawatt.catalog.step import step_assumption_figures, step_figures
from gigawatt.entities.assumptions import EngineFigures, KernelEfficiency, OperatorLaw, Ranged, StepFigures
from gigawatt.entities.hardware import Offer
from gigawatt.provenance import Evidence
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.schema import FractionRange, SecondsRange
from gigawatt.units import DURATION_SECONDS, FRACTION

AT = "kernel_efficiency"
BETWEEN_DOMAINS = frozenset({"scale_out_bandwidth", "launch"})
"""What the calibrated law takes from assumptions too: links between domains are not among the measured kernels."""


def operator_law(desk: Desk) -> OperatorLaw:
    """The law that the scenario names, or the calibrated one; refuses efficiencies that the law would not use."""
    stated = desk.scenario.document.kernel_efficiency
    note = "laws fitted to measured kernels"
    law = OperatorLaw(desk.choose(stated.law, AT, "law", default=OperatorLaw.CALIBRATED, note=note))
    for name in type(stated).model_fields:
        if (
            law is OperatorLaw.CALIBRATED
            and name not in {"law", *BETWEEN_DOMAINS}
            and getattr(stated, name) is not None
        ):
            raise desk.refuse(
                AT,
                name,
                found="an efficiency that the calibrated law does not use",
                expected=f"only {' and '.join(sorted(BETWEEN_DOMAINS))} beside the calibrated law",
                fix='Write law = "roofline" in [kernel_efficiency], or leave the key out.',
            )
    return law


def kernel_efficiency(desk: Desk, *, law: OperatorLaw) -> KernelEfficiency:
    """Achieved over peak by resource; those that the law does not use leave no trace in the ledger."""
    stated = desk.scenario.document.kernel_efficiency

    def efficiency(name: str, given: FractionRange | SecondsRange | None) -> Ranged:
        dimension = DURATION_SECONDS if name == "launch" else FRACTION
        default = f"assumptions/kernel-efficiency/{name.replace('_', '-')}"
        if law is OperatorLaw.CALIBRATED and name not in BETWEEN_DOMAINS:
            figure: Figure = desk.catalog.figure(default)
            return ranged(figure, dimension)
        return desk.range_or(given, AT, name, default=default, dimension=dimension)

    return KernelEfficiency(
        gemm=efficiency("gemm", stated.gemm),
        attention=efficiency("attention", stated.attention),
        memory_bandwidth=efficiency("memory_bandwidth", stated.memory_bandwidth),
        scale_up_bandwidth=efficiency("scale_up_bandwidth", stated.scale_up_bandwidth),
        scale_out_bandwidth=efficiency("scale_out_bandwidth", stated.scale_out_bandwidth),
        launch_s=efficiency("launch", stated.launch),
    )


def assumed_step(desk: Desk) -> StepFigures:
    """What a training step costs beside its kernels; each figure stands in the ledger where a run is asked for."""
    if desk.scenario.document.runs:
        desk.cite(*(replace(figure.evidence, origin="default") for figure in step_assumption_figures(desk.catalog)))
    return step_figures(desk.catalog)


def assumed_engine(desk: Desk) -> EngineFigures:
    """What serving costs beside its kernels; each figure stands in the ledger where a service is asked for."""
    if desk.scenario.document.services:
        desk.cite(*(replace(figure.evidence, origin="default") for figure in engine_assumption_figures(desk.catalog)))
    return engine_figures(desk.catalog)


def law_evidence(desk: Desk, offers: tuple[Offer, ...], *, law: OperatorLaw) -> tuple[Evidence, ...]:
    """How well the fitted laws are known on each offered platform; nothing for the roofline."""
    if law is OperatorLaw.ROOFLINE:
        return ()
    library = load_kernels()
    return tuple(entry for offer in offers for entry in kernel_evidence(desk.catalog, library, offer.platform.id))
