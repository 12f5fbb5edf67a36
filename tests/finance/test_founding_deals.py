"""The founding deals by hand: tranches with dates and dilution, the round, PORTS-Pike in default, the AMD warrant.

The scenarios give the terms; power in service is made up, so that each sum can be done on paper.
"""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import xarray as xr

from gigawatt.catalog import load
from gigawatt.entities.stages import Appraisal, History, Inputs
from gigawatt.finance.contracts import Given, guarantee_claim, outcomes
from gigawatt.finance.contracts.given import STAKE_SCHEMA
from gigawatt.finance.dilution import with_stakes
from gigawatt.finance.flows import Purpose, cash_by_party, flow_table
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from gigawatt.store.codec import decode, encode

CATALOG = load()
EXCLUDED = {"openai-total-commitments"}  # an aggregate of other deals, no contract


@pytest.fixture(scope="module")
def scenarios():
    return {name: resolve(read(name), CATALOG) for name in ("loi-2025", "restructured-2026", "deals-2026")}


def history(inputs: Inputs, *, energized=(), built=()) -> History:
    """Power in service and built from months on: `(site, platform, month, MW facility in all)`, `(site, month, MW)`."""
    sites = [site.id for site in inputs.sites]
    platforms = [offer.platform.id for offer in inputs.offers]
    months = inputs.calendar.months
    power = np.zeros((len(sites), len(platforms), len(months)))
    for name, platform, month, facility_mw in energized:
        power[sites.index(name), platforms.index(platform), inputs.calendar.month_index(month) :] = facility_mw
    standing = np.zeros((len(sites), len(months)))
    for name, month, facility_mw in built:
        standing[sites.index(name), inputs.calendar.month_index(month) :] = facility_mw
    dims = ("site", "platform", "month")
    pue = np.array([site.peak_pue for site in inputs.sites])[:, None, None]
    state = xr.Dataset(
        {
            "energized_facility_mw": (dims, power),
            "energized_it_mw": (dims, power / pue),
            "installed_racks": (dims, np.zeros_like(power)),
            "retired_racks": (dims, np.zeros_like(power)),
            "built_facility_mw": (("site", "month"), standing),
        },
        coords={"site": sites, "platform": platforms},
    )
    return History(state=state, slips=pl.DataFrame())


def agreed(inputs: Inputs, told: History):
    """Outcomes of all contracts by id, where nothing but contracts is paid."""
    shape = (len(inputs.sites), len(inputs.offers), inputs.calendar.month_count)
    given = Given(inputs=inputs, history=told, delivered_racks=np.zeros(shape), streams=())
    return dict(zip([c.id for c in inputs.contracts], outcomes(given), strict=True))


def stakes(found) -> pl.DataFrame:
    return with_stakes(pl.concat([pl.DataFrame(schema=STAKE_SCHEMA), *(each.stakes for each in found.values())]))


def test_ten_tranches_with_dates_and_dilution(scenarios):
    inputs = scenarios["loi-2025"]
    # A gigawatt of Vera Rubin in each December from 2026 on, two in each from 2029 on: 1, 2, 3, 5, 7, 9, 11 of which
    # ten pay.
    site = inputs.sites[0].id
    level = {2026: 1000.0, 2027: 2000.0, 2028: 3000.0, 2029: 5000.0, 2030: 7000.0, 2031: 9000.0, 2032: 11_000.0}
    told = history(inputs, energized=[(site, "vr-nvl72", date(year, 12, 1), mw) for year, mw in level.items()])
    found = agreed(inputs, told)
    milestones = found["nvidia-tranches"].milestones
    assert [m.reached.year for m in milestones] == [2026, 2027, 2028, 2029, 2029, 2030, 2030, 2031, 2031, 2032]
    assert {m.reached.month for m in milestones} == {12}
    assert [m.paid for m in milestones][:2] == [date(2027, 1, 1), date(2028, 1, 1)]
    assert sum(m.amount_usd for m in milestones) == 100e9
    # Valuation 500 bn in January 2026, 1,500 bn in December 2033, 95 months later: 500 x 3^(12/95) = 574.4 bn in
    # January 2027. The first tranche buys 10 / 584.4 = 1.711 %.
    bought = stakes(found).filter(pl.col("contract") == "nvidia-tranches")
    assert bought["pre_money_usd"][0] == pytest.approx(500e9 * 3 ** (12 / 95), rel=1e-9)
    assert bought["stake_fraction"][0] == pytest.approx(10 / (500 * 3 ** (12 / 95) + 10), rel=1e-9)
    # January 2030 pays two at the price of one valuation V = 500 x 3^(48/95) = 871.2 bn: 10 / 881.2, then 10 / 891.2.
    value = 500 * 3 ** (48 / 95)
    pair = bought.filter(pl.col("month") == date(2030, 1, 1))["stake_fraction"].to_list()
    assert pair == pytest.approx([10 / (value + 10), 10 / (value + 20)], rel=1e-9)


