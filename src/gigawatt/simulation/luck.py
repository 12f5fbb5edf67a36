"""What a programme does not choose: when power comes, what racks really do, how often they are up."""

from math import exp, floor
from statistics import NormalDist

import numpy as np
import xarray as xr

from gigawatt.entities.assumptions import SURE, Ranged
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Inputs, Luck, Performance
from gigawatt.timeline import FloatArray

_P90_STANDARD_SCORE = NormalDist().inv_cdf(0.9)


def expected_luck(inputs: Inputs) -> Luck:
    """The luck that the plan counts on: median slips, median performance, best estimates of the operation."""
    return Luck(
        slip_months={site.id: _slips(site, site.slip_median_months) for site in inputs.sites},
        performance_factor={offer.platform.id: 1.0 for offer in inputs.offers},
        availability_fraction=inputs.operation.availability.best,
        training_ettr_fraction=inputs.operation.training_ettr.best,
        software_first_fraction=inputs.operation.software_first.best,
        cost_factor=dict.fromkeys(inputs.costs.spreads, 1.0),
        price_factor={offer.platform.id: 1.0 for offer in inputs.offers},
    )


def sampled_luck(inputs: Inputs, performance: Performance, *, rng: np.random.Generator) -> Luck:
    """One draw of the luck.

    A site's slip is lognormal around its median, with the logarithmic spread `operation.slip_spread`; one factor
    holds for all steps of the site, so they slip in order. A platform's performance factor is lognormal around 1 and
    as wide as its band. Availability, ETTR and the first software are two-piece normal through their P10, best and
    P90, and stay in 0..1. Unit costs and prices are two-piece normal through the ranges of their figures, each one
    factor for the whole programme; they come from a generator of their own. So do slips and costs of the sites' own
    plants, those of one name sharing what their costs turn out to be, and the price of energy, one draw for all sites.
    """
    price_rng = rng.spawn(1)[0]
    slip_scores = rng.standard_normal(len(inputs.sites))
    performance_scores = rng.standard_normal(len(inputs.offers))
    availability_score, ettr_score, software_score = rng.standard_normal(3)
    spread = inputs.operation.slip_spread.best
    return Luck(
        slip_months={
            site.id: _slips(site, site.slip_median_months * exp(spread * score))
            for site, score in zip(inputs.sites, slip_scores, strict=True)
        },
        performance_factor={
            platform: exp(sigma * score)
            for (platform, sigma), score in zip(
                performance_spread(inputs, performance).items(), performance_scores, strict=True
            )
        },
        availability_fraction=_within(inputs.operation.availability, score=availability_score),
        training_ettr_fraction=_within(inputs.operation.training_ettr, score=ettr_score),
        software_first_fraction=_within(inputs.operation.software_first, score=software_score),
        cost_factor={name: _factor(spread, rng=price_rng) for name, spread in inputs.costs.spreads.items()},
        price_factor={offer.platform.id: _factor(offer.price_spread, rng=price_rng) for offer in inputs.offers},
        plant_slip_months=_plant_slips(inputs, rng=price_rng),
        plant_cost_factor=_plant_costs(inputs, rng=price_rng),
        energy_price_factor=_energy_prices(inputs, rng=price_rng),
    )


def _plant_slips(inputs: Inputs, *, rng: np.random.Generator) -> dict[str, int]:
    """Slips of the sites' own plants, drawn as those of sites are, each plant for itself."""
    spread = inputs.operation.slip_spread.best
    return {
        f"{site.id}/{plant.id}": floor(plant.slip_median_months * exp(spread * float(rng.standard_normal())) + 0.5)
        for site in inputs.sites
        for plant in site.plants
    }


def _plant_costs(inputs: Inputs, *, rng: np.random.Generator) -> dict[str, float]:
    """What costs of the sites' own plants turn out to be; plants of one name are bought in one market."""
    spreads = {
        (f"{site.id}/{plant.id}", plant.id, cost): spread
        for site in inputs.sites
        for plant in site.plants
        for cost, spread in plant.spreads.items()
    }
    scores = {market: float(rng.standard_normal()) for market in sorted({key[1:] for key in spreads})}
    return {
        f"{label}/{cost}": max(_at_score(spread, score=scores[name, cost]), 0.0)
        for (label, name, cost), spread in spreads.items()
    }


def _energy_prices(inputs: Inputs, *, rng: np.random.Generator) -> dict[str, float]:
    """What the price of energy turns out to be, dear everywhere or cheap everywhere."""
    uncertain = [site for site in inputs.sites if site.energy_price_spread != SURE]
    score = float(rng.standard_normal()) if uncertain else 0.0
    return {site.id: max(_at_score(site.energy_price_spread, score=score), 0.0) for site in uncertain}


def performance_spread(inputs: Inputs, performance: Performance) -> dict[str, float]:
    """Logarithmic standard deviation of each platform's rates, from the P10-P90 band of its services and runs.

    A lognormal's P90 over its P10 is exp(2 z sigma), z = 1.2816. The mean over the pairs that can run; 0 if none can.
    """
    serving = _log_band(inputs, performance.serving["tokens_per_s_per_rack"], workload="service")
    training = _log_band(inputs, performance.training["flop_per_s_per_rack"], workload="run")
    bands = np.concatenate([serving, training], axis=1)
    known = np.isfinite(bands)
    mean = np.where(known, bands, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    spread = mean / (2.0 * _P90_STANDARD_SCORE)
    return {offer.platform.id: float(sigma) for offer, sigma in zip(inputs.offers, spread, strict=True)}


def _log_band(inputs: Inputs, rates: xr.DataArray, *, workload: str) -> FloatArray:
    """Logarithm of P90 over P10, `(platform, workload)`; NaN where a pair cannot run."""
    platforms = [offer.platform.id for offer in inputs.offers]
    outer = rates.sel(platform=platforms, quantile=[0.1, 0.9]).transpose("quantile", "platform", workload).values
    return np.asarray(np.log(outer[1] / outer[0]), dtype=np.float64)


def _slips(site: Site, slip_months: float) -> tuple[int, ...]:
    """The same slip for each step of the site, in whole months, halves rounded up."""
    return (floor(slip_months + 0.5),) * len(site.power_steps)


def _within(ranged: Ranged, *, score: float) -> float:
    """The value at a standard score of the two-piece normal of `ranged`, within 0..1."""
    return min(max(_at_score(ranged, score=score), 0.0), 1.0)


def _factor(spread: Ranged, *, rng: np.random.Generator) -> float:
    """A draw from the two-piece normal of `spread`, never negative."""
    return max(_at_score(spread, score=float(rng.standard_normal())), 0.0)


def _at_score(ranged: Ranged, *, score: float) -> float:
    """The value at a standard score of the two-piece normal with P10, median and P90 of `ranged`."""
    width = ranged.high - ranged.best if score > 0.0 else ranged.best - ranged.low
    return ranged.best + width * score / _P90_STANDARD_SCORE
