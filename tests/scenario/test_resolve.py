"""Resolving: what is stated, cited and left to the catalogue, each with its evidence."""

from datetime import date
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.catalog.engine import engine_assumption_figures
from gigawatt.entities.assumptions import SURE, Ranged
from gigawatt.entities.capital import PartyRole, PowerBasis
from gigawatt.entities.contracts import EquityRound, MilestoneTranches, ResidualGuarantee
from gigawatt.entities.site import Cloud, Leased, Owned
from gigawatt.entities.stages import Inputs, Objective
from gigawatt.errors import CatalogError, InputError
from gigawatt.provenance import Evidence, Grade
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.samples import exactly
from tests.scenario.malformed import SOUND

CATALOG = load()
BUNDLED = ("deals-2026", "loi-2025", "minimal", "restructured-2026")


STATED = ['costs.building="7 MUSD/MW facility"', 'platform.gb300-nvl72.price="4 MUSD/rack"']


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.toml"
    path.write_text(SOUND)
    return path


# Figures that only a rule which the least scenario does not state takes, and the bound that validation alone reads.
NOT_TAKEN = {"leased-rent", "rent-escalator", "churn", "grid-carbon", "water-use", "least-all-in"}
ROOFLINE_ONLY = {"gemm", "attention", "memory-bandwidth", "scale-up-bandwidth"}


def entry(inputs: Inputs, key: str) -> Evidence:
    return next(found for found in inputs.ledger.entries if found.key == key)


def site(inputs: Inputs, name: str):
    return next(found for found in inputs.sites if found.id == name)


def test_every_default_of_the_least_scenario_stands_in_the_ledger():
    inputs = resolve(read("minimal"), CATALOG)
    taken = {found.key for found in inputs.ledger.entries if found.origin == "default"}
    assumptions = {
        figure.key
        for topic in ("cost", "finance", "kernel-efficiency", "offer", "operation", "service", "site")
        for name, figure in CATALOG.record("assumptions", topic).figures.items()
        if not name.endswith("-air") and name not in NOT_TAKEN | ROOFLINE_ONLY
    }
    conventions = {
        "scenario/programme.objective",
        "scenario/programme.minimum_cash",
        "scenario/programme.end_value",
        "scenario/kernel_efficiency.law",
        "scenario/site.stargate-milam.cooling",
        "scenario/site.stargate-milam.ownership",
        "scenario/service.gpt-oss-120b.precision",
        "scenario/service.gpt-oss-120b.cache_precision",
    }
    books = {
        f"assumptions/books/{name}"
        for name in ("facility-life", "facility-residual", "gb300-nvl72-life", "systems-residual")
    }
    platform = {
        "platforms/gb300-nvl72/street-price",
        "platforms/gb300-nvl72/volume-from",
        "economics/vendor-margin/nvidia",
    }
    engine = {figure.key for figure in engine_assumption_figures(CATALOG)} | {
        "assumptions/serving-engine/software-halving"
    }
    # NVIDIA reports its gross margin, so that of vendors at large is not asked for.
    assert taken == (assumptions - {"assumptions/offer/gross-margin"}) | conventions | books | engine | platform


def test_what_steps_and_engines_cost_stands_in_the_ledger_of_who_asks_for_them():
    """`minimal` serves and does not train."""
    keys = {found.key for found in resolve(read("minimal"), CATALOG).ledger.entries}
    assert "assumptions/serving-engine/step-host" in keys
    assert "assumptions/training-step/contention" not in keys
    founding = {found.key for found in resolve(read("loi-2025"), CATALOG).ledger.entries}
    assert {"assumptions/serving-engine/step-host", "assumptions/training-step/contention"} <= founding