def test_no_other_platform_earns_a_tranche(scenarios):
    inputs = scenarios["loi-2025"]
    told = history(inputs, energized=[(inputs.sites[0].id, "gb300-nvl72", date(2026, 12, 1), 11_000.0)])
    assert agreed(inputs, told)["nvidia-tranches"].milestones == ()


def test_the_round_of_2026_and_its_instalments(scenarios):
    inputs = scenarios["restructured-2026"]
    found = agreed(inputs, history(inputs))
    paid = {
        name: {
            inputs.calendar.months[month]: float(stream.amount_usd[month])
            for stream in found[f"round-{name}"].streams
            for month in np.flatnonzero(stream.amount_usd)
        }
        for name in ("nvidia", "amazon", "softbank", "others")
    }
    assert paid["nvidia"] == {date(2026, 3, 1): 30e9}
    assert paid["amazon"] == {date(2026, 3, 1): 15e9, date(2026, 7, 1): 35e9}
    assert paid["softbank"] == {date(2026, 4, 1): 10e9, date(2026, 7, 1): 10e9, date(2026, 10, 1): 10e9}
    # All at the price of 730 bn before the round: March brings 57 bn, 787 bn after it; by October 122 bn, 852 bn
    # after it, the post-money value that was reported. The last 10 bn are 10 / 852 = 1.174 %, NVIDIA's 30 bn have
    # become 3.521 %.
    bought = stakes(found).filter(pl.col("issuer") == "openai")
    assert bought["paid_usd"].sum() == 122e9
    assert bought["stake_fraction"][-1] == pytest.approx(10 / 852)
    march = bought.filter(pl.col("month") == date(2026, 3, 1))
    assert march["stake_fraction"][-1] == pytest.approx(march["paid_usd"][-1] / 787e9)


def test_the_guarantee_of_ports_pike_is_called_and_never_above_its_cap(scenarios):
    inputs = scenarios["restructured-2026"]
    guarantee = next(c for c in inputs.contracts if c.id == "pike-guarantee")
    pike = next(site for site in inputs.sites if site.id == "ports-pike")
    # The first 800 MW IT from July 2028: x peak PUE = facility MW, each for the sum of its layers. Six months of rent,
    # 140,000 USD per MW IT, and of operation, 3 % of the cost a year, until the lessee stops paying in January 2029.
    told = history(inputs, built=[("ports-pike", date(2028, 7, 1), 800.0 * pike.peak_pue)])
    cost = inputs.costs.facility_usd_per_facility_mw * 800.0 * pike.peak_pue
    # The escalator counts full years since January 2026: two of them in 2028.
    rent = 800.0 * pike.ownership.rent_usd_per_it_mw_month * (1 + pike.ownership.escalator_fraction_per_year) ** 2
    operation = cost * inputs.costs.facility_operation_fraction_per_year / 12
    (claim,) = guarantee_claim(guarantee, inputs, told, defaulted=date(2029, 1, 1)).streams
    assert (claim.payer, claim.payee, claim.purpose) == ("nvidia", "sb-energy", Purpose.GUARANTEE_CLAIM)
    assert claim.amount_usd.sum() == pytest.approx(cost + 6 * (operation - rent), rel=1e-9)
    assert np.flatnonzero(claim.amount_usd).tolist() == [inputs.calendar.month_index(date(2029, 1, 1))]
    # All 8 GW at five times the cost: more than the cap is lost on the 4.25 GW that are covered, and the cap is paid.
    dear = replace(inputs, costs=replace(inputs.costs, building_usd_per_facility_mw=60e6))
    whole = history(dear, built=[("ports-pike", date(2030, 7, 1), 8024.0 * pike.peak_pue)])
    for month in ("2031-01", "2032-07", "2033-12"):
        day = date.fromisoformat(f"{month}-01")
        (capped,) = guarantee_claim(guarantee, dear, whole, defaulted=day).streams
        assert capped.amount_usd.sum() == 105e9
    # Before anything stands nothing is lost.
    (early,) = guarantee_claim(guarantee, inputs, told, defaulted=date(2028, 6, 1)).streams
    assert early.amount_usd.sum() == 0.0


