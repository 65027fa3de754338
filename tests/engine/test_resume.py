"""The guarantee of `--resume`: killed at any moment, a training ends with the weights of an uninterrupted one."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import torch
from fakes import FakeCorpus

from slbench.engine.checkpoints import Checkpoints, Saved
from slbench.engine.events import Epoch, Event, Resumed, Step
from slbench.engine.log import read_log
from slbench.engine.training import TrainingRun
from slbench.errors import CardError, ModelError, OutputError
from slbench.files import file_digest

CHANGES = (
    "recipe.epochs=2", "recipe.augmentation.rotation=20", "recipe.augmentation.speed=0.2", "recipe.average=0.9",
    "config.language_model.dropout_rate=0.1", "config.pose_dropout=0.1", "recipe.warmup_epochs=1",
)  # fmt: skip
EVENTS = 2 * (2 + 1)
"""Of two epochs with two steps each."""


class Killed(BaseException):
    """Stands for `kill -9`: nothing of the program catches it."""


def run(corpus: FakeCorpus, output: Path, changes=CHANGES, resume=True, seed=0, seconds=0.0) -> TrainingRun:
    return TrainingRun(
        str(corpus.model_path), str(corpus.task_path), output, seed, "cpu", changes, resume, checkpoint_seconds=seconds
    )


def killed_after(training: TrainingRun, events: int) -> None:
    """Ends after so many events of the training itself."""
    seen: list[Event] = []

    def report(event: Event) -> None:
        seen.append(event)
        if sum(not isinstance(event, Resumed) for event in seen) == events:
            raise Killed

    with pytest.raises(Killed):
        training.execute(report)


def digests(output: Path) -> dict[str, str]:
    """Of the weights that the two cards name, taken from the files."""
    cards = {name: tomllib.loads((output / f"{name}.toml").read_text()) for name in ("best", "last")}
    return {name: file_digest(output / card["weights"]["file"]) for name, card in cards.items()}


def log_without_seconds(output: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a training that nothing interrupted, and that never wrote a checkpoint within an epoch."""
    folder = tmp_path_factory.mktemp("whole")
    corpus = FakeCorpus(folder / "corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_CORPUS", str(corpus.folder))
        patch.setenv("SLBENCH_HOME", str(folder / "home"))
        run(corpus, folder / "out", resume=False, seconds=1e9).execute()
    return folder / "out"


def test_stopped_after_every_event(corpus: FakeCorpus, tmp_path: Path, whole: Path) -> None:
    """A chain: each resumed training makes one step, or ends one epoch, and is stopped again."""
    output = tmp_path / "cut"
    for _ in range(EVENTS):
        torch.rand(7)  # whatever the generators' state is, it is put back
        killed_after(run(corpus, output), 1)
    resumed: list[Event] = []
    run(corpus, output).execute(resumed.append)
    assert resumed == [Resumed(3, 0, 2)]
    assert digests(output) == digests(whole)
    assert log_without_seconds(output) == log_without_seconds(whole)


def test_stopped_once(corpus: FakeCorpus, tmp_path: Path, whole: Path) -> None:
    """After each number of events, with a checkpoint at the end of each epoch only."""
    for events in range(1, EVENTS + 1):
        output = tmp_path / f"cut-{events}"
        killed_after(run(corpus, output, seconds=1e9), events)
        run(corpus, output, seconds=1e9).execute()
        assert digests(output) == digests(whole)
        assert log_without_seconds(output) == log_without_seconds(whole)


