"""`gigawatt perf`: how fast a platform trains or serves a model, and where the time goes."""

import typer

from gigawatt.cli.goodput import goodput_command
from gigawatt.cli.search_serve import search_app
from gigawatt.cli.serve import serve_command
from gigawatt.cli.train import train_command

perf_app = typer.Typer(
    name="perf",
    help="Predict how fast a platform trains or serves a model, and where the time goes.",
    no_args_is_help=True,
)
perf_app.add_typer(search_app, name="search")
perf_app.command("goodput")(goodput_command)
perf_app.command("serve")(serve_command)
perf_app.command("train")(train_command)