def test_the_amd_warrant_vests_by_gigawatt_and_price(scenarios):
    inputs = scenarios["deals-2026"]
    # A gigawatt of AMD systems in each January from 2027 to 2032. The price grows from 240 USD in October 2025 to 640
    # in December 2031 (74 months): 240 x (640/240)^(m/74).
    energized = [("amd-campus", "helios-mi455x", date(2026 + n, 1, 1), 1000.0 * n) for n in range(1, 7)]
    found = agreed(inputs, history(inputs, energized=energized))["openai-amd-warrant"]
    # Hurdles of 300, 375, 450, 525 and 600: ln(300/240)/ln(640/240) x 74 = 16.8 months after October 2025: March
    # 2027; 33.7: August 2028; 47.4: October 2029; 59.1: October 2030; 69.1: August 2031. Each step waits for the
    # later of the two.
    expected = [
        date(2027, 1, 1),
        date(2028, 1, 1),
        date(2029, 1, 1),
        date(2030, 1, 1),
        date(2031, 1, 1),
        date(2032, 1, 1),
    ]
    assert found.stakes["month"].to_list() == expected
    shares = 160e6 / 6
    assert found.stakes["shares_count"].to_list() == pytest.approx([shares] * 6, rel=1e-6)
    # The last step, in January 2032 at 640 USD: 26.67 M x 639.99 = 17.07 bn.
    assert found.stakes["value_usd"][-1] == pytest.approx(shares * 639.99, rel=1e-6)
    # All gigawatts at once in January 2027: now the price decides, and the last step waits for 600 USD.
    at_once = agreed(inputs, history(inputs, energized=[("amd-campus", "helios-mi455x", date(2027, 1, 1), 6000.0)]))
    assert at_once["openai-amd-warrant"].stakes["month"].to_list() == [
        date(2027, 1, 1),
        date(2027, 3, 1),
        date(2028, 8, 1),
        date(2029, 10, 1),
        date(2030, 10, 1),
        date(2031, 8, 1),
    ]


def test_the_amd_warrant_vests_in_the_deal_as_rewritten(scenarios):
    inputs = scenarios["restructured-2026"]
    # A gigawatt stands from August 2028, two from July 2029, all six from July 2031. The price grows from 240 USD in
    # January 2026 to 640 in December 2033, 95 months: 240 x (640/240)^(m/95). Hurdles of 300, 375, 450, 525 and 600
    # are met after 21.6, 43.2, 60.9, 75.8 and 88.7 months: November 2027, August 2029, February 2031, May 2032, June
    # 2033. Each step waits for the later of the two.
    energized = [
        ("amd-campus", "helios-mi455x", date(year, month, 1), 1000.0 * n)
        for year, month, n in ((2028, 8, 1), (2029, 7, 2), (2031, 7, 6))
    ]
    warrant = agreed(inputs, history(inputs, energized=energized))["amd-warrant"]
    assert warrant.stakes["month"].to_list() == [
        date(2028, 8, 1),
        date(2029, 7, 1),
        date(2031, 7, 1),
        date(2031, 7, 1),
        date(2032, 5, 1),
        date(2033, 6, 1),
    ]
    # The first, 31 months after January 2026: 26.67 M x (240 x (640/240)^(31/95) - 0.01) = 26.67 M x 330.53 = 8.81 bn.
    assert warrant.stakes["value_usd"][0] == pytest.approx(8.81e9, rel=1e-3)
    assert float(warrant.streams[0].amount_usd.sum()) == pytest.approx(160e6 * 0.01, rel=1e-6)


def test_every_deal_of_the_catalogue_is_a_contract_and_runs(scenarios):
    inputs = scenarios["deals-2026"]
    ids = [contract.id for contract in inputs.contracts]
    missing = {deal for deal in CATALOG.records["deals"] if not any(name.startswith(deal) for name in ids)}
    assert missing == EXCLUDED
    found = agreed(inputs, history(inputs, energized=[("amd-campus", "helios-mi455x", date(2027, 1, 1), 2000.0)]))
    flows = flow_table([stream for each in found.values() for stream in each.streams], calendar=inputs.calendar)
    sums = cash_by_party(_only(flows), inputs.calendar)
    assert sums["cash_in_usd"].sum() == pytest.approx(sums["cash_out_usd"].sum())
    # Take-or-pay of 300 bn USD over five years with a ramp: all of it falls within the calendar, and nothing is used.
    oracle = flows.filter((pl.col("payee") == "oracle") & (pl.col("purpose") == "take or pay"))
    assert oracle["amount_usd"].sum() == pytest.approx(300e9, rel=1e-9)
    # What is not bought of Azure is due: 250 bn over 96 months from 2026, all within the calendar.
    azure = flows.filter((pl.col("payer") == "openai") & (pl.col("payee") == "microsoft"))
    assert azure["amount_usd"].sum() == pytest.approx(250e9, rel=1e-9)
    # A term sheet binds nobody.
    assert flows.filter(pl.col("payee") == "broadcom").is_empty()


def test_an_exclusive_vendor_is_the_only_one_at_every_site():
    inputs = resolve(read("deals-2026", ["contract.openai-amd-supply.exclusive=true"]), CATALOG)
    assert {platform for site in inputs.sites for platform in site.platforms} == {"helios-mi455x"}


def test_every_kind_of_contract_survives_the_store(scenarios):
    inputs = scenarios["deals-2026"]
    assert decode(Inputs, json.loads(json.dumps(encode(inputs)))) == inputs


def _only(flows: pl.DataFrame) -> Appraisal:
    empty = pl.DataFrame()
    return Appraisal(
        flows=flows,
        milestones=(),
        npv_usd=0.0,
        irr_fraction=0.0,
        peak_funding_usd=0.0,
        peak_funding_month=date(2025, 1, 1),
        capex_usd={},
        opex_usd={},
        revenue_usd=0.0,
        unit_costs=empty,
        exposures=empty,
        stakes=empty,
        loans=empty,
        events=empty,
    )
