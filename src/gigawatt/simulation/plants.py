"""The sites' own power plants as planned: firm power beside the connection, and energy that need not be bought."""

import numpy as np

from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.timeline import FloatArray


def plant_labels(inputs: Inputs) -> list[str]:
    """Plants that may be built, `site/id`, in the inputs' order."""
    return [f"{site.id}/{plant.id}" for site in inputs.sites for plant in site.plants]


def firm_facility_mw(inputs: Inputs, plan: BuildPlan) -> FloatArray:
    """Firm power of the plants that stand, `(site, month)`."""
    firm = np.zeros((len(inputs.sites), inputs.calendar.month_count))
    for row, site in enumerate(inputs.sites):
        for plant in site.plants:
            standing = plan.decisions["plant_mw"].sel(plant=f"{site.id}/{plant.id}").values
            firm[row] += standing[inputs.calendar.period_of_month] * plant.firm_fraction
    return firm


def generated_mwh(inputs: Inputs, plan: BuildPlan, *, energy_mwh: FloatArray) -> FloatArray:
    """Energy of each plant, as planned and at most what its site takes, `(plant, month)`."""
    planned = np.asarray(plan.decisions["generated_mwh"].sel(plant=plant_labels(inputs)).values, dtype=np.float64)
    site_of = np.array([row for row, site in enumerate(inputs.sites) for _ in site.plants])
    by_site = np.zeros_like(energy_mwh)
    np.add.at(by_site, site_of, planned)
    share = np.divide(energy_mwh, by_site, out=np.ones_like(by_site), where=by_site > energy_mwh)
    return np.asarray(planned * share[site_of], dtype=np.float64)
