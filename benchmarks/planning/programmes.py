"""Programmes of any size, written as a scenario and resolved like one, with rates in proportion to peak compute.

Sites are of 200 to 1,200 MW in three steps, owned, leased or cloud in turn; platforms come one after another, each in
supply for some years; ten tranches of money wait for ten
equal steps of power. Money is short at first, so that the milestones decide the pace. Nothing here is a forecast.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from gigawatt.catalog import load
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.stages import Inputs, Performance, SolverSettings
from gigawatt.scenario.loading import read
from gigawatt.scenario.resolve import resolve

PLATFORMS = {
    "dgx-h100": 0.25,
    "dgx-b200": 0.3,
    "gb200-nvl72": 3.1,
    "dgx-b300": 0.33,
    "gb300-nvl72": 3.9,
    "mi355x": 0.28,
    "helios-mi455x": 5.2,
    "vr-nvl72": 8.0,
}
"""Platforms of the catalogue and a price of a rack in MUSD."""
RACK_POWER = {"mi355x": "15 kW", "helios-mi455x": "220 kW"}
"""Assumed where the catalogue has none."""
START = 2027
SEED = 7
TRAINING_MFU_FRACTION = 0.3
SERVING_MFU_FRACTION = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a programme is."""

    site_count: int
    platform_count: int
    month_count: int = 120
    monthly: bool = False
    service_count: int = 2
    run_count: int = 2
    unlock_count: int = 10


def programme(size: Size, *, settings: SolverSettings, seed: int = SEED) -> Inputs:
    """A programme of the given size, resolved."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "programme.toml"
        path.write_text(_scenario(size, np.random.default_rng(seed)))
        return replace(resolve(read(path), load()), solver=settings)


def performance_of(inputs: Inputs) -> Performance:
    """Rates in proportion to a rack's peak compute: tokens per FLOP of the model, training at a fixed utilization."""
    quantile = xr.DataArray([0.8, 1.0, 1.2], dims="quantile", coords={"quantile": [0.1, 0.5, 0.9]})
    platforms = [offer.platform for offer in inputs.offers]
    peak = xr.DataArray(
        [
            p.accelerators_per_rack_count * max(p.accelerator.peak_dense_flop_per_s[k] for k in _rated(p))
            for p in platforms
        ],
        dims="platform",
        coords={"platform": [p.id for p in platforms]},
    )
    per_token = xr.DataArray(
        [2.0 * s.model.active_parameters_count for s in inputs.services],
        dims="service",
        coords={"service": [s.id for s in inputs.services]},
    )
    every_run = xr.DataArray(np.ones(len(inputs.runs)), dims="run", coords={"run": [run.id for run in inputs.runs]})
    return Performance(
        serving=xr.Dataset({"tokens_per_s_per_rack": SERVING_MFU_FRACTION * peak / per_token * quantile}),
        training=xr.Dataset({"flop_per_s_per_rack": TRAINING_MFU_FRACTION * peak * every_run * quantile}),
        refusals={},
    )


def _rated(platform: Platform) -> list[Precision]:
    rates = platform.accelerator.peak_dense_flop_per_s
    return [Precision.FP8] if Precision.FP8 in rates else list(rates)


