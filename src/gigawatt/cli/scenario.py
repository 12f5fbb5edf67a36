"""`gigawatt scenario`: list what is bundled, show what a scenario resolves to, check a file, print the schema."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from gigawatt.catalog import load
from gigawatt.cli.console import out, print_json
from gigawatt.cli.contracts import contract_in_words
from gigawatt.entities.site import Cloud, Leased, Owned, Ownership
from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import TrainingRun
from gigawatt.scenario.loading import bundled, canonical, digest, json_schema, read
from gigawatt.scenario.resolve import resolve
from gigawatt.units import WATTS_PER_MEGAWATT

scenario_app = typer.Typer(
    name="scenario", help="List, show and check scenarios, or print their schema.", no_args_is_help=True
)

Source = Annotated[str, typer.Argument(metavar="SCENARIO", help="A bundled name or the path of a TOML file.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help='Override a key, like site.abilene.energy_price="70 USD/MWh".'),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@scenario_app.command("list")
def list_scenarios(json: Json = False) -> None:
    """List the bundled scenarios."""
    titles = bundled()
    if json:
        print_json({"scenarios": [{"name": name, "title": title} for name, title in titles.items()]})
        return
    out.print(_table("", ("scenario", "what it is"), titles.items()))


@scenario_app.command("show")
def show_scenario(source: Source, overrides: Settings = None, json: Json = False) -> None:
    """Show what a scenario resolves to: sites, platforms, workloads, contracts and parties."""
    scenario = read(source, overrides or [])
    inputs = resolve(scenario, load())
    if json:
        print_json({"digest": digest(scenario), "scenario": canonical(scenario), "resolved": _summary(inputs)})
        return
    months = inputs.calendar.months
    wanted = ", ".join(goal.text for goal in inputs.pursued)
    out.print(f"[bold]{escape(inputs.title)}[/]")
    out.print(f"{months[0]:%Y-%m} to {months[-1]:%Y-%m}, maximizing {escape(wanted)}\n")
    for table in _tables(inputs):
        out.print(table)
    out.print(_counts(inputs))


@scenario_app.command("check")
def check_scenario(source: Source, overrides: Settings = None, json: Json = False) -> None:
    """Check a scenario file; exit code 2 with one clear message when it cannot be used."""
    scenario = read(source, overrides or [])
    inputs = resolve(scenario, load())
    if json:
        print_json({"status": "ok", "digest": digest(scenario), **_origins(inputs)})
        return
    out.print(f"ok: {escape(scenario.name)}. {_counts(inputs)}")


@scenario_app.command("schema")
def print_schema() -> None:
    """Print the JSON schema of a scenario file."""
    print_json(json_schema())


def _origins(inputs: Inputs) -> dict[str, int]:
    origins = [entry.origin for entry in inputs.ledger.entries]
    return {
        "stated": origins.count("scenario"),
        "from_catalogue": origins.count("catalogue"),
        "defaults_taken": origins.count("default"),
    }


def _counts(inputs: Inputs) -> str:
    counts = _origins(inputs)
    return (
        f"{counts['stated']} figures stated, {counts['from_catalogue']} from the catalogue, "
        f"{counts['defaults_taken']} defaults taken."
    )


def _table(title: str, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*headings, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _tables(inputs: Inputs) -> tuple[Table, ...]:
    return (
        _table("Sites", ("site", "ownership", "facility power in all", "energy, USD/MWh"), _site_rows(inputs)),
        _table("Platforms", ("platform", "vendor", "USD a rack", "MW IT a rack", "racks a month"), _offer_rows(inputs)),
        _table("Services", ("service", "model", "tokens a month", "USD/Mtoken in, out"), _service_rows(inputs)),
        _table("Training", ("run", "model", "FLOP", "from", "until", "where"), _run_rows(inputs)),
        _table(
            "Contracts",
            ("contract", "terms"),
            ((contract.id, contract_in_words(contract)) for contract in inputs.contracts),
        ),
        _table(
            "Parties",
            ("party", "name", "roles"),
            ((party.id, party.name, ", ".join(party.roles)) for party in inputs.parties),
        ),
    )


def _site_rows(inputs: Inputs) -> Iterable[tuple[str, ...]]:
    for site in inputs.sites:
        steps = ", ".join(f"{step.start:%Y-%m} {step.facility_mw:,.0f} MW" for step in site.power_steps)
        yield site.id, _owner(site.ownership), steps, f"{site.energy_price_usd_per_mwh:.1f}"


def _offer_rows(inputs: Inputs) -> Iterable[tuple[str, ...]]:
    for offer in inputs.offers:
        supply = ", ".join(f"{step.start:%Y-%m} {step.racks_per_month:,.0f}" for step in offer.supply)
        power_mw = offer.platform.rack_power_w / WATTS_PER_MEGAWATT
        yield offer.platform.id, offer.vendor, f"{offer.price_usd_per_rack:,.0f}", f"{power_mw:.3f}", supply


def _service_rows(inputs: Inputs) -> Iterable[tuple[str, ...]]:
    first, last = inputs.calendar.months[0], inputs.calendar.months[-1]
    for service in inputs.services:
        demand = service.demand_tokens_per_month
        prices = " to ".join(
            f"{service.input_price_usd_per_mtoken[month]:.3g}, {service.output_price_usd_per_mtoken[month]:.3g}"
            for month in (first, last)
        )
        yield service.id, service.model.id, f"{demand[first]:.2e} to {demand[last]:.2e}", prices


def _run_rows(inputs: Inputs) -> Iterable[tuple[str, ...]]:
    for run in inputs.runs:
        window = f"{run.earliest:%Y-%m}", f"{run.deadline:%Y-%m}"
        yield run.id, run.model.id, f"{run.compute_flop:.2e}", *window, _placement_words(inputs, run)


def _placement_words(inputs: Inputs, run: TrainingRun) -> str:
    if run.placement is None:
        return "anywhere"
    most, sites = run.placement.most_sites_count, run.placement.sites
    of = "" if len(sites) == len(inputs.sites) else f" of {', '.join(sites)}"
    return f"one site{of}" if most == 1 else f"up to {most} sites{of}"


def _owner(ownership: Ownership) -> str:
    match ownership:
        case Owned(builder=builder):
            return f"owned, built by {builder}"
        case Leased(lessor=lessor):
            return f"leased from {lessor}"
        case Cloud(provider=provider):
            return f"cloud of {provider}"


def _summary(inputs: Inputs) -> dict[str, Any]:
    months = inputs.calendar.months
    return {
        "title": inputs.title,
        "start": months[0].isoformat(),
        "end": months[-1].isoformat(),
        "objective": inputs.objective.value,
        "sites": [
            {
                "id": site.id,
                "name": site.name,
                "ownership": _owner(site.ownership),
                "power": [
                    {"from": step.start.isoformat(), "facility_mw": step.facility_mw} for step in site.power_steps
                ],
            }
            for site in inputs.sites
        ],
        "platforms": [offer.platform.id for offer in inputs.offers],
        "services": [service.id for service in inputs.services],
        "runs": [run.id for run in inputs.runs],
        "contracts": {contract.id: contract_in_words(contract) for contract in inputs.contracts},
        "parties": {party.id: [role.value for role in party.roles] for party in inputs.parties},
        **_origins(inputs),
    }
