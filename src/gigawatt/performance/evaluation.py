"""The stage: what one rack of each platform does for each service and each training run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product

import numpy as np
import xarray as xr

from gigawatt.entities.hardware import Platform
from gigawatt.entities.stages import Inputs, Performance
from gigawatt.entities.workload import Service, TrainingRun
from gigawatt.performance.laws import LawFactory, OperatorLaws, roofline_laws
from gigawatt.performance.operators import QUANTILES
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serve.task import WorkerLayouts
from gigawatt.performance.served import (
    INTERACTIVITY_PER_S,
    LOADS,
    PROMPT_SHARES,
    Served,
    ServingPhysics,
    serve,
    tokens_per_output_token,
)
from gigawatt.performance.trained import Trained, train
from gigawatt.timeline import FloatArray

_MEDIAN = QUANTILES.index(0.5)

Row = Mapping[str, FloatArray]
"""One pair's variables, each with the dimensions that its `Shape` adds to the pair's; empty for a refused pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The unit of a variable, and its dimensions beside platform and workload."""

    unit: str
    dims: tuple[str, ...] = ()


_BANDED = ("quantile",)
_WORKER = {
    "tensor_parallel_count": "tp_count",
    "attention_copies_count": "copies_count",
    "expert_parallel_count": "ep_count",
    "pipeline_parallel_count": "pp_count",
}
_ROLES = ("prefill", "decode")
_SERVING = {
    "tokens_per_s_per_rack": Shape(unit="token/s/rack", dims=_BANDED),
    "output_tokens_per_s_per_rack": Shape(unit="token/s/rack", dims=_BANDED),
    "ttft_s": Shape(unit="s", dims=_BANDED),
    "tpot_s": Shape(unit="s", dims=_BANDED),
    "batch_count": Shape(unit="request", dims=_BANDED),
    "front_output_tokens_per_s_per_rack": Shape(unit="token/s/rack", dims=(*_BANDED, "interactivity")),
    "load_ttft_s": Shape(unit="s", dims=("load",)),
    "load_tpot_s": Shape(unit="s", dims=("load",)),
    "mix_tokens_per_s_per_rack": Shape(unit="token/s/rack", dims=("prompt_share",)),
    "deployment_accelerators_count": Shape(unit="accelerator"),
    **{f"{role}_workers_count": Shape(unit="worker") for role in _ROLES},
    **{f"{role}_{name}": Shape(unit="accelerator") for role in _ROLES for name in _WORKER},
}
_LAYOUT = ("tp_count", "cp_count", "pp_count", "dp_count", "ep_count", "micro_batch_count")
_TRAINING = {
    "flop_per_s_per_rack": Shape(unit="FLOP/s/rack", dims=_BANDED),
    "mfu_fraction": Shape(unit="1", dims=_BANDED),
    "step_time_s": Shape(unit="s", dims=_BANDED),
    **{name: Shape(unit="sequence" if name == "micro_batch_count" else "accelerator") for name in _LAYOUT},
    "memory_bytes": Shape(unit="byte"),
}
_COORDINATES = {
    "quantile": np.array(QUANTILES),
    "interactivity": INTERACTIVITY_PER_S,
    "load": LOADS,
    "prompt_share": PROMPT_SHARES,
}


def evaluate(inputs: Inputs, *, operators: LawFactory = roofline_laws) -> Performance:
    """What one rack of each offered platform serves and trains, with P10, P50 and P90."""
    laws = operators(inputs.efficiency)
    platforms = [offer.platform for offer in inputs.offers]
    services, runs = [service.id for service in inputs.services], [run.id for run in inputs.runs]
    served = [_all_served(inputs, platform, laws) for platform in platforms]
    trained = [_trained(inputs, platform, laws) for platform in platforms]
    serving_rows = [
        [_serving_row(platform, service, answer) for service, answer in zip(inputs.services, row, strict=True)]
        for platform, row in zip(platforms, served, strict=True)
    ]
    training_rows = [
        [_training_row(platform, answer) for answer in row] for platform, row in zip(platforms, trained, strict=True)
    ]
    training = _dataset(training_rows, platforms, axis=("run", runs), shapes=_TRAINING)
    return Performance(
        serving=_dataset(serving_rows, platforms, axis=("service", services), shapes=_SERVING),
        training=training.assign(_over_sites(inputs, platforms, laws)),
        refusals={**_refusals(platforms, services, served), **_refusals(platforms, runs, trained)},
    )


def _all_served(inputs: Inputs, platform: Platform, laws: OperatorLaws) -> list[Served | Refused]:
    """Every service on a platform; services of the same model at the same level are searched once."""
    levels = [_level_alone(service) for service in inputs.services]
    first = [levels.index(level) for level in levels]
    found = {row: _served(inputs, inputs.services[row], platform, laws) for row in sorted(set(first))}
    return [found[row] for row in first]


def _level_alone(service: Service) -> Service:
    """The service without what its throughput does not depend on."""
    nothing: dict[date, float] = {}
    return replace(
        service,
        id="",
        demand_tokens_per_month=nothing,
        input_price_usd_per_mtoken=nothing,
        output_price_usd_per_mtoken=nothing,
        part=None,
        sites=None,
    )


def _served(inputs: Inputs, service: Service, platform: Platform, laws: OperatorLaws) -> Served | Refused:
    physics = ServingPhysics(
        operators=laws.block_scaled_serving if service.block_scaled else laws.serving,
        engine=inputs.engine,
        memory_usable=inputs.operation.memory_usable,
    )
    return serve(service, platform, physics)


def _trained(inputs: Inputs, platform: Platform, laws: OperatorLaws) -> list[Trained | Refused]:
    """Every run on a platform at one site; runs whose steps are alike are searched once."""
    found: dict[TrainingRun, Trained | Refused] = {}
    steps = [replace(_step_alone(run), placement=None) for run in inputs.runs]
    for step in steps:
        if step not in found:
            found[step] = train(step, platform, laws.training, inputs.step)
    return [found[step] for step in steps]


def _over_sites(inputs: Inputs, platforms: Sequence[Platform], laws: OperatorLaws) -> dict[str, xr.DataArray]:
    """What a rack of each platform does for each run over several sites; nothing where no run may be spread.

    NaN for more sites than a run may have, and where a job so spread cannot run.
    """
    most = max((run.placement.most_sites_count for run in inputs.runs if run.placement is not None), default=1)
    counts = np.arange(2, most + 1)
    if not counts.size:
        return {}
    values = np.full((len(platforms), len(inputs.runs), counts.size, len(QUANTILES)), np.nan)
    for (p, platform), (r, run), (c, count) in product(enumerate(platforms), enumerate(inputs.runs), enumerate(counts)):
        if run.placement is not None and count <= run.placement.most_sites_count:
            answer = train(_step_alone(run), platform, laws.training, inputs.step, sites_count=int(count))
            if not isinstance(answer, Refused):
                values[p, r, c] = answer.flop_per_s * platform.accelerators_per_rack_count
    coords = {
        "platform": np.array([platform.id for platform in platforms], dtype=np.str_),
        "run": np.array([run.id for run in inputs.runs], dtype=np.str_),
        "site_count": counts,
        "quantile": np.array(QUANTILES),
    }
    rates = xr.DataArray(values, dims=tuple(coords), coords=coords, attrs={"units": "FLOP/s/rack"})
    return {"spread_flop_per_s_per_rack": rates}


def _step_alone(run: TrainingRun) -> TrainingRun:
    """The run without what its steps do not depend on."""
    return replace(run, id="", compute_flop=0.0, earliest=date.min, deadline=date.min)


def _serving_row(platform: Platform, service: Service, answer: Served | Refused) -> Row:
    if isinstance(answer, Refused):
        return {}
    found, racks = answer.deployment, platform.accelerators_per_rack_count
    per_rack = answer.tokens_per_s * racks
    held = found.requests_per_copy_count * found.decode.copies_count * found.decode_workers_count
    return {
        "tokens_per_s_per_rack": per_rack,
        "output_tokens_per_s_per_rack": per_rack / tokens_per_output_token(service),
        "ttft_s": found.ttft_s,
        "tpot_s": found.tpot_s,
        "batch_count": held,
        "front_output_tokens_per_s_per_rack": answer.front_output_tokens_per_s * racks,
        "load_ttft_s": answer.load.ttft_s,
        "load_tpot_s": answer.load.tpot_s,
        "mix_tokens_per_s_per_rack": answer.mix_tokens_per_s * racks,
        "deployment_accelerators_count": found.accelerators_count[_MEDIAN],
        "prefill_workers_count": found.prefill_workers_count[_MEDIAN],
        "decode_workers_count": found.decode_workers_count[_MEDIAN],
        **_worker_row("prefill", found.prefill),
        **_worker_row("decode", found.decode),
    }


def _worker_row(role: str, layouts: WorkerLayouts) -> Row:
    return {f"{role}_{name}": getattr(layouts, field)[_MEDIAN] for name, field in _WORKER.items()}


def _training_row(platform: Platform, answer: Trained | Refused) -> Row:
    if isinstance(answer, Refused):
        return {}
    return {
        "flop_per_s_per_rack": answer.flop_per_s * platform.accelerators_per_rack_count,
        "mfu_fraction": answer.mfu_fraction,
        "step_time_s": answer.step_time_s,
        **{name: getattr(answer.layout, name)[0] for name in _LAYOUT},
        "memory_bytes": np.asarray(answer.memory_bytes),
    }


def _dataset(
    rows: Sequence[Sequence[Row]],
    platforms: Sequence[Platform],
    *,
    axis: tuple[str, Sequence[str]],
    shapes: Mapping[str, Shape],
) -> xr.Dataset:
    """Rows by platform and pair as one labelled dataset; a refused pair is NaN throughout."""
    name, labels = axis
    outer = (len(platforms), len(labels))
    extra = {dim for shape in shapes.values() for dim in shape.dims}
    return xr.Dataset(
        {variable: _variable(rows, variable, shape, outer=outer, axis=name) for variable, shape in shapes.items()},
        coords={
            "platform": np.array([platform.id for platform in platforms], dtype=np.str_),
            name: np.array(labels, dtype=np.str_),
            **{dim: values for dim, values in _COORDINATES.items() if dim in extra},
        },
    )


def _variable(
    rows: Sequence[Sequence[Row]], variable: str, shape: Shape, *, outer: tuple[int, int], axis: str
) -> xr.Variable:
    inner = tuple(_COORDINATES[dim].size for dim in shape.dims)
    values = np.full((*outer, *inner), np.nan)
    for at, row in enumerate(rows):
        for column, cells in enumerate(row):
            if variable in cells:
                values[at, column] = cells[variable]
    return xr.Variable(("platform", axis, *shape.dims), values, attrs={"units": shape.unit})


def _refusals(
    platforms: Sequence[Platform],
    labels: Sequence[str],
    answers: Sequence[Sequence[Served | Trained | Refused]],
) -> dict[str, str]:
    return {
        f"{platform.id}/{label}": answer.reason
        for platform, row in zip(platforms, answers, strict=True)
        for label, answer in zip(labels, row, strict=True)
        if isinstance(answer, Refused)
    }
