"""`gigawatt catalog`: what is known about platforms, models, sites, deals and costs, and who says so."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.table import Table

from gigawatt.catalog import Catalog, Figure, Record, load, model, platform, training_model
from gigawatt.catalog.comparison import derived_figures
from gigawatt.catalog.platforms import timed_platform
from gigawatt.cli.console import out, print_json
from gigawatt.errors import CatalogError

catalog_app = typer.Typer(
    name="catalog",
    help="Browse platforms, models, sites, deals and economics with their sources.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
_WIDEST_CELL = 32
Columns = Mapping[str, Callable[[Record], str]]
SHOWN_AS_FIGURES = ("timeline", "census")
REMARKS = (
    "label",
    "locator",
    "qualifier",
    "basis",
    "scope",
    "direction",
    "price_year",
    "tier",
    "in_sum",
    "note",
    "why",
)


def _figure(*keys: str) -> Callable[[Record], str]:
    """The first of `keys` that the record has, as printed."""

    def cell(record: Record) -> str:
        return next((record.figures[key].printed for key in keys if key in record.figures), "")

    return cell


def _named(record: Record) -> str:
    """The record's name."""
    return record.name


def _word(field: str) -> Callable[[Record], str]:
    """What the record's file says under `field`."""

    def cell(record: Record) -> str:
        said = getattr(record.details, field)
        return ", ".join(said) if isinstance(said, tuple) else str(said)

    return cell


def _complete(record: Record) -> str:
    """Whether performance and power can be computed from what is published, or times alone."""
    reads: tuple[Callable[[Catalog, str], object], ...] = (
        (platform, timed_platform) if record.kind == "platforms" else (model, training_model)
    )
    for word, read in zip(("yes", "times" if record.kind == "platforms" else "trains"), reads, strict=True):
        try:
            read(load(), record.id)
        except CatalogError:
            continue
        return word
    return "no"


# The most telling columns first: a narrow terminal shows as many as it has room for.
COLUMNS: Mapping[str, Columns] = {
    "platforms": {
        "complete": _complete,
        "GPUs": _figure("accelerators-per-system"),
        "dense bf16": _figure("peak-dense-bf16"),
        "HBM": _figure("hbm-capacity"),
        "max power": _figure("system-power-max"),
        "dense fp8": _figure("peak-dense-fp8"),
        "dense fp4": _figure("peak-dense-fp4"),
        "bandwidth": _figure("hbm-bandwidth"),
        "vendor": _word("vendor"),
        "name": _named,
    },
    "models": {
        "complete": _complete,
        "parameters": _figure("parameters-total"),
        "active": _figure("parameters-active"),
        "context, tokens": _figure("context-length"),
        "released": _word("released"),
        "organization": _word("organization"),
        "attention": _word("attention"),
    },
    "sites": {
        "planned IT": _figure("planned-it-power"),
        "live": _figure("live-it-power", "live-facility-power", "live-power"),
        "planned facility": _figure("planned-facility-power"),
        "country": _word("country"),
        "tenant": _word("tenant"),
        "developer": _word("developer"),
        "status": _word("status"),
        "name": _named,
    },
    "deals": {
        "signed": _word("signed"),
        "amount": _figure("amount", "announced", "headline"),
        "capacity": _figure("capacity", "it-capacity"),
        "form": _word("form"),
        "parties": _word("parties"),
    },
    "economics": {"topic": _named, "figures": lambda record: str(len(record.figures))},
    "benchmarks": {"name": _named, "benchmark": _word("benchmark"), "rounds": _word("rounds")},
}


def _listing(kind: str, *, as_json: bool) -> None:
    records = load().records[kind]
    if as_json:
        print_json({kind: [_record_json(record) for record in records.values()]})
        return
    cells = {"id": list(records)}
    for name, cell in COLUMNS[kind].items():
        cells[name] = [_brief(cell(record)) for record in records.values()]
    shown = _fitting(cells, width=out.width)
    table = Table(title=f"{len(records)} {kind}", title_justify="left")
    for name in shown:
        table.add_column(name, no_wrap=True)
    for row in zip(*(cells[name] for name in shown), strict=True):
        table.add_row(*(_escaped(cell) for cell in row))
    out.print(table)
    left_out = [name for name in cells if name not in shown]
    if left_out:
        out.print(f"A wider terminal, or --json, also shows: {', '.join(left_out)}.", highlight=False)


