"""The board in the repository is the one that its records, published figures and rules make."""

from functools import cache
from pathlib import Path

import pytest

from slbench.report.gathering import Gathered, Wanted, gather
from slbench.report.written import written

ROOT = Path(__file__).parents[2]


@cache
def board() -> Gathered:
    return gather(None, Wanted())


@pytest.mark.parametrize(("output_format", "name"), [("markdown", "README.md"), ("html", "index.html")])
def test_the_boards_files_are_up_to_date(output_format: str, name: str) -> None:
    there = (ROOT / "leaderboard" / name).read_text(encoding="utf-8")
    assert there == written(output_format, board()), "`just board` makes them again"


def test_nothing_is_left_out_and_every_family_is_there() -> None:
    assert board().left_out == ()
    families = {standing.task.rpartition("-")[2] for standing in board().standings}
    assert families == {"islr", "cslr", "slt"}


def test_the_readme_says_how_many_figures_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = (ROOT / "leaderboard" / "published.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert f"{len(lines):,} published figures" in text
    assert f"{sum(',unknown,' in line for line in lines)} published figures do not tell" in text
