"""`slbench leaderboard`: records as a board."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the board is written."""

    table = "table"
    markdown = "markdown"
    json = "json"


def leaderboard(
    results: Annotated[Path, typer.Option(help="Folder of records, as `slbench run` writes it.")] = Path("results"),
    task: Annotated[
        list[str] | None, typer.Option(help="Whose boards to show; by default of all. May be given again.")
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="Table for a terminal, Markdown for a page, JSON for programs.")
    ] = Format.table,
) -> None:
    """Rank the complete runs of every task; what is left out is named on stderr, with the reason.

    Runs that differ in nothing but seeds are one row, with their mean and standard deviation.
    """
    from slbench.cli.console import errors, show
    from slbench.report.boards import board_json, board_markdown, board_tables
    from slbench.report.leaderboard import read_board

    board = read_board(results, task or ())
    if not board.records:
        of = f" of {', '.join(task)}" if task else ""
        errors().print(f"no complete run{of} under {results} (looked for <task>/<model>/<run>.json)", soft_wrap=True)
    match output_format:
        case Format.table:
            for table in board_tables(board):
                show(table)
        case Format.markdown:
            typer.echo(board_markdown(board), nl=False)
        case Format.json:
            typer.echo(board_json(board))
    for place, reason in board.left_out:
        errors().print(f"left out: {place}: {reason}", style="yellow", soft_wrap=True)
