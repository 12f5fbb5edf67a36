"""The report as Markdown: the same sentences and tables, to paste into a memo or a review."""

from gigawatt.entities.stages import Study
from gigawatt.report import blocks, estate, rates, reach, words
from gigawatt.report.cells import Cell, Table


def report_markdown(study: Study) -> str:
    """The report's words, headline and tables as Markdown."""
    sections = (
        f"# {study.inputs.title}",
        words.opening(study),
        words.solution(study),
        _headline(study),
        "## Gigawatts energized",
        words.energized(study),
        words.milestones(study),
        _table(blocks.milestones_table(study)),
        "## Tranches and cash",
        words.cash(study),
        words.at_the_end(study),
        words.circle(study),
        _table(blocks.investors_table(study)),
        _table(blocks.parties_table(study)),
        _table(blocks.returns_table(study)),
        _table(blocks.loans_table(study)),
        _table(blocks.exposures_table(study)),
        "## Tokens and training",
        words.service(study),
        _table(reach.parts_table(study)),
        words.training(study),
        _table(blocks.training_table(study)),
        words.runs_at_sites(study),
        "## Performance and cost",
        words.unit_costs(study),
        words.performance(study),
        _table(rates.rates_table(study)),
        _table(rates.training_rates_table(study)),
        _table(rates.unit_costs_table(study)),
        _table(blocks.levelized_table(study)),
        "## Capital",
        words.capital(study),
        _table(blocks.capex_table(study)),
        "## What holds the plan back",
        "\n".join(f"- {_plain(line)}" for line in study.plan.binding) or "Nothing binds.",
        "## Sites",
        words.sites(study),
        _table(blocks.sites_table(study)),
        estate.estate_words(study),
        _table(estate.own_power_table(study)),
        "## Every figure and assumption",
        words.evidence(study),
        _evidence(study),
        _origin(study),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(study: Study) -> str:
    rows = [f"| {tile.name} | {tile.value} | {tile.band} | {tile.basis} |" for tile in blocks.tiles(study)]
    return "\n".join(("| Figure | Value | P10 to P90 | Basis |", "|---|---|---|---|", *rows))


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    heads = "| " + " | ".join(head.text for head in table.heads) + " |"
    rules = "|" + "|".join("--:" if head.numeric else "---" for head in table.heads) + "|"
    rows = ("| " + " | ".join(_cell(cell) for cell in row.cells) + " |" for row in table.rows)
    return "\n".join((heads, rules, *rows))


def _cell(cell: Cell) -> str:
    return _plain(f"{cell.text} ({cell.sub})" if cell.sub else cell.text)


def _plain(text: str) -> str:
    """Text that neither ends a cell nor turns into markup."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _evidence(study: Study) -> str:
    rows = []
    for entry in study.inputs.ledger.entries:
        bounds = " to ".join(bound for bound in (entry.low, entry.high) if bound)
        sources = "; ".join(f"[{_plain(source.publisher or source.id)}]({source.url})" for source in entry.sources)
        cells = (entry.key, entry.text, bounds, str(entry.grade), entry.origin)
        rows.append("| " + " | ".join(map(_plain, cells)) + f" | {sources} | {_plain(entry.as_of)} |")
    if not rows:
        return ""
    head = "| Figure | Value | Range | Grade | Origin | Source | As of |"
    return "\n".join((head, "|---|---|---|---|---|---|---|", *rows))


def _origin(study: Study) -> str:
    manifest = study.manifest
    return (
        f"Made by gigawatt {manifest.version} from scenario `{manifest.scenario}`, seed {manifest.seed}. "
        f"Content `{manifest.content_sha256}`. Money is nominal USD."
    )
