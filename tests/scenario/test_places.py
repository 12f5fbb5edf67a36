"""Rules of sites as a scenario states them."""

from datetime import date
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.site import Battery, GridStep, Leased, Payments, Plant, RentFrom, Sun
from gigawatt.errors import CatalogError, QuantityError, ScenarioError
from gigawatt.facility.sun import sun_share_fraction
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import SOUND

CATALOG = load()
TWIN = """
[[site]]
id = "alpha-leased"
same_place_as = "alpha"
latitude = "32.5 degree"
longitude = "-99.8 degree"
ownership = { kind = "leased", lessor = "landlord", rent = "130 kUSD/MW IT/month" }
"""
POWER = """power = [
    { from = "2027-07", facility = "100 MW facility" },
    { from = "2028-07", it = "200 MW IT" },
]
"""


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.toml"
    path.write_text(SOUND)
    return path


def test_rules_are_read_in_canonical_units(sound: Path) -> None:
    stated = [
        "site.alpha.construction_rate=50 MW facility/month",
        "site.alpha.one_vendor=true",
        "site.alpha.water_cap=90 ML/year",
        "programme.carbon_cap=0.25 Mt/year",
    ]
    inputs = resolve(read(sound, stated), CATALOG)
    alpha, other = inputs.sites
    assert (alpha.construction_mw_per_month, alpha.one_vendor, alpha.water_cap_kl_per_year) == (50.0, True, 90_000.0)
    assert inputs.carbon_cap_t_per_year == 250_000.0
    assert (other.construction_mw_per_month, other.one_vendor, other.water_kl_per_mwh) == (None, False, None)


def test_carbon_and_water_come_from_the_catalogue_only_where_a_cap_needs_them(sound: Path) -> None:
    silent = resolve(read(sound), CATALOG)
    assert not {"assumptions/site/grid-carbon", "assumptions/site/water-use"} & {e.key for e in silent.ledger.entries}
    capped = resolve(read(sound, ["programme.carbon_cap=1 Mt/year", "site.alpha.water_cap=1 GL/year"]), CATALOG)
    assert capped.sites[0].grid_carbon_t_per_mwh == 0.37
    assert capped.sites[0].water_kl_per_mwh == pytest.approx(0.36)
    assert {"assumptions/site/grid-carbon", "assumptions/site/water-use"} <= {e.key for e in capped.ledger.entries}