def test_what_is_stated_replaces_the_default_in_the_value_and_in_the_ledger():
    silent = resolve(read("minimal"), CATALOG)
    stated = resolve(read("minimal", ["programme.discount_rate=7 percent"]), CATALOG)
    assert silent.discount_rate_fraction == 0.1
    assert entry(silent, "assumptions/finance/discount-rate").origin == "default"
    assert stated.discount_rate_fraction == 0.07
    assert entry(stated, "scenario/programme.discount_rate") == Evidence(
        key="scenario/programme.discount_rate", text="7 percent", grade=Grade.ASSUMED, origin="scenario"
    )
    assert "assumptions/finance/discount-rate" not in {found.key for found in stated.ledger.entries}


def test_a_reference_takes_the_figure_with_its_sources():
    key = "economics/power-price/us-industrial-2023-tx"
    inputs = resolve(read("minimal", [f"site.stargate-milam.energy_price=@{key}"]), CATALOG)
    assert inputs.sites[0].energy_price_usd_per_mwh == 66.0  # 6.6 cent/kWh
    assert entry(inputs, key).origin == "catalogue"
    assert [source.id for source in entry(inputs, key).sources] == ["eia-2023"]


def test_a_reference_to_a_range_takes_its_middle():
    inputs = resolve(read("loi-2025"), CATALOG)
    offer = next(found for found in inputs.offers if found.platform.id == "vr-nvl72")
    assert offer.price_usd_per_rack == pytest.approx((7.2e6 + 8.8e6) / 2)
    assert offer.price_spread == Ranged(low=pytest.approx(0.9), best=1.0, high=pytest.approx(1.1))


def test_what_is_stated_is_sure_and_what_a_figure_gives_has_its_range():
    silent, stated = resolve(read("minimal"), CATALOG), resolve(read("minimal", STATED), CATALOG)
    # assumptions/cost/building: 6.5 with 4.25 to 9.6 MUSD per facility MW.
    building = silent.costs.spreads["building_usd_per_facility_mw"]
    assert building == Ranged(low=pytest.approx(4.25 / 6.5), best=1.0, high=pytest.approx(9.6 / 6.5))
    assert "building_usd_per_facility_mw" not in stated.costs.spreads
    assert {"network_usd_per_it_mw", "systems_operation_fraction_per_year"} <= set(silent.costs.spreads)
    assert stated.offers[0].price_spread == SURE


def test_it_power_is_turned_into_facility_power_by_the_sites_peak_pue(sound):
    inputs = resolve(read(sound), CATALOG)
    assert [step.facility_mw for step in site(inputs, "alpha").power_steps] == [100.0, 250.0]  # 200 MW IT x 1.25
    other = resolve(read(sound, ["site.alpha.peak_pue=1.4 ratio"]), CATALOG)
    assert site(other, "alpha").power_steps[1].facility_mw == pytest.approx(280.0)


def test_air_cooling_takes_the_pue_of_air(sound):
    """The liquid-cooled platform of the sound scenario stays away; a server cooled by air comes in."""
    server = '[[platform]]\nid = "dgx-h100"\nsupply = [{ from = "2027-01", rate = "100 rack/month" }]\n'
    sound.write_text(sound.read_text() + server)
    inputs = resolve(read(sound, ["site.alpha.cooling=air"]), CATALOG)
    assert (site(inputs, "alpha").peak_pue, site(inputs, "alpha").annual_pue) == (1.45, 1.35)
    assert site(inputs, "alpha").platforms == ("dgx-h100",)


def test_a_site_of_the_catalogue_brings_name_place_and_developer():
    found = resolve(read("minimal"), CATALOG).sites[0]
    assert found.name == "Stargate Milam County"
    assert (found.latitude, found.longitude) == (30.94, -97.06)
    assert found.ownership == Owned(builder="sb-energy")


def test_ownership_contracts_and_parties_of_the_sound_scenario(sound):
    inputs = resolve(read(sound), CATALOG)
    assert site(inputs, "stargate-milam").ownership == Leased(
        lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.03
    )
    tranches, equity, guarantee = inputs.contracts
    assert isinstance(tranches, MilestoneTranches)
    assert (tranches.unit_mw, tranches.basis, tranches.recipient) == (100.0, PowerBasis.FACILITY, "openai")
    assert tranches.sites == ("alpha", "stargate-milam")
    assert isinstance(equity, EquityRound)
    assert isinstance(guarantee, ResidualGuarantee)
    roles = {party.id: set(party.roles) for party in inputs.parties}
    assert roles["nvidia"] == {PartyRole.VENDOR, PartyRole.INVESTOR, PartyRole.GUARANTOR}
    assert roles["landlord"] == {PartyRole.SITE_PARTNER}
    assert roles["openai"] == {PartyRole.PROGRAMME}


