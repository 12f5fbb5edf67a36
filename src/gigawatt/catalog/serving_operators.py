"""Operators of serving: FP8 products with one scale per tensor or per block, as the model was published."""

from dataclasses import replace

from gigawatt.catalog import Catalog
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import BandOperators, band_operators
from gigawatt.performance.kernels.library import KernelLibrary

BLOCK = "-block"
FP8_FAMILIES = ("dense-gemm-fp8", "expert-layer-fp8")


def block_scaled(library: KernelLibrary) -> KernelLibrary:
    """The library with the laws of block-scaled FP8 products in place of those with one scale per tensor."""
    swapped = {name: library.families[name + BLOCK] for name in FP8_FAMILIES}
    return replace(library, families={**library.families, **swapped})


def serving_operators(catalog: Catalog, *, blocks: bool) -> BandOperators:
    """Calibrated operators by platform and quantile, FP8 scaled by blocks or by tensors."""
    library = load_kernels()
    return band_operators(catalog, library=block_scaled(library) if blocks else library)
