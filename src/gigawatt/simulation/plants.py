"""The sites' own power plants as planned: firm power beside the connection, and energy that need not be bought."""

import numpy as np

from gigawatt.entities.stages import BuildPlan, Inputs, Luck
from gigawatt.timeline import FloatArray, IntArray


def plant_labels(inputs: Inputs) -> list[str]:
    """Plants that may be built, `site/id`, in the inputs' order."""
    return [f"{site.id}/{plant.id}" for site in inputs.sites for plant in site.plants]


def late_months(inputs: Inputs, luck: Luck) -> IntArray:
    """Months by which each plant comes after the plan's, negative where it comes before, `(plant,)`."""
    expected = [plant.expected_lead_months - plant.lead_months for site in inputs.sites for plant in site.plants]
    return np.array(
        [
            luck.plant_slip_months.get(label, months) - months
            for label, months in zip(plant_labels(inputs), expected, strict=True)
        ],
        dtype=np.int64,
    )


def standing_mw(inputs: Inputs, plan: BuildPlan, *, late: IntArray) -> FloatArray:
    """What of each plant stands `(plant, month)`: as planned, shifted by how late it is, `(plant,)`."""
    period_of_month, month = inputs.calendar.period_of_month, np.arange(inputs.calendar.month_count)
    rows = []
    for label, months in zip(plant_labels(inputs), late, strict=True):
        planned = plan.decisions["plant_mw"].sel(plant=label).values[period_of_month]
        seen = month - months
        rows.append(np.where(seen >= 0, planned[np.clip(seen, 0, month[-1])], 0.0))
    return np.array(rows).reshape(len(rows), len(month))


def firm_facility_mw(inputs: Inputs, standing: FloatArray) -> FloatArray:
    """Firm power of the plants that stand, `(site, month)`."""
    firm = np.zeros((len(inputs.sites), inputs.calendar.month_count))
    plants = [(row, plant) for row, site in enumerate(inputs.sites) for plant in site.plants]
    for (row, plant), mw in zip(plants, standing, strict=True):
        firm[row] += mw * plant.firm_fraction
    return firm


def generated_mwh(inputs: Inputs, plan: BuildPlan, *, standing: FloatArray, energy_mwh: FloatArray) -> FloatArray:
    """Energy of each plant, `(plant, month)`: as planned, less while less of it stands, at most what its site takes."""
    meant = plan.decisions["plant_mw"].sel(plant=plant_labels(inputs)).values[:, inputs.calendar.period_of_month]
    there = np.divide(standing, meant, out=np.ones_like(standing), where=meant > standing)
    planned = plan.decisions["generated_mwh"].sel(plant=plant_labels(inputs)).values * there
    site_of = np.array([row for row, site in enumerate(inputs.sites) for _ in site.plants])
    by_site = np.zeros_like(energy_mwh)
    np.add.at(by_site, site_of, planned)
    share = np.divide(energy_mwh, by_site, out=np.ones_like(by_site), where=by_site > energy_mwh)
    return np.asarray(planned * share[site_of], dtype=np.float64)