def test_a_place_is_shared_by_its_id(tmp_path: Path) -> None:
    path = tmp_path / "twin.toml"
    path.write_text(SOUND + TWIN + POWER)
    assert resolve(read(path), CATALOG).sites[-1].same_place_as == "alpha"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (TWIN.replace('"alpha"\nlat', '"beta"\nlat') + POWER, "same_place_as"),
        (TWIN.replace('"alpha"\nlat', '"alpha-leased"\nlat') + POWER, "same_place_as"),
        (TWIN + POWER.replace("100 MW", "120 MW"), "power"),
        (TWIN + POWER + 'construction_rate = "0 MW facility/month"\n', "construction_rate"),
        (TWIN + POWER + 'water_cap = "1 t/year"\n', "water_cap"),
        (TWIN + POWER + 'one_vendor = "nvidia"\n', "one_vendor"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused_by_its_key(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "twin.toml"
    path.write_text(SOUND + text)
    with pytest.raises((QuantityError, ScenarioError), match=rf"alpha-leased.*\.{key}"):
        resolve(read(path), CATALOG)


PLANT = """
[[site.plant]]
kind = "gas-engine"
most = "200 MW facility"
lead = "18 month"
cost = "1.6 MUSD/MW facility"
fixed_operation = "24 kUSD/MW facility/year"
energy_cost = "45 USD/MWh"
firm = "90 percent"
energy = "95 percent"
carbon = "450 kg/MWh"
"""


def test_a_plant_is_read_and_refused_where_energy_is_not_the_programmes(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(SOUND + TWIN + POWER + PLANT)
    assert resolve(read(path), CATALOG).sites[-1].plants == (
        Plant(
            id="gas-engine",
            most_mw=200.0,
            lead_months=18,
            cost_usd_per_mw=1.6e6,
            fixed_usd_per_mw_month=2000.0,
            energy_usd_per_mwh=45.0,
            firm_fraction=0.9,
            energy_fraction=0.95,
            carbon_t_per_mwh=0.45,
        ),
    )
    cloud = TWIN[: TWIN.index("ownership")] + 'ownership = { kind = "cloud", price = "0.9 MUSD/MW facility/month" }\n'
    path.write_text(SOUND + cloud + POWER + PLANT)
    with pytest.raises(ScenarioError, match="power plants at a site of cloud capacity"):
        resolve(read(path), CATALOG)


def test_a_power_step_waits_for_its_slowest_equipment(sound: Path) -> None:
    # A substation transformer takes 160 weeks, 36.8 months: ordered in January 2027 it is there in February 2030;
    # switchgear takes 44 weeks, 10.1 months: November 2027
    key = "site.stargate-milam.power[0]"
    late = resolve(read(sound, [f'{key}.equipment=["substation-transformer-2026", "switchgear"]']), CATALOG)
    assert late.sites[1].power_steps[0].start == date(2030, 2, 1)
    assert "economics/lead-time/substation-transformer-2026" in {entry.key for entry in late.ledger.entries}
    soon = resolve(read(sound, [f'{key}.equipment=["switchgear"]', f"{key}.ordered=2026-01"]), CATALOG)
    assert soon.sites[1].power_steps[0].start == date(2027, 7, 1)  # as announced: the equipment is there before
    with pytest.raises(CatalogError, match="spoon"):
        resolve(read(sound, [f'{key}.equipment=["spoon"]']), CATALOG)


def test_gas_plants_take_the_rest_from_the_catalogue_and_leave_it_in_the_ledger(tmp_path: Path) -> None:
    # 8.5 MMBtu/MWh x 5 USD/MMBtu + 7 USD/MWh = 49.5; 8.5 MMBtu/MWh x 53.06 kg/MMBtu = 0.45101 t/MWh
    path = tmp_path / "plant.toml"
    gas = '[[site.plant]]\nkind = "gas-engine"\nmost = "200 MW facility"\nfuel_price = "5 USD/MMBtu"\n'
    path.write_text(SOUND + TWIN + POWER + gas)
    inputs = resolve(read(path), CATALOG)
    (engine,) = inputs.sites[-1].plants
    assert (engine.lead_months, engine.firm_fraction) == (18, 0.9)
    assert engine.fixed_usd_per_mw_month == pytest.approx(35_000.0 / 12)
    assert engine.energy_usd_per_mwh == pytest.approx(49.5)
    assert engine.carbon_t_per_mwh == pytest.approx(0.45101)
    defaults = {entry.key for entry in inputs.ledger.entries if entry.key.startswith("assumptions/gas-engine/")}
    silent = {"lead", "cost", "fixed-operation", "variable-operation", "heat-rate", "fuel-carbon", "firm", "energy"}
    assert defaults == {f"assumptions/gas-engine/{name}" for name in silent}


def test_costs_of_plants_carry_the_ranges_of_their_figures(tmp_path: Path) -> None:
    # Cost 1.0 to 2.5 around 1.6. Energy: fuel 8.5 x 4 = 34, care 7, 41 in all. Below: heat rate 34 x 0.5/8.5 = 2, gas
    # 34 x 1.5/4 = 12.75, care 3: root of 4 + 162.5625 + 9 over 41; above: 4, 25.5 and 5: root of 691.25 over 41
    (gas,) = plants_of(tmp_path, 'kind = "gas-engine"\nmost = "9 MW facility"')
    assert set(gas.spreads) == {"cost_usd_per_mw", "fixed_usd_per_mw_month", "energy_usd_per_mwh"}
    cost, energy = gas.spreads["cost_usd_per_mw"], gas.spreads["energy_usd_per_mwh"]
    assert (cost.low, cost.high) == (pytest.approx(1.0 / 1.6), pytest.approx(2.5 / 1.6))
    assert energy.low == pytest.approx(1.0 - 175.5625**0.5 / 41)
    assert energy.high == pytest.approx(1.0 + 691.25**0.5 / 41)
    (sure,) = plants_of(tmp_path, PLANT.replace("[[site.plant]]", ""))
    assert sure.spreads == {}
    (panels,) = plants_of(tmp_path, 'kind = "solar"\nmost = "9 MW facility"\ncost = "1 MUSD/MW facility"')
    assert set(panels.spreads) == {"fixed_usd_per_mw_month"}


def test_rent_from_the_power_and_payments_by_schedule(tmp_path: Path) -> None:
    path = tmp_path / "lease.toml"
    lease = TWIN.replace('kind = "leased"', 'kind = "leased", rent_from = "power"')
    path.write_text(SOUND + lease + POWER + PLANT + 'payments = "schedule"\n')
    site = resolve(read(path), CATALOG).sites[-1]
    assert isinstance(site.ownership, Leased)
    assert site.ownership.rent_from is RentFrom.POWER
    assert site.plants[0].payments is Payments.SCHEDULE
    path.write_text(SOUND + lease + 'construction_rate = "9 MW facility/month"\n' + POWER)
    with pytest.raises(ScenarioError, match="beside construction_rate"):
        resolve(read(path), CATALOG)


def plants_of(tmp_path: Path, *texts: str) -> tuple[Plant, ...]:
    path = tmp_path / "plant.toml"
    path.write_text(SOUND + TWIN + POWER + "".join(f"[[site.plant]]\n{text}\n" for text in texts))
    return resolve(read(path), CATALOG).sites[-1].plants


def test_steps_of_the_grid_in_units_with_slips_and_ids(tmp_path: Path) -> None:
    near, far = plants_of(
        tmp_path,
        'kind = "grid"\nmost = "200 MW facility"\nunit = "100 MW facility"\nslip = "3 month"',
        'kind = "grid"\nid = "second"\nmost = "400 MW facility"\nlead = "60 month"\ncost = "0.8 MUSD/MW facility"',
    )
    assert (near.id, near.works, near.unit_mw) == ("grid", GridStep(), 100.0)
    assert (near.lead_months, near.expected_lead_months) == (48, 51)
    assert (near.firm_fraction, near.energy_usd_per_mwh, near.cost_usd_per_mw) == (1.0, 0.0, 0.35e6)
    assert (far.id, far.unit_mw, far.lead_months, far.cost_usd_per_mw) == ("second", None, 60, 0.8e6)


def test_panels_take_their_day_from_the_latitude(tmp_path: Path) -> None:
    (panels,) = plants_of(tmp_path, 'kind = "solar"\nmost = "500 MW facility"')
    assert isinstance(panels.works, Sun)
    assert panels.works.share_fraction[5] == pytest.approx(sun_share_fraction(32.5, mean_fraction=0.25)[5])
    assert (panels.firm_fraction, panels.energy_usd_per_mwh) == (0.0, 0.0)


def test_a_battery_costs_power_and_energy_and_is_firm_as_far_as_it_lasts(tmp_path: Path) -> None:
    # 0.3 MUSD/MW and 2 h at 280 kUSD/MWh: 0.86 MUSD/MW; 2 of 4 hours are half
    (small,) = plants_of(tmp_path, 'kind = "battery"\nmost = "100 MW facility"\nduration = "2 h"')
    assert small.works == Battery(duration_h=2.0, round_trip_fraction=0.85)
    assert (small.cost_usd_per_mw, small.firm_fraction) == (pytest.approx(0.86e6), 0.5)
    (large,) = plants_of(tmp_path, 'kind = "battery"\nmost = "100 MW facility"\nduration = "8 h"')
    assert large.firm_fraction == 1.0


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("grid", 'firm = "90 percent"', 'firm of a plant of kind "grid"'),
        ("grid", 'unit = "10 MW facility"', "units of 10 MW where 9 MW may be built"),
        ("grid", 'unit = "0 MW facility"', "units of 0 MW"),
        ("solar", 'energy = "60 percent"', "the sun is up 0"),
        ("solar", 'heat_rate = "8 MMBtu/MWh"', "heat_rate of a plant"),
        ("gas-engine", 'duration = "4 h"', "duration of a plant"),
        ("battery", 'round_trip = "0 percent"', "a part that comes back"),
        ("battery", 'firm = "1 ratio"\nfirm_duration = "4 h"', "firm_duration of a plant"),
    ],
)
def test_a_step_or_a_store_without_sense_is_refused(tmp_path: Path, kind: str, more: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        plants_of(tmp_path, f'kind = "{kind}"\nmost = "9 MW facility"\n{more}')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"45 USD/MWh"', '"45 USD/MWh"\nfuel_price = "4 USD/MMBtu"'), "energy_cost beside heat_rate"),
        (('energy_cost = "45 USD/MWh"', 'heat_rate = "3 MMBtu/MWh"'), "heat rate of at least 3.41214"),
        (('energy_cost = "45 USD/MWh"', 'fuel_price = "4 USD/MWh"'), "fuel price with its unit"),
        (
            ('"gas-engine"\nmost = "200 MW facility"\nlead = "18 month"', '"wind"\nmost = "9 MW facility"'),
            "nothing, for",
        ),
    ],
)
def test_a_plant_without_sense_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "plant.toml"
    assert change[0] in PLANT
    path.write_text(SOUND + TWIN + POWER + PLANT.replace(*change))
    with pytest.raises((QuantityError, ScenarioError), match=words):
        resolve(read(path), CATALOG)
