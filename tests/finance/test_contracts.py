"""What each contract pays, by hand."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import Instalment, ResidualGuarantee
from gigawatt.entities.site import Leased, PowerStep
from gigawatt.errors import ScenarioError
from gigawatt.finance.contracts.rounds import equity_round
from gigawatt.finance.contracts.tranches import milestone_tranches
from tests.finance.programmes import RACK, Played, eight_racks, paid, play
from tests.samples import ROUND, TRANCHES, site, small_inputs
from tests.simulation.plans import small_plan

GUARANTEE = ResidualGuarantee(
    id="guarantee",
    guarantor="nvidia",
    lessor="landlord",
    lessee="openai",
    site="alpha",
    covered_it_mw=0.8,
    cap_usd=10e6,
)
LEASE = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.0)


def hundreds(*orders: int, **terms) -> Played:
    """Racks ordered quarter by quarter, in hundreds: 16.5 MW facility, the contract's unit, or 13.2 MW IT each."""
    power = (PowerStep(start=date(2027, 1, 1), facility_mw=1000.0),)
    unit = {"unit_mw": 16.5, "sites": ("alpha",), "payment_lag_months": 1, **terms}
    inputs = small_inputs(sites=(site("alpha", power_steps=power),), contracts=(replace(TRANCHES, **unit),))
    ordered = {("alpha", RACK, period): 100 * count for period, count in enumerate(orders) if count}
    return play(inputs, small_plan(inputs, ordered=ordered, built={("alpha", 0): 1000.0}))


def test_a_tranche_for_each_unit_after_its_lag():
    # Orders of January, April, July 2027 stand in July, October and January: 1, 3, 4 units. The cap pays three.
    played = hundreds(1, 2, 1)
    milestones = played.appraisal.milestones
    assert [m.gigawatt for m in milestones] == [1, 2, 3]
    assert [m.reached for m in milestones] == [date(2027, 7, 1), date(2027, 10, 1), date(2027, 10, 1)]
    assert [m.paid for m in milestones] == [date(2027, 8, 1), date(2027, 11, 1), date(2027, 11, 1)]
    tranches = paid(played, "tranche")
    assert tranches["month"].to_list() == [date(2027, 8, 1), date(2027, 11, 1)]
    assert tranches["amount_usd"].to_list() == [5e8, 1e9]
    assert (tranches["payer"][0], tranches["payee"][0], tranches["kind"][0]) == ("nvidia", "openai", "financing")


def test_ten_units_make_ten_milestones():
    played = hundreds(3, 3, 4, 5, cap_usd=5e9)
    assert [m.gigawatt for m in played.appraisal.milestones] == list(range(1, 11))
    assert sum(m.amount_usd for m in played.appraisal.milestones) == 5e9
    assert paid(played, "tranche")["amount_usd"].sum() == 5e9


def test_nine_hundred_and_ninety_nine_racks_make_nine():
    power = (PowerStep(start=date(2027, 1, 1), facility_mw=1000.0),)
    terms = replace(TRANCHES, unit_mw=16.5, cap_usd=5e9)
    inputs = small_inputs(sites=(site("alpha", power_steps=power),), contracts=(terms,))
    plan = small_plan(inputs, ordered={("alpha", RACK, 0): 999}, built={("alpha", 0): 1000.0})
    assert len(play(inputs, plan).appraisal.milestones) == 9


def test_tranches_are_whole():
    # $1.7 bn hold three tranches of $0.5 bn.
    assert len(hundreds(10, cap_usd=1.7e9).appraisal.milestones) == 3


def test_it_basis_counts_it_megawatts():
    # 200 racks are 26.4 MW IT: one unit of 16.5, where facility power (33 MW) makes two.
    assert len(hundreds(2).appraisal.milestones) == 2
    assert len(hundreds(2, basis=PowerBasis.IT).appraisal.milestones) == 1


def test_only_named_platforms_and_sites_count():
    assert hundreds(2, platforms=("other",)).appraisal.milestones == ()
    assert hundreds(2, sites=("beta",)).appraisal.milestones == ()


def test_tranches_on_signature_come_first():
    # Two tranches on signature; the third for the third unit, in October.
    played = hundreds(1, 2, paid_on_signature_count=2, signed=date(2027, 3, 15))
    assert [(m.gigawatt, m.reached, m.paid) for m in played.appraisal.milestones] == [
        (1, date(2027, 3, 1), date(2027, 3, 1)),
        (2, date(2027, 3, 1), date(2027, 3, 1)),
        (3, date(2027, 10, 1), date(2027, 11, 1)),
    ]
    assert paid(played, "tranche")["amount_usd"].to_list() == [1e9, 5e8]


