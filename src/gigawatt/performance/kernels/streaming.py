"""Time of a pass over memory: element-wise operators, norms and quantization.

Half of all passes move too little to be bound by memory. They take a launch and a barrier, which a package of several
dies pays for with every doubling of its dies: the shortest pass takes 1.1 to 1.5 us on devices of one die, Blackwell
among them (RTX PRO 6000), and 1.4 to 2.1 us on Blackwell's packages of two.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import Device, Reals
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingCoefficients:
    """A launch, what each doubling of dies adds, the greatest fraction of the bandwidth, and what building it up costs.

    For the last see `collective`. Where a single platform is fitted, only the sum of the first two is determined.
    """

    launch_s: float
    crossing_s: float
    ramp_s: float
    bandwidth_fraction: float


def streaming_time_s(volume_bytes: Reals, *, device: Device, coefficients: StreamingCoefficients) -> FloatArray:
    """Time to move `volume_bytes` between memory and chip, in and out together."""
    c = coefficients
    moving = np.asarray(volume_bytes / np.asarray(device.memory_bytes_per_s))
    started = c.launch_s + c.crossing_s * np.log2(device.dies_count)
    return np.asarray(started + np.sqrt(c.ramp_s * moving) + moving / c.bandwidth_fraction, dtype=np.float64)
