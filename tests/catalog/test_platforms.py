"""Platforms as the stages get them, checked against the printed figures."""

import pytest

from gigawatt.catalog import load, platform
from gigawatt.catalog.comparison import derived_figures
from gigawatt.entities.hardware import Precision
from gigawatt.errors import CatalogError

CATALOG = load()
COMPLETE = (
    "dgx-a100",
    "dgx-h100",
    "hgx-h200",
    "dgx-b200",
    "dgx-b300",
    "gb200-nvl72",
    "gb300-nvl72",
    "vr-nvl72",
)


def test_vera_rubin_as_nvidia_prints_it():
    # nvidia.com/en-us/data-center/vera-rubin-nvl72: dense 35 PF NVFP4 training (50 PF is not dense), 17.5 PF fp8,
    # 4 PF bf16, 288 GB, 22 TB/s, 3.6 TB/s NVLink in both directions, 1.6 Tb/s of ConnectX-9 each way.
    found = platform(CATALOG, "vr-nvl72").item
    chip = found.accelerator
    assert chip.peak_dense_flop_per_s == {Precision.FP4: 35e15, Precision.FP8: 17.5e15, Precision.BF16: 4e15}
    assert chip.memory_bytes == 288e9
    assert chip.memory_bandwidth_bytes_per_s == 22e12
    assert chip.scale_up_bandwidth_bytes_per_s == 3.6e12 / 2
    assert chip.scale_out_bandwidth_bytes_per_s == 1.6e12 / 8
    assert (found.accelerators_per_rack_count, found.scale_up_domain_count) == (72, 72)
    assert found.rack_power_w == 230_000
    assert not found.measured


def test_h200_has_no_fp4():
    # aiconfigurator h200_sxm: 989.4 TF bf16, 1979 TF fp8; 141 GB; 4.8 TB/s; NVLink 4 is 450 GB/s each way.
    found = platform(CATALOG, "h200").item
    assert found.id == "hgx-h200"
    assert found.accelerator.peak_dense_flop_per_s == {Precision.FP8: 1979e12, Precision.BF16: 989.4e12}
    assert found.accelerator.scale_up_bandwidth_bytes_per_s == 450e9
    assert found.measured


@pytest.mark.parametrize("platform_id", COMPLETE)
def test_evidence_is_that_of_the_figures_used(platform_id):
    cited = platform(CATALOG, platform_id)
    peaks = len(cited.item.accelerator.peak_dense_flop_per_s)
    keys = [entry.key for entry in cited.evidence]
    assert len(keys) == len(set(keys)) == 7 + peaks
    assert all(entry.origin == "catalogue" and entry.sources for entry in cited.evidence)


@pytest.mark.parametrize("platform_id", sorted(set(CATALOG.records["platforms"]) - set(COMPLETE)))
def test_incomplete_platforms_are_refused_with_the_missing_keys(platform_id):
    with pytest.raises(CatalogError, match=f"no published .*platforms/{platform_id}/"):
        platform(CATALOG, platform_id)


def test_an_all_in_figure_never_stands_in_for_system_power():
    assert CATALOG.figure("platforms/mi355x/all-in-power-per-accelerator").value == 2.65
    with pytest.raises(CatalogError, match="platforms/mi355x/system-power-max"):
        platform(CATALOG, "mi355x")


def test_sparse_rates_stay_apart():
    assert CATALOG.figure("platforms/vr-nvl72/peak-dense-fp4").value == 35_000
    assert CATALOG.figure("platforms/vr-nvl72/peak-sparse-or-adaptive-fp4").value == 50_000
    assert CATALOG.figure("platforms/dgx-h100/peak-dense-tf32").value == 494.7
    assert CATALOG.figure("platforms/dgx-h100/peak-sparse-tf32").value == 989


def test_list_and_street_prices_stay_apart():
    assert CATALOG.figure("platforms/vr-nvl72/list-price").text == "10.5 MUSD/rack"
    street = CATALOG.figure("platforms/vr-nvl72/street-price")
    assert (street.value, street.low, street.high) == (None, "7.2 MUSD/rack", "8.8 MUSD/rack")


def test_superseded_price_of_helios_does_not_widen_the_range():
    # 5.0 to 5.5 MUSD reported; the 3 MUSD of October 2025 are kept as an alternative.
    figure = CATALOG.figure("platforms/helios-mi455x/street-price")
    assert (figure.low, figure.high) == ("5.0 MUSD/rack", "5.5 MUSD/rack")
    assert [other.value for other in figure.alternatives] == [3.0]


def test_conflicting_bandwidths_are_kept_with_a_reason():
    figure = CATALOG.figure("platforms/dgx-b200/hbm-bandwidth")
    assert (figure.value, [other.value for other in figure.alternatives]) == (7.7, [8.0])
    assert CATALOG.figure("platforms/dgx-b200/hbm-bandwidth/product-page").value == 8.0
    assert figure.why


def test_what_a_rack_and_a_megawatt_come_to():
    derived = derived_figures(CATALOG.record("platforms", "gb200-nvl72"))
    assert derived["rack-peak-dense-fp8"].text == "360 PFLOP/s"  # 72 x 5 PFLOP/s
    assert derived["rack-hbm-capacity"].text == "13.39 TB"  # 72 x 186 GB
    assert derived["mw-peak-dense-fp8"].text == "2.727 EFLOP/s/MW IT"  # 360 PFLOP/s / 0.132 MW
    assert derived["mw-price"].text == "23.48 MUSD/MW IT"  # 3.1 MUSD / 0.132 MW


def test_a_range_of_power_becomes_a_range_per_megawatt():
    derived = derived_figures(CATALOG.record("platforms", "vr-nvl72"))
    figure = derived["mw-peak-dense-bf16"]
    assert figure.text == "1.252 EFLOP/s/MW IT"  # 288 PFLOP/s / 0.230 MW
    assert (figure.low, figure.high) == ("1.252 EFLOP/s/MW IT", "1.516 EFLOP/s/MW IT")  # 288 / 190 = 1.516
