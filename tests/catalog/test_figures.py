"""Addresses, quantities, ranges and evidence of single figures."""

import pytest

from gigawatt.catalog import load, quantity, ranged
from gigawatt.catalog.dimensions import MEMORY
from gigawatt.entities.assumptions import Ranged
from gigawatt.errors import CatalogError, QuantityError
from gigawatt.provenance import Grade
from gigawatt.units import (
    DEVICE_POWER,
    DURATION_MONTHS,
    DURATION_SECONDS,
    ENERGY_PRICE,
    FACILITY_POWER,
    FRACTION,
    GROWTH,
    IT_POWER,
    MONEY_PER_FACILITY_MW,
    MONEY_PER_IT_MW,
    MONEY_PER_RACK,
    RACK_COUNT,
    RATIO,
    RENT_PER_IT_MW,
)

CATALOG = load()
ASSUMED = {
    "kernel-efficiency": {
        "gemm": FRACTION,
        "attention": FRACTION,
        "memory-bandwidth": FRACTION,
        "scale-up-bandwidth": FRACTION,
        "scale-out-bandwidth": FRACTION,
        "launch": DURATION_SECONDS,
    },
    "operation": {
        "availability": FRACTION,
        "training-ettr": FRACTION,
        "serving-load": FRACTION,
        "mean-power": FRACTION,
        "fabric-power": FRACTION,
        "memory-usable": FRACTION,
        "ramp": DURATION_MONTHS,
        "slip-median": DURATION_MONTHS,
        "slip-spread": RATIO,
    },
    "site": {
        "peak-pue-liquid": RATIO,
        "annual-pue-liquid": RATIO,
        "peak-pue-air": RATIO,
        "annual-pue-air": RATIO,
        "construction": DURATION_MONTHS,
        "leased-rent": RENT_PER_IT_MW,
        "rent-escalator": GROWTH,
        "energy-price-default": ENERGY_PRICE,
    },
    "offer": {"lead": DURATION_MONTHS, "life": DURATION_MONTHS, "deposit": FRACTION, "block": RACK_COUNT},
    "cost": {
        "building": MONEY_PER_FACILITY_MW,
        "cooling": MONEY_PER_FACILITY_MW,
        "power": MONEY_PER_FACILITY_MW,
        "grid": MONEY_PER_FACILITY_MW,
        "network": MONEY_PER_IT_MW,
        "storage": MONEY_PER_IT_MW,
        "facility-operation": GROWTH,
        "systems-operation": GROWTH,
    },
    "finance": {"discount-rate": FRACTION, "solver-gap": FRACTION, "solver-time-limit": DURATION_SECONDS},
}


@pytest.mark.parametrize(
    ("key", "dimension"),
    [(f"assumptions/{topic}/{key}", found) for topic, keys in ASSUMED.items() for key, found in keys.items()],
)
def test_assumptions_are_ranged_and_reasoned(key, dimension):
    figure = CATALOG.figure(key)
    found = ranged(figure, dimension)
    assert found.low <= found.best <= found.high
    assert figure.grade in (Grade.ASSUMED, Grade.DERIVED)
    assert figure.why


def test_cost_layers_follow_from_the_bill_of_materials():
    # The building's range sums land, civil works, shell, fit-out and AI fit-out:
    # 0.05 + 0.3 + 1.4 + 1.5 + 1.0 = 4.25 and 0.4 + 1.2 + 2.5 + 2.5 + 3.0 = 9.6 MUSD/MW.
    building = ranged(CATALOG.figure("assumptions/cost/building"), MONEY_PER_FACILITY_MW)
    assert building == Ranged(low=4.25e6, best=6.5e6, high=9.6e6)
    # What joins racks is per IT megawatt: the bill's 4.0 per facility MW x 1.25 = 5.0, and 0.55 x 1.25 = 0.6875.
    pue = quantity(CATALOG.figure("assumptions/site/peak-pue-liquid"), RATIO)
    for layer, dimension, factor in (
        ("building", MONEY_PER_FACILITY_MW, 1.0),
        ("cooling", MONEY_PER_FACILITY_MW, 1.0),
        ("power", MONEY_PER_FACILITY_MW, 1.0),
        ("network", MONEY_PER_IT_MW, pue),
        ("storage", MONEY_PER_IT_MW, pue),
    ):
        figure = CATALOG.figure(f"assumptions/cost/{layer}")
        central, *parts = [CATALOG.figure(key) for key in figure.derived_from if key.startswith("economics/")]
        assert ranged(figure, dimension).best == pytest.approx(factor * quantity(central, MONEY_PER_FACILITY_MW))
        assert all(part.in_sum for part in parts)
        lows = [float(part.low.split(" ")[0]) * 1e6 for part in parts]
        low = sum(lows) if lows else quantity(central, MONEY_PER_FACILITY_MW)
        assert ranged(figure, dimension).low == pytest.approx(factor * low)


