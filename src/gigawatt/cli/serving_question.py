"""What both serving commands are asked, made ready: a task at each quantile, limits, operators, a price."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gigawatt.calibration.backends import Backend, Kernels, backend
from gigawatt.catalog import Catalog, load, platform, quantity
from gigawatt.catalog.accelerator_hour import AcceleratorHour, accelerator_hour
from gigawatt.catalog.dimensions import BANDWIDTH, MEMORY
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import attention_precision, is_block_scaled, published_model
from gigawatt.entities.assumptions import EngineFigures
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.errors import InputError
from gigawatt.performance.operators import QUANTILES, OperatorModel, at_quantile
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.search import Limits
from gigawatt.performance.serve.task import (
    EQUAL_LENGTHS,
    NO_SPECULATION,
    Formats,
    LengthSpread,
    ServeTask,
    Speculation,
)
from gigawatt.requests.lengths import Lengths, trace_lengths
from gigawatt.requests.reading import read_trace
from gigawatt.units import DURATION_SECONDS, FRACTION, TOKEN_COUNT, parse

MEDIAN = QUANTILES.index(0.5)
_GUESSES = re.compile(r"^(\d{1,2})(?::(0?\.\d+|[01](?:\.0*)?))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were given."""

    model_id: str
    platform_id: str
    lengths: tuple[int | None, int | None]
    spreads: tuple[float, float]
    trace: Path | None
    limits: tuple[str | None, str | None]
    accelerators: int | None
    formats: tuple[Precision, Precision]
    hit_fraction: float
    offload: tuple[str | None, str | None]
    speculate: str | None
    gpu_hour: str | None
    kernels: Kernels
    tables: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A platform with its operators, and the task, at P10, P50 and P90 of performance; limits and a price.

    `offload_bytes` is the memory beside each accelerator that holds prefixes, 0 where none is stated.
    """

    where: Platform
    tasks: tuple[ServeTask, ...]
    operators: tuple[OperatorModel, ...]
    limits: Limits
    usable_bytes: float
    hour: AcceleratorHour | None
    offload_bytes: float
    backend: Backend

    @property
    def task(self) -> ServeTask:
        """The task at the median."""
        return self.tasks[MEDIAN]


def question(asked: Asked) -> Question:
    """Everything that the options leave open filled from the catalogue; raises our own errors on bad ones."""
    catalog = load()
    where = platform(catalog, asked.platform_id).item
    times = _backend(asked.kernels, asked.tables)
    operators = times.operators(is_block_scaled(asked.model_id))
    bandwidth, capacity = asked.offload
    ttft, tpot = (_limit_s(catalog, text, name) for text, name in zip(asked.limits, ("ttft", "tpot"), strict=True))
    return Question(
        where=where,
        tasks=_tasks(catalog, asked),
        operators=tuple(operators(where, quantile) for quantile in QUANTILES),
        limits=Limits(
            ttft_s=ttft,
            tpot_s=tpot,
            accelerators_count=asked.accelerators
            or max(where.accelerators_per_rack_count, where.scale_up_domain_count),
            prefill_load_fraction=quantity(catalog.figure("assumptions/serving-engine/prefill-load"), FRACTION),
        ),
        usable_bytes=quantity(catalog.figure("assumptions/operation/memory-usable"), FRACTION)
        * where.accelerator.memory_bytes,
        hour=accelerator_hour(catalog, asked.platform_id, stated=asked.gpu_hour),
        offload_bytes=parse(capacity, MEMORY, where="--offload-capacity") if bandwidth and capacity else 0.0,
        backend=times,
    )


@cache
def _backend(kernels: Kernels, tables: Path | None) -> Backend:
    return backend(load(), kernels, tables)


def _tasks(catalog: Catalog, asked: Asked) -> tuple[ServeTask, ...]:
    model, pattern = published_model(catalog, asked.model_id)
    weights, cached = asked.formats
    attention = attention_precision(asked.model_id, weights)
    figures, lengths = engine_figures(catalog), _lengths(catalog, asked)
    speculation = _speculation(asked.speculate)
    bandwidth = asked.offload[0]
    return tuple(
        ServeTask(
            model=model,
            pattern=pattern,
            formats=Formats(attention=attention, dense=weights, experts=weights, head=Precision.BF16, cache=cached),
            engine=standard_engine(figures, quantile=quantile, speculation=speculation(figures, quantile)),
            input_tokens_count=lengths.input_tokens_count,
            output_tokens_count=lengths.output_tokens_count,
            lengths=lengths.spread,
            hit_fraction=asked.hit_fraction,
            reload_bytes_per_s=parse(bandwidth, BANDWIDTH, where="--offload") if bandwidth else np.inf,
            bunching_ratio=at_quantile(figures.arrival_bunching, round(1.0 - quantile, 1)),
        )
        for quantile in QUANTILES
    )


def _lengths(catalog: Catalog, asked: Asked) -> Lengths:
    """Lengths of a trace, or the stated means with their spreads."""
    if asked.trace is not None:
        if any(asked.lengths) or any(asked.spreads):
            raise InputError(
                where="--lengths",
                found="--isl, --osl or their spreads as well",
                expected="lengths from a trace or stated, not both",
                fix="Leave one of both out.",
            )
        return trace_lengths(read_trace(asked.trace).pieces)
    tokens = [
        float(given or quantity(catalog.figure(f"assumptions/service/{name}"), TOKEN_COUNT))
        for given, name in zip(asked.lengths, ("input", "output"), strict=True)
    ]
    spread = LengthSpread(
        input_tokens_count=asked.spreads[0], output_tokens_count=asked.spreads[1], correlation_fraction=0.0
    )
    return Lengths(
        requests_count=0,
        input_tokens_count=tokens[0],
        output_tokens_count=tokens[1],
        spread=spread if any(asked.spreads) else EQUAL_LENGTHS,
    )


def _speculation(text: str | None) -> Callable[[EngineFigures, float], Speculation]:
    """Guesses with the stated acceptance, or with the assumed one at a quantile of performance."""
    if text is None:
        return lambda figures, quantile: NO_SPECULATION  # noqa: ARG005  # the same signature as below
    match = _GUESSES.match(text)
    if match is None or int(match[1]) == 0:
        raise InputError(
            where="--speculate",
            found=f'"{text}"',
            expected="guesses per step, and the share of them that is accepted",
            fix='Write it like "3:0.8", or "3" to take the assumed acceptance.',
        )
    guesses, stated = float(match[1]), match[2]

    def of_quantile(figures: EngineFigures, quantile: float) -> Speculation:
        accepted = float(stated) if stated else at_quantile(figures.acceptance, quantile)
        return Speculation(draft_tokens_count=guesses, acceptance_fraction=accepted, draft_layers_count=1.0)

    return of_quantile


def _limit_s(catalog: Catalog, text: str | None, name: str) -> float:
    if text is None:
        return quantity(catalog.figure(f"assumptions/service/{name}"), DURATION_SECONDS)
    return parse(text, DURATION_SECONDS, where=f"--{name}")
