"""`gigawatt perf goodput`: how much of a run's time is progress, how long it really takes and what it costs."""

from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gigawatt.catalog import Catalog, load, quantity, training_model
from gigawatt.catalog.accelerator_hour import AcceleratorHour, accelerator_hour
from gigawatt.catalog.dimensions import EVENTS, MONEY_PER_ACCELERATOR_HOUR
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.platforms import timed_platform
from gigawatt.catalog.reliability import training_reliability
from gigawatt.cli.console import out, print_json
from gigawatt.cli.fastest import best_layout
from gigawatt.cli.steps import EVEN, Format, Network, Sequence, asked, band_s, count
from gigawatt.cli.wide import print_whole
from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Platform
from gigawatt.errors import CatalogError, InfeasibleError, InputError
from gigawatt.performance.goodput.failures import racks_count
from gigawatt.performance.goodput.renewal import (
    daly_interval_s,
    first_order_ettr_fraction,
    young_interval_s,
)
from gigawatt.performance.goodput.run import Goodput, Reliability, Run, goodput, spares_needed
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.units import DURATION_SECONDS, HOURS_PER_DAY, SECONDS_PER_HOUR, TOKEN_COUNT, parse

_AT = "assumptions/reliability"
_LEAST_ETTR = 1e-6
_MEDIAN = 0.5


