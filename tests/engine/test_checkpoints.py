"""Checkpoints on disk: damaged ones are found, a full disk spoils none, they cost little."""

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fakes import FakeCorpus
from trainings import CHANGES, digests, killed_after, log_without_seconds, newest, run

from slbench.engine.checkpoints import Checkpoints, Saved
from slbench.engine.events import Event, Resumed
from slbench.errors import CardError, OutputError


@pytest.mark.parametrize(("damage", "events"), [("cut", 1), ("flip", 3), ("empty", 4), ("other", 6)])
def test_a_damaged_checkpoint(corpus: FakeCorpus, tmp_path: Path, whole: Path, damage: str, events: int) -> None:
    output = tmp_path / "cut"
    killed_after(run(corpus, output), events)
    path = newest(output)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "other":
        torch.save({"not": "ours"}, path)
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    seen: list[Event] = []
    run(corpus, output).execute(seen.append)
    first = seen[0]
    assert isinstance(first, Resumed)
    assert [str(path) in line for line in first.damaged] == [True]
    assert digests(output) == digests(whole)
    assert log_without_seconds(output) == log_without_seconds(whole)


def test_no_whole_checkpoint(corpus: FakeCorpus, tmp_path: Path) -> None:
    killed_after(run(corpus, tmp_path), 4)
    files = sorted((tmp_path / "checkpoints").iterdir())
    assert len(files) == 2
    for path in files:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OutputError, match="no checkpoint is whole") as raised:
        run(corpus, tmp_path).execute()
    assert all(str(path) in str(raised.value) for path in files)


def test_any_changed_byte_is_found(tmp_path: Path) -> None:
    state = {"place": {"epoch": 2, "step": 3}, "weights": torch.arange(300.0)}
    Checkpoints(tmp_path, 0).save(Saved({"recipe.epochs": 3}, state, {"best": "00"}))
    (path,) = tmp_path.iterdir()
    content, chance = path.read_bytes(), random.Random(0)
    for place in chance.sample(range(len(content)), 50):
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(OutputError, match="is damaged"):
            Checkpoints(tmp_path, 0).newest()
    path.write_bytes(content)
    found, damaged = Checkpoints(tmp_path, 0).newest()
    assert found is not None
    assert (found.identity, found.written, damaged) == ({"recipe.epochs": 3}, {"best": "00"}, ())
    assert torch.equal(found.trainer["weights"], state["weights"])


def test_the_last_two_are_kept(corpus: FakeCorpus, tmp_path: Path) -> None:
    names = []
    run(corpus, tmp_path / "a").execute(
        lambda _: names.append([path.stem[:25] for path in sorted((tmp_path / "a" / "checkpoints").iterdir())])
    )
    assert names[0] == ["epoch-00001-step-00000000", "epoch-00001-step-00000001"]
    assert names[2] == ["epoch-00001-step-00000002", "epoch-00002-step-00000000"]
    assert all(len(kept) == 2 for kept in names)


def test_slow_saving_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch) -> None:
    """Ten seconds to save: the next one within the epoch after two hundred, although sixty were asked for."""
    now = [0.0]
    monkeypatch.setattr("slbench.engine.checkpoints.time.monotonic", lambda: now[0])

    def slow(content, file) -> None:
        now[0] += 10

    monkeypatch.setattr("slbench.engine.checkpoints._save", slow)
    checkpoints = Checkpoints(tmp_path, 60)
    checkpoints.save(Saved({}, {"place": {"epoch": 1, "step": 1}}, {}))
    now[0] = 10 + 199
    assert not checkpoints.due()
    now[0] = 10 + 200
    assert checkpoints.due()


FULL = """
import resource, sys
from pathlib import Path
from slbench.cli import app
from slbench.engine import training
arguments, room = sys.argv[2:], int(sys.argv[1])
train = training.TrainingRun._train
def limited(*given):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    return train(*given)
training.TrainingRun._train = limited
sys.argv = ["slbench", *arguments]
app.main()
"""


def test_full_disk(corpus: FakeCorpus, tmp_path: Path, whole: Path) -> None:
    """No file may grow beyond half a checkpoint: one clean message, and the checkpoints before it go on."""
    output = tmp_path / "cut"
    killed_after(run(corpus, output, seconds=1e9), 4)
    before = {path.name: path.read_bytes() for path in (output / "checkpoints").iterdir()}
    names = ["--model", corpus.model_path, "--task", corpus.task_path, "--output", output, "--device", "cpu"]
    changes = [word for change in CHANGES for word in ("--set", change)]
    room = newest(output).stat().st_size // 2
    command = [sys.executable, "-c", FULL, str(room), "train", *map(str, names), *changes, "--resume"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "500"})
    assert done.returncode == 2, done.stderr
    assert "cannot be written (File too large); make room, then the same command with --resume goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in (output / "checkpoints").iterdir()} == before
    run(corpus, output).execute()
    assert digests(output) == digests(whole)


@pytest.mark.parametrize("share", [2, 20, 1000])
def test_full_disk_at_any_file(corpus: FakeCorpus, tmp_path: Path, whole: Path, share: int) -> None:
    """Checkpoint, weights, card or log: whatever does not fit any more, the training goes on when there is room."""
    output = tmp_path / "cut"
    killed_after(run(corpus, output), 4)
    before = {path: path.read_bytes() for path in output.glob("checkpoints/*")}
    training = run(corpus, output, seconds=1e9)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (newest(output).stat().st_size // share, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            training.execute()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path: path.read_bytes() for path in output.glob("checkpoints/*")} == before
    assert not list(output.rglob(".*.tmp"))
    run(corpus, output).execute()
    assert digests(output) == digests(whole)
    assert log_without_seconds(output) == log_without_seconds(whole)


def test_deleted_weights_are_missed_before_training_goes_on(corpus: FakeCorpus, tmp_path: Path) -> None:
    killed_after(run(corpus, tmp_path / "out"), 4)
    next((tmp_path / "out").glob("best-*.safetensors")).unlink()
    with pytest.raises(CardError, match=r"best.toml: weights.file: there is no file"):
        run(corpus, tmp_path / "out").execute()