def test_bases_of_power_never_convert():
    planned = CATALOG.figure("sites/stargate-abilene/planned-facility-power")
    live = CATALOG.figure("sites/stargate-abilene/live-it-power")
    assert quantity(planned, FACILITY_POWER) == 1200.0
    assert quantity(live, IT_POWER) == 618.0
    assert live.basis == "inferred"
    with pytest.raises(QuantityError):
        quantity(planned, IT_POWER)


def test_a_range_without_value_gives_its_middle():
    street = CATALOG.figure("platforms/vr-nvl72/street-price")
    assert quantity(street, MONEY_PER_RACK) == 8.0e6  # (7.2 + 8.8) / 2
    assert ranged(street, MONEY_PER_RACK) == Ranged(low=7.2e6, best=8.0e6, high=8.8e6)


def test_a_value_without_range_has_no_width():
    assert ranged(CATALOG.figure("platforms/h200/hbm-capacity"), MEMORY) == Ranged(low=141e9, best=141e9, high=141e9)


def test_what_is_not_published_says_how_to_state_it():
    figure = CATALOG.figure("platforms/helios-mi455x/system-power-max")
    assert figure.grade is Grade.UNKNOWN
    with pytest.raises(CatalogError, match="State it in the scenario"):
        quantity(figure, DEVICE_POWER)


def test_words_are_no_quantity():
    with pytest.raises(CatalogError, match="2026-H2"):
        quantity(CATALOG.figure("deals/loi-2025/first-phase"), DURATION_MONTHS)


def test_evidence_carries_grade_sources_range_and_date():
    evidence = CATALOG.figure("platforms/vr-nvl72/system-power-max").evidence
    assert (evidence.key, evidence.text) == ("platforms/vr-nvl72/system-power-max", "230 kW")
    assert (evidence.low, evidence.high, evidence.grade) == ("190 kW", "230 kW", Grade.REPORTED)
    assert evidence.sources[0].id == "press-vr-power"
    assert evidence.origin == "catalogue"
    assert "NVIDIA publishes no rack rating" in evidence.note


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("platforms/vr-nvl27/hbm-capacity", "vr-nvl72"),
        ("platforms/vr-nvl72/hbm-capacty", "hbm-capacity"),
        ("platform/vr-nvl72/hbm-capacity", "platforms"),
        ("hbm-capacity", "kind/record/figure"),
        ("platforms/dgx-b200/hbm-bandwidth/product-pge", "product-page"),
    ],
)
def test_unknown_addresses_name_close_matches(key, expected):
    with pytest.raises(CatalogError, match=expected):
        CATALOG.figure(key)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        # CNBC/Reuters/FT, 22 September 2025, and the parties' press releases.
        ("deals/nvidia-openai-loi-2025/amount", "100 bn USD"),
        ("deals/nvidia-openai-loi-2025/tranches-size", "10 bn USD"),
        # NVIDIA 8-K, 17 August 2026.
        ("deals/ports-pike-2026/guarantee-cap", "105 bn USD"),
        ("deals/ports-pike-2026/it-capacity", "8.024 GW IT"),
        # EIA Electric Power Monthly, November 2025.
        ("economics/power-price/us-industrial-recent-nm-2025-11", "5.37 cent/kWh"),
        # SB Energy S-1/A, 21 September 2026.
        ("sites/stargate-milam/interconnection-grid-power", "660 MW grid"),
        # Epoch AI, growth of training compute of frontier models.
        ("economics/training-compute/growth", "5 ratio"),
        # Microsoft did not say which megawatt.
        ("sites/fairwater-wi/live-power", "400 MW"),
    ],
)
def test_golden_figures(key, text):
    assert CATALOG.figure(key).text == text


def test_qualifiers_stay_out_of_the_number():
    amount = CATALOG.figure("deals/nvidia-openai-loi-2025/amount")
    assert (amount.qualifier, amount.printed) == ("up to", "up to 100 bn USD")
    capacity = CATALOG.figure("deals/nvidia-openai-loi-2025/capacity")
    assert (capacity.qualifier, capacity.text, capacity.basis) == ("at least", "10 GW", "not stated")
