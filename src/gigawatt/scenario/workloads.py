"""Services and training runs: the catalogue's models with the scenario's demand, prices and deadlines."""

from collections.abc import Callable
from datetime import date

from gigawatt.catalog import Catalog, Cited, training_model, training_variant
from gigawatt.catalog import model as serving_model
from gigawatt.catalog.served_models import attention_precision, family, family_pattern, is_block_scaled
from gigawatt.entities.hardware import Precision
from gigawatt.entities.site import Site
from gigawatt.entities.workload import AttentionPattern, Model, Service, TrainingRun
from gigawatt.performance.scaling import described, scaled
from gigawatt.scenario.checks import unique_ids, within_calendar
from gigawatt.scenario.desk import Desk
from gigawatt.scenario.monthly import monthly
from gigawatt.scenario.parts import Part, parts
from gigawatt.scenario.placement import placement
from gigawatt.scenario.places import Step
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.schema import ServiceTable, TrainingTable
from gigawatt.timeline import Calendar
from gigawatt.units import LATENCY, TOKEN_COUNT, Dimension


def services(desk: Desk, *, calendar: Calendar, sites: tuple[Site, ...]) -> tuple[Service, ...]:
    """All services by class and region, with demand and prices for every month of the calendar."""
    tables = desk.scenario.document.services
    unique_ids(desk.scenario, [table.id or table.model for table in tables], key="service")
    return tuple(
        _service(desk, table, index, part=part, calendar=calendar)
        for index, table in enumerate(tables)
        for part in parts(desk, table, "service", index, calendar=calendar, sites=sites)
    )


def runs(desk: Desk, *, calendar: Calendar, sites: tuple[Site, ...]) -> tuple[TrainingRun, ...]:
    """All training runs, each within the calendar, placed at sites where they say so."""
    tables = desk.scenario.document.runs
    unique_ids(desk.scenario, [table.id for table in tables], key="training")
    return tuple(_run(desk, table, index, calendar=calendar, sites=sites) for index, table in enumerate(tables))


def _service(desk: Desk, table: ServiceTable, index: int, *, part: Part, calendar: Calendar) -> Service:
    at = ("service", index)
    weights = _precision(desk, table.precision, *at, "precision", default=Precision.FP8)
    served = _model(desk, serving_model, table.model, *at, "model")
    configured = family(served.id)
    return Service(
        id=part.part.id if part.part is not None else table.id or table.model,
        model=served,
        pattern=family_pattern(served, configured) if configured else AttentionPattern(),
        block_scaled=is_block_scaled(served.id),
        input_tokens_count=_own(desk, table, part, "input", *at, dimension=TOKEN_COUNT),
        output_tokens_count=_own(desk, table, part, "output", *at, dimension=TOKEN_COUNT),
        ttft_limit_s=_own(desk, table, part, "ttft", *at, dimension=LATENCY),
        tpot_limit_s=_own(desk, table, part, "tpot", *at, dimension=LATENCY),
        weight_precision=weights,
        attention_precision=attention_precision(served.id, weights),
        cache_precision=_precision(desk, table.cache_precision, *at, "cache_precision", default=Precision.FP8),
        demand_tokens_per_month=part.demand_tokens_per_month,
        input_price_usd_per_mtoken=_own_price(desk, table, part, "input_price", *at, calendar=calendar),
        output_price_usd_per_mtoken=_own_price(desk, table, part, "output_price", *at, calendar=calendar),
        part=part.part,
        sites=part.sites,
    )


def _own(desk: Desk, table: ServiceTable, part: Part, key: str, *at: Step, dimension: Dimension) -> float:
    """A class's own figure, else the service's, else the catalogue's."""
    own: Stated | None = None if part.own is None else getattr(part.own, key)
    if own is not None:
        return desk.number(own, *part.own_at, key)
    default = f"assumptions/service/{key}"
    return desk.number_or(getattr(table, key), *at, key, default=default, dimension=dimension)


def _own_price(
    desk: Desk, table: ServiceTable, part: Part, key: str, *at: Step, calendar: Calendar
) -> dict[date, float]:
    """A class's own price in every month, else the service's."""
    own = None if part.own is None else getattr(part.own, key)
    if own is not None:
        return monthly(desk, own, *part.own_at, key, calendar=calendar)
    return monthly(desk, getattr(table, key), *at, key, calendar=calendar)


