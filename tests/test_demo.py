"""The README's promise on the embedded recordings: the committed record, made again."""

import json
from pathlib import Path

import pytest

from slbench.engine.evaluate import Run, RunRequest
from slbench.records import parse_predictions, parse_record
from slbench.report.leaderboard import read_board

ROOT = Path(__file__).parents[1]
RECORDS = sorted((ROOT / "results").glob("fingerspelling-islr/uni-sign-mini/*[0-9a-f].json"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    made = []
    for batch_size in (1, 7, 64):
        folder = tmp_path_factory.mktemp(f"batch-{batch_size}")
        made.append(
            Run(RunRequest("uni-sign-mini", "fingerspelling-islr", device="cpu", batch_size=batch_size, output=folder))
        )
        made[-1].execute()
    return made


def test_batch_sizes_give_the_same_bytes(runs: list[Run]) -> None:
    assert len({run.predictions_path.read_bytes() for run in runs}) == 1


def test_the_committed_predictions_come_out_again(runs: list[Run]) -> None:
    """On another processor a close call may fall the other way; more than two of 104 would be something else."""
    committed = parse_predictions(RECORDS[0].with_suffix(".predictions.jsonl").read_text(encoding="utf-8"), "committed")
    made = parse_predictions(runs[0].predictions_path.read_text(encoding="utf-8"), "made")
    assert [p.id for p in made] == [p.id for p in committed]
    assert [p.reference for p in made] == [p.reference for p in committed]
    assert sum(a.hypothesis != b.hypothesis for a, b in zip(made, committed, strict=True)) <= 2


def test_the_committed_record_is_of_these_cards_and_weights(runs: list[Run]) -> None:
    record = parse_record(RECORDS[0].read_text(encoding="utf-8"), "committed")
    assert len(RECORDS) == 1
    assert record.run == runs[0].name
    assert record.model.weights_sha256 == runs[0].weights
    assert record.environment.dirty is False


def test_committed_results_can_all_be_ranked() -> None:
    board = read_board(ROOT / "results")
    assert board.left_out == ()
    assert len(board.records) == len(list((ROOT / "results").glob("*/*/*.json")))


def test_readme_shows_the_committed_figures() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    record = json.loads(RECORDS[0].read_text(encoding="utf-8"))
    for score in record["scores"]:
        row = next(line for line in readme.splitlines() if line.split()[:1] == [score["name"]])
        assert row.split()[1:5] == [f"{score['value']:.1f}", f"{score['low']:.1f}", "–", f"{score['high']:.1f}"]
    assert f"{record['run']}.json" in readme