def _brief(text: str) -> str:
    """A cell in one line: without what stands in brackets or its heading says, and cut where it is long."""
    plain = re.sub(r" *\([^)]*\)| (parameter|token)$", "", text)
    return plain if len(plain) <= _WIDEST_CELL else f"{plain[: _WIDEST_CELL - 1].rstrip(' ,')}…"


def _fitting(cells: Mapping[str, Sequence[str]], *, width: int) -> list[str]:
    """The columns that fit, earlier ones before later; a column takes its longest cell, two spaces and a rule."""
    shown: list[str] = []
    left = width - 1
    for name, texts in cells.items():
        needed = max(cell_len(text) for text in (name, *texts)) + 3
        if needed <= left or not shown:
            shown.append(name)
            left -= needed
    return shown


@catalog_app.command()
def platforms(as_json: Json = False) -> None:
    """List the accelerator platforms."""
    _listing("platforms", as_json=as_json)


@catalog_app.command()
def models(as_json: Json = False) -> None:
    """List the models and their sizes."""
    _listing("models", as_json=as_json)


@catalog_app.command()
def sites(as_json: Json = False) -> None:
    """List the sites at or near gigawatt scale."""
    _listing("sites", as_json=as_json)


@catalog_app.command()
def deals(as_json: Json = False) -> None:
    """List the deals around build-outs."""
    _listing("deals", as_json=as_json)


@catalog_app.command()
def economics(as_json: Json = False) -> None:
    """List the topics of the economics."""
    _listing("economics", as_json=as_json)


@catalog_app.command()
def benchmarks(as_json: Json = False) -> None:
    """List the training benchmarks and the rounds in which their rules stood so."""
    _listing("benchmarks", as_json=as_json)


@catalog_app.command()
def assumptions(as_json: Json = False) -> None:
    """Print every engineering assumption with its range and its reason."""
    records = load().records["assumptions"]
    if as_json:
        _listing("assumptions", as_json=True)
        return
    out.print(
        _figure_table("Assumptions", [figure for record in records.values() for figure in record.figures.values()])
    )


