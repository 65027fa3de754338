"""The application: its commands, and how errors become one message and an exit code."""

import errno
import sys
import traceback

import typer

from slbench.cli import compare, convert, data, extract, leaderboard, listing, predict, report, run, score, show, train
from slbench.errors import SlbenchError
from slbench.version import __version__

app = typer.Typer(
    name="slbench",
    help="Benchmark and evaluation suite for sign-language understanding.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    run.run, train.train, score.score, compare.compare, listing.list_cards, show.show, leaderboard.leaderboard,
    report.report, extract.extract, predict.predict, convert.convert,
):  # fmt: skip
    app.command(name=command.__name__.removesuffix("_cards"))(command)
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Benchmark and evaluation suite for sign-language understanding."""
    del debug  # read by `main`, which sees errors that happen outside any command
    if version:
        typer.echo(f"slbench {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point. A user's mistake is one message on stderr and exit code 2; `--debug` anywhere shows where."""
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except SlbenchError as error:
        if debug:
            traceback.print_exc()
        typer.secho(f"slbench: {error}", err=True, fg=typer.colors.RED)
        raise SystemExit(2) from None
    except OSError as error:
        if debug or error.errno != errno.ENOSPC:
            raise
        typer.secho("slbench: the output cannot be written: no space left", err=True, fg=typer.colors.RED)
        raise SystemExit(2) from None
