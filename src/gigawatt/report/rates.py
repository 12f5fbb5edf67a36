"""Tables of what platforms do and what that costs: bands, deployments and layouts, measured or projected."""

import numpy as np
import xarray as xr

from gigawatt.entities.hardware import Platform
from gigawatt.entities.stages import Study
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.report import measures
from gigawatt.report.cells import Cell, Row, Table, heads_of, row_of
from gigawatt.report.palette import platform_colours
from gigawatt.report.wording import percent, rate, scientific, span, unit_price

_WORKER = (
    ("TP", "tensor_parallel_count"),
    ("DP", "attention_copies_count"),
    ("EP", "expert_parallel_count"),
    ("PP", "pipeline_parallel_count"),
)
_LAYOUT = (("TP", "tp_count"), ("CP", "cp_count"), ("PP", "pp_count"), ("DP", "dp_count"), ("EP", "ep_count"))


def known_as(platform: Platform) -> str:
    """Whether a platform's rates rest on timings of its own or of all others."""
    return "measured" if platform.measured else "projected"


def rates_table(study: Study) -> Table:
    """What a rack of each platform serves of each service, with its range and the deployment that does it."""
    colours, fabric = platform_colours(study), study.inputs.operation.fabric_power.best
    rows: list[Row] = []
    for offer in study.inputs.offers:
        platform = offer.platform
        power_mw = rack_it_power_mw(platform, fabric_power_fraction=fabric)
        name = Cell(text=platform.name, colour=colours[platform.id])
        for service in study.inputs.services:
            here = study.performance.serving.sel(platform=platform.id, service=service.id).sortby("quantile")
            low, middle, high = (float(value) for value in here["tokens_per_s_per_rack"].values)
            if not np.isfinite(middle):
                reason = study.performance.refusals.get(f"{platform.id}/{service.id}", "cannot run")
                rows.append(row_of(name, Cell(text=service.id, sub=reason), *("–",) * 6, known_as(platform)))
                continue
            rows.append(
                row_of(
                    name,
                    service.id,
                    Cell(text=rate(middle), sort=middle),
                    span(low, high, rate),
                    Cell(text=rate(middle / power_mw), sort=middle / power_mw),
                    f"{_median(here['ttft_s']):.2f} s",
                    f"{_median(here['tpot_s']) * 1e3:.1f} ms",
                    deployment_words(here),
                    known_as(platform),
                )
            )
    titles = (
        *("Platform", "Service", "#Tokens/s per rack", "#P10 to P90", "#Tokens/s per MW IT", "#TTFT", "#TPOT"),
        *("Deployment at P50", "Known as"),
    )
    return Table(heads=heads_of(*titles), rows=tuple(rows))


def _median(values: xr.DataArray) -> float:
    return float(values.sel(quantile=0.5, method="nearest"))


def deployment_words(here: xr.Dataset) -> str:
    """Workers of a deployment and how each spreads the model: `4 prefill DP2 PP4 + 1 decode DP16 EP16`."""
    decode = f"{float(here['decode_workers_count']):.0f} decode {_ways(here, 'decode_', _WORKER)}"
    prefill = float(here["prefill_workers_count"])
    if prefill == 0.0:
        return f"one worker {_ways(here, 'decode_', _WORKER)}"
    return f"{prefill:.0f} prefill {_ways(here, 'prefill_', _WORKER)} + {decode}"


def _ways(here: xr.Dataset, prefix: str, names: tuple[tuple[str, str], ...]) -> str:
    ways = ((short, float(here[prefix + name])) for short, name in names)
    return " ".join(f"{short}{count:.0f}" for short, count in ways if count > 1.0) or "TP1"


def training_rates_table(study: Study) -> Table:
    """What a rack of each platform does for each run: MFU with its range, the step and its layout."""
    colours = platform_colours(study)
    rows: list[Row] = []
    for offer in study.inputs.offers:
        platform = offer.platform
        name = Cell(text=platform.name, colour=colours[platform.id])
        for run in study.inputs.runs:
            here = study.performance.training.sel(platform=platform.id, run=run.id).sortby("quantile")
            low, middle, high = (float(value) for value in here["mfu_fraction"].values)
            if not np.isfinite(middle):
                reason = study.performance.refusals.get(f"{platform.id}/{run.id}", "cannot run")
                rows.append(row_of(name, Cell(text=run.id, sub=reason), *("–",) * 5, known_as(platform)))
                continue
            per_rack = _median(here["flop_per_s_per_rack"])
            rows.append(
                row_of(
                    name,
                    run.id,
                    Cell(text=percent(middle, decimals=1), sort=middle),
                    span(low, high, lambda value: percent(value, decimals=1)),
                    Cell(text=scientific(per_rack), sort=per_rack),
                    f"{_median(here['step_time_s']):.2f} s",
                    _ways(here, "", _LAYOUT),
                    known_as(platform),
                )
            )
    titles = (
        *("Platform", "Run", "#MFU of the run's format", "#P10 to P90", "#Model FLOP/s per rack", "#Step"),
        *("Layout", "Known as"),
    )
    return Table(heads=heads_of(*titles), rows=tuple(rows))


def unit_costs_table(study: Study) -> Table:
    """Cost of a million tokens, with the range that performance gives it, and of an accelerator's hour."""
    colours, names = platform_colours(study), measures.platform_names(study)
    bands = measures.mtoken_cost_bands_usd(study)
    rows = tuple(
        row_of(
            Cell(text=names.get(platform, platform), colour=colours.get(platform, "")),
            unit_price(bands[platform][1]),
            span(bands[platform][0], bands[platform][2], unit_price) if np.isfinite(bands[platform][1]) else "–",
            unit_price(hour_usd if hour_usd is not None else float("nan")),
        )
        for platform, hour_usd in study.appraisal.unit_costs.select("platform", "usd_per_accelerator_hour").iter_rows()
    )
    return Table(heads=heads_of("Platform", "#per million tokens", "#P10 to P90", "#per accelerator-hour"), rows=rows)
