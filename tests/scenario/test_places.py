"""Rules of sites as a scenario states them."""

from datetime import date
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.site import Plant
from gigawatt.errors import CatalogError, QuantityError, ScenarioError
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"45 USD/MWh"', '"45 USD/MWh"\nfuel_price = "4 USD/MMBtu"'), "energy_cost beside heat_rate"),
        (('energy_cost = "45 USD/MWh"', 'heat_rate = "3 MMBtu/MWh"'), "heat rate of at least 3.41214"),
        (('energy_cost = "45 USD/MWh"', 'fuel_price = "4 USD/MWh"'), "fuel price with its unit"),
        (
            ('"gas-engine"\nmost = "200 MW facility"\nlead = "18 month"', '"solar"\nmost = "9 MW facility"'),
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