def _scenario(size: Size, rng: np.random.Generator) -> str:
    months, sizes = size.month_count, rng.integers(2, 13, size.site_count) * 100.0
    period = "month" if size.monthly else "quarter"
    names = list(PLATFORMS)[-size.platform_count :]
    unit_mw = 0.8 * float(sizes.sum()) / size.unlock_count
    parts = [
        f'programme = {{ name = "Generated", start = "{_month(0)}", months = {months}, period = "{period}",'
        f' opening_cash = "{unit_mw / 1000 * 1.5:.3f} bn USD", minimum_cash = "0.2 bn USD" }}',
        '[[party]]\nid = "nvidia"\nname = "NVIDIA"\nroles = ["investor", "vendor"]',
        *(_site(index, mw, months, rng) for index, mw in enumerate(sizes)),
        *(_platform(index, name, len(names), float(sizes.sum()), months) for index, name in enumerate(names)),
        *(_service(index, float(sizes.sum())) for index in range(size.service_count)),
        *(_run(index, float(sizes.sum()), months) for index in range(size.run_count)),
        f"""[[contract]]
kind = "milestone-tranches"
id = "tranches"
investor = "nvidia"
unit = "{unit_mw:.1f} MW facility"
amount = "{unit_mw / 1000 * 10:.3f} bn USD"
cap = "{unit_mw / 1000 * 10 * size.unlock_count * 1.0001:.3f} bn USD"
signed = "{_month(0)}-01"
payment_lag = "2 month"
binding = false""",
    ]
    return "\n\n".join(parts)


def _month(offset: int) -> str:
    return f"{date(START + offset // 12, offset % 12 + 1, 1):%Y-%m}"


def _site(index: int, size_mw: float, month_count: int, rng: np.random.Generator) -> str:
    first = int(rng.integers(0, month_count // 4))
    ownership = (
        '{ kind = "owned" }',
        f'{{ kind = "leased", rent = "{rng.integers(110, 150)} kUSD/MW IT/month" }}',
        '{ kind = "cloud", price = "0.9 MUSD/MW facility/month" }',
    )[index % 3]
    steps = ", ".join(
        f'{{ from = "{_month(first + 9 * k)}", facility = "{size_mw * (k + 1) / 3:.1f} MW facility" }}'
        for k in range(3)
    )
    return f"""[[site]]
id = "site-{index:02d}"
latitude = "32 degree"
longitude = "-99 degree"
ownership = {ownership}
peak_pue = "{rng.uniform(1.15, 1.35):.3f} ratio"
energy_price = "{rng.integers(40, 90)} USD/MWh"
power = [{steps}]"""


def _platform(index: int, name: str, count: int, size_mw: float, month_count: int) -> str:
    first = max(0, (index - 2) * month_count // (count + 2))
    last = first + month_count // 2
    racks = size_mw / 0.2 / month_count * (8 if name.startswith(("dgx", "mi3")) else 1) * 1.5 / count * 2
    end = f', {{ from = "{_month(last)}", rate = "0 rack/month" }}' if last < month_count else ""
    power = f'rack_power = "{RACK_POWER[name]}"' if name in RACK_POWER else ""
    return f"""[[platform]]
id = "{name}"
{power}
price = "{PLATFORMS[name]} MUSD/rack"
lead = "6 month"
life = "60 month"
block = "8 rack"
supply = [{{ from = "{_month(first)}", rate = "{racks:.0f} rack/month" }}{end}]"""


def _run(index: int, size_mw: float, month_count: int) -> str:
    first = 12 + index * month_count // 4
    return f"""[[training]]
id = "run-{index}"
model = "kimi-k2"
compute = "{size_mw * 2e23 * (1 + index):.3e} FLOP"
earliest = "{_month(first)}"
deadline = "{_month(first + 11)}"
precision = "fp8"
accelerators = "9216 GPU" """


def _service(index: int, size_mw: float) -> str:
    model = ("kimi-k2", "gpt-oss-120b")[index % 2]
    demand = size_mw * (4e12 if model == "kimi-k2" else 2e13)
    price = 0.8 if model == "kimi-k2" else 0.1
    return f"""[[service]]
id = "service-{index}"
model = "{model}"
demand = {{ start = "{demand:.3e} token/month", growth = [{{ from = "{_month(0)}", rate = "35 percent/year" }}] }}
input_price = {{ start = "{price} USD/Mtoken", growth = [{{ from = "{_month(0)}", rate = "-6 percent/year" }}] }}
output_price = {{ start = "{price} USD/Mtoken", growth = [{{ from = "{_month(0)}", rate = "-6 percent/year" }}] }}"""
