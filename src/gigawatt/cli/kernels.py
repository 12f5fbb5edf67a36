"""Options that choose where operator times come from, and what is said where tables are silent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gigawatt.calibration.backends import Kernels
from gigawatt.calibration.families import FAMILIES

KernelSource = Annotated[
    Kernels, typer.Option("--kernels", help="Operator times: fitted laws, or measured tables where they have any.")
]
TablesFolder = Annotated[
    Path | None,
    typer.Option("--tables", help="Folder systems/data of the measured tables; default: the installed package's."),
]


def stand_in_lines(platform_id: str, stand_ins: Mapping[str, str]) -> list[str]:
    """Which law stands in on a platform for operators that the tables lack, in words; nothing where they lack none."""
    laws: dict[str, list[str]] = {}
    for family, law in stand_ins.items():
        laws.setdefault(law, []).append(family)
    if len(stand_ins) == len(FAMILIES):
        return [f"The tables have no timings of {platform_id}: {' or '.join(laws)} stands in for every operator."]
    return [f"{platform_id}: no timings of {', '.join(families)}; {law} stands in." for law, families in laws.items()]
