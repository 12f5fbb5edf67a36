"""The JSON summary says what the study's arrays say, and fits its schema."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import polars as pl
import pytest
import xarray as xr

from gigawatt.entities.stages import Study
from gigawatt.entities.workload import ServicePart
from gigawatt.report.reach import parts_table, served_services
from gigawatt.report.schema import study_schema
from gigawatt.report.summary import summary


def test_the_schema_is_a_schema_and_the_summary_fits_it(study: Study) -> None:
    schema = study_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    written = json.loads(json.dumps(summary(study, report="report.html"), allow_nan=False))
    jsonschema.validate(written, schema)


@pytest.mark.parametrize(
    "path", [(), ("manifest",), ("capex_usd",), ("milestones", 0), ("parties", "openai"), ("bands",)]
)
def test_the_schema_is_closed_at_every_level(study: Study, path: tuple[str | int, ...]) -> None:
    written = json.loads(json.dumps(summary(study)))
    place = written
    for step in path:
        place = place[step]
    place["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, study_schema())


def test_what_money_is_worth(study: Study) -> None:
    written = summary(study)
    (whole,) = study.appraisal.unit_costs.filter(pl.col("usd_per_mtoken").is_not_null()).select(pl.len()).row(0)
    assert whole  # some platform serves
    assert {row["view"] for row in written["returns"]} >= {"project", "everything"}
    # the investor's 100 bn come back with racks and rent of 278 bn
    nvidia = next(row for row in written["investors"] if row["party"] == "nvidia")
    assert (nvidia["invested_usd"], nvidia["returned_fraction"]) == (pytest.approx(100e9), pytest.approx(1.0))
    costs = written["levelized_cost"]
    assert costs["usd_per_it_mw_year"] > costs["usd_per_facility_mw_year"] > 0.0


def _described(schema: dict[str, object]) -> bool:
    return bool(schema.get("description"))


def test_every_field_is_described() -> None:
    schema = study_schema()
    assert all(_described(field) for field in schema["properties"].values())


def test_power_by_month_is_the_sum_over_sites_and_platforms(study: Study) -> None:
    written = summary(study)
    state = study.history.state
    expected = state["energized_facility_mw"].sum(("site", "platform")).values
    assert list(written["energized_facility_mw"].values()) == pytest.approx(expected)
    by_site = written["energized_it_mw_by_site"]
    month = "2030-01"
    assert sum(site[month] for site in by_site.values()) == pytest.approx(written["energized_it_mw"][month])


def test_racks_by_site_platform_and_month(study: Study) -> None:
    racks = summary(study)["racks"]
    state = study.history.state["installed_racks"]
    total = sum(series["2030-01"] for site in racks.values() for series in site.values())
    assert total == pytest.approx(float(state.isel(month=42).sum()))  # July 2026 + 42 months = January 2030
    assert list(study.inputs.calendar.months)[42].isoformat() == "2030-01-01"


def test_ten_milestones_sum_to_a_hundred_billion(study: Study) -> None:
    written = summary(study)
    assert [milestone["gigawatt"] for milestone in written["milestones"]] == list(range(1, 11))
    assert written["milestones_usd"] == pytest.approx(10 * 10e9)
    for milestone in written["milestones"]:
        reached = written["energized_facility_mw"][milestone["date"][:7]]
        assert reached >= 1000.0 * milestone["gigawatt"]


def test_cash_of_parties_is_that_of_the_flows(study: Study) -> None:
    written = summary(study)["parties"]
    flows = study.appraisal.flows
    received = flows.filter(pl.col("payee") == "nvidia")["amount_usd"].sum()
    assert written["nvidia"]["cash_in_usd"] == pytest.approx(received)
    assert sum(written["nvidia"]["cash_in_usd_by_month"].values()) == pytest.approx(received)
    # Every dollar that is paid is received.
    assert sum(party["net_usd"] for party in written.values()) == pytest.approx(0.0, abs=1.0)


def test_programme_cash_starts_from_the_treasury(study: Study) -> None:
    written = summary(study)
    first = next(iter(written["programme_cash_usd"]))
    openai = written["parties"]["openai"]
    net_usd = openai["cash_in_usd_by_month"][first] - openai["cash_out_usd_by_month"][first]
    # 3 bn in the purse at the start, then the first month's receipts less its payments
    assert written["programme_cash_usd"][first] == pytest.approx(3e9 + net_usd)


def test_capital_per_gigawatt_on_both_bases(study: Study) -> None:
    written = summary(study)
    facility_gw = max(written["energized_facility_mw"].values()) / 1e3
    it_gw = max(written["energized_it_mw"].values()) / 1e3
    assert written["capex_usd_per_facility_gw"] == pytest.approx(written["capex_usd"]["total"] / facility_gw)
    # PUE 1.25: a gigawatt of IT costs 1.25 times a gigawatt of facility power
    assert written["capex_usd_per_it_gw"] / written["capex_usd_per_facility_gw"] == pytest.approx(1.25)
    assert facility_gw / it_gw == pytest.approx(1.25)


def test_rent_and_cloud_are_no_operating_cost_of_all_parties(study: Study) -> None:
    """They pay for what lessors and providers spend: added to it, the same dollar would count twice."""
    written = summary(study)
    assert set(written["opex_usd"]["by_kind"]) == {"energy"}
    assert written["opex_usd"]["total"] == written["opex_usd"]["by_kind"]["energy"]
    assert set(written["transfers_usd"]["by_kind"]) == {"cloud", "rent"}
    assert written["transfers_usd"]["total"] == sum(written["transfers_usd"]["by_kind"].values())


def test_training_on_time_and_late(study: Study) -> None:
    early, late = summary(study)["training"]
    # 5e26 FLOP in nine equal months from November 2026: done in July 2027, before September 2027
    assert (early["started"], early["finished"], early["on_time"]) == ("2026-11", "2027-07", True)
    # twenty months from March 2028 end in October 2029, after June 2029
    assert (late["finished"], late["on_time"]) == ("2029-10", False)


def test_no_rate_of_return_is_null(study: Study) -> None:
    without = replace(study, appraisal=replace(study.appraisal, irr_fraction=float("nan")))
    written = summary(without)
    assert written["irr_fraction"] is None
    jsonschema.validate(written, study_schema())


def test_a_study_without_draws_fits_the_schema(study: Study) -> None:
    empty = study.bands.monthly.isel(quantile=slice(0, 0))
    without = replace(study, bands=replace(study.bands, monthly=empty, headline={}, draws_count=0))
    written = summary(without)
    assert written["bands"]["draws_count"] == 0
    jsonschema.validate(written, study_schema())


def test_bands_by_month(study: Study) -> None:
    written = summary(study)["bands"]["energized_facility_mw"]
    median = study.bands.monthly["energized_facility_mw"].sel(quantile=0.5).values
    assert list(written["p50"].values()) == pytest.approx(median)
    assert all(np.array(list(written["p10"].values())) <= np.array(list(written["p90"].values())))


def test_where_a_placed_run_stands(study: Study) -> None:
    """1,000 racks of 0.255 MW of IT power at a PUE of 1.25: 318.75 MW. The other run uses racks anywhere."""
    early, late = summary(study)["training"]
    assert early["stays"] == []
    (stay,) = late["stays"]
    assert (stay["site"], stay["platform"], stay["racks_count"]) == ("abilene", "vr-nvl72", 1000.0)
    assert stay["facility_mw"] == pytest.approx(318.75)
    assert (stay["from"], stay["until"]) == ("2028-01", "2028-10")


def test_services_by_class_and_region(study: Study) -> None:
    """Two services over 96 months, whole ones: no class, no region, and no word of where from."""
    chat, agents = summary(study)["services"]
    assert (chat["of"], chat["class"], chat["region"], chat["served_from"]) == ("chat", None, None, {})
    wanted = sum(study.inputs.services[1].demand_tokens_per_month.values())
    assert agents["wanted_tokens"] == pytest.approx(wanted)
    assert not parts_table(study).rows


def test_a_service_by_region_says_where_it_is_served_from(study: Study) -> None:
    """Racks in two sites of two regions, one with three times as many."""
    chat, agents = study.inputs.services
    part = ServicePart(service="chat", service_class="live", region="us")
    places = {"abilene": "us", "norway": "eu"}
    sites = tuple(replace(site, region=places.get(site.id)) for site in study.inputs.sites)
    inputs = replace(study.inputs, sites=sites, services=(replace(chat, part=part), agents))
    racks = study.plan.decisions["training_racks"].rename(run="service").assign_coords(service=["chat", "agents"])
    racks = xr.zeros_like(racks)
    racks.loc[{"site": "abilene", "service": "chat"}] = 3.0
    racks.loc[{"site": "norway", "service": "chat"}] = 1.0
    plan = replace(study.plan, decisions=study.plan.decisions.assign(serving_racks=racks))
    divided = replace(study, inputs=inputs, plan=plan)
    first, second = served_services(divided)
    assert first.from_fraction == pytest.approx({"us": 0.75, "eu": 0.25})
    assert second.from_fraction == {}
    row = parts_table(divided).rows[0]
    assert [cell.text for cell in row.cells[:3]] == ["chat", "live", "us"]
    assert row.cells[5].text == "75% us and 25% eu"
