import json
from pathlib import Path

import pytest
from fakes import FakeCorpus

from slbench.engine.evaluate import Run, RunRequest
from slbench.errors import OutputError
from slbench.report.leaderboard import board_json, board_markdown, board_tables, read_board


@pytest.fixture
def results(corpus: FakeCorpus, tmp_path: Path) -> Path:
    """Two complete runs and one with --limit."""
    for changes in ({"seed": 0}, {"seed": 1}, {"limit": 2}):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "r", **changes)).execute()
    return tmp_path / "r"


def edit_record(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def complete(results: Path) -> list[Path]:
    return [path for path in sorted(results.rglob("*.json")) if not json.loads(path.read_text())["barred"]]


def test_best_score_comes_first(results: Path) -> None:
    first, second = complete(results)
    for path, value in ((first, 10.0), (second, 20.0)):
        score = json.loads(path.read_text())["scores"][0] | {"value": value}
        edit_record(path, scores=[score])
    board = read_board(results)
    assert [record.scores[0].value for _, records in board.groups() for record in records] == [20.0, 10.0]
    assert len(list(board_tables(board))) == 1
    markdown = board_markdown(board)
    assert markdown.startswith("## made-up-islr 1.0, test, protocol uni-sign\n")
    assert markdown.index("| 20.0 |") < markdown.index("| 10.0 |")
    widths = {line.count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    assert len(json.loads(board_json(board))[0]["records"]) == 2


def test_other_splits_are_other_boards(results: Path) -> None:
    first, _ = complete(results)
    edit_record(first, task=json.loads(first.read_text())["task"] | {"split": "dev"})
    assert len(list(read_board(results).groups())) == 2


def test_partial_runs_are_left_out_with_the_reason(results: Path) -> None:
    board = read_board(results)
    assert len(board.records) == 2
    assert [reason for _, reason in board.left_out] == ["--limit: 2 of 12 clips"]


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_a_record_needs_the_predictions_it_was_computed_from(results: Path, what: str) -> None:
    predictions = complete(results)[0].with_suffix(".predictions.jsonl")
    if what == "gone":
        predictions.unlink()
    else:
        predictions.write_text(predictions.read_text().replace("HELLO", "WORLD", 1))
    board = read_board(results)
    assert len(board.records) == 1
    assert {"changed": "not the file that was scored", "gone": "are absent"}[what] in dict(board.left_out)[
        str(complete(results)[0])
    ]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": 1, "run": 3}', "\udcff"])
def test_files_that_are_no_records_are_named(results: Path, text: str) -> None:
    path = complete(results)[0]
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    board = read_board(results)
    assert len(board.records) == 1
    assert str(path) in dict(board.left_out)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no such folder"):
        read_board(tmp_path / "nothing")