def _run(desk: Desk, table: TrainingTable, index: int, *, calendar: Calendar, sites: tuple[Site, ...]) -> TrainingRun:
    at = ("training", index)
    if table.deadline < table.earliest:
        raise desk.refuse(
            *at,
            "deadline",
            found=f"{table.deadline.isoformat()[:7]}, before the earliest month {table.earliest.isoformat()[:7]}",
            expected="a deadline in or after the earliest month",
            fix="Swap the two, or move one.",
        )
    sequence_tokens, batch_tokens = _sequence_and_batch(desk, table, *at)
    published = _model(desk, training_model, table.model, *at, "model")
    model = published if table.active is None else _sized(desk, published, table.active, *at, "active")
    architecture = training_variant(desk.catalog, table.model, predicted_tokens_count=table.predicted_tokens or 0)
    return TrainingRun(
        id=table.id,
        model=model,
        compute_flop=desk.number(table.compute, *at, "compute"),
        earliest=within_calendar(desk.scenario, table.earliest, *at, "earliest", calendar=calendar),
        deadline=within_calendar(desk.scenario, table.deadline, *at, "deadline", calendar=calendar),
        precision=_precision(desk, table.precision, *at, "precision", default=Precision.BF16),
        sequence_tokens_count=sequence_tokens,
        batch_tokens_count=batch_tokens,
        accelerators_count=desk.whole(
            desk.number(table.accelerators, *at, "accelerators"), table.accelerators, *at, "accelerators"
        ),
        windowed_layers_count=architecture.windowed_layers_count * model.layers_count // published.layers_count,
        window_tokens_count=architecture.window_tokens_count,
        predicted_tokens_count=architecture.predicted_tokens_count,
        placement=placement(desk, table.placement, *at, "placement", sites=sites),
    )


def _sequence_and_batch(desk: Desk, table: TrainingTable, *at: Step) -> tuple[int, float]:
    """Tokens of a sequence and of a batch, which holds one sequence at least."""
    sequence_tokens = _sequence_tokens(desk, table.sequence, *at, "sequence")
    batch_tokens = desk.number_or(
        table.batch, *at, "batch", default="assumptions/training/batch", dimension=TOKEN_COUNT
    )
    if batch_tokens < sequence_tokens:
        raise desk.refuse(
            *at,
            "batch",
            found=f"{batch_tokens:g} tokens, less than one sequence of {sequence_tokens:,}",
            expected="a batch of at least one sequence",
            fix='Write it like batch = "16e6 token".',
        )
    return sequence_tokens, batch_tokens


def _sequence_tokens(desk: Desk, stated: Stated | None, *steps: Step) -> int:
    tokens = desk.number_or(stated, *steps, default="assumptions/training/sequence", dimension=TOKEN_COUNT)
    return round(tokens) if stated is None else desk.whole(tokens, stated, *steps)


def _model(desk: Desk, read: Callable[[Catalog, str], Cited[Model]], name: str, *steps: Step) -> Model:
    """A model of the catalogue; training computes more kinds of layers than serving."""
    cited = desk.placed(lambda: read(desk.catalog, name), *steps)
    desk.cite(*cited.evidence)
    return cited.item


def _sized(desk: Desk, published: Model, active: Stated, *steps: Step) -> Model:
    """The model of the same family with so many active parameters, whose dimensions stand in the ledger."""
    wanted = desk.number(active, *steps)
    model = scaled(published, active_parameters_count=wanted)
    if model is None:
        raise desk.refuse(
            *steps,
            found=active.text,
            expected=f"a size that {published.id} ({described(published)}) can be scaled to within 5 percent",
            fix="Leave active out, state one nearer to it, or name a model without recurrent layers.",
        )
    note = f"{published.id} scaled in width and depth alike"
    desk.note(*steps, "architecture", text=described(model), note=note)
    return model


def _precision(desk: Desk, stated: Precision | None, *steps: Step, default: Precision) -> Precision:
    note = f"{default.value} unless the scenario says otherwise"
    return Precision(desk.choose(stated, *steps, default=default, note=note))
