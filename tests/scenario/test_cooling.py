"""Limits of cooling as a scenario states them, and what platforms ask of it."""

from pathlib import Path

import pytest

from gigawatt.catalog import load
from gigawatt.entities.site import CoolingLimits, Unable
from gigawatt.entities.stages import Inputs
from gigawatt.errors import ScenarioError
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve
from tests.scenario.malformed import SOUND

CATALOG = load()
SITE = 'id = "alpha"\n'
RUBIN = (
    '\n[[platform]]\nid = "vr-nvl72"\nprice = "8 MUSD/rack"\nsupply = [{ from = "2027-01", rate = "9 rack/month" }]\n'
)
SERVER = (
    '\n[[platform]]\nid = "dgx-h100"\nprice = "0.3 MUSD/rack"\nsupply = [{ from = "2027-01", rate = "9 rack/month" }]\n'
)


def stated(tmp_path: Path, limits: str, *platforms: str) -> Inputs:
    path = tmp_path / "scenario.toml"
    path.write_text(SOUND.replace(SITE, f"{SITE}{limits}\n") + "".join(platforms))
    return resolve(read(path), CATALOG)


def test_where_nothing_is_limited_no_figure_is_taken(tmp_path: Path) -> None:
    inputs = stated(tmp_path, "")
    assert inputs.offers[0].liquid_fraction is None
    assert not any("cooling/" in entry.key for entry in inputs.ledger.entries)


def test_capacities_and_the_catalogues_parts_of_heat(tmp_path: Path) -> None:
    inputs = stated(tmp_path, 'air_capacity = "12 MW IT"', RUBIN, SERVER)
    assert inputs.sites[0].cooling_limits == CoolingLimits(air_it_mw=12.0)
    assert inputs.sites[1].cooling_limits == CoolingLimits()
    assert [offer.liquid_fraction for offer in inputs.offers] == [0.85, 1.0, 0.0]
    assert "assumptions/cooling/server-liquid" in {entry.key for entry in inputs.ledger.entries}


def test_an_air_cooled_site_hosts_servers_alone(tmp_path: Path) -> None:
    inputs = stated(tmp_path, 'cooling = "air"', SERVER)
    assert inputs.sites[0].platforms == ("dgx-h100",)
    reason = "it has no cooling by liquid, which takes 85 % of the racks' heat"
    assert inputs.sites[0].unable == (Unable(platform="gb300-nvl72", reason=reason),)
    assert inputs.sites[1].platforms == ("gb300-nvl72", "dgx-h100")


def test_warm_liquid_suits_the_newest_racks_only(tmp_path: Path) -> None:
    inputs = stated(tmp_path, 'coolant_temperature = "43 degC"', RUBIN)
    assert inputs.sites[0].platforms == ("vr-nvl72",)
    reason = "its liquid comes at 43 degC, the racks take 40 degC at most"
    assert inputs.sites[0].unable == (Unable(platform="gb300-nvl72", reason=reason),)
    assert "platforms/vr-nvl72/coolant-inlet-temperature" in {entry.key for entry in inputs.ledger.entries}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ('cooling = "air"', "no platform that alpha can cool"),
        (
            'coolant_temperature = "60 degC"\nplatforms = ["gb300-nvl72"]',
            "which the site cannot cool: its liquid comes",
        ),
        ('air_capacity = "0 MW IT"', "it has no cooling by air"),
    ],
)
def test_a_site_that_can_cool_nothing_it_should_is_refused(tmp_path: Path, limits: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        stated(tmp_path, limits)
