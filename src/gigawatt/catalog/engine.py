"""What serving engines cost beside their kernels, from the catalogue's assumptions."""

from gigawatt.catalog.quantities import quantity, ranged
from gigawatt.catalog.records import Catalog, Figure
from gigawatt.entities.assumptions import EngineFigures
from gigawatt.units import DURATION_MONTHS, DURATION_SECONDS, FRACTION, RATIO


def engine_figures(catalog: Catalog) -> EngineFigures:
    """The engineering figures of serving from the catalogue."""
    at = "assumptions/serving-engine"
    return EngineFigures(
        step_host_s=ranged(catalog.figure(f"{at}/step-host"), DURATION_SECONDS),
        synchronous_host_s=ranged(catalog.figure(f"{at}/step-host-synchronous"), DURATION_SECONDS),
        issue_s=ranged(catalog.figure("assumptions/training-step/host-issue"), DURATION_SECONDS),
        python_issue_s=ranged(catalog.figure(f"{at}/python-issue"), DURATION_SECONDS),
        request_s=ranged(catalog.figure(f"{at}/request"), DURATION_SECONDS),
        token_s=ranged(catalog.figure(f"{at}/tokenize"), DURATION_SECONDS),
        expert_skew=ranged(catalog.figure(f"{at}/expert-skew"), FRACTION),
        arrival_bunching=ranged(catalog.figure(f"{at}/arrival-bunching"), RATIO),
        acceptance=ranged(catalog.figure(f"{at}/multi-token-acceptance"), FRACTION),
        prefill_load=ranged(catalog.figure(f"{at}/prefill-load"), FRACTION),
        engine_kernels=ranged(catalog.figure(f"{at}/engine-kernels"), RATIO),
        software_excess=ranged(catalog.figure(f"{at}/software-excess"), FRACTION),
        software_halving_months=quantity(catalog.figure(f"{at}/software-halving"), DURATION_MONTHS),
        memory_usable=ranged(catalog.figure("assumptions/operation/memory-usable"), FRACTION),
    )


def engine_assumption_figures(catalog: Catalog) -> tuple[Figure, ...]:
    """The figures that the estimate of a current engine rests on, as the catalogue has them."""
    names = ("step-host", "request", "tokenize", "expert-skew", "arrival-bunching", "engine-kernels", "prefill-load")
    engine = tuple(catalog.figure(f"assumptions/serving-engine/{name}") for name in names)
    return (
        *engine,
        *(catalog.figure(f"assumptions/training-step/{name}") for name in ("host-issue", "sustained-clock")),
    )