@catalog_app.command()
def show(
    name: Annotated[str, typer.Argument(help="Id or alias, kind/id, or kind/id/figure.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show every figure of a record with value, range, grade, source, date and note."""
    catalog = load()
    if name.count("/") > 1:
        _show_figure(catalog.figure(name), as_json=as_json)
        return
    record = catalog.find(name)
    if as_json:
        print_json(_record_json(record))
        return
    out.print(f"[bold]{_escaped(record.name)}[/]  {record.kind}/{record.id}", highlight=False)
    for key, said in _words(record).items():
        if key not in SHOWN_AS_FIGURES:
            _print_words(key, said)
    figures = (*record.figures.values(), *derived_figures(record).values())
    out.print(_figure_table(f"{len(figures)} figures", figures))


def _print_words(key: str, said: object) -> None:
    """One line, or one line for each of several tables."""
    tables = said if isinstance(said, list) and any(isinstance(item, Mapping) for item in said) else [said]
    for item in tables:
        out.print(f"  [dim]{key}[/]  {_escaped(_flat(item))}", highlight=False)


def _show_figure(figure: Figure, *, as_json: bool) -> None:
    if as_json:
        print_json(_figure_json(figure))
    else:
        out.print(_figure_table(figure.key, (figure,)))


@catalog_app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Two or more ids or aliases of one kind.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Set records side by side, with dense FLOP/s, memory and price per rack and per megawatt of IT power."""
    records = _comparable(load(), names)
    derived = {record.id: derived_figures(record) for record in records}
    if as_json:
        print_json(
            {
                "kind": records[0].kind,
                "records": [_record_json(record) for record in records],
                "derived": {i: {key: _figure_json(f) for key, f in found.items()} for i, found in derived.items()},
            }
        )
        return
    table = Table(title="Side by side; derived rows last", title_justify="left")
    table.add_column("figure")
    for record in records:
        table.add_column(record.name, overflow="fold")
    for columns in ([record.figures for record in records], [derived[record.id] for record in records]):
        for key in _keys(columns):
            table.add_row(key, *(_cell(found.get(key)) for found in columns))
        table.add_section()
    out.print(table)


def _comparable(catalog: Catalog, names: Sequence[str]) -> list[Record]:
    records = [catalog.find(name) for name in names]
    kinds = sorted({record.kind for record in records})
    if len(records) < 2 or len(kinds) > 1:
        raise CatalogError(
            where="gigawatt catalog compare",
            found=f"{len(records)} record(s) of kind {', '.join(kinds)}",
            expected="two or more records of one kind",
            fix="Write it like: gigawatt catalog compare h200 gb200-nvl72 vr-nvl72",
        )
    return records


def _keys(columns: Iterable[Mapping[str, Figure]]) -> list[str]:
    fullest_first = sorted(columns, key=len, reverse=True)
    return list(dict.fromkeys(key for found in fullest_first for key in found))


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    hints = ", ".join(part for part in (figure.direction, figure.basis) if part)
    return _escaped(f"{figure.printed} ({hints})" if hints else figure.printed)


def _figure_table(title: str, figures: Iterable[Figure]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("figure", overflow="fold", ratio=3)
    table.add_column("value, range and note", overflow="fold", ratio=5)
    table.add_column("grade", no_wrap=True)
    table.add_column("source and date", overflow="fold", ratio=2)
    for figure in figures:
        _add_figure(table, figure, name=_short_key(figure))
        for other in figure.alternatives:
            _add_figure(table, other, name=f"[dim]not preferred:[/] {other.key.rsplit('/', 1)[1]}")
    return table


def _short_key(figure: Figure) -> str:
    kind, record, key = figure.key.split("/")[:3]
    return f"{record}/{key}" if kind == "assumptions" else key


def _add_figure(table: Table, figure: Figure, *, name: str) -> None:
    spread = f" ({figure.spread})" if figure.text and figure.spread else ""
    remarks = "; ".join(part for part in (figure.label, figure.remarks) if part)
    value = f"[bold]{_escaped(figure.printed)}[/]{spread}"
    table.add_row(
        name,
        f"{value}\n[dim]{_escaped(remarks)}[/]" if remarks else value,
        figure.grade.value,
        "\n".join((*(source.id for source in figure.sources), figure.as_of)),
    )


def _words(record: Record) -> dict[str, object]:
    said: dict[str, object] = record.details.model_dump(
        mode="json", by_alias=True, exclude={"id", "name", "figures"}, exclude_none=True
    )
    return {key: value for key, value in said.items() if value not in ("", [], {})}


def _flat(said: object) -> str:
    if isinstance(said, Mapping):
        return ", ".join(f"{key} {_flat(value)}" for key, value in said.items() if value not in ("", []))
    if isinstance(said, list):
        return ", ".join(_flat(value) for value in said)
    return str(said)


def _record_json(record: Record) -> dict[str, object]:
    return {
        "kind": record.kind,
        "id": record.id,
        "name": record.name,
        **_words(record),
        "figures": {key: _figure_json(figure) for key, figure in record.figures.items()},
    }


def _figure_json(figure: Figure) -> dict[str, object]:
    said: dict[str, object] = {
        "key": figure.key,
        "value": figure.text or None,
        "number": figure.value,
        "unit": figure.unit or None,
        "low": figure.low or None,
        "high": figure.high or None,
        "grade": figure.grade.value,
        "sources": [
            {"id": source.id, "publisher": source.publisher, "url": source.url, "date": source.date}
            for source in figure.sources
        ],
        "date": figure.as_of,
    }
    extras = (
        "label",
        "locator",
        "qualifier",
        "basis",
        "scope",
        "direction",
        "price_year",
        "tier",
        "in_sum",
        "note",
        "why",
    )
    said |= {name: getattr(figure, name) for name in extras if getattr(figure, name) not in ("", None)}
    said |= {name: list(getattr(figure, name)) for name in ("cites", "derived_from") if getattr(figure, name)}
    if figure.alternatives:
        said["alternatives"] = [_figure_json(other) for other in figure.alternatives]
    return said


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
