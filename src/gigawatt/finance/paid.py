"""What a draw of the luck makes of unit costs and prices."""

from dataclasses import replace

from gigawatt.entities.stages import Inputs, Luck


def as_paid(inputs: Inputs, luck: Luck) -> Inputs:
    """The inputs with each unit cost and rack price multiplied by its factor of the draw.

    Prices that contracts fix (rent, cloud, supply agreements) stay: who signed them bears what costs turn out to be.
    """
    costs = {name: getattr(inputs.costs, name) * factor for name, factor in luck.cost_factor.items()}
    offers = tuple(
        replace(offer, price_usd_per_rack=offer.price_usd_per_rack * luck.price_factor.get(offer.platform.id, 1.0))
        for offer in inputs.offers
    )
    return replace(inputs, costs=replace(inputs.costs, **costs), offers=offers)
