"""The committed records: every baseline on every fingerspelling task that it does, and the page that shows them."""

from functools import cache
from pathlib import Path

import pytest

from slbench import catalog
from slbench.cards import ModelCard
from slbench.records import RunRecord
from slbench.report.leaderboard import Board, read_board
from slbench.report.rows import Row

ROOT = Path(__file__).parents[1]
NOT_HERE = {"uni-sign", "videomae"}
"""Without weights for fingerspelling, and without videos of it."""
BY_CHANCE = {"random-train", "st-gcn", "pose-tgcn", "spoter"}
COLUMNS = (
    ("fingerspelling-islr", "test"),
    ("fingerspelling-cslr", "test"),
    ("fingerspelling-cslr", "test-unseen"),
    ("fingerspelling-slt", "test"),
    ("fingerspelling-slt", "test-unseen"),
)


@cache
def board() -> Board:
    return read_board(ROOT / "results")


def rows_by_place() -> dict[tuple[str, str], list[Row]]:
    groups = [rows for _, rows in board().groups()]
    return {(rows[0].first.task.name, rows[0].first.task.split): rows for rows in groups}


def test_each_split_of_a_task_is_one_board_and_nothing_is_left_out() -> None:
    assert board().left_out == ()
    assert len(board().groups()) == len(COLUMNS)
    assert set(rows_by_place()) == set(COLUMNS)


@pytest.mark.parametrize("place", COLUMNS, ids="-".join)
def test_every_model_that_does_the_task_has_a_row(place: tuple[str, str]) -> None:
    family = place[0].rpartition("-")[2]
    able = {name for name in catalog.names(ModelCard) if family in catalog.get_model(name).families} - NOT_HERE
    rows = rows_by_place()[place]
    assert sorted(row.first.model.name for row in rows) == sorted(able)
    if family == "islr":
        assert {row.first.model.name for row in rows if len(row.records) == 3} == BY_CHANCE
        assert {len(row.records) for row in rows} == {1, 3}


def test_majority_is_right_on_four_of_104_letters() -> None:
    [row] = [row for row in rows_by_place()[COLUMNS[0]] if row.first.model.name == "majority"]
    assert row.first.scores[0].parts == {"right": 4.0, "clips": 104.0}


def best(record: RunRecord) -> float:
    score = record.scores[0]
    return score.value if score.better == "higher" else -score.value


@pytest.mark.parametrize("place", COLUMNS, ids="-".join)
def test_what_sees_beats_what_does_not(place: tuple[str, str]) -> None:
    scores = {row.first.model.name: max(map(best, row.records)) for row in rows_by_place()[place]}
    blind = max(scores.pop("majority"), scores.pop("random-train"))
    assert min(scores.values()) > blind


def page_rows() -> list[str]:
    """The table of docs/baselines.md, from the records."""
    names = sorted({row.first.model.name for rows in rows_by_place().values() for row in rows})
    return [f"| `{name}` | {' | '.join(_cell(place, name) for place in COLUMNS)} |" for name in names]


def _cell(place: tuple[str, str], name: str) -> str:
    rows = [row for row in rows_by_place()[place] if row.first.model.name == name]
    if not rows:
        return ""
    spread = rows[0].spreads[0]
    return f"{spread.mean:.1f}" if spread.deviation is None else f"{spread.mean:.1f} ± {spread.deviation:.1f}"


def test_the_page_shows_the_records() -> None:
    page = (ROOT / "docs" / "baselines.md").read_text(encoding="utf-8").splitlines()
    missing = [row for row in page_rows() if row not in page]
    assert not missing, "\n".join(missing)
