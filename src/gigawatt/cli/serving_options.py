"""Options that both serving commands take."""

from pathlib import Path
from typing import Annotated

import typer

from gigawatt.entities.hardware import Precision

_MOST = 10**6

ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="A model of the catalogue.")]
PlatformId = Annotated[str, typer.Argument(metavar="PLATFORM", help="A platform of the catalogue.")]
Isl = Annotated[int | None, typer.Option("--isl", min=1, max=_MOST, help="Mean input tokens of a request.")]
Osl = Annotated[int | None, typer.Option("--osl", min=1, max=_MOST, help="Mean output tokens of a request.")]
IslSpread = Annotated[
    float, typer.Option("--isl-spread", min=0.0, max=_MOST, help="Standard deviation of input tokens.")
]
OslSpread = Annotated[
    float, typer.Option("--osl-spread", min=0.0, max=_MOST, help="Standard deviation of output tokens.")
]
LengthsOf = Annotated[
    Path | None, typer.Option("--lengths", metavar="TRACE", help="Take means and spreads of lengths from a trace.")
]
Ttft = Annotated[str | None, typer.Option("--ttft", help='Time to first token at most, like "2 s".')]
Tpot = Annotated[str | None, typer.Option("--tpot", help='Time per output token at most, like "50 ms".')]
Gpus = Annotated[
    int | None, typer.Option("--gpus", min=1, max=4096, help="Accelerators of a deployment at most; a rack's.")
]
Weights = Annotated[Precision, typer.Option("--weights", help="Format of the weights.")]
Cache = Annotated[Precision, typer.Option("--cache", help="Format of the cache.")]
Hit = Annotated[
    float, typer.Option("--hit", min=0.0, max=1.0, help="Share of a prompt that the prefix cache holds on average.")
]
Offload = Annotated[
    str | None,
    typer.Option(
        "--offload",
        metavar="BANDWIDTH",
        help='Prefixes come back from host memory or storage at this rate per accelerator, "50 GB/s".',
    ),
]
OffloadCapacity = Annotated[
    str | None,
    typer.Option("--offload-capacity", metavar="BYTES", help='Of that memory beside each accelerator, like "480 GB".'),
]
Speculate = Annotated[
    str | None,
    typer.Option("--speculate", metavar="GUESSES[:ACCEPTED]", help='Guesses per step and their acceptance, "3:0.8".'),
]
GpuHour = Annotated[str | None, typer.Option("--gpu-hour", help='Price, like "2.35 USD/GPU/h".')]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
