"""Limits of cooling, each best plan worked out by hand. Amounts in MUSD; the napkin's rack earns 8.76 a year."""

from dataclasses import replace

import pytest

from gigawatt.entities.site import CoolingLimits, Unable
from tests.planning.cases import NAPKIN_PLATFORM, napkin_inputs, napkin_offer, napkin_site
from tests.planning.test_optima import best, racks, value

MILLION = 1e6


def test_air_takes_what_liquid_leaves() -> None:
    # A fifth of a rack's megawatt leaves by air, which takes 1.2 MW: six racks, 6 x 7.76. One MW more is five racks
    limits = CoolingLimits(air_it_mw=1.2)
    inputs = napkin_inputs(offers=(napkin_offer(liquid_fraction=0.8),), sites=(napkin_site(cooling_limits=limits),))
    chosen = best(inputs)
    assert value(chosen) == pytest.approx(46.56)
    assert racks(chosen) == [6.0] * 12
    assert float(chosen.marginals["air_cooling"].sum()) == pytest.approx(5 * 7.76 * MILLION, rel=1e-4)
    assert "air cooling alpha binds (one MW more is worth 38.80 MUSD)" in chosen.binding[0]


def test_two_media_carry_two_platforms() -> None:
    # Servers in 3 MW of air, racks in 5 MW of liquid: eight of ten megawatts, 8 x 7.76
    limits = CoolingLimits(air_it_mw=3.0, liquid_it_mw=5.0)
    servers = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="server"), liquid_fraction=0.0)
    place = napkin_site(platforms=("box", "server"), cooling_limits=limits)
    chosen = best(napkin_inputs(offers=(napkin_offer(liquid_fraction=1.0), servers), sites=(place,)))
    assert value(chosen) == pytest.approx(62.08)
    assert chosen.decisions["installed_racks"].values[0, :, 0].tolist() == [5.0, 3.0]


def test_a_site_that_limits_nothing_adds_nothing() -> None:
    # Next to a limited one: 10 x 7.76 and 6 x 7.76
    limited = napkin_site("beta", cooling_limits=CoolingLimits(air_it_mw=1.2))
    inputs = napkin_inputs(offers=(napkin_offer(liquid_fraction=0.8),), sites=(napkin_site(), limited))
    assert value(best(inputs)) == pytest.approx(16 * 7.76)


def test_a_platform_that_a_site_cannot_host_is_said() -> None:
    reason = "its liquid comes at 50 degC, the racks take 45 degC at most"
    crate = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="crate"))
    place = napkin_site(unable=(Unable(platform="crate", reason=reason),))
    chosen = best(napkin_inputs(offers=(napkin_offer(), crate), sites=(place,)))
    assert chosen.binding[-1] == f"alpha cannot host crate: {reason}"
    assert float(chosen.decisions["installed_racks"].sel(platform="crate").sum()) == 0.0
