"""Boards as tests look at them: the ranking scores of records alone, without what comes with slbench."""

import json
from io import StringIO
from typing import Any

from rich.console import Console

from slbench.report.board_data import board_json
from slbench.report.boards import board_markdown, board_tables
from slbench.report.entries import measured_entries
from slbench.report.leaderboard import Board
from slbench.report.rules import Rules, leaderboard_folder, read_rules
from slbench.report.standings import Standing, standings


def rules() -> Rules:
    return read_rules(leaderboard_folder())


def placed(board: Board) -> list[Standing]:
    return standings((entry for entry in measured_entries(board) if entry.ranks and entry.own), rules())


def markdown_of(board: Board) -> str:
    return board_markdown(placed(board), rules())


def json_of(board: Board) -> list[dict[str, Any]]:
    return json.loads(board_json(placed(board), rules()))


def shown(board: Board, width: int = 80) -> str:
    console = Console(width=width, file=StringIO(), markup=False)
    for table in board_tables(placed(board), rules()):
        console.print(table)
    return console.file.getvalue()
