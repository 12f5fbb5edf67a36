"""Where a scenario says that work is done: runs placed at sites, demand by region and class."""

import re
from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.stages import Inputs
from gigawatt.errors import ScenarioError
from gigawatt.provenance import Evidence
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import SOUND

CATALOG = load()
REGIONS = '[[service.region]]\nid = "us"\nshare = "60 percent"\n[[service.region]]\nid = "eu"\nshare = "40 percent"\n'
CLASSES = """
[[service.class]]
id = "interactive"
share = "70 percent"
served_from = "own-region"
ttft = "0.5 s"
[[service.class]]
id = "batch"
share = "30 percent"
input_price = "0.01 USD/Mtoken"
"""
IN_EU = 'id = "alpha"\nregion = "eu"\n'


def resolved(tmp_path: Path, *, run: str = "", service: str = "", sites: str = IN_EU) -> Inputs:
    """The sound scenario with more said about its run, its service and its first site."""
    path = tmp_path / "work.toml"
    text = SOUND.replace('batch = "16e6 token"', f'batch = "16e6 token"\n{run}')
    path.write_text(text.replace("[[training]]", f"{service}\n[[training]]").replace('id = "alpha"\n', sites))
    return resolve(read(path), CATALOG)


def refusal(tmp_path: Path, **said: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        resolved(tmp_path, **said)
    return caught.value


def entry(inputs: Inputs, key: str) -> Evidence:
    return next(found for found in inputs.ledger.entries if found.key == key)


def test_a_run_that_says_nothing_trains_anywhere_and_the_ledger_says_so(tmp_path):
    inputs = resolved(tmp_path)
    assert inputs.runs[0].placement is None
    assert entry(inputs, "scenario/training.run.placement").text == "anywhere"


def test_a_placed_run_stands_at_one_site_unless_it_says_more(tmp_path):
    inputs = resolved(tmp_path, run="placement = {}")
    placed = inputs.runs[0].placement
    assert (placed.sites, placed.most_sites_count, placed.wide_area) == (("alpha", "stargate-milam"), 1, None)
    assert entry(inputs, "scenario/training.run.placement.most_sites").text == "1"


def test_several_sites_are_as_far_apart_as_they_lie(tmp_path):
    """32.5 N 99.8 W to 30.94 N 97.06 W: 1.56 degrees north, 2.74 x cos 31.7 = 2.33 east: 2.81 degrees, 312 km; fibre
    takes 1.3 times as long a way at 4.9 us/km: 1.99 ms. Four fifths of 20 Tb/s are 2 TB/s."""
    placed = resolved(tmp_path, run='placement = { most_sites = 2, wan = "20 Tb/s" }').runs[0].placement
    assert placed.wide_area.wan_bytes_per_s == pytest.approx(2e12)
    assert placed.wide_area.one_way_s == pytest.approx(1.99e-3, rel=5e-3)
    stated = resolved(tmp_path, run='placement = { most_sites = 2, wan = "20 Tb/s", distance = "1000 km" }')
    assert stated.runs[0].placement.wide_area.one_way_s == pytest.approx(1000 * 1.3 * 4.9e-6)


@pytest.mark.parametrize(
    ("run", "key"),
    [
        ('placement = { sites = ["nowhere"] }', "placement.sites[0]"),
        ("placement = { most_sites = 3 }", "placement.most_sites"),
        ("placement = { most_sites = 0 }", "placement.most_sites"),
        ("placement = { most_sites = 2 }", "placement.wan"),
        ('placement = { wan = "20 Tb/s" }', "placement.wan"),
        ('placement = { distance = "20 km" }', "placement.distance"),
    ],
)
def test_placements_that_cannot_be(tmp_path, run, key):
    assert key in refusal(tmp_path, run=run).where


def test_classes_and_regions_are_services_of_their_own(tmp_path):
    """1e15 tokens in the first month: 60 % x 70 % are 4.2e14 interactive ones in us."""
    inputs = resolved(tmp_path, service=REGIONS + CLASSES)
    services = {service.id: service for service in inputs.services}
    first = inputs.calendar.months[0]
    assert {name: s.demand_tokens_per_month[first] for name, s in services.items()} == pytest.approx(
        {
            "chat.interactive.us": 4.2e14,
            "chat.batch.us": 1.8e14,
            "chat.interactive.eu": 2.8e14,
            "chat.batch.eu": 1.2e14,
        }
    )
    assert services["chat.interactive.us"].sites == ("stargate-milam",)
    assert services["chat.interactive.eu"].sites == ("alpha",)
    assert services["chat.batch.eu"].sites is None
    assert services["chat.interactive.eu"].ttft_limit_s == 0.5
    assert services["chat.batch.us"].input_price_usd_per_mtoken[first] == pytest.approx(0.01)
    assert services["chat.interactive.us"].input_price_usd_per_mtoken[first] == pytest.approx(0.05)
    assert entry(inputs, "scenario/site.stargate-milam.region").text == "us"
    assert entry(inputs, "scenario/service.chat.class.batch.served_from").text == "anywhere"


def test_regions_may_have_paths_of_their_own_and_a_service_may_be_kept_to_regions(tmp_path):
    own = '[[service.region]]\nid = "eu"\ndemand = "3e14 token/month"\n'
    path = tmp_path / "own.toml"
    demand = next(line for line in SOUND.splitlines() if line.startswith("demand"))
    text = SOUND.replace(demand, 'served_from = ["us", "eu"]').replace('id = "alpha"\n', IN_EU)
    path.write_text(text.replace("[[training]]", f"{own}\n[[training]]"))
    (only,) = resolve(read(path), CATALOG).services
    assert set(only.demand_tokens_per_month.values()) == {3e14}
    assert only.sites == ("alpha", "stargate-milam")


def test_without_regions_no_site_has_one(tmp_path):
    inputs = resolved(tmp_path, sites='id = "alpha"\n')
    assert {site.region for site in inputs.sites} == {None}
    assert (inputs.services[0].id, inputs.services[0].part, inputs.services[0].sites) == ("chat", None, None)


@pytest.mark.parametrize(
    ("service", "key"),
    [
        (REGIONS.replace("40 percent", "30 percent"), "region[0]"),
        (REGIONS.replace('share = "40 percent"\n', ""), "region[1]"),
        (REGIONS.replace('"eu"', '"us"'), "region[1]"),
        (REGIONS.replace('share = "40 percent"', 'demand = "1e14 token/month"'), "demand"),
        (REGIONS + CLASSES.replace('"own-region"', '"mars"'), "served_from"),
        (REGIONS.replace('"eu"', '"asia"') + CLASSES, "served_from"),
        (CLASSES, "served_from"),
        (CLASSES.replace('"own-region"', '["eu", "anywhere"]'), "served_from"),
        ('[[service.region]]\nid = "eu"\ndemand = "1e14 token/month"\n', "demand"),
    ],
)
def test_parts_that_do_not_fit_together(tmp_path, service, key):
    assert key in refusal(tmp_path, service=service).where


def test_a_service_needs_a_demand(tmp_path):
    path = tmp_path / "none.toml"
    demand = next(line for line in SOUND.splitlines() if line.startswith("demand"))
    path.write_text(SOUND.replace(demand, ""))
    with pytest.raises(ScenarioError, match="demand"):
        resolve(read(path), CATALOG)


def test_the_example_of_the_page_resolves(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "scenario.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[service.region]]" in block]
    path = tmp_path / "page.toml"
    path.write_text(example)
    services = {service.id: service.sites for service in resolve(read(path), CATALOG).services}
    assert services["kimi-k2.interactive.gulf"] == ("stargate-uae",)
    assert services["kimi-k2.interactive.us"] == ("stargate-milam",)
    assert services["kimi-k2.batch.gulf"] is None
