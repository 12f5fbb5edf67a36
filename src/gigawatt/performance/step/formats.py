"""Number formats of training: what the matrix products compute in and what it costs to get values there.

A matrix product in a narrow format needs its operands cast first, which is memory traffic of its own. Counts are bytes
read and written per value that enters a product, from the way each recipe works (Micikevicius et al., 2022, "FP8
formats for deep learning"; OCP, 2023, "Microscaling formats (MX) v1.0"; NVIDIA, 2025, "Pretraining large language
models with NVFP4").
"""

from dataclasses import dataclass
from enum import StrEnum

from gigawatt.entities.hardware import Accelerator, Precision

_BF16, _FP8, _FP4 = Precision.BF16.value_bytes, Precision.FP8.value_bytes, Precision.FP4.value_bytes
# One 8-bit scale per 32 values (OCP, 2023, section 5.2) and per 16 values (NVIDIA, 2025, section 2).
_MX_SCALE_BYTES = _FP8 / 32.0
_NV_SCALE_BYTES = _FP8 / 16.0
# Row-wise for the product at hand and column-wise for the product of the other pass.
_COPIES = 2.0


class NumberFormat(StrEnum):
    """What the linear layers compute in."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP8_DELAYED = "fp8-delayed"
    FP8_TENSOR = "fp8-tensor"
    FP8_BLOCK = "fp8-block"
    MXFP8 = "mxfp8"
    NVFP4 = "nvfp4"

    @property
    def precision(self) -> Precision:
        """The dense rate that the products run at."""
        return {
            NumberFormat.BF16: Precision.BF16,
            NumberFormat.FP16: Precision.BF16,
            NumberFormat.NVFP4: Precision.FP4,
        }.get(self, Precision.FP8)

    @property
    def cast_bytes_per_value(self) -> float:
        """Bytes moved to bring one BF16 value into the format: scaling pass, read, and both copies written."""
        return _CAST_BYTES[self].total

    @property
    def kernels_per_product(self) -> float:
        """Kernels that one product of an expert takes where experts are not grouped: its casts and itself.

        Delayed scaling casts in one, current scaling after a maximum and its scale; block scales are brought into the
        multipliers' order for both operands (NVIDIA's Transformer Engine, grouped linear layers).
        """
        return _KERNELS_PER_PRODUCT[self]


def scales_blocks(accelerator: Accelerator) -> bool:
    """Whether the matrix units scale blocks of values themselves: those with FP4 do, those before scale tensors.

    OCP (2023), MX v1.0; NVIDIA (2025), NVFP4.
    """
    return accelerator.peak_dense_flop_per_s.get(Precision.FP4, 0.0) > 0.0


def usual_format(accelerator: Accelerator, precision: Precision) -> NumberFormat:
    """What training in a precision that the device computes in means: the format that its matrix units scale."""
    if precision is Precision.BF16:
        return NumberFormat.BF16
    if precision is Precision.FP4:
        return NumberFormat.NVFP4
    return NumberFormat.MXFP8 if scales_blocks(accelerator) else NumberFormat.FP8_TENSOR


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    scan: float
    read: float
    written: float

    @property
    def total(self) -> float:
        return self.scan + self.read + self.written


_NO_CAST = _Cast(scan=0.0, read=0.0, written=0.0)
_CAST_BYTES = {
    NumberFormat.BF16: _NO_CAST,
    NumberFormat.FP16: _NO_CAST,
    NumberFormat.FP8_DELAYED: _Cast(scan=0.0, read=_BF16, written=_COPIES * _FP8),
    NumberFormat.FP8_TENSOR: _Cast(scan=_BF16, read=_BF16, written=_COPIES * _FP8),
    NumberFormat.FP8_BLOCK: _Cast(scan=0.0, read=_BF16, written=_COPIES * _FP8),
    NumberFormat.MXFP8: _Cast(scan=0.0, read=_BF16, written=_COPIES * (_FP8 + _MX_SCALE_BYTES)),
    NumberFormat.NVFP4: _Cast(scan=_BF16, read=_BF16, written=_COPIES * (_FP4 + _NV_SCALE_BYTES)),
}
_KERNELS_PER_PRODUCT = {
    NumberFormat.BF16: 1.0,
    NumberFormat.FP16: 1.0,
    NumberFormat.FP8_DELAYED: 2.0,
    NumberFormat.FP8_TENSOR: 4.0,
    NumberFormat.FP8_BLOCK: 2.0,
    NumberFormat.MXFP8: 4.0,
    NumberFormat.NVFP4: 5.0,
}
