"""`docs/train-baselines.sh`, with a shell script in slbench's place."""

import os
import subprocess
from pathlib import Path

import pytest

from slbench import catalog
from slbench.cards import ModelCard, TaskCard

SCRIPT = Path(__file__).parents[1] / "docs" / "train-baselines.sh"
FAKE = """#!/bin/sh
[ "$*" = "$FAILS" ] && exit 1
echo "$@" >> calls
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The commands that were given to slbench, in the folder where the script runs."""
    program = tmp_path / "bin" / "slbench"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    return tmp_path / "calls"


def follow(calls: Path, *models: str, fails: str = "") -> int:
    """Run the script; its exit code."""
    path = os.pathsep.join([str(calls.parent / "bin"), os.environ["PATH"]])
    calls.unlink(missing_ok=True)
    calls.touch()
    return subprocess.run(
        ["sh", SCRIPT, *models], cwd=calls.parent, env=os.environ | {"PATH": path, "FAILS": fails}
    ).returncode


def commands(calls: Path) -> list[dict[str, list[str]]]:
    """Each one's words: option -> its values; the command itself stands under ``."""
    found = []
    for line in calls.read_text().splitlines():
        words: dict[str, list[str]] = {}
        name = ""
        for word in line.split():
            if word.startswith("--"):
                name = word[2:]
            words.setdefault(name, []).extend([] if word.startswith("--") else [word])
        found.append(words)
    return found


def trained(calls: Path) -> list[dict[str, list[str]]]:
    return [words for words in commands(calls) if words[""] == ["train"]]


def test_every_baseline_is_trained_and_run_on_what_it_can(calls: Path) -> None:
    assert follow(calls) == 0
    known = {(model, task) for words in trained(calls) for model in words["model"] for task in words["task"]}
    cards = [catalog.get_model(name) for name in catalog.names(ModelCard)]
    tasks = [
        card for name in catalog.names(TaskCard) if (card := catalog.get_task(name)).dataset.startswith("fingersp")
    ]
    assert len(tasks) == 3
    can = {
        (card.name, task.name)
        for card in cards if "baselines" in card.implementation and card.inputs == "pose"
        for task in tasks if task.family in card.families
    }  # fmt: skip
    assert can == known
    assert {task for _, task in known} == {task.name for task in tasks}


def test_what_is_trained_is_run_on_every_test_split(calls: Path) -> None:
    follow(calls)
    splits: dict[tuple[str, str], list[str]] = {}
    for words in commands(calls):
        if words[""] == ["run"]:
            splits.setdefault((words["model"][0], words["task"][0]), []).append(words["split"][0])
    made = {(f"{words['output'][0]}/best.toml", task) for words in trained(calls) for task in words["task"]}
    assert set(splits) == made
    for (_, task), found in splits.items():
        wanted = {split for split in catalog.get_task(task).splits if split.startswith("test")}
        assert set(found) == wanted


def test_networks_on_letters_are_trained_with_three_seeds(calls: Path) -> None:
    follow(calls, "spoter")
    assert [(words["seed"], words["task"]) for words in trained(calls)] == [
        ([seed], ["fingerspelling-islr"]) for seed in "012"
    ]
    assert len({words["output"][0] for words in trained(calls)}) == 3


def test_chance_has_three_seeds_of_the_run(calls: Path) -> None:
    follow(calls, "random-train")
    runs = [words for words in commands(calls) if words[""] == ["run"] and words["task"] == ["fingerspelling-islr"]]
    assert [words["seed"] for words in runs] == [["0"], ["1"], ["2"]]


def test_what_is_done_is_skipped_and_what_failed_is_done_again(calls: Path) -> None:
    follow(calls, "majority")
    whole = calls.read_text().splitlines()
    (calls.parent / "runs" / "minutes.tsv").unlink()
    assert follow(calls, "majority", fails=whole[2]) == 1
    assert calls.read_text().splitlines() == whole[:2]
    assert follow(calls, "majority") == 0
    assert calls.read_text().splitlines() == whole[2:]
    assert follow(calls, "majority") == 0
    assert calls.read_text() == ""
    log = [line.split("\t") for line in (calls.parent / "runs" / "minutes.tsv").read_text().splitlines()]
    assert [how for _, _, how in log] == ["done"] * 2 + ["stopped"] + ["done"] * (len(whole) - 2)
    assert all(seconds.isdigit() for _, seconds, _ in log)
    assert len({name for name, _, how in log if how == "done"}) == len(whole)


def test_those_that_are_named_are_done_alone(calls: Path) -> None:
    follow(calls, "knn-dtw", "pose-t5")
    assert {words["model"][0] for words in trained(calls)} == {"knn-dtw", "pose-t5"}
    follow(calls, "t5")
    assert calls.read_text() == ""
