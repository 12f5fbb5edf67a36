"""The stage: what one rack of each platform does for each service and each training run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import xarray as xr

from gigawatt.entities.hardware import Platform
from gigawatt.entities.stages import Inputs, Performance
from gigawatt.entities.workload import TrainingRun
from gigawatt.performance.answers import ServingAnswer, Setting, serve, serving_task, setting
from gigawatt.performance.laws import LawFactory, OperatorLaws, roofline_laws
from gigawatt.performance.operators import QUANTILES
from gigawatt.performance.refusal import Refused
from gigawatt.performance.trained import Trained, train
from gigawatt.timeline import FloatArray

Row = Mapping[str, FloatArray]
"""One pair's variables: three values where the variable has quantiles, one where it has not."""

_SERVING_UNITS = {
    "tokens_per_s_per_rack": "token/s/rack",
    "output_tokens_per_s_per_rack": "token/s/rack",
    "ttft_s": "s",
    "tpot_s": "s",
    "batch_count": "request",
    "replica_accelerators_count": "accelerator",
    "tensor_parallel_count": "accelerator",
    "expert_parallel_count": "accelerator",
}
_TRAINING_UNITS = {
    "flop_per_s_per_rack": "FLOP/s/rack",
    "mfu_fraction": "1",
    "step_time_s": "s",
    "tp_count": "accelerator",
    "cp_count": "accelerator",
    "pp_count": "accelerator",
    "dp_count": "accelerator",
    "ep_count": "accelerator",
    "micro_batch_count": "sequence",
    "memory_bytes": "byte",
}
_WITHOUT_QUANTILES = frozenset(
    {
        "replica_accelerators_count",
        "tensor_parallel_count",
        "expert_parallel_count",
        "tp_count",
        "cp_count",
        "pp_count",
        "dp_count",
        "ep_count",
        "micro_batch_count",
        "memory_bytes",
    }
)


def evaluate(inputs: Inputs, *, operators: LawFactory = roofline_laws) -> Performance:
    """What one rack of each offered platform serves and trains, with P10, P50 and P90."""
    laws = operators(inputs.efficiency)
    settings = [
        setting(
            offer.platform,
            inputs.efficiency,
            memory_usable=inputs.operation.memory_usable,
            operators=lambda platform, _, quantile: laws.serving(platform, quantile),
        )
        for offer in inputs.offers
    ]
    served = [[serve(where, serving_task(service)) for service in inputs.services] for where in settings]
    platforms = [where.platform for where in settings]
    trained = [_trained(inputs, platform, laws) for platform in platforms]
    services, runs = [service.id for service in inputs.services], [run.id for run in inputs.runs]
    serving_rows = [
        [_serving_row(where, answer, share=_output_share(inputs)[at]) for at, answer in enumerate(row)]
        for where, row in zip(settings, served, strict=True)
    ]
    training_rows = [
        [_training_row(platform, answer) for answer in row] for platform, row in zip(platforms, trained, strict=True)
    ]
    return Performance(
        serving=_dataset(serving_rows, platforms, axis=("service", services), units=_SERVING_UNITS),
        training=_dataset(training_rows, platforms, axis=("run", runs), units=_TRAINING_UNITS),
        refusals={**_refusals(platforms, services, served), **_refusals(platforms, runs, trained)},
    )


def _trained(inputs: Inputs, platform: Platform, laws: OperatorLaws) -> list[Trained | Refused]:
    """Every run on a platform; runs whose steps are alike are searched once."""
    found: dict[TrainingRun, Trained | Refused] = {}
    for run in inputs.runs:
        step = _step_alone(run)
        if step not in found:
            found[step] = train(step, platform, laws.training, inputs.step)
    return [found[_step_alone(run)] for run in inputs.runs]


def _step_alone(run: TrainingRun) -> TrainingRun:
    """The run without what its steps do not depend on."""
    return replace(run, id="", compute_flop=0.0, earliest=date.min, deadline=date.min)


def _output_share(inputs: Inputs) -> list[float]:
    return [
        service.output_tokens_count / (service.input_tokens_count + service.output_tokens_count)
        for service in inputs.services
    ]


def _serving_row(where: Setting, answer: ServingAnswer | Refused, *, share: float) -> Row:
    if isinstance(answer, Refused):
        return {}
    per_rack = answer.tokens_per_s * where.platform.accelerators_per_rack_count
    return {
        "tokens_per_s_per_rack": per_rack,
        "output_tokens_per_s_per_rack": per_rack * share,
        "ttft_s": answer.ttft_s,
        "tpot_s": answer.tpot_s,
        "batch_count": answer.requests_per_copy_count * answer.layouts.copies_count,
        "replica_accelerators_count": answer.layouts.replica_count,
        "tensor_parallel_count": answer.layouts.tp_count,
        "expert_parallel_count": answer.layouts.ep_count,
    }


def _training_row(platform: Platform, answer: Trained | Refused) -> Row:
    if isinstance(answer, Refused):
        return {}
    layout = answer.layout
    return {
        "flop_per_s_per_rack": answer.flop_per_s * platform.accelerators_per_rack_count,
        "mfu_fraction": answer.mfu_fraction,
        "step_time_s": answer.step_time_s,
        "tp_count": layout.tp_count,
        "cp_count": layout.cp_count,
        "pp_count": layout.pp_count,
        "dp_count": layout.dp_count,
        "ep_count": layout.ep_count,
        "micro_batch_count": layout.micro_batch_count,
        "memory_bytes": np.array([answer.memory_bytes]),
    }


def _dataset(
    rows: Sequence[Sequence[Row]],
    platforms: Sequence[Platform],
    *,
    axis: tuple[str, Sequence[str]],
    units: Mapping[str, str],
) -> xr.Dataset:
    """Rows by platform and pair as one labelled dataset; a refused pair is NaN throughout."""
    name, labels = axis
    variables = {
        variable: _variable(rows, variable, shape=(len(platforms), len(labels)), dims=("platform", name), unit=unit)
        for variable, unit in units.items()
    }
    return xr.Dataset(
        variables,
        coords={
            "platform": np.array([platform.id for platform in platforms], dtype=np.str_),
            name: np.array(labels, dtype=np.str_),
            "quantile": np.array(QUANTILES),
        },
    )


def _variable(
    rows: Sequence[Sequence[Row]], variable: str, *, shape: tuple[int, int], dims: tuple[str, str], unit: str
) -> xr.Variable:
    depth = 1 if variable in _WITHOUT_QUANTILES else len(QUANTILES)
    values = np.full((*shape, depth), np.nan)
    for at, row in enumerate(rows):
        for column, cells in enumerate(row):
            if variable in cells:
                values[at, column] = cells[variable]
    if variable in _WITHOUT_QUANTILES:
        return xr.Variable(dims, values[..., 0], attrs={"units": unit})
    return xr.Variable((*dims, "quantile"), values, attrs={"units": unit})


def _refusals(
    platforms: Sequence[Platform],
    labels: Sequence[str],
    answers: Sequence[Sequence[ServingAnswer | Trained | Refused]],
) -> dict[str, str]:
    return {
        f"{platform.id}/{label}": answer.reason
        for platform, row in zip(platforms, answers, strict=True)
        for label, answer in zip(labels, row, strict=True)
        if isinstance(answer, Refused)
    }