def test_killed_at_every_change_of_a_file(corpus: FakeCorpus, tmp_path: Path, whole: Path, monkeypatch) -> None:
    """Before a rename, a deletion or a sync; a few more get through every time the training resumes."""
    left = 0

    def dying(function):
        def change(*arguments, **options):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return function(*arguments, **options)

        return change

    output, kills = tmp_path / "cut", 0
    with monkeypatch.context() as patch:
        for name in ("replace", "unlink", "rmdir"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        patch.setattr(os, "fsync", dying(os.fsync))
        for allowed in range(0, 400, 5):
            left = 10**9
            training = run(corpus, output, resume=True)
            left = allowed
            try:
                training.execute()
                break
            except Killed:
                kills += 1
    assert kills > 5
    assert digests(output) == digests(whole)
    assert log_without_seconds(output) == log_without_seconds(whole)


SCRIPT = """
import sys
from pathlib import Path
from slbench.engine.training import TrainingRun
model, task, output, *changes = sys.argv[1:]
TrainingRun(model, task, Path(output), 0, "cpu", changes, resume=True, checkpoint_seconds=0).execute()
"""


def test_killed_for_real(corpus: FakeCorpus, tmp_path: Path) -> None:
    """SIGKILL at a random moment of a process that writes a checkpoint at every step."""
    changes = ("recipe.epochs=5", *CHANGES[1:])
    run(corpus, tmp_path / "whole", changes, resume=False, seconds=1e9).execute()
    output = tmp_path / "cut"
    command = [sys.executable, "-c", SCRIPT, str(corpus.model_path), str(corpus.task_path), str(output), *changes]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
        while process.poll() is None and not (output / "metrics.jsonl").is_file():
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (output / "training.json").exists()
    run(corpus, output, changes).execute()
    assert digests(output) == digests(tmp_path / "whole")
    assert log_without_seconds(output) == log_without_seconds(tmp_path / "whole")


def test_resume_of_nothing_starts_and_of_an_ended_training_does_nothing(corpus: FakeCorpus, tmp_path: Path) -> None:
    output = tmp_path / "out"
    best = run(corpus, output).execute()
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    events: list[Event] = []
    assert run(corpus, output).execute(events.append) == best
    assert events == [Resumed(2, 2, 2, ended=True)]
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_an_ended_training_leaves_no_checkpoint(whole: Path) -> None:
    names = {path.name.partition("-")[0] for path in whole.iterdir()}
    assert names == {"best.toml", "last.toml", "best", "last", "metrics.jsonl", "training.json"}


@pytest.mark.parametrize("events", [1, 4])
def test_a_begun_training_is_not_overwritten(corpus: FakeCorpus, tmp_path: Path, events: int) -> None:
    killed_after(run(corpus, tmp_path / "cut"), events)
    with pytest.raises(OutputError, match="holds a training already; go on with --resume"):
        run(corpus, tmp_path / "cut", resume=False)


def test_a_model_of_another_origin_is_not_overwritten(corpus: FakeCorpus) -> None:
    with pytest.raises(OutputError, match="holds a model already, and no checkpoint"):
        run(corpus, corpus.folder)


@pytest.mark.parametrize("ended", [False, True])
def test_differences_are_listed(corpus: FakeCorpus, tmp_path: Path, ended: bool) -> None:
    output = tmp_path / "out"
    if ended:
        run(corpus, output).execute()
    else:
        killed_after(run(corpus, output), 2)
    before = digests(output) if ended else None
    changes = ("recipe.epochs=5", "recipe.average=0.8", "config.prompt=words", *CHANGES[1:3], *CHANGES[4:])
    with pytest.raises(OutputError) as raised:
        run(corpus, output, changes, seed=1).execute()
    assert set(str(raised.value).splitlines()[1:-1]) == {
        "recipe.epochs: 2 there, 5 here",
        "recipe.average: 0.9 there, 0.8 here",
        "config.prompt: absent there, words here",
        "seed: 0 there, 1 here",
    }
    assert before is None or digests(output) == before


def test_another_model_task_or_corpus_is_refused(corpus: FakeCorpus, tmp_path: Path) -> None:
    killed_after(run(corpus, tmp_path / "out"), 2)
    corpus.edit_card(corpus.model_path, 'name = "tiny"', 'name = "other"')
    corpus.edit_card(corpus.task_path, 'version = "1.0"', 'version = "1.1"')
    corpus.clip_file("train-01").write_bytes(corpus.clip_file("train-02").read_bytes())
    with pytest.raises(OutputError) as raised:
        run(corpus, tmp_path / "out").execute()
    keys = [line.partition(":")[0] for line in str(raised.value).splitlines()[1:-1]]
    assert keys == ["model", "task", "task digest", "data"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("slbench.engine.provenance.source_digest", "slbench source: "),
        ("slbench.engine.provenance.package_versions", "package.torch: "),
    ],
)
def test_other_code_is_refused(corpus: FakeCorpus, tmp_path: Path, monkeypatch, place: str, message: str) -> None:
    killed_after(run(corpus, tmp_path / "out"), 2)
    monkeypatch.setattr(place, lambda *_: "other" if "source" in place else {"torch": "1.0"})
    with pytest.raises(OutputError, match=message):
        run(corpus, tmp_path / "out").execute()


