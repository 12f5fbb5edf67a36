"""Every figure about the world, with its source, date and grade."""

from gigawatt.catalog.loading import load
from gigawatt.catalog.models import counted_parameters, model, training_model, training_variant
from gigawatt.catalog.platforms import platform
from gigawatt.catalog.quantities import Cited, quantity, ranged
from gigawatt.catalog.records import Catalog, Figure, Record

__all__ = [
    "Catalog",
    "Cited",
    "Figure",
    "Record",
    "counted_parameters",
    "load",
    "model",
    "platform",
    "quantity",
    "ranged",
    "training_model",
    "training_variant",
]
