"""Fitted laws as the planner holds them: coefficients per measured platform, and one set for all others."""

from collections.abc import Mapping
from dataclasses import dataclass

from gigawatt.performance.kernels.attention import DecodeCoefficients, PrefillCoefficients
from gigawatt.performance.kernels.collective import CollectiveCoefficients, RingProtocol
from gigawatt.performance.kernels.gemm import GemmCoefficients
from gigawatt.performance.kernels.grouped import GroupedCoefficients
from gigawatt.performance.kernels.scan import ScanCoefficients
from gigawatt.performance.kernels.streaming import StreamingCoefficients

Coefficients = (
    GemmCoefficients
    | GroupedCoefficients
    | PrefillCoefficients
    | DecodeCoefficients
    | ScanCoefficients
    | StreamingCoefficients
    | CollectiveCoefficients
)


# Operators in the sums whose error `Fit.step_band` tells.
STEP_OPERATORS_COUNT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """P10, P50 and P90 of the logarithm of measured over predicted time."""

    p10: float
    p50: float
    p90: float

    def at(self, time_quantile: float) -> float:
        """The logarithm at quantile 0.1, 0.5 or 0.9 of time."""
        return {0.1: self.p10, 0.5: self.p50, 0.9: self.p90}[time_quantile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Coefficients of a law with what is left over: for single operators, and for sums over many as in a step."""

    coefficients: Coefficients
    operator_band: Band
    step_band: Band
    points_count: int
    median_abs_error_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A law fitted to one operator family and precision.

    `projected` has one set of coefficients for all platforms, and the bands of generations left out of the fit;
    `left_out` is the fit without each generation and its error on that generation.
    """

    id: str
    law: str
    measured: Mapping[str, Fit]
    projected: Fit
    left_out: Mapping[str, Fit]

    def fit(self, platform: str) -> Fit:
        """The fit for a platform: its own when it was measured."""
        return self.measured.get(platform, self.projected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processors:
    """How many processors an accelerator has, how many exponentials all finish in a clock cycle, and its dies."""

    processors_count: float
    exponential_units_count: float
    dies_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorSheet:
    """Processors, exponentials per processor and dies of each platform; what is assumed where none are published."""

    processors_count: Mapping[str, float]
    exponentials_per_processor: Mapping[str, float]
    dies_count: Mapping[str, float]
    assumed_bf16_flop_per_s_per_processor: float
    assumed_exponentials_per_processor: float
    assumed_dies_count: float

    def processors(
        self, platform: str, *, peak_dense_bf16_flop_per_s: float, silicon_of: str | None = None
    ) -> Processors:
        """Processors of a platform, or of the one whose silicon it has; where none are published, by its BF16 peak."""
        alike = silicon_of or platform
        assumed = peak_dense_bf16_flop_per_s / self.assumed_bf16_flop_per_s_per_processor
        count = self.processors_count.get(platform, self.processors_count.get(alike, assumed))
        each = self.exponentials_per_processor.get(alike, self.assumed_exponentials_per_processor)
        dies = self.dies_count.get(alike, self.assumed_dies_count)
        return Processors(processors_count=count, exponential_units_count=count * each, dies_count=dies)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLibrary:
    """All families by id, the processors of the platforms, and the protocols of collectives between domains."""

    families: Mapping[str, Family]
    sheet: ProcessorSheet
    protocols: tuple[RingProtocol, ...]
