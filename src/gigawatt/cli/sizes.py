"""The model that a command about training is about: as published, or its family at another size."""

from dataclasses import replace

from gigawatt.catalog import Catalog, training_model, training_variant
from gigawatt.entities.workload import Model
from gigawatt.errors import InputError, QuantityError
from gigawatt.performance.scaling import described, scaled
from gigawatt.performance.step.task import Variant
from gigawatt.units import PARAMETERS, parse


def sized_model(
    catalog: Catalog, model_id: str, *, active: str | None, predicted_tokens_count: int
) -> tuple[Model, Variant, tuple[str, ...]]:
    """The model, what training sees of it besides, and what to say of it; raises `InputError` if no size comes near."""
    published = training_model(catalog, model_id).item
    variant = training_variant(catalog, model_id, predicted_tokens_count=predicted_tokens_count)
    if active is None:
        return published, variant, ()
    model = scaled(published, active_parameters_count=_parameters_count(active))
    if model is None:
        raise InputError(
            where="--active",
            found=active,
            expected=f"a size that {model_id} ({described(published)}) can be scaled to within 5 percent",
            fix="State one nearer to it, or name a model without recurrent layers.",
        )
    windowed = variant.windowed_layers_count * model.layers_count // published.layers_count
    return model, replace(variant, windowed_layers_count=windowed), (f"{model_id} scaled to {described(model)}",)


def _parameters_count(text: str) -> float:
    try:
        return parse(text, PARAMETERS)
    except QuantityError as error:
        raise InputError(where="--active", found=error.found, expected=error.expected, fix=error.fix) from error