def test_a_tranche_by_it_power_counts_it_power(sound):
    inputs = resolve(read(sound, ["contract.tranches.unit=80 MW IT"]), CATALOG)
    assert inputs.contracts[0].basis is PowerBasis.IT
    assert inputs.contracts[0].unit_mw == 80.0


def test_a_missing_figure_is_named_and_can_be_supplied(sound):
    bare = ["platform[0].id=vr-cpx", "platform.vr-cpx.price=4 MUSD/rack"]
    with pytest.raises(CatalogError) as caught:
        resolve(read(sound, bare), CATALOG)
    assert "State scale_up_domain, scale_up_bandwidth, scale_out_bandwidth in this" in caught.value.fix
    supplied = [
        *bare,
        "platform.vr-cpx.scale_up_domain=144 GPU",
        "platform.vr-cpx.scale_up_bandwidth=100 GB/s",
        "platform.vr-cpx.scale_out_bandwidth=@platforms/vr-nvl72/scale-out-bandwidth",
    ]
    platform = resolve(read(sound, supplied), CATALOG).offers[0].platform
    assert platform.scale_up_domain_count == 144
    assert platform.accelerator.scale_up_bandwidth_bytes_per_s == 100e9
    assert platform.accelerator.scale_out_bandwidth_bytes_per_s == 200e9  # 1600 Gb/s / 8


def test_a_stated_rack_power_replaces_the_published_one():
    inputs = resolve(read("minimal", ["platform.gb300-nvl72.rack_power=142 kW"]), CATALOG)
    assert inputs.offers[0].platform.rack_power_w == 142e3
    keys = {found.key for found in inputs.ledger.entries}
    assert "scenario/platform.gb300-nvl72.rack_power" in keys
    assert "platforms/gb300-nvl72/system-power-max" not in keys


def test_a_stated_link_bandwidth_counts_one_direction():
    inputs = resolve(read("minimal", ["platform.gb300-nvl72.scale_up_bandwidth=900 GB/s"]), CATALOG)
    assert inputs.offers[0].platform.accelerator.scale_up_bandwidth_bytes_per_s == 900e9


def test_a_range_without_bounds_has_no_width_and_a_table_has_its_bounds(sound):
    exact = resolve(read(sound, ["operation.availability=0.9 ratio"]), CATALOG).operation.availability
    assert (exact.low, exact.best, exact.high) == (0.9, 0.9, 0.9)
    wide = 'operation.availability={ low = "0.8 ratio", best = "0.9 ratio", high = "0.95 ratio" }'
    stated = resolve(read(sound, [wide]), CATALOG).operation.availability
    assert (stated.low, stated.best, stated.high) == (0.8, 0.9, 0.95)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_month_of_a_bundled_scenario_has_demand_and_prices(name):
    inputs = resolve(read(name), CATALOG)
    months = inputs.calendar.months
    for service in inputs.services:
        assert tuple(service.demand_tokens_per_month) == months
        assert tuple(service.input_price_usd_per_mtoken) == months
        assert tuple(service.output_price_usd_per_mtoken) == months
        assert min(service.demand_tokens_per_month.values()) > 0


@pytest.mark.parametrize("name", BUNDLED)
def test_every_party_that_pays_or_is_paid_is_named_once(name):
    inputs = resolve(read(name), CATALOG)
    ids = [party.id for party in inputs.parties]
    assert len(ids) == len(set(ids))
    assert {inputs.programme, inputs.customers} <= set(ids)
    assert {offer.vendor for offer in inputs.offers} <= set(ids)
    assert {found.utility for found in inputs.sites} <= set(ids)
    assert all(party.roles for party in inputs.parties)


