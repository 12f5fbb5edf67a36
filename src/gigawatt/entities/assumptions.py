"""Ranged engineering assumptions that the stages need; each has its entry in the ledger."""

from dataclasses import dataclass
from enum import StrEnum


class OperatorLaw(StrEnum):
    """Where operator times come from: laws fitted to measured kernels, or the data sheet and achieved fractions."""

    CALIBRATED = "calibrated"
    ROOFLINE = "roofline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A value with the range it is believed to lie in (P10, best, P90)."""

    low: float
    best: float
    high: float


SURE = Ranged(low=1.0, best=1.0, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEfficiency:
    """Achieved over peak, per resource; the calibrated law takes from it only what lies between domains."""

    gemm: Ranged
    attention: Ranged
    memory_bandwidth: Ranged
    scale_up_bandwidth: Ranged
    scale_out_bandwidth: Ranged
    launch_s: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAssumptions:
    """How fleets behave, as fractions of the ideal.

    `availability` is the share of time a rack serves; `training_ettr` the effective training time ratio;
    `serving_load` mean over peak traffic of a fleet sized for peak; `mean_power` mean over greatest IT power;
    `fabric_power` IT power outside the rack (network, storage, hosts) over rack power; `memory_usable` the
    share of device memory left for weights and cache when serving; `ramp_months` from installation to full use.
    `software_first` is what serving software delivers in a platform's first month over mature software; the gap halves
    every `software_halving_months`, and mature software gains `software_gain_fraction_per_year`.
    """

    availability: Ranged
    training_ettr: Ranged
    serving_load: Ranged
    mean_power: Ranged
    fabric_power: Ranged
    memory_usable: Ranged
    ramp_months: int
    slip_spread: Ranged
    software_first: Ranged
    software_halving_months: int
    software_gain_fraction_per_year: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """What serving costs beside its kernels, as ranges.

    Host times are of a decode step (with an overlapping scheduler and a synchronous one), of a kernel that no graph
    replays (issued by compiled code, and by a model's own Python), of a request, and of a token of its prompt.
    `prefill_load` is the busy share of prefill workers that are matched to decoding, `engine_kernels` time over that of
    calibrated kernels, `software_excess` the time beyond it twelve months after a platform's announcement, halving ever
    since; `arrival_bunching` how much closer together requests arrive than their clients make them.
    """

    step_host_s: Ranged
    synchronous_host_s: Ranged
    issue_s: Ranged
    python_issue_s: Ranged
    request_s: Ranged
    token_s: Ranged
    expert_skew: Ranged
    arrival_bunching: Ranged
    acceptance: Ranged
    engine_kernels: Ranged
    prefill_load: Ranged
    software_excess: Ranged
    software_halving_months: float
    memory_usable: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """What a training step costs beside its kernels, as ranges; `performance.step.task.StepAssumptions` says what."""

    host_issue_s: Ranged
    contention: Ranged
    attention_backward: Ranged
    scan_backward: Ranged
    accumulation: Ranged
    permutation: Ranged
    token_exchange_s: Ranged
    device_spread: Ranged
    reserved_bytes: Ranged
    fragmentation: Ranged
    host_link_bytes_per_s: Ranged
    host_memory_bytes: Ranged
    waiting_power: Ranged
    fused_loss: Ranged = SURE
