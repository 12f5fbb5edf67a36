"""The reliability of training runs from the catalogue's assumptions."""

from gigawatt.catalog.dimensions import (
    BANDWIDTH,
    BYTES_PER_PARAMETER,
    EVENT_RATE,
    FAILURES_PER_ACCELERATOR,
    FAILURES_PER_RACK,
)
from gigawatt.catalog.quantities import quantity, ranged
from gigawatt.catalog.records import Catalog
from gigawatt.entities.assumptions import Ranged
from gigawatt.performance.goodput.failures import FailureRates, PowerLaw
from gigawatt.performance.goodput.run import Reliability
from gigawatt.units import ACCELERATOR_COUNT, DURATION_SECONDS, FRACTION, RATIO, Dimension

_AT = "assumptions/reliability"
_COMPONENTS = ("gpu", "gpu-memory", "gpu-other", "network", "host", "host-maintenance", "software")


def training_reliability(catalog: Catalog) -> Reliability:
    """Failures, recovery, checkpoints and stragglers as `assumptions/reliability` has them."""
    return Reliability(
        failures=_failure_rates(catalog),
        detection_s=_range(catalog, "detection", DURATION_SECONDS),
        restart_s=_range(catalog, "restart", DURATION_SECONDS),
        repair_s=_range(catalog, "repair", DURATION_SECONDS),
        hardware_fraction=_best(catalog, "hardware-share", FRACTION),
        planned_stops_per_s=_best(catalog, "planned-stops", EVENT_RATE),
        checkpoint_bytes_per_parameter=_best(catalog, "checkpoint-size", BYTES_PER_PARAMETER),
        storage_bytes_per_s_per_accelerator=_range(catalog, "storage-write", BANDWIDTH),
        host_copy_bytes_per_s_per_accelerator=_range(catalog, "host-copy", BANDWIDTH),
        straggler_excess=_power_law(catalog, "straggler-mean"),
        straggler_tail=_power_law(catalog, "straggler-tail"),
        waiting_limit_fraction=_best(catalog, "waiting-limit", FRACTION),
    )


def _failure_rates(catalog: Catalog) -> FailureRates:
    parts = {name: _best(catalog, f"failure-{name}", FAILURES_PER_ACCELERATOR) for name in _COMPONENTS}
    return FailureRates(
        per_accelerator_s=parts,
        per_rack_s=_range(catalog, "failure-rack", FAILURES_PER_RACK),
        fleet_factor=_range(catalog, "fleet-factor", RATIO),
    )


def _power_law(catalog: Catalog, name: str) -> PowerLaw:
    return PowerLaw(
        coefficient=_range(catalog, f"{name}-excess", RATIO),
        exponent=_best(catalog, f"{name}-exponent", RATIO),
        reference_count=_best(catalog, "straggler-reference", ACCELERATOR_COUNT),
    )


def _range(catalog: Catalog, name: str, dimension: Dimension) -> Ranged:
    return ranged(catalog.figure(f"{_AT}/{name}"), dimension)


def _best(catalog: Catalog, name: str, dimension: Dimension) -> float:
    return quantity(catalog.figure(f"{_AT}/{name}"), dimension)
