"""Which published price stands for what a buyer pays."""

import pytest

from gigawatt.catalog import load
from gigawatt.catalog.accelerator_hour import accelerator_hour
from gigawatt.catalog.prices import accelerator_price, system_price, system_price_at

CATALOG = load()


def key(figure) -> str:
    return "" if figure is None else figure.key.removeprefix("platforms/")


@pytest.mark.parametrize(
    ("platform", "price"),
    [
        ("dgx-h100", "dgx-h100/server-price-2025-08"),  # 269 kUSD are a price of 2023 that a list of 2025 repeats
        ("hgx-h200", "hgx-h200/server-price-2026-01"),  # a server before a module or a price per accelerator
        ("dgx-b200", "dgx-b200/street-price"),  # April 2026 before May 2025
        ("gb200-nvl72", "gb200-nvl72/street-price"),  # not the loaded price, which holds network and storage
        ("vr-nvl72", "vr-nvl72/street-price"),  # what is paid before a list price, though that is newer
        ("dgx-a100", "dgx-a100/list-price"),
        ("mi300x", ""),
    ],
)
def test_the_newest_price_paid_for_a_whole_system(platform, price):
    assert key(system_price(CATALOG.record("platforms", platform))) == price


def test_prices_of_one_accelerator_stand_in_where_no_system_has_one():
    assert key(accelerator_price(CATALOG.record("platforms", "mi300x"))) == "mi300x/street-price-per-accelerator"
    assert accelerator_hour(CATALOG, "gh200", stated=None) is None


def test_the_newest_price_before_a_day_else_the_first_after():
    b200, gb200 = (CATALOG.record("platforms", name) for name in ("dgx-b200", "gb200-nvl72"))
    assert key(system_price_at(b200, day="2026-04-03")) == "dgx-b200/server-price-2025-05"
    assert key(system_price_at(b200, day="2026-05-01")) == "dgx-b200/street-price"
    assert key(system_price_at(gb200, day="2026-04-03")) == "gb200-nvl72/street-price"
    assert system_price_at(CATALOG.record("platforms", "gh200"), day="2026-04-03") is None
