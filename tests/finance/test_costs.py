"""Every cost and revenue of eight racks, added up by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gigawatt.entities.capital import Party, PartyRole
from gigawatt.entities.site import Cloud, Leased, Owned, RentFrom
from gigawatt.errors import ScenarioError
from gigawatt.finance import appraise
from gigawatt.finance.costs import building_spend_mw
from gigawatt.finance.flows import monthly_usd
from gigawatt.simulation import expected_luck, simulate
from gigawatt.units import SECONDS_PER_HOUR
from tests.finance.programmes import eight_racks, paid, without_builder

LEASE = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03)
CLOUD = Cloud(provider="landlord", price_usd_per_facility_mw_month=1.1e6)
JANUARY, JUNE, JULY = date(2027, 1, 1), date(2027, 6, 1), date(2027, 7, 1)


def amounts(played, purpose):
    return paid(played, purpose)["amount_usd"].to_list()


def test_racks_are_paid_in_two_parts():
    # 8 racks at $3.5 M: 20 % with the order, $5.6 M; 80 % on delivery in July, $22.4 M.
    systems = paid(eight_racks(), "systems")
    assert systems["month"].to_list() == [JANUARY, JULY]
    assert systems["amount_usd"].to_list() == [5.6e6, 22.4e6]
    assert systems["payer"].unique().to_list() == ["openai"]
    assert systems["payee"].unique().to_list() == ["nvidia"]


def test_fabric_is_paid_on_delivery_by_facility_power():
    played = eight_racks()
    # 8 racks take 8 x 0.12 x 1.1 x 1.25 = 1.32 MW facility: network at $4 M/MW, storage at $0.55 M/MW.
    assert amounts(played, "network") == [pytest.approx(5.28e6)]
    assert amounts(played, "storage") == [pytest.approx(726e3)]
    assert paid(played, "network")["month"].to_list() == [JULY]


def test_building_is_paid_over_its_construction():
    played = eight_racks()
    # 2 MW usable in July after 12 months: a twelfth each in January to June, and in January the six of 2026 as well.
    # 2 MW x $6.5 M / 12 = $1,083,333.33.
    building = paid(played, "building")
    assert building["month"].to_list() == [date(2027, month, 1) for month in range(1, 7)]
    assert building["amount_usd"].to_list() == [7_583_333.33, *[1_083_333.33] * 5]
    totals = {name: sum(amounts(played, name)) for name in ("cooling", "power", "grid")}
    assert totals == {"cooling": pytest.approx(6.0e6), "power": pytest.approx(5.6e6), "grid": pytest.approx(2.2e6)}


def test_energy_is_bought_from_the_utility():
    # July: 8 x 0.132 MW IT x 0.8 mean x 1.2 annual PUE x 744 h = 754.237 MWh at $60: $45,254.25.
    energy = paid(eight_racks(), "energy")
    assert energy["amount_usd"][0] == pytest.approx(45_254.25, abs=0.01)
    assert (energy["month"][0], energy["payee"][0], energy["platform"][0]) == (JULY, "utilities", "test-nvl72")


def test_operation_is_a_twelfth_of_a_yearly_fraction():
    played = eight_racks()
    # Facility: 2 MW x $13.4 M x 3 % / 12 = $67,000 from July on, 30 months.
    assert amounts(played, "facility operation") == [67_000.0] * 30
    # Systems: (8 x $3.5 M + 1.32 MW x $4.55 M) x 2 % / 12 = $34.006 M / 600 = $56,676.67.
    assert amounts(played, "systems operation") == [56_676.67] * 30


def test_customers_pay_for_tokens():
    played = eight_racks()
    tokens = paid(played, "tokens")
    # July: a third of 1.9e6 token/s over 744 h at $2 per million; from September on demand holds at 4e12: $8 M.
    assert tokens["amount_usd"][0] == pytest.approx(1.9 * SECONDS_PER_HOUR * 744 / 3 * 2, abs=0.01)
    assert tokens["amount_usd"].to_list()[2:] == [8e6] * 28
    assert (tokens["payer"][0], tokens["payee"][0]) == ("customers", "openai")


def test_net_present_value_is_the_sum_of_its_parts():
    played = eight_racks(discount_rate_fraction=0.0)
    money = played.appraisal
    # Without discounting, in dollars: revenue less
    #   racks 28 M, fabric 6.006 M, building 2 x 13.4 = 26.8 M, operation 30 x (67,000 + 56,676.67), energy.
    hours = played.inputs.calendar.month_hours[6:].sum()
    energy = 8 * 0.132 * 0.8 * 1.2 * 60 * hours
    revenue = 1.9 * SECONDS_PER_HOUR * 744 * (1 / 3 + 2 / 3) * 2 + 28 * 8e6
    expected = revenue - 28e6 - 6.006e6 - 26.8e6 - 30 * (67_000 + 56_676.67) - energy
    assert money.npv_usd == pytest.approx(expected, abs=1.0)
    assert money.revenue_usd == pytest.approx(revenue, abs=0.01)
    assert sum(money.capex_usd.values()) == pytest.approx(28e6 + 6.006e6 + 26.8e6, abs=0.05)


def test_a_lessor_builds_and_collects_rent():
    played = eight_racks(LEASE)
    rent = paid(played, "rent")
    # 2 MW over a peak PUE of 1.25 is 1.6 MW IT at $130,000 a month: $208,000; 3 % more in 2028, again in 2029.
    assert rent["amount_usd"].to_list() == [208_000.0] * 6 + [214_240.0] * 12 + [220_667.2] * 12
    assert (rent["month"][0], rent["payer"][0], rent["payee"][0]) == (JULY, "openai", "landlord")
    for purpose in ("building", "cooling", "power", "grid", "facility operation"):
        assert set(paid(played, purpose)["payer"]) == {"landlord"}
        assert set(paid(played, purpose)["payee"]) == {"builders"}
    for purpose in ("systems", "network", "storage", "energy", "systems operation"):
        assert set(paid(played, purpose)["payer"]) == {"openai"}


def test_a_cloud_provider_pays_all_and_collects_for_power_in_service():
    played = eight_racks(CLOUD)
    # 1.32 MW of racks in service at $1.1 M per MW and month: $1.452 M from July on.
    assert amounts(played, "cloud") == [pytest.approx(1.452e6)] * 30
    own = played.appraisal.flows.filter(pl.col("payer") == "openai")
    assert set(own["purpose"]) == {"cloud"}
    others = played.appraisal.flows.filter(pl.col("kind") == "capex")
    assert set(others["payer"]) == {"landlord"}


def test_what_all_parties_spend_does_not_depend_on_ownership():
    owned, leased, cloud = (eight_racks(kind).appraisal for kind in (Owned(builder="builders"), LEASE, CLOUD))
    assert owned.capex_usd == leased.capex_usd == cloud.capex_usd
    assert owned.unit_costs.equals(leased.unit_costs)
    assert owned.unit_costs.equals(cloud.unit_costs)


@pytest.mark.parametrize(
    ("construction_months", "expected"),
    [
        (0, [0.0, 0.0, 6.0, 0.0, 3.0]),
        # 6 MW usable in month 2: 3 each in months 0 and 1; 3 MW usable in month 4: 1.5 each in 2 and 3.
        (2, [3.0, 3.0, 1.5, 1.5, 0.0]),
        # Over three: 2 each in -1, 0, 1, the first of which falls into month 0; 1 each in 1, 2, 3.
        (3, [4.0, 3.0, 1.0, 1.0, 0.0]),
        # Over ten: 0.6 each in -8..1, of which nine in month 0; 0.3 each in -6..3, of which seven in month 0.
        (10, [5.4 + 2.1, 0.6 + 0.3, 0.3, 0.3, 0.0]),
    ],
)
def test_building_spend_falls_before_use(construction_months, expected):
    built = np.array([0.0, 0.0, 6.0, 6.0, 9.0])
    assert building_spend_mw(built, construction_months=construction_months) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("construction_months", "late_months", "expected"),
    [
        # 6 MW meant for month 2 stand in 4: 1.5 each in months 0 to 3; 3 MW meant for month 4 stand in 6: 0.75 each in
        # months 2 to 5, the last of which lies behind the end.
        (2, 2, [1.5, 1.5, 2.25, 2.25, 0.75]),
        # A month early: 6 in month 0, 3 in month 2, when building begins and ends.
        (2, -1, [6.0, 0.0, 3.0, 0.0, 0.0]),
        # Meant to be built at once and a month late: paid in the month meant, before it stands.
        (0, 1, [0.0, 0.0, 6.0, 0.0, 3.0]),
        (1, -1, [0.0, 6.0, 0.0, 3.0, 0.0]),
    ],
)
def test_building_that_is_late_is_paid_until_it_stands(construction_months, late_months, expected):
    built = np.array([0.0, 0.0, 6.0, 6.0, 9.0])
    found = building_spend_mw(built, construction_months=construction_months, late_months=late_months)
    assert found == pytest.approx(expected)


def late_power(months: int, *, rent_from: RentFrom) -> list[float]:
    """MW IT that rent is paid for in each month, at $100 a month, power being so late."""
    terms = {"rent_usd_per_it_mw_month": 100.0, "escalator_fraction_per_year": 0.0, "rent_from": rent_from}
    lease = replace(LEASE, **terms)
    played = eight_racks(lease)
    luck = replace(expected_luck(played.inputs), slip_months={"alpha": (months, months)})
    history = simulate(played.inputs, played.performance, played.plan, luck=luck)
    flows = appraise(played.inputs, played.plan, history).flows.filter(pl.col("purpose") == "rent")
    return (monthly_usd(flows, party="landlord", calendar=played.inputs.calendar) / 100.0).tolist()


def test_rent_starts_with_the_hall_or_with_its_power():
    # 2 MW of facility power, 1.6 MW IT, built and powered in July 2027, the seventh month; power four months late.
    assert late_power(4, rent_from=RentFrom.BUILDING) == pytest.approx([0.0] * 6 + [1.6] * 30)
    assert late_power(4, rent_from=RentFrom.POWER) == pytest.approx([0.0] * 10 + [1.6] * 26)
    assert late_power(0, rent_from=RentFrom.POWER) == late_power(0, rent_from=RentFrom.BUILDING)


def test_a_lessor_without_a_builder_is_refused():
    with pytest.raises(ScenarioError, match="role builder"):
        eight_racks(LEASE, parties=without_builder(eight_racks().inputs).parties)


@pytest.mark.parametrize(
    ("missing", "where"),
    [
        ("openai", "programme"),
        ("customers", "customers"),
        ("nvidia", "offers.test-nvl72.vendor"),
        ("utilities", "sites.alpha.utility"),
        ("landlord", "sites.alpha.ownership"),
    ],
)
def test_strangers_are_refused_by_name(missing, where):
    parties = tuple(party for party in eight_racks().inputs.parties if party.id != missing)
    with pytest.raises(ScenarioError) as refusal:
        eight_racks(LEASE, parties=parties)
    assert refusal.value.where == where
    assert missing in refusal.value.found


def test_the_first_builder_builds_for_lessors():
    other = Party(id="general", name="General", roles=(PartyRole.BUILDER,))
    inputs = eight_racks().inputs
    played = eight_racks(LEASE, parties=(other, *inputs.parties))
    assert set(paid(played, "building")["payee"]) == {"general"}


def test_a_deposit_of_everything_leaves_no_balance():
    offer = replace(eight_racks().inputs.offers[0], deposit_fraction=1.0)
    assert amounts(eight_racks(offers=(offer,)), "systems") == [28e6]
