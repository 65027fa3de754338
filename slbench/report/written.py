"""A board as the text of one file."""

from io import StringIO

from rich.console import Console

from slbench.report.board_data import board_csv, board_json
from slbench.report.boards import board_latex, board_markdown, board_tables
from slbench.report.gathering import Gathered

WIDTH = 160
"""Columns of a table in a file."""


def written(output_format: str, found: Gathered) -> str:
    """The whole board in one of the formats of `slbench leaderboard`."""
    match output_format:
        case "markdown":
            return board_markdown(found.standings, found.rules)
        case "csv":
            return board_csv(found.standings)
        case "json":
            return board_json(found.standings, found.rules) + "\n"
        case "latex":
            return board_latex(found.standings, found.rules)
        case "html":
            from slbench.report.page import board_page  # jinja2 takes a moment

            return board_page(found)
        case _:
            return _tables(found)


def _tables(found: Gathered) -> str:
    text = StringIO()
    console = Console(width=WIDTH, file=text, markup=False, emoji=False, highlight=False)
    for table in board_tables(found.standings, found.rules):
        console.print(table)
    return text.getvalue()
