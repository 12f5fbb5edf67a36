"""Operators of serving: FP8 products with one scale per tensor or per block, as the model was published."""

from dataclasses import replace

from gigawatt.catalog import Catalog
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import band_operators, training_operators
from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.performance.kernels.library import KernelLibrary
from gigawatt.performance.laws import BandOperators, OperatorLaws

BLOCK = "-block"
FP8_FAMILIES = ("dense-gemm-fp8", "expert-layer-fp8")


def block_scaled(library: KernelLibrary) -> KernelLibrary:
    """The library with the laws of block-scaled FP8 products in place of those with one scale per tensor."""
    swapped = {name: library.families[name + BLOCK] for name in FP8_FAMILIES}
    return replace(library, families={**library.families, **swapped})


def serving_operators(catalog: Catalog, *, blocks: bool, efficiency: KernelEfficiency | None = None) -> BandOperators:
    """Calibrated operators by platform and quantile, FP8 scaled by blocks or by tensors."""
    library = load_kernels()
    return band_operators(catalog, library=block_scaled(library) if blocks else library, efficiency=efficiency)


def calibrated_laws(catalog: Catalog, efficiency: KernelEfficiency) -> OperatorLaws:
    """The fitted laws for training and serving, with the links that a scenario assumes."""
    return OperatorLaws(
        training=training_operators(catalog, efficiency=efficiency),
        serving=serving_operators(catalog, blocks=False, efficiency=efficiency),
        block_scaled_serving=serving_operators(catalog, blocks=True, efficiency=efficiency),
    )
