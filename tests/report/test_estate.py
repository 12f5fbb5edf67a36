"""Power of the sites' own, racks sold and racks missing, as the report, the Markdown and the JSON have them."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import xarray as xr

from gigawatt.entities.hardware import Resale
from gigawatt.entities.site import GridStep, Plant
from gigawatt.entities.stages import Study
from gigawatt.report.estate import estate_words, own_power_table
from gigawatt.report.html import report_html
from gigawatt.report.markdown import report_markdown
from gigawatt.report.schema import study_schema
from gigawatt.report.summary import summary

ENGINE = Plant(
    id="gas-engine",
    most_mw=200.0,
    lead_months=18,
    cost_usd_per_mw=1.6e6,
    fixed_usd_per_mw_month=2000.0,
    energy_usd_per_mwh=45.0,
    firm_fraction=0.9,
    energy_fraction=0.92,
    carbon_t_per_mwh=0.45,
)
STEP = replace(ENGINE, id="grid", works=GridStep(), firm_fraction=1.0)
LABELS = ["abilene/gas-engine", "abilene/grid"]


@pytest.fixture
def estate(study: Study) -> Study:
    """Engines of 100 MW from the seventh quarter and 150 from the ninth, 200 MW of grid, racks sold and missing."""
    first, *others = study.inputs.sites
    offer, *more = study.inputs.offers
    inputs = replace(
        study.inputs,
        sites=(replace(first, plants=(ENGINE, STEP)), *others),
        offers=(replace(offer, resale=(Resale(age_months=24, value_fraction=0.4),), buyer="customers"), *more),
    )
    decisions, state = study.plan.decisions, study.history.state
    periods = decisions.sizes["period"]
    standing = np.zeros((2, periods))
    standing[0, 6:], standing[0, 8:], standing[1, 3:] = 100.0, 150.0, 200.0
    sold = xr.zeros_like(decisions["installed_racks"]).expand_dims(resale=[0]).copy()
    sold[{"resale": 0, "site": 0, "platform": 0, "period": 12}] = 8.0
    added = {
        "plant_mw": xr.DataArray(standing, dims=("plant", "period"), coords={"plant": LABELS}),
        "sold_racks": sold,
        "missing_racks": xr.DataArray([5.0, 0.0], dims="window", coords={"window": ["vr-nvl72[0]", "vr-nvl72[1]"]}),
    }
    made = np.zeros((2, state.sizes["month"]))
    made[0, 30:] = 50_000.0
    generated = xr.DataArray(made, dims=("plant", "month"), coords={"plant": LABELS})
    by_month = np.repeat(standing, study.inputs.calendar.months_per_period, axis=1)
    stands = generated.copy(data=by_month)
    sold_by_month = xr.zeros_like(state["installed_racks"]).expand_dims(resale=[0])
    return replace(
        study,
        inputs=inputs,
        plan=replace(study.plan, decisions=decisions.assign(added)),
        history=replace(
            study.history, state=state.assign(generated_mwh=generated, plant_mw=stands, sold_racks=sold_by_month)
        ),
    )


def test_the_summary_lists_them_and_fits_its_schema(estate: Study) -> None:
    written = json.loads(json.dumps(summary(estate), allow_nan=False))
    jsonschema.validate(written, study_schema())
    engine, grid = written["own_power"]
    assert engine["steps"] == [
        {"month": "2028-01", "facility_mw": 100.0},
        {"month": "2028-07", "facility_mw": 150.0},
    ]
    assert (engine["firm_mw"], engine["generated_mwh"]) == (135.0, 66 * 50_000.0)
    assert (grid["firm_mw"], grid["generated_mwh"]) == (200.0, 0.0)
    assert written["sold_racks"] == [
        {"site": "abilene", "platform": "gb300-nvl72", "month": "2029-07", "age_months": 24, "racks_count": 8.0}
    ]
    assert written["missing_racks"] == [{"allocation": "platform.vr-nvl72.allocation[0]", "racks_count": 5.0}]


def test_the_report_says_them(estate: Study) -> None:
    words = estate_words(estate)
    assert words == (
        "Plants and grid steps add 335 MW of firm power at 1 site. "
        "8 racks leave before their life ends, the first in July 2029. "
        "5 racks of platform.vr-nvl72.allocation[0] are paid for without being taken."
    )
    first, second = own_power_table(estate).rows
    assert [cell.text for cell in first.cells] == [
        "abilene", "gas-engine", "100 MW from Jan 2028 and 150 MW from Jul 2028", "135 MW", "3,300 GWh",
    ]  # fmt: skip
    assert [cell.text for cell in second.cells][-2:] == ["200 MW", "bought"]
    for page in (report_html(estate), report_markdown(estate)):
        assert "8 racks leave before their life ends" in page
        assert "150 MW from Jul 2028" in page


def test_a_study_without_them_says_nothing(study: Study) -> None:
    assert estate_words(study) == ""
    assert not own_power_table(study).rows
    assert summary(study)["own_power"] == []
