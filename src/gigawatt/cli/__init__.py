"""The command line: the only place that prints, and that turns our errors into exit codes."""

import errno
import sys

import typer

from gigawatt import __version__
from gigawatt.cli.console import report_error
from gigawatt.cli.lazy import LazyGroup
from gigawatt.errors import GigawattError, InfeasibleError, InputError

app = typer.Typer(
    name="gigawatt",
    cls=LazyGroup,
    help="Plan and simulate multi-gigawatt AI-compute build-outs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"gigawatt {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Plan and simulate multi-gigawatt AI-compute build-outs."""


def main() -> None:
    """Run the command line; exit 2 on invalid input, 3 when no plan is feasible."""
    try:
        app()
    except InfeasibleError as error:
        report_error(error)
        sys.exit(3)
    except GigawattError as error:
        report_error(error)
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        report_error(_no_room(error))
        sys.exit(2)


def _no_room(error: OSError) -> InputError:
    return InputError(
        where=str(error.filename or "standard output"),
        found=error.strerror or str(error),
        expected="room for what the command writes",
        fix="Make room, or write elsewhere.",
    )