def newest(output: Path) -> Path:
    return max((output / "checkpoints").iterdir())


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


def test_only_one_training_writes(corpus: FakeCorpus, tmp_path: Path) -> None:
    """With and without --resume the second learns who the first is; what a killed one left holds nobody up."""
    output = tmp_path / "out"
    output.mkdir()
    (output / ".train.lock").touch()
    (output / ".train.owner").write_text("process 1 on nowhere")
    refused = 0

    def meanwhile(event: Event) -> None:
        nonlocal refused
        for resume in (False, True):
            with pytest.raises(OutputError, match=rf"another process is writing .*\(process {os.getpid()} on "):
                run(corpus, output, resume=resume)
            refused += 1

    run(corpus, output, ("recipe.epochs=1",), seconds=1e9).execute(meanwhile)
    assert refused == 6
    assert not list(output.glob(".*"))


def test_the_log_has_every_step_and_epoch_once(corpus: FakeCorpus, tmp_path: Path) -> None:
    output = tmp_path / "out"
    for events in (2, 3, 1):
        killed_after(run(corpus, output, seconds=1e9), events)
        with (output / "metrics.jsonl").open("ab") as file:
            file.write(b'{"epoch": 9, "st')  # a line cut short
    run(corpus, output, seconds=1e9).execute()
    events = read_log(output / "metrics.jsonl")
    steps = Counter((event.epoch, event.step) for event in events if isinstance(event, Step))
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert steps == {(epoch, step): 1 for epoch in (1, 2) for step in (1, 2)}
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    for epoch in epochs:
        losses = [event.loss for event in events if isinstance(event, Step) and event.epoch == epoch.epoch]
        assert epoch.loss == pytest.approx(sum(losses) / 2)
        assert [score.name for score in epoch.scores] == ["top1-instance", "top1-class", "top5-instance"]
        assert epoch.seconds > 0
    assert [event.learning_rate for event in events[:2]] == pytest.approx([0.5e-3, 1e-3])
    assert all(event.gradient_norm > 0 for event in events if isinstance(event, Step))


def test_a_gradient_that_is_not_a_number_names_the_clips(corpus: FakeCorpus, tmp_path: Path) -> None:
    """The loss is finite, its gradient is not: no weight is touched, and the checkpoint stays."""
    training = run(corpus, tmp_path / "out")
    trainer, loss = training.trainer, training.trainer.model.loss
    calls = 0

    def spoiled(inputs, targets):
        nonlocal calls
        calls += 1
        value = loss(inputs, targets)
        # The square root of nothing has an infinite slope.
        return value if calls < 3 else value + torch.sqrt(0 * value.detach() + 0 * value)

    trainer.model.loss = spoiled
    with pytest.raises(ModelError, match=r"the gradient's norm is (nan|inf) for clips train-0.*epoch 2, step 1"):
        training.execute()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.model.network.parameters())
    assert newest(tmp_path / "out").name.startswith("epoch-00002-step-00000000-")
    assert run(corpus, tmp_path / "out").execute()


def test_deleted_weights_are_missed_before_training_goes_on(corpus: FakeCorpus, tmp_path: Path) -> None:
    killed_after(run(corpus, tmp_path / "out"), 4)
    next((tmp_path / "out").glob("best-*.safetensors")).unlink()
    with pytest.raises(CardError, match=r"best.toml: weights.file: there is no file"):
        run(corpus, tmp_path / "out").execute()