@pytest.mark.parametrize("name", BUNDLED)
def test_resolving_twice_gives_the_same_inputs(name):
    assert resolve(read(name), CATALOG) == resolve(read(name), CATALOG)


def test_the_letter_of_intent_is_ten_tranches_of_ten_billion_on_vera_rubin():
    # NVIDIA and OpenAI, 22 September 2025: at least 10 GW, up to 100 bn USD as each gigawatt is deployed.
    inputs = resolve(read("loi-2025"), CATALOG)
    tranches = next(found for found in inputs.contracts if isinstance(found, MilestoneTranches))
    assert tranches.amount_usd == 10e9
    assert tranches.cap_usd == 100e9
    assert tranches.unit_mw == 1000.0
    assert tranches.platforms == ("vr-nvl72",)
    assert not tranches.binding
    assert [(target.facility_mw, target.deadline.year) for target in inputs.targets] == [
        (1000.0, 2026),
        (10_000.0, 2031),
    ]
    assert sum(found.power_steps[-1].facility_mw for found in inputs.sites) > 10_000.0
    equity_usd = sum(
        instalment.amount_usd
        for found in inputs.contracts
        if isinstance(found, EquityRound)
        for instalment in found.instalments
    )
    assert equity_usd == pytest.approx(100e9, rel=1e-3)


def test_the_price_of_cloud_capacity_is_the_oracle_contract_per_megawatt_and_month():
    # 300 bn USD / 4,500 MW / 60 months = 1.11 MUSD.
    inputs = resolve(read("loi-2025"), CATALOG)
    abilene = site(inputs, "stargate-abilene").ownership
    assert isinstance(abilene, Cloud)
    assert abilene.price_usd_per_facility_mw_month == pytest.approx(300e9 / 4500 / 60, rel=2e-3)


def test_revenue_of_2030_is_the_programmes_share_of_the_stated_target():
    # 280 bn USD x 60 percent = 168 bn USD; tokens of July 2030 times their price, a year long.
    inputs = resolve(read("loi-2025"), CATALOG)
    july = date(2030, 7, 1)
    total_usd = 0.0
    for service in inputs.services:
        tokens = service.input_tokens_count + service.output_tokens_count
        price = (
            service.input_tokens_count * service.input_price_usd_per_mtoken[july]
            + service.output_tokens_count * service.output_price_usd_per_mtoken[july]
        ) / tokens
        total_usd += 12 * service.demand_tokens_per_month[july] / 1e6 * price
    assert total_usd == pytest.approx(168e9, rel=0.03)


def test_the_restructured_deal_has_no_tranches_but_the_round_and_the_guarantee():
    # Round of 2026: 30 + 50 + 30 of 110 announced, 122 bn USD closed; PORTS-Pike 8.024 GW IT, cap 105 bn USD.
    inputs = resolve(read("restructured-2026"), CATALOG)
    assert not any(isinstance(found, MilestoneTranches) for found in inputs.contracts)
    paid_usd = {
        found.investor: sum(instalment.amount_usd for instalment in found.instalments)
        for found in inputs.contracts
        if isinstance(found, EquityRound) and found.recipient == "openai"
    }
    assert paid_usd["nvidia"] == 30e9
    assert paid_usd["amazon"] == 50e9
    assert paid_usd["softbank"] == 30e9
    assert sum(paid_usd.values()) == 122e9
    guarantee = next(found for found in inputs.contracts if isinstance(found, ResidualGuarantee))
    assert (guarantee.cap_usd, guarantee.covered_it_mw) == (105e9, 4250.0)
    pike = site(inputs, "ports-pike")
    assert pike.power_steps[-1].facility_mw / pike.peak_pue == pytest.approx(8024.0)


def test_the_objective_and_the_calendar_have_conventions(sound: Path):
    inputs = resolve(read(sound), CATALOG)
    assert inputs.objective is Objective.NPV
    assert inputs.calendar.months_per_period == 3
    assert entry(inputs, "scenario/programme.period").origin == "default"