def goodput_command(
    model_id: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")],
    platform_id: Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")],
    *,
    gpus: Annotated[int, typer.Option("--gpus", parser=count, metavar="N", help="Accelerators, without spares.")],
    work: Annotated[
        str | None,
        typer.Option("--work", metavar="TEXT", help='Undisturbed time, like "54 day"; or --tokens.'),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option("--tokens", metavar="TEXT", help='Tokens to train on, like "15e12 token".'),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", parser=count, metavar="N", help="Sequences of one step, with --tokens.")
    ] = None,
    sequence: Sequence = None,
    precision: Format = NumberFormat.BF16,
    interval: Annotated[
        str | None,
        typer.Option("--interval", metavar="TEXT", help='Between checkpoints, like "10 min"; else best.'),
    ] = None,
    synchronous: Annotated[
        bool,
        typer.Option("--synchronous", help="Steps wait until a checkpoint is stored, not only copied to the host."),
    ] = False,
    spares: Annotated[
        int | None, typer.Option("--spares", min=0, metavar="N", help="Spare scale-up domains; enough if silent.")
    ] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="TEXT", help='Like "2.5 USD/GPU/h".')] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws behind P10 and P90.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Predict effective training time, wall-clock and cost of a run that fails, restarts and writes checkpoints."""
    catalog = load()
    where, of = timed_platform(catalog, platform_id), training_model(catalog, model_id).item
    reliability = training_reliability(catalog)
    progress, step_s = _progress(
        catalog,
        model_id=model_id,
        platform_id=platform_id,
        gpus=gpus,
        work=work,
        tokens=tokens,
        batch=batch,
        sequence=sequence,
        number=precision,
    )
    run = Run(
        where=where,
        accelerators_count=float(gpus),
        parameters_count=of.parameters_count,
        progress_s=progress,
        step_s=step_s,
        interval_s=None if interval is None else _positive(interval, "--interval"),
        asynchronous=not synchronous,
        spares_count=spares_needed(where, reliability, accelerators_count=float(gpus)) if spares is None else spares,
        unit_count=float(where.scale_up_domain_count),
    )
    draws = round(quantity(catalog.figure(f"{_AT}/draws"), EVENTS))
    found = goodput(run, reliability, draws_count=draws, rng=np.random.default_rng(seed))
    if not found.ettr_best_fraction > _LEAST_ETTR:
        raise InfeasibleError(
            (
                f"{gpus:,} accelerators fail every {1.0 / found.failures_per_s:,.0f} s",
                f"a restart takes {float(found.recovery.restart_s):,.0f} s, and work between checkpoints, each "
                f"{float(found.recovery.blocking_s):,.2f} s, {found.interval_s:,.3g} s: the run practically never "
                "gets on",
            )
        )
    failing = _failures_per_day(run, reliability)
    answer = {**_answer(run, found, _price(catalog, where, price)), "failures_per_day": failing}
    if as_json:
        print_json({"model": model_id, "platform": platform_id, "gpus": gpus, **answer})
    else:
        _print(f"{model_id} on {gpus:,} x {platform_id}", run, found, answer)
        print_whole(_failures_table(failing))
        out.print("Rates and times are assumptions with ranges: gigawatt catalog assumptions, docs/goodput.md")


def _progress(
    catalog: Catalog,
    *,
    model_id: str,
    platform_id: str,
    gpus: int,
    work: str | None,
    tokens: str | None,
    batch: int | None,
    sequence: int | None,
    number: str,
) -> tuple[Ranged, float]:
    """Undisturbed time of all steps with its band, and the time of one step, 0 if it is not known."""
    if tokens is None:
        if batch is not None or sequence is not None:
            raise InputError(
                where="--batch" if batch is not None else "--sequence",
                found="no --tokens beside it",
                expected="a number of tokens to train on",
                fix='Add --tokens "15e12 token", or leave it away: --work states the time of all steps.',
            )
        text = work or catalog.figure(f"{_AT}/work").text
        time_s = _positive(text, "--work")
        return Ranged(low=time_s, best=time_s, high=time_s), 0.0
    if work is not None or batch is None:
        raise InputError(
            where="--tokens",
            found="--work beside it" if work is not None else "no --batch",
            expected="either --work, or --tokens with --batch",
            fix='State the run as --tokens "15e12 token" --batch 2048, or as --work "54 day".',
        )
    of = asked(
        catalog,
        model_id=model_id,
        platform_id=platform_id,
        gpus=gpus,
        batch=batch,
        sequence=sequence,
        precision=number,
        expert_load=EVEN,
        predicted_tokens=0,
        network=Network.plain(),
    )
    layout = best_layout(of, training_operators(catalog).middle(of.where))
    band = band_s(catalog, of, layout)
    steps = parse(tokens, TOKEN_COUNT, where="--tokens") / of.task.batch_tokens_count
    return Ranged(low=steps * band["p10"], best=steps * band["p50"], high=steps * band["p90"]), band["p50"]


def _positive(text: str, name: str) -> float:
    value = parse(text, DURATION_SECONDS, where=name)
    if value > 0.0:
        return value
    raise InputError(where=name, found=text, expected="a duration above zero", fix='Write it like "10 min".')


def _failures_per_day(run: Run, reliability: Reliability) -> dict[str, dict[str, float]]:
    """Interruptions of the run by component, in good, usual and bad fleets, most frequent first."""
    rates, per_day = reliability.failures, SECONDS_PER_HOUR * HOURS_PER_DAY
    fleets = {"p10": rates.fleet_factor.low, "p50": 1.0, "p90": rates.fleet_factor.high}
    found = {
        name: {key: rate * factor * run.accelerators_count * per_day for key, factor in fleets.items()}
        for name, rate in rates.per_accelerator_s.items()
    }
    racks = racks_count(run.where, accelerators_count=run.accelerators_count)
    if racks:
        rack = rates.per_rack_s
        ends = {"p10": rack.low, "p50": rack.best, "p90": rack.high}
        found["rack"] = {key: rate * racks * per_day for key, rate in ends.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]["p50"]))


def _price(catalog: Catalog, where: Platform, stated: str | None) -> AcceleratorHour | None:
    """An accelerator-hour as stated, or rented for three years, or at what it costs a GPU cloud."""
    if stated is not None:
        paid = parse(stated, MONEY_PER_ACCELERATOR_HOUR, where="--price")
        return AcceleratorHour(usd_per_hour=paid, origin="stated")
    figures = catalog.record("economics", "tco-per-gpu-hour-2026-04").figures
    name = next((part for part in where.id.split("-") if f"{part}-rental-3y" in figures), None)
    if name is not None:
        rented = figures[f"{name}-rental-3y"]
        paid = quantity(rented, MONEY_PER_ACCELERATOR_HOUR)
        return AcceleratorHour(usd_per_hour=paid, origin=f"rented for three years, {rented.key}")
    try:
        return accelerator_hour(catalog, where.id, stated=None)
    except CatalogError:  # a platform whose power nobody publishes has no cost either
        return None


def _answer(run: Run, found: Goodput, price: AcceleratorHour | None) -> dict[str, object]:
    recovery = found.recovery
    cost = None
    if price is not None:
        cost = [float(value) / SECONDS_PER_HOUR * price.usd_per_hour for value in found.accelerator_s]
    return {
        "interval_s": found.interval_s,
        "interval_given": run.interval_s is not None,
        "young_interval_s": float(young_interval_s(recovery)),
        "daly_interval_s": float(daly_interval_s(recovery)),
        "mean_time_between_failures_s": 1.0 / found.failures_per_s,
        "checkpoint_bytes": found.checkpoint_bytes,
        "checkpoint_blocking_s": float(recovery.blocking_s),
        "checkpoint_lag_s": float(recovery.lag_s),
        "detection_s": float(recovery.detection_s),
        "restart_s": float(recovery.restart_s),
        "spares_count": run.spares_count,
        "spare_accelerators_count": run.spares_count * run.unit_count,
        "waiting_for_spares_fraction": found.waiting_fraction,
        "straggler_mean_excess_fraction": found.straggler_excess_fraction,
        "straggler_p99_excess_fraction": found.straggler_tail_fraction,
        "ettr_best_estimate_fraction": found.ettr_best_fraction,
        "ettr_first_order_fraction": float(first_order_ettr_fraction(recovery, found.interval_s)),
        "ettr_fraction": _band([float(value) for value in found.ettr_fraction]),
        "progress_s": {"p10": run.progress_s.low, "p50": run.progress_s.best, "p90": run.progress_s.high},
        "wall_clock_s": _band([float(value) for value in found.wall_s]),
        "price_usd_per_accelerator_h": None if price is None else price.usd_per_hour,
        "price_origin": None if price is None else price.origin,
        "cost_usd": None if cost is None else _band(cost),
    }


def _band(values: list[float]) -> dict[str, float | None]:
    """P10, P50 and P90 of an outcome, null where it never comes."""
    return {
        name: value if np.isfinite(value) else None for name, value in zip(("p10", "p50", "p90"), values, strict=True)
    }


def _failures_table(failing: dict[str, dict[str, float]]) -> Table:
    table = Table(title="Failures a day, in good to bad fleets", title_justify="left")
    for name in ("", "P10", "P50", "P90"):
        table.add_column(name, justify="left" if name == "" else "right")
    for name, each in failing.items():
        table.add_row(name.replace("-", " "), *(f"{value:.3g}" for value in each.values()))
    return table


def _print(title: str, run: Run, found: Goodput, answer: dict[str, object]) -> None:
    table = Table(title=title, title_justify="left")
    for name in ("", "P10", "P50", "P90"):
        table.add_column(name, justify="left" if name == "" else "right")
    days = found.wall_s / SECONDS_PER_HOUR / HOURS_PER_DAY
    table.add_row("effective training time ratio", *(f"{value:.3f}" for value in found.ettr_fraction))
    table.add_row("wall-clock, days", *(f"{value:,.1f}" for value in days))
    cost = answer["cost_usd"]
    if isinstance(cost, dict):
        table.add_row("cost with spares, USD", *(f"{value:,.0f}" if value else "never" for value in cost.values()))
    print_whole(table)
    recovery, hours = found.recovery, 1.0 / found.failures_per_s / SECONDS_PER_HOUR
    out.print(
        f"A failure every {hours:.2f} h, {float(recovery.detection_s):.0f} s to detect, "
        f"{float(recovery.restart_s):.0f} s to restart. A checkpoint of {found.checkpoint_bytes:.3g} bytes every "
        f"{found.interval_s:,.0f} s ({'given' if run.interval_s is not None else 'best'}) blocks "
        f"{float(recovery.blocking_s):.2f} s and is durable {float(recovery.lag_s):.1f} s later.",
        highlight=False,
    )
    out.print(
        f"{run.spares_count:,} spare domains of {run.unit_count:.0f}; waiting for repair "
        f"{found.waiting_fraction:.2%}; stragglers lengthen the mean step by {found.straggler_excess_fraction:.2%}, "
        f"the slowest of a hundred by {found.straggler_tail_fraction:.1%}.",
        highlight=False,
    )
    if answer["cost_usd"] is None:
        out.print("No price of this platform is published; state --price for the cost.")
    else:
        hour = f"{answer['price_usd_per_accelerator_h']:.2f} USD: {answer['price_origin']}"
        out.print(f"An accelerator-hour costs {hour}.", highlight=False)
