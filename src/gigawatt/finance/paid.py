"""What a draw of the luck makes of unit costs and prices."""

from dataclasses import replace

from gigawatt.entities.site import Site
from gigawatt.entities.stages import Inputs, Luck


def as_paid(inputs: Inputs, luck: Luck) -> Inputs:
    """The inputs with each unit cost, price of a rack or of energy and cost of a plant times its factor of the draw.

    Prices that contracts fix (rent, cloud, supply agreements) stay: who signed them bears what costs turn out to be.
    """
    costs = {name: getattr(inputs.costs, name) * factor for name, factor in luck.cost_factor.items()}
    offers = tuple(
        replace(offer, price_usd_per_rack=offer.price_usd_per_rack * luck.price_factor.get(offer.platform.id, 1.0))
        for offer in inputs.offers
    )
    sites = tuple(_site_as_paid(site, luck) for site in inputs.sites)
    return replace(inputs, costs=replace(inputs.costs, **costs), offers=offers, sites=sites)


def _site_as_paid(site: Site, luck: Luck) -> Site:
    price = site.energy_price_usd_per_mwh * luck.energy_price_factor.get(site.id, 1.0)
    plants = tuple(
        replace(
            plant,
            **{
                name: getattr(plant, name) * luck.plant_cost_factor.get(f"{site.id}/{plant.id}/{name}", 1.0)
                for name in plant.spreads
            },
        )
        for plant in site.plants
    )
    return replace(site, energy_price_usd_per_mwh=price, plants=plants)
