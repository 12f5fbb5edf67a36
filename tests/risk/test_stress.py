"""Who loses what when things go wrong, by hand on a few hundred racks."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from gigawatt.entities.hardware import Resale
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import Bands, Manifest, Study
from gigawatt.errors import ScenarioError
from gigawatt.finance.stress import exposure, loan_defaulted, stopped_at, withheld
from gigawatt.risk.stress import cases, default, exposures, hold_back, less_demand, stop
from tests.finance.agreements import GPU_LOAN
from tests.finance.programmes import RACK, eight_racks, play
from tests.finance.test_contracts import GUARANTEE
from tests.finance.test_contracts import LEASE as SITE_LEASE
from tests.samples import TRANCHES, offer, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

POWER = (PowerStep(start=date(2027, 1, 1), facility_mw=4000.0),)


def study(inputs, plan) -> Study:
    played = play(inputs, plan)
    return Study(
        inputs=inputs,
        performance=small_performance(),
        plan=plan,
        history=played.history,
        appraisal=played.appraisal,
        bands=Bands(monthly=played.history.state, headline={}, draws_count=0),
        manifest=Manifest(version="", scenario="", scenario_sha256="", catalogue_sha256="", seed=0, content_sha256=""),
    )


@pytest.fixture(scope="module")
def two_gigawatts() -> Study:
    # 6,400 racks of 0.165 MW are 1.056 GW; ordered in January and in July 2027, they stand in July and in January 2028.
    inputs = small_inputs(
        sites=(site("alpha", power_steps=POWER),),
        services=(service(tokens_per_month=1e16),),
        runs=(),
        contracts=(replace(TRANCHES, unit_mw=1000.0, sites=("alpha",), amount_usd=10e9, cap_usd=100e9),),
    )
    orders = {("alpha", RACK, 0): 6400, ("alpha", RACK, 2): 6400}
    return study(inputs, small_plan(inputs, ordered=orders, built={("alpha", 2): 1056.0, ("alpha", 4): 2112.0}))


def losses(table: pl.DataFrame) -> dict[str, float]:
    return dict(table.select("party", "loss_usd").iter_rows())


def test_a_stop_at_the_first_gigawatt(two_gigawatts):
    # The second half is ordered when the first stands (July): it is not ordered any more. The vendor loses 6,400 x
    # 3.5 M = 22.4 bn, the investor keeps 10 bn: NVIDIA is both and loses 12.4 bn. Nobody builds the second half
    # either.
    plan = stopped_at(two_gigawatts.inputs, two_gigawatts.plan, gigawatt=1)
    assert float(plan.decisions["installed_racks"].max()) == 6400.0
    assert float(plan.decisions["built_facility_mw"].max()) == pytest.approx(1056.0)
    lost = losses(exposures(two_gigawatts, chosen=(stop(1),)))
    assert lost["nvidia"] == pytest.approx(22.4e9 - 10e9)
    building = 1056.0 * 13.4e6
    assert lost["builders"] >= building
    assert sum(lost.values()) == pytest.approx(0.0, abs=1.0)


def test_a_stop_behind_the_end_changes_nothing(two_gigawatts):
    assert stopped_at(two_gigawatts.inputs, two_gigawatts.plan, gigawatt=3) is two_gigawatts.plan
    assert set(losses(exposures(two_gigawatts, chosen=(stop(3),))).values()) == {0.0}


def test_a_tranche_withheld_is_the_recipients_loss(two_gigawatts):
    lost = losses(exposures(two_gigawatts, chosen=(hold_back("tranches", after_count=1),)))
    assert (lost["openai"], lost["nvidia"]) == (10e9, -10e9)
    binding = replace(two_gigawatts.inputs.contracts[0], binding=True)
    with pytest.raises(ScenarioError, match=r"contract\.tranches"):
        withheld(replace(two_gigawatts.inputs, contracts=(binding,)), contract="tranches")


def test_half_the_demand_is_half_the_revenue():
    inputs = small_inputs(sites=(site("alpha"),), services=(service(tokens_per_month=4e12),), runs=(), contracts=())
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 2): 2.0})
    lost = losses(exposures(study(inputs, plan), chosen=(less_demand(0.5),)))
    # 8 M of tokens a month become 4 M for 28 months from September 2027; July's 3,392,640 are below both, August loses
    # 6,785,280 - 4,000,000.
    assert lost["openai"] == pytest.approx(28 * 4e6 + 2_785_280.0, abs=1.0)
    assert lost["customers"] == pytest.approx(-lost["openai"])


def test_a_default_calls_the_guarantee():
    # Rent of 1.6 MW IT x 130,000 = 208,000 a month is unpaid from January 2028 on, 24 months; the guarantor pays its
    # cap of 10 M at once (12.977 M are lost, test_kinds). The lessor loses 4.992 M and gets 10 M.
    inputs = small_inputs(
        sites=(site("alpha", ownership=SITE_LEASE),),
        services=(service(tokens_per_month=4e12),),
        runs=(),
        contracts=(GUARANTEE,),
    )
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 8}, built={("alpha", 2): 2.0})
    made = study(inputs, plan)
    case = default("openai", date(2028, 1, 1))
    lost = losses(exposures(made, chosen=(case,)))
    assert lost["openai"] == pytest.approx(-24 * 208_000.0, abs=0.1)
    assert lost["nvidia"] == 10e6
    assert lost["landlord"] == pytest.approx(24 * 208_000.0 - 10e6, abs=0.1)
    names = [each.name for each in cases(made)]
    assert names == ["demand x 0.5", "openai defaults in 2028-01", "openai defaults in 2029-01"]


@pytest.mark.parametrize(("life_months", "seized_usd"), [(60, 12_940_600.0), (8, 10_652_250.0)])
def test_a_lender_seizes_what_secures_its_loan(life_months, seized_usd):
    # Draws of 2.8 M in January and 14.203 M in July 2027; of twelve payments of 1,510,695.95 from October three are
    # made. At 1 % a month nine of twelve leave 17.003 M x a(9) / a(12) = 17.003 x 8.566018 / 11.255077 = 12.9406 M
    # owed. The collateral, 5.6 M of January and 28.406 M of July, is worth 5.6 x 49/60 + 28.406 x 55/60 = 30.6 M in
    # December, more than is owed; written off over eight months 28.406 x 3/8 = 10.652 M. The other nine payments would
    # have brought 13,596,263.
    loan = replace(GPU_LOAN, terms=replace(GPU_LOAN.terms, collateral_life_months=life_months))
    played = eight_racks(contracts=(loan,))
    failed = loan_defaulted(played.inputs, appraisal=played.appraisal, loan=loan.id, month=date(2028, 1, 1))
    seized = failed.flows.filter(pl.col("purpose") == "collateral seized")
    assert seized["month"].to_list() == [date(2028, 1, 1)]
    assert seized["amount_usd"][0] == pytest.approx(seized_usd, rel=1e-5)
    lost = losses(exposure(played.inputs, base=played.appraisal, stressed=failed))
    assert lost[loan.lender] == pytest.approx(9 * 1_510_695.95 - seized_usd, rel=1e-3)
    assert lost["openai"] == pytest.approx(-lost[loan.lender])
    events = dict(failed.events.select("event", "amount_usd").iter_rows())
    assert events["debt lost"] == pytest.approx(12_940_600.0 - seized_usd, abs=200.0)
    assert [case.name for case in loan_defaults(played)] == [f"{loan.id} defaults in 2028-01"]


def test_seized_systems_count_at_what_used_ones_sell_for():
    # A fifth of the price at six months, nothing at sixty: of the 22.4 M of July 0.2, of the deposit of 5.6 M, twelve
    # months old, 0.2 x 48/54. 4.48 + 0.99556 M, and fabric of 6.006 M at 55/60: 10.98106 M of the 12.9406 M owed.
    resale = (Resale(age_months=6, value_fraction=0.2),)
    loan = replace(GPU_LOAN, terms=replace(GPU_LOAN.terms, collateral_life_months=60))
    played = eight_racks(contracts=(loan,), offers=(replace(offer(), resale=resale, buyer="customers"),))
    failed = loan_defaulted(played.inputs, appraisal=played.appraisal, loan=loan.id, month=date(2028, 1, 1))
    seized = failed.flows.filter(pl.col("purpose") == "collateral seized")
    assert seized["amount_usd"][0] == pytest.approx(10_981_056.0, abs=1.0)


def loan_defaults(played) -> list:
    told = study(played.inputs, played.plan)
    return [case for case in cases(told) if case.name.startswith(GPU_LOAN.id)]
