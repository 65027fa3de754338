"""The guarantee of `--resume`: killed at any moment, a training ends with the weights of an uninterrupted one."""

import os
import random
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
from trainings import CHANGES, EVENTS, Killed, digests, killed_after, log_without_seconds, newest, run

from slbench.engine.events import Epoch, Event, Resumed, Step
from slbench.engine.log import read_log
from slbench.errors import ModelError, OutputError


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


@pytest.mark.parametrize(("merits", "best"), [((1.0, 2.0), 2), ((2.0, 1.0), 1), ((-2.0, -1.0), 2)])
def test_the_best_epoch_is_remembered(corpus: FakeCorpus, tmp_path: Path, monkeypatch, merits, best: int) -> None:
    """The made-up clips score nothing, so what an epoch is worth is made up here."""

    def trained(output: Path, stops: int) -> str:
        values = iter(merits)
        monkeypatch.setattr("slbench.engine.train.merit_of", lambda scores: next(values))
        for _ in range(stops):
            killed_after(run(corpus, output), 1)
        return run(corpus, output).execute()

    assert trained(tmp_path / "cut", EVENTS) == trained(tmp_path / "whole", 0)
    card = tomllib.loads((tmp_path / "cut" / "best.toml").read_text())
    assert f"epoch {best} of 2, the best" in card["weights"]["trained_on"]


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
from slbench.engine.training import TrainingRequest, TrainingRun
model, task, output, *changes = sys.argv[1:]
request = TrainingRequest(model, [task], Path(output), None, 0, "cpu", changes, resume=True, checkpoint_seconds=0)
TrainingRun(request).execute()
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
    data = [
        f"{split} {key}" for split in ("train", "dev") for key in ("data of made-up-islr", "of made-up-islr made from")
    ]
    assert keys == ["model", "tasks", "task digest of made-up-islr", *data]


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
        names = [score.name for score in epoch.scores["made-up-islr"]]
        assert names == ["top1-instance", "top1-class"]
        assert epoch.seconds > 0
    assert [event.learning_rate for event in events[:2]] == pytest.approx([0.5e-3, 1e-3])
    assert all(event.gradient_norm > 0 for event in events if isinstance(event, Step))


def test_a_gradient_that_is_not_a_number_names_the_clips(corpus: FakeCorpus, tmp_path: Path) -> None:
    """The loss is finite, its gradient is not: no weight is touched, and the checkpoint stays."""
    training = run(corpus, tmp_path / "out")
    trainer, model = training.trainer, training.trainer.courses[0].model
    loss = model.loss
    calls = 0

    def spoiled(inputs, targets):
        nonlocal calls
        calls += 1
        value = loss(inputs, targets)
        # The square root of nothing has an infinite slope.
        return value if calls < 3 else value + torch.sqrt(0 * value.detach() + 0 * value)

    model.loss = spoiled
    with pytest.raises(ModelError, match=r"the gradient's norm is (nan|inf) for clips train-0.*epoch 2, step 1"):
        training.execute()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.network.parameters())
    assert newest(tmp_path / "out").name.startswith("epoch-00002-step-00000000-")
    assert run(corpus, tmp_path / "out").execute()