def test_how_software_matures_is_the_scenarios_to_say():
    stated = ['operation.software_first="80 percent"', 'operation.software_gain="10 percent/year"']
    inputs = resolve(read("minimal", [*stated, 'platform.gb300-nvl72.software_from="2026-01"']), CATALOG)
    assert inputs.operation.software_first == exactly(0.8)
    assert inputs.operation.software_halving_months == 6
    assert inputs.operation.software_gain_fraction_per_year == 0.1
    assert inputs.offers[0].software_from == date(2026, 1, 1)
    # Silent, software matures from volume production on: the second half of 2025.
    assert resolve(read("minimal"), CATALOG).offers[0].software_from == date(2025, 7, 1)


def test_hybrids_are_trained_but_not_served_yet(sound):
    text = sound.read_text()
    before, training = text.split("[[training]]")
    model = next(line for line in training.splitlines() if line.startswith("model"))
    sound.write_text(before + "[[training]]" + training.replace(model, 'model = "nemotron-3-super-120b-a12b"', 1))
    (run,) = resolve(read(str(sound)), CATALOG).runs
    assert run.model.hybrid.linear_layers_count == 40
    served = next(line for line in text.splitlines() if line.startswith("model"))
    sound.write_text(text.replace(served, 'model = "nemotron-3-super-120b-a12b"', 1))
    with pytest.raises(CatalogError, match="state-space"):
        resolve(read(str(sound)), CATALOG)


def test_a_run_has_the_windows_and_the_extra_tokens_of_its_architecture(sound):
    """gpt-oss: 36 layers, every second one with a window of 128 tokens (its published configuration)."""
    before, training = sound.read_text().split("[[training]]")
    model = next(line for line in training.splitlines() if line.startswith("model"))
    stated = 'model = "gpt-oss-120b"\npredicted_tokens = 1'
    sound.write_text(before + "[[training]]" + training.replace(model, stated, 1))
    (run,) = resolve(read(str(sound)), CATALOG).runs
    assert (run.windowed_layers_count, run.window_tokens_count, run.predicted_tokens_count) == (18, 128, 1)


def test_a_run_may_train_its_family_at_another_size(sound):
    """kimi-k2 at 0.93 tn active instead of 32 bn: its dimensions stand in the ledger beside what it was scaled from."""
    before, training = sound.read_text().split("[[training]]")
    model = next(line for line in training.splitlines() if line.startswith("model"))
    stated = 'model = "kimi-k2"\nactive = "0.93 tn parameter"'
    sound.write_text(before + "[[training]]" + training.replace(model, stated, 1))
    inputs = resolve(read(str(sound)), CATALOG)
    (run,) = inputs.runs
    assert run.model.active_parameters_count == pytest.approx(0.93e12, rel=0.05)
    (entry,) = [e for e in inputs.ledger.entries if e.key.endswith("active.architecture")]
    assert f"{run.model.layers_count} layers, hidden {run.model.hidden_dim}" in entry.text
    assert "kimi-k2 scaled" in entry.note


@pytest.mark.parametrize(
    ("model", "active", "found"),
    [
        ("kimi-k2", "1e6 parameter", "1e6 parameter"),
        ("nemotron-3-super-120b-a12b", "1 tn parameter", "1 tn parameter"),
        ("kimi-k2", "1 tn token", "1 tn token"),
        ("kimi-k2", "-1 tn parameter", "-1 tn parameter"),
    ],
)
def test_a_size_that_no_model_can_have_is_refused_with_its_place(sound, model, active, found):
    before, training = sound.read_text().split("[[training]]")
    line = next(line for line in training.splitlines() if line.startswith("model"))
    stated = f'model = "{model}"\nactive = "{active}"'
    sound.write_text(before + "[[training]]" + training.replace(line, stated, 1))
    with pytest.raises(InputError, match="active") as refused:
        resolve(read(str(sound)), CATALOG)
    assert found in str(refused.value)
