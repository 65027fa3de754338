"""The README's promise on the embedded recordings: the committed records, made again."""

import json
from pathlib import Path

import pytest

from slbench.engine.evaluate import Run, RunRequest
from slbench.records import RunRecord, parse_predictions, parse_record
from slbench.report.leaderboard import read_board

ROOT = Path(__file__).parents[1]
MODEL = "uni-sign-mini"
RUNS = [
    ("fingerspelling-islr", "test"),
    *((task, split) for task in ("fingerspelling-cslr", "fingerspelling-slt") for split in ("test", "test-unseen")),
]
CLIPS = 104
"""Made again here: all of the letters, and as many of the words."""
each_run = pytest.mark.parametrize(("task", "split"), RUNS)


def committed(task: str, split: str) -> Path:
    """The one record of the model on a split."""
    folder = ROOT / "results" / task / MODEL
    (path,) = [path for path in folder.glob(f"{split}-????????.json") if "predictions" not in path.name]
    return path


def record_of(task: str, split: str) -> RunRecord:
    return parse_record(committed(task, split).read_text(encoding="utf-8"), "committed")


def made(task: str, split: str, folder: Path, batch_size: int = 32, limit: int | None = CLIPS) -> Run:
    run = Run(RunRequest(MODEL, task, split, limit, device="cpu", batch_size=batch_size, output=folder))
    run.execute()
    return run


@pytest.mark.parametrize("task", [task for task, split in RUNS if split == "test"])
def test_batch_sizes_give_the_same_bytes(task: str, tmp_path: Path) -> None:
    runs = [made(task, "test", tmp_path / str(size), size, limit=40) for size in (1, 7, 64)]
    assert len({run.predictions_path.read_bytes() for run in runs}) == 1


@each_run
def test_the_committed_predictions_come_out_again(task: str, split: str, tmp_path: Path) -> None:
    """On another processor a close call may fall the other way; more than two of 104 would be something else."""
    there = parse_predictions(
        committed(task, split).with_suffix(".predictions.jsonl").read_text(encoding="utf-8"), "committed"
    )
    here = parse_predictions(made(task, split, tmp_path).predictions_path.read_text(encoding="utf-8"), "made")
    assert [(p.id, p.reference) for p in here] == [(p.id, p.reference) for p in there[:CLIPS]]
    assert sum(a.hypothesis != b.hypothesis for a, b in zip(here, there, strict=False)) <= 2


@each_run
def test_the_committed_record_is_of_these_cards_and_weights(task: str, split: str) -> None:
    record = record_of(task, split)
    run = Run(RunRequest(MODEL, task, split, device="cpu"))
    assert record.run == run.name
    assert record.model.weights_sha256 == run.weights
    assert record.environment.dirty is False
    assert record.task.composed is (task != "fingerspelling-islr")


def test_composed_splits_have_300_clips() -> None:
    assert all(record_of(task, split).task.clips >= 300 for task, split in RUNS[1:])


def test_committed_results_can_all_be_ranked() -> None:
    board = read_board(ROOT / "results")
    assert board.left_out == ()
    assert len(board.records) == len(list((ROOT / "results").glob("*/*/*.json")))


def test_readme_shows_the_figures_of_its_first_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    record = json.loads(committed(*RUNS[0]).read_text(encoding="utf-8"))
    for score in record["scores"]:
        row = next(line for line in readme.splitlines() if line.split()[:1] == [score["name"]])
        assert row.split()[1:5] == [f"{score['value']:.1f}", f"{score['low']:.1f}", "–", f"{score['high']:.1f}"]
    assert f"{record['run']}.json" in readme


@each_run
def test_readme_has_a_row_a_split(task: str, split: str) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    cells = next(line for line in lines if line.startswith(f"| `{task}` | {split} |")).split("|")
    score = record_of(task, split).scores[0]
    assert cells[3].strip() == str(record_of(task, split).task.clips)
    assert f"{score.name} {score.value:.1f} ({score.low:.1f} to {score.high:.1f})" in cells[4].replace(" %", "")
