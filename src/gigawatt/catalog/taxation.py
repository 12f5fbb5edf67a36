"""Tax regimes and tables of depreciation from the catalogue."""

import numpy as np

from gigawatt.catalog.quantities import quantity
from gigawatt.catalog.records import Catalog
from gigawatt.errors import CatalogError
from gigawatt.finance.tax import CarriedForward, TaxRegime
from gigawatt.timeline import FloatArray
from gigawatt.units import FRACTION

_RECORD = "us-tax"


def macrs_fractions(catalog: Catalog, *, recovery_years: int) -> FloatArray:
    """The tax office's half-year table of a recovery period, `(year,)`; CatalogError for a period without one."""
    figures = catalog.record("economics", _RECORD).figures
    prefix = f"macrs-{recovery_years}-year-"
    rows = [quantity(figures[key], FRACTION) for key in sorted(figures) if key.startswith(prefix)]
    if not rows:
        known = sorted({int(key.split("-")[1]) for key in figures if key.startswith("macrs-")})
        raise CatalogError(
            where="catalogue",
            found=f"no depreciation table of {recovery_years} years",
            expected=f"one of {', '.join(map(str, known))} years",
            fix="Choose a recovery period with a table, or add its table to economics/us-tax.",
        )
    return np.array(rows)


def us_federal_tax(catalog: Catalog) -> TaxRegime:
    """Federal tax of corporations; losses wait and offset up to the share of income that the law allows."""
    figures = catalog.record("economics", _RECORD).figures
    return TaxRegime(
        rate_fraction=quantity(figures["corporate-rate"], FRACTION),
        losses=CarriedForward(limit_fraction=quantity(figures["loss-limit"], FRACTION)),
    )
