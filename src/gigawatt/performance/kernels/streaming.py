"""Time of a pass over memory: element-wise operators, norms and quantization."""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import Device, Reals
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingCoefficients:
    """A launch, the greatest fraction of the bandwidth, and what building it up costs (see `collective`)."""

    launch_s: float
    ramp_s: float
    bandwidth_fraction: float


def streaming_time_s(volume_bytes: Reals, *, device: Device, coefficients: StreamingCoefficients) -> FloatArray:
    """Time to move `volume_bytes` between memory and chip, in and out together."""
    c = coefficients
    moving = np.asarray(volume_bytes / np.asarray(device.memory_bytes_per_s))
    return np.asarray(c.launch_s + np.sqrt(c.ramp_s * moving) + moving / c.bandwidth_fraction, dtype=np.float64)
