"""Options that choose where operator times come from, and what is said where tables are silent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gigawatt.calibration.backends import Kernels

KernelSource = Annotated[
    Kernels, typer.Option("--kernels", help="Operator times: fitted laws, or measured tables where they have any.")
]
TablesFolder = Annotated[
    Path | None,
    typer.Option("--tables", help="Folder systems/data of the measured tables; default: the installed package's."),
]


def by_law(stand_ins: Mapping[str, str]) -> dict[str, list[str]]:
    """The families that each law stands in for."""
    laws: dict[str, list[str]] = {}
    for family, law in stand_ins.items():
        laws.setdefault(law, []).append(family)
    return laws
