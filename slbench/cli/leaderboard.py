"""`slbench leaderboard`: measured and published scores as a board."""

import gc
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slbench.report.gathering import Gathered

RESULTS = Path("results")


class Format(StrEnum):
    """How the board is written."""

    table = "table"
    markdown = "markdown"
    html = "html"
    csv = "csv"
    json = "json"
    latex = "latex"


def leaderboard(
    results: Annotated[Path, typer.Option(help="Folder of records, as `slbench run` writes it.")] = RESULTS,
    task: Annotated[
        list[str] | None, typer.Option(help="Whose boards to show; by default of all. May be given again.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split. May be given again.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A score, or `all`; by default the one that ranks. May be given again.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only scores under this protocol. May be given again.")
    ] = None,
    modality: Annotated[
        list[str] | None,
        typer.Option(help="Only models that look at this: pose, rgb, rgb+pose, ... May be given again."),
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Only records of that folder, without published scores and slbench's own.")
    ] = False,
    output_format: Annotated[
        Format,
        typer.Option("--format", help="Table for a terminal, Markdown or HTML for a page, CSV or JSON for programs."),
    ] = Format.table,
    output: Annotated[Path | None, typer.Option(help="File to write instead of the terminal.")] = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Only look for mistakes in published figures and records.")
    ] = False,
) -> None:
    """Rank complete runs beside published scores, among rows that may be compared; what is left out is named on stderr.

    By default a terminal shows the tasks that have runs; files and other formats hold all.

    Runs that differ in nothing but seeds are one row, with their mean and standard deviation.
    """
    folder = None if results == RESULTS and not results.is_dir() else results
    if validate:
        _validate(folder)
        return
    from slbench.cli.console import errors
    from slbench.files import write_text
    from slbench.report.gathering import Wanted, gather
    from slbench.report.written import written

    found = gather(folder, Wanted(*(tuple(names or ()) for names in (task, split, metric, protocol, modality))), alone)
    gc.freeze()  # what was read stays to the end, so nobody need look whether it is garbage
    if not found.runs:
        of = f" of {', '.join(task)}" if task else ""
        errors().print(f"no complete run{of} under {results} (looked for <task>/<model>/<run>.json)", soft_wrap=True)
    if output is not None:
        write_text(output, written(output_format.value, found))
    elif output_format is Format.table:
        _show(found, bool(task))
    else:
        typer.echo(written(output_format.value, found), nl=False)
    for place, reason in found.left_out:
        errors().print(f"left out: {place}: {reason}", style="yellow", soft_wrap=True)


def _show(found: "Gathered", asked: bool) -> None:
    """Tables of the tasks that were asked for, or else of those that have runs."""
    from slbench.cli.console import errors, show
    from slbench.report.boards import board_tables

    shown = [one for one in found.standings if asked or any(line.entry.kind == "measured" for line in one.lines)]
    for table in board_tables(shown, found.rules):
        show(table)
    if others := sorted({one.task for one in found.standings} - {one.task for one in shown}):
        errors().print(f"no run of these tasks, --task shows the other scores: {', '.join(others)}", soft_wrap=True)


def _validate(folder: Path | None) -> None:
    from slbench.report.gathering import validated

    wrong, seen = validated(folder)
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{seen}: {f'{len(wrong)} mistakes' if wrong else 'no mistakes'}")
    if wrong:
        raise typer.Exit(1)
