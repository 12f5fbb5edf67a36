"""Plans that count what still stands when they end: by hand, and against the accounts. Amounts in MUSD."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import xarray as xr

from gigawatt.entities.capital import Treasury
from gigawatt.entities.hardware import Resale, SupplyStep
from gigawatt.entities.site import Cloud, Leased
from gigawatt.entities.stages import EndValue
from gigawatt.finance.end_value import present_end_value_usd
from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan
from tests.finance.agreements import TAX
from tests.finance.programmes import play
from tests.planning.cases import FREE, napkin_inputs, napkin_offer, napkin_service, napkin_site
from tests.planning.test_optima import best, racks, value
from tests.samples import PLANT, PLATFORM, offer, service, site, small_inputs, small_performance

POOR = napkin_service(napkin_inputs().calendar, price_usd_per_mtoken=0.05)


def counted(**changes: object):
    return napkin_inputs(end_value=EndValue.BOOKS, **changes)


def test_racks_are_bought_for_what_they_will_still_be_worth() -> None:
    # At 50 USD an hour a rack earns 0.438 in the year and never its price of 1; but twelve of sixty months are written
    # off, so 0.8 is left: 10 x (0.438 - 1 + 0.8) = 2.38
    assert value(best(napkin_inputs(services=(POOR,)))) == pytest.approx(0.0)
    chosen = best(counted(services=(POOR,)))
    assert value(chosen) == pytest.approx(2.38)
    assert racks(chosen)[0] == 10.0


def test_halls_count_too() -> None:
    # A hall of 2 a MW over 20 years keeps 19/20, 1.9: 10 x (8.76 - 1 + 0.8 - 2 + 1.9) = 84.6
    costs = replace(FREE, building_usd_per_facility_mw=2e6)
    assert value(best(counted(costs=costs))) == pytest.approx(84.6)


def test_racks_that_leave_or_belong_to_others_count_for_nothing() -> None:
    # A life of six months is over twice: 10 x (8.76 - 2 + 0), the second ones age six at the end, their last day:
    # the books still carry 0.9 of those. Cloud racks cost 0.1 a month and are the provider's: 10 x (8.76 - 1.2)
    assert value(best(counted(offers=(napkin_offer(life_months=6),)))) == pytest.approx(10 * (8.76 - 2 + 0.9))
    cloud = napkin_site(ownership=Cloud(provider="landlord", price_usd_per_facility_mw_month=0.1e6))
    assert value(best(counted(sites=(cloud,)))) == pytest.approx(10 * (8.76 - 1.2))


def test_sold_racks_are_not_left() -> None:
    # Sold in July for 0.95 of 1, ten racks make room for ten that are six months old at the end: worth 0.975 each on
    # the line from 1 at no age to 0.95 at six months... at six months 0.95. 10 x (8.76 - 2 + 0.95 + 0.95) = 86.6;
    # kept, they are worth 0.95 - 6/54 x 0.95 = 0.844 at twelve months: 10 x (8.76 - 1 + 0.844) = 86.04
    resale = (Resale(age_months=6, value_fraction=0.95),)
    chosen = best(counted(offers=(napkin_offer(resale=resale, buyer="customers"),)))
    assert value(chosen) == pytest.approx(86.6)


def test_the_accounts_are_the_plans() -> None:
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03)
    cloud = Cloud(provider="landlord", price_usd_per_facility_mw_month=1.0e6)
    engine = replace(PLANT, most_mw=50.0, lead_months=9, cost_usd_per_mw=0.2e6, energy_usd_per_mwh=20.0)
    sites = (site("alpha", plants=(engine,)), site("beta", ownership=lease), site("gamma", ownership=cloud))
    base = small_inputs(
        sites=sites,
        offers=(replace(offer(), life_months=15, residual_fraction=0.05),),
        services=(service(tokens_per_month=2e15),),
        contracts=(),
        targets=(),
        runs=(),
        treasury=Treasury(opening_cash_usd=1e11, minimum_cash_usd=0.0),
        end_value=EndValue.BOOKS,
    )
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    performance = small_performance()
    performance = replace(performance, training=performance.training.isel(run=slice(0, 0)))
    played = play(inputs, plan(inputs, performance))
    assert float(played.plan.decisions["plant_mw"].max()) > 0.0
    end_usd = present_end_value_usd(inputs, played.history, flows=played.appraisal.flows, owner="openai")
    assert end_usd > 0.0
    assert played.appraisal.npv_usd + end_usd == pytest.approx(played.plan.objective_value, rel=1e-9)


def test_sold_racks_are_taxed_and_valued_alike_in_plan_and_accounts() -> None:
    # A newer platform serves four times as much from 2029 on, so old racks make room at eighteen or twenty-four months
    newer = replace(
        offer(),
        platform=replace(PLATFORM, id="newer"),
        supply=(SupplyStep(start=date(2029, 1, 1), racks_per_month=300.0),),
    )
    ages = (Resale(age_months=18, value_fraction=0.5), Resale(age_months=24, value_fraction=0.4))
    older = replace(offer(), resale=ages, buyer="customers")
    base = small_inputs(
        sites=(site("alpha", platforms=(PLATFORM.id, "newer")),),
        offers=(older, newer),
        services=(service(tokens_per_month=5e15),),
        contracts=(TAX,),
        targets=(),
        runs=(),
        treasury=Treasury(opening_cash_usd=1e11, minimum_cash_usd=0.0),
        end_value=EndValue.BOOKS,
    )
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    rates = small_performance()
    pair = {"platform": [PLATFORM.id, "newer"]}
    performance = replace(
        rates,
        serving=xr.concat([rates.serving, 4.0 * rates.serving], dim="platform").assign_coords(pair),
        training=xr.concat([rates.training, rates.training], dim="platform").assign_coords(pair).isel(run=slice(0, 0)),
    )
    played = play(inputs, plan(inputs, performance), performance=performance)
    assert float(played.plan.decisions["sold_racks"].sum()) > 0.0
    end_usd = present_end_value_usd(inputs, played.history, flows=played.appraisal.flows, owner="openai")
    assert played.appraisal.npv_usd + end_usd == pytest.approx(played.plan.objective_value, rel=1e-9)
    cash = inputs.treasury.opening_cash_usd + np.cumsum(
        monthly_usd(played.appraisal.flows, party="openai", calendar=inputs.calendar)
    )
    assert min(tax for tax in played.appraisal.flows.filter(pl.col("purpose") == "tax")["amount_usd"]) > 0.0
    assert cash[2::3] == pytest.approx(played.plan.decisions["cash_usd"].values, abs=20.0)
