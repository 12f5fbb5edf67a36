"""Pictures of a study: each a pure function from the study to a Plotly figure."""

from gigawatt.report.figures.binding import binding_heat
from gigawatt.report.figures.costs import levelized_layers
from gigawatt.report.figures.jobs import runs_at_sites
from gigawatt.report.figures.money import (
    capex_waterfall,
    party_cash,
    payment_circle,
    programme_cash,
    tranches,
    way_back,
)
from gigawatt.report.figures.output import demand_and_service, mtoken_cost, rack_rates, training_runs
from gigawatt.report.figures.places import us_map, world_map
from gigawatt.report.figures.power import energized_by_platform, energized_by_site
from gigawatt.report.figures.rates import serving_fronts, training_mfu

__all__ = [
    "binding_heat",
    "capex_waterfall",
    "demand_and_service",
    "energized_by_platform",
    "energized_by_site",
    "levelized_layers",
    "mtoken_cost",
    "party_cash",
    "payment_circle",
    "programme_cash",
    "rack_rates",
    "runs_at_sites",
    "serving_fronts",
    "training_mfu",
    "training_runs",
    "tranches",
    "us_map",
    "way_back",
    "world_map",
]