def test_nothing_is_earned_before_signature():
    played = hundreds(2, signed=date(2027, 9, 1))
    assert [m.reached for m in played.appraisal.milestones] == [date(2027, 9, 1)] * 2


def test_what_falls_due_after_the_end_is_not_paid():
    # 400 racks stand in October 2029, the last quarter; with a lag of six months the money is due in April 2030.
    played = hundreds(*[0] * 9, 4, payment_lag_months=6)
    assert [m.paid for m in played.appraisal.milestones] == [date(2030, 4, 1)] * 3
    assert paid(played, "tranche").is_empty()


def test_signature_before_the_start_is_no_payment_of_the_programme():
    played = hundreds(0, paid_on_signature_count=1, signed=date(2026, 6, 1))
    assert len(played.appraisal.milestones) == 1
    assert paid(played, "tranche").is_empty()


def test_milestones_stay_when_racks_retire():
    played = hundreds(1)
    short = replace(played.inputs.offers[0], life_months=3)
    inputs = replace(played.inputs, offers=(short,))
    orders = {("alpha", RACK, 0): 100, ("alpha", RACK, 2): 100}
    again = play(inputs, small_plan(inputs, ordered=orders, built={("alpha", 0): 1000.0}))
    # 100 racks of July are gone when the next 100 come: the highest level so far is one unit.
    assert len(again.appraisal.milestones) == 1


def test_financing_leaves_the_value_alone():
    played = hundreds(4)
    bare = replace(played.inputs, contracts=())
    unfinanced = play(bare, played.plan).appraisal
    assert unfinanced.npv_usd == played.appraisal.npv_usd
    assert unfinanced.peak_funding_usd == played.appraisal.peak_funding_usd


def test_instalments_come_on_their_dates():
    inputs = small_inputs()
    terms = replace(
        ROUND,
        instalments=(
            Instalment(on=date(2026, 12, 1), amount_usd=1e9),
            Instalment(on=date(2027, 4, 30), amount_usd=2e9),
            Instalment(on=date(2030, 1, 1), amount_usd=4e9),
        ),
    )
    (stream,) = equity_round(terms, inputs, hundreds(1).history).streams
    # Only April 2027 (month 3) lies within January 2027 to December 2029.
    assert stream.amount_usd.sum() == stream.amount_usd[3] == 2e9
    assert (stream.payer, stream.payee) == ("softbank", "openai")


def test_the_guarantee_covers_what_rent_has_not_returned():
    played = eight_racks(LEASE, contracts=(GUARANTEE,))
    exposure = played.appraisal.exposures
    assert exposure["party"].unique().to_list() == ["nvidia"]
    assert paid(played, "rent")["amount_usd"].sum() > 0
    # Covered: 0.8 MW IT x 1.25 = 1 MW facility of the 2 built, usable in July (month 6) for $13.4 M.
    # Each month it costs $13.4 M x 3 % / 12 = $33,500 to run and returns 0.8 x $130,000 = $104,000: $70,500 net.
    amounts = exposure["amount_usd"].to_list()
    assert amounts[:6] == [0.0] * 6
    # 13.4 M - 70,500 x 1 = 13.3295 M in July: capped at 10 M until 13.4 - 0.0705 n < 10, n = 49: always, here.
    assert amounts[6:] == [10e6] * 30


def test_the_guarantee_below_its_cap():
    played = eight_racks(LEASE, contracts=(replace(GUARANTEE, cap_usd=13e6),))
    amounts = played.appraisal.exposures["amount_usd"].to_list()
    # 13.4 M - 70,500 n: n = 5 is 13.0475 M, n = 6 is 12.977 M, n = 30 is 11.285 M.
    assert amounts[10:12] == [13e6, 12.977e6]
    assert amounts[35] == 11.285e6


def test_a_guarantee_of_a_site_that_is_not_leased_is_refused():
    with pytest.raises(ScenarioError, match=r"contracts\.guarantee\.site"):
        eight_racks(contracts=(GUARANTEE,))


def test_an_unknown_investor_is_refused():
    with pytest.raises(ScenarioError, match=r"contracts\.tranches\.investor"):
        hundreds(1, investor="nobody")


def test_a_worthless_contract_pays_nothing():
    played = hundreds(4)
    terms = replace(played.inputs.contracts[0], amount_usd=0.0)
    assert milestone_tranches(terms, played.inputs, played.history).milestones == ()


def test_exposures_have_their_columns_without_guarantees():
    assert hundreds(1).appraisal.exposures.schema == {
        "contract": pl.String,
        "party": pl.String,
        "month": pl.Date,
        "amount_usd": pl.Float64,
    }
