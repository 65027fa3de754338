"""Models that take something from the train split at once, and models that cannot learn from every clip."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tomli_w
import torch
from fakes import GLOSSES, FakeCorpus
from pydantic import BaseModel
from safetensors.torch import load_file
from torch import nn
from trainings import Killed, digests, killed_after

from slbench.cli.app import app
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.events import Event, Step
from slbench.engine.train import Trainer
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import CardError, ModelError, OptionError
from slbench.modeling.baselines.classify import Classifier
from slbench.modeling.baselines.texts import Texts, saved_texts
from slbench.modeling.uni_sign.config import InputConfig

AT_ONCE = ("majority", "random-train", "knn-dtw", "logreg-hands")


class Learner(Classifier):
    """A linear layer on the mean body; it answers in the glosses that it finds in the train clips, backwards."""

    class Config(BaseModel):
        inputs: InputConfig = InputConfig()

    calls: ClassVar[list[str]] = []

    def build(self, classes: int) -> nn.Module:
        return nn.ModuleDict({"linear": nn.Linear(27, classes)})

    def scores(self, batch):
        return torch.stack([self.network["linear"](torch.from_numpy(one["body"].mean(0).ravel())) for one in batch])

    def fit(self, examples):
        super().fit(examples)
        self.calls.append("fit")
        self._answer_with(sorted({target for one in examples for target in one.targets}, reverse=True))

    def loss(self, batch, targets):
        self.calls.append("loss")
        return super().loss(batch, targets)


class Picky(Learner):
    """Learns from no clip below so many frames."""

    least = 10

    def refusal(self, inputs, target: str) -> str:
        frames = len(inputs["body"])
        return f"{frames} frames for {target}" if frames < self.least else ""


def card_of(model: type, corpus: FakeCorpus, **changes: object) -> Path:
    path = corpus.folder / f"{model.__name__}.toml"
    recipe = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-2, "precision": "float32", "average": 0.5}
    values = {
        "name": model.__name__.lower(), "title": "", "implementation": f"{__name__}:{model.__name__}",
        "families": ["islr"], "inputs": "pose", "paper": "", "recipe": recipe | changes,
    }  # fmt: skip
    path.write_text(tomli_w.dumps(values))
    return path


def training(model: Path | str, tasks: list[Path], output: Path, **others) -> TrainingRun:
    return TrainingRun(TrainingRequest(str(model), [str(task) for task in tasks], output, device="cpu", **others))


def running(model: Path | str, task: Path, **others) -> Run:
    return Run(RunRequest(str(model), str(task), output=Path(task).parent / "runs", device="cpu", **others))


def sentences(corpus: FakeCorpus) -> Path:
    """The same clips as sentences of one gloss."""
    path, text = corpus.folder / "cslr.toml", corpus.task_path.read_text()
    text = text[: text.index("glosses")].replace("islr", "cslr").replace('"uni-sign"', '"slbench"')
    path.write_text(text)
    return path


def other_glosses(corpus: FakeCorpus) -> Path:
    path = corpus.folder / "other.toml"
    path.write_text(corpus.task_path.read_text().replace("made-up-islr", "other").replace('"SIGN"', '"SIGN", "TREE"'))
    return path


def weights(output: Path, name: str = "best") -> Path:
    return next(output.glob(f"{name}-*.safetensors"))


def test_fitted_before_the_first_step_and_saved_with_its_glosses(corpus: FakeCorpus, tmp_path: Path) -> None:
    """`recipe.average` keeps a second network, whose glosses are saved."""
    Learner.calls.clear()
    training(card_of(Learner, corpus), [corpus.task_path], tmp_path / "a").execute()
    assert Learner.calls == ["fit", *["loss"] * 8]
    assert saved_texts(load_file(weights(tmp_path / "a")), "vocabulary") == ("WORLD", "SIGN", "HELP")
    run = running(tmp_path / "a" / "best.toml", corpus.task_path)
    assert run.model.network.vocabulary.texts == ("WORLD", "SIGN", "HELP")
    record = run.execute()
    assert not record.failed


@pytest.mark.parametrize("events", [1, 4, 5, 8])
def test_resumed_with_the_same_weights(corpus: FakeCorpus, tmp_path: Path, events: int) -> None:
    card, tasks = card_of(Learner, corpus), [corpus.task_path]
    training(card, tasks, tmp_path / "whole").execute()
    killed_after(training(card, tasks, tmp_path / "cut", checkpoint_seconds=0.0), events)
    training(card, tasks, tmp_path / "cut", resume=True).execute()
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")


@pytest.mark.parametrize("name", AT_ONCE)
def test_killed_after_it_was_fitted(corpus: FakeCorpus, tmp_path: Path, monkeypatch, name: str) -> None:
    """Before it was scored, before the end was noted, and not at all."""

    def dies(*_: object) -> None:
        raise Killed

    for place in ("slbench.engine.train.Trainer._end_epoch", "slbench.engine.kept.KeptModels.end"):
        with monkeypatch.context() as patch:
            patch.setattr(place, dies)
            with pytest.raises(Killed):
                training(name, [corpus.task_path], tmp_path / "cut", resume=True).execute()
    training(name, [corpus.task_path], tmp_path / "cut", resume=True).execute()
    training(name, [corpus.task_path], tmp_path / "whole").execute()
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")
    events: list[Event] = []
    training(name, [corpus.task_path], tmp_path / "cut", resume=True).execute(events.append)
    assert [event.ended for event in events] == [True]


def test_begins_with_weights_of_the_same_glosses_alone(corpus: FakeCorpus, tmp_path: Path) -> None:
    card = card_of(Learner, corpus)
    training(card, [corpus.task_path], tmp_path / "a").execute()
    before, init = load_file(weights(tmp_path / "a")), str(tmp_path / "a" / "best.toml")
    begun = training(card, [corpus.task_path], tmp_path / "b", init=init).trainer.network.state_dict()
    assert all(torch.equal(before[name], value) for name, value in begun.items())
    for start in (init, str(weights(tmp_path / "a"))):
        with pytest.raises(ModelError, match="answers with 3 glosses, the task has 4; it lacks TREE. Name weights"):
            training(card, [other_glosses(corpus)], tmp_path / "c", init=start)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", [*AT_ONCE, "learner"])
def test_weights_of_other_glosses_are_not_run(corpus: FakeCorpus, tmp_path: Path, name: str) -> None:
    card = card_of(Learner, corpus) if name == "learner" else name
    training(card, [corpus.task_path], tmp_path / "a").execute()
    message = r"best-.*\.safetensors: answers with 3 glosses, the task has 4; it lacks TREE. Name weights"
    with pytest.raises(ModelError, match=message):
        running(tmp_path / "a" / "best.toml", other_glosses(corpus))
    with pytest.raises(ModelError, match=message):
        running(card, other_glosses(corpus), checkpoint=weights(tmp_path / "a"))
    assert not (corpus.folder / "runs").exists()


SMALLER = ("recipe.epochs=1", "config.d_model=16", "config.d_ff=16", "config.num_layers=1", "config.num_heads=2")


@pytest.mark.parametrize("name", ["majority", "random-train", "knn-dtw", "sign-transformer"])
def test_sentences_of_another_language_are_refused(corpus: FakeCorpus, tmp_path: Path, monkeypatch, name: str) -> None:
    task = sentences(corpus)
    training(name, [task], tmp_path / "a", changes=SMALLER if name == "sign-transformer" else ()).execute()
    assert running(tmp_path / "a" / "best.toml", task, split="dev").execute().scores
    monkeypatch.setattr("fakes.GLOSSES", ("HAUS", "BAUM"))
    with pytest.raises(ModelError, match=r"3 glosses \(HELP, SIGN, WORLD\), and none .* the 2 of .* \(BAUM, HAUS\)"):
        running(tmp_path / "a" / "best.toml", task)
    assert running(tmp_path / "a" / "best.toml", task, mock=True).execute().scores


def test_clips_that_nothing_is_learned_from_are_told(corpus: FakeCorpus, tmp_path: Path, capsys) -> None:
    """In the event, in the log, and once each on the screen, though there are two epochs."""
    words = ["train", "--model", card_of(Picky, corpus), "--task", corpus.task_path, "--output", tmp_path / "a"]
    app([str(word) for word in (*words, "--device", "cpu")], standalone_mode=False)
    frames = {f"train-{number:02}": 5 + 7 * number % 31 for number in range(8)}
    short = {clip: f"{length} frames" for clip, length in frames.items() if length < Picky.least}
    assert 0 < len(short) < 4
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    for epoch in (1, 2):
        steps = [line for line in lines if line["event"] == "step" and line["epoch"] == epoch]
        told = {clip: why for line in steps for clip, why in line["left_out"].items()}
        assert {clip: why.partition(" for")[0] for clip, why in told.items()} == short
    said = capsys.readouterr().err
    assert [said.count(f"left out: clip {clip}: {why}") for clip, why in short.items()] == [1] * len(short)


def test_a_step_without_clips_changes_nothing(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = training(card_of(Picky, corpus, batch_size=1, average=0.0, epochs=1), [corpus.task_path], tmp_path / "a")
    states = [{name: value.clone() for name, value in run.trainer.network.state_dict().items()}]
    empty: list[bool] = []
    for event in run.trainer.run():
        if isinstance(event, Step):
            states.append({name: value.clone() for name, value in run.trainer.network.state_dict().items()})
            empty.append(event.loss is None)
            assert bool(event.left_out) == (event.loss is None)
            same = all(torch.equal(states[-2][name], value) for name, value in states[-1].items())
            assert same == (event.loss is None)
        else:
            assert math.isfinite(event.loss)
    assert 0 < sum(empty) < len(empty) == 8


def test_the_clips_of_a_batch_that_are_left_weigh_as_if_alone(corpus: FakeCorpus, tmp_path: Path) -> None:
    """The loss of a batch is that of its remaining clips."""
    run = training(card_of(Picky, corpus, batch_size=8, average=0.0, epochs=1), [corpus.task_path], tmp_path / "a")
    course = run.trainer.courses[0]
    clips = [course.train.clip(index) for index in range(8)]
    kept = [clip for clip in clips if clip.frames >= Picky.least]
    wanted = course.model.loss([course.model.prepare(clip) for clip in kept], [clip.gloss for clip in kept])
    step = next(run.trainer.run())
    assert step.loss == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert set(step.left_out) == {clip.id for clip in clips} - {clip.id for clip in kept}


def test_a_training_that_learns_from_no_clip_ends(corpus: FakeCorpus, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Picky, "least", 99)
    with pytest.raises(ModelError, match=r"Picky can learn from none of the train clips, such as clip train-0\d: "):
        training(card_of(Picky, corpus), [corpus.task_path], tmp_path / "a").execute()


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_makes_sense_for_steps_alone_is_refused(corpus: FakeCorpus, tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=f"recipe.epochs = 3: {name} is fitted at once, so it has one epoch"):
        training(name, [corpus.task_path], tmp_path / "a", changes=("recipe.epochs=3",))
    training(name, [corpus.task_path], tmp_path / "b").execute()
    init = str(tmp_path / "b" / "best.toml")
    with pytest.raises(OptionError, match=f"--init .*best.toml: {name} is fitted at once"):
        training(name, [corpus.task_path], tmp_path / "a", init=init)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["majority", "knn-dtw"])
def test_several_tasks_are_refused_by_floors(corpus: FakeCorpus, tmp_path: Path, name: str) -> None:
    message = "cannot be trained on made-up-islr, made-up-cslr: it learns the answers of one task, and there are 2"
    with pytest.raises(ModelError, match=message):
        training(name, [corpus.task_path, sentences(corpus)], tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_tasks_with_other_glosses_are_refused_by_classifiers(corpus: FakeCorpus, tmp_path: Path, monkeypatch) -> None:
    more = corpus.folder / "more.toml"
    more.write_text(corpus.task_path.read_text().replace("made-up-islr", "more"))
    training(card_of(Learner, corpus), [corpus.task_path, more], tmp_path / "a")
    shown = Learner.fit

    def fit(self, examples):
        examples[1].targets[0] = "TREE"
        shown(self, examples)

    monkeypatch.setattr(Learner, "fit", fit)
    with pytest.raises(ModelError, match="made-up-islr, more: the tasks have different glosses, such as TREE"):
        training(card_of(Learner, corpus), [corpus.task_path, more], tmp_path / "a")


@pytest.mark.parametrize("model", ["logreg-hands", "learner"])
def test_one_class_alone_is_refused(corpus: FakeCorpus, tmp_path: Path, monkeypatch, model: str) -> None:
    monkeypatch.setattr("fakes.GLOSSES", ("HELP",))
    card = card_of(Learner, corpus) if model == "learner" else model
    with pytest.raises(ModelError, match="made-up-islr: it tells glosses apart, .* show none but HELP"):
        training(card, [corpus.task_path], tmp_path / "a")
    training("majority", [corpus.task_path], tmp_path / "b").execute()


def test_a_card_for_other_tasks_says_which_can(corpus: FakeCorpus, tmp_path: Path) -> None:
    message = r"logreg-hands does not do cslr \(made-up-cslr\).*; .*knn-dtw.*majority.* can"
    with pytest.raises(CardError, match=message) as told:
        training("logreg-hands", [sentences(corpus)], tmp_path / "a")
    assert "logreg-hands" not in str(told.value).partition("families")[2]
    with pytest.raises(CardError, match=message):
        running("logreg-hands", sentences(corpus))


def test_the_glosses_of_two_networks_differ_as_their_texts() -> None:
    one, other = Texts(GLOSSES), Texts(("GRÜẞE", "水", ""))
    other.load_state_dict(one.state_dict())
    assert other.texts == GLOSSES
    for texts in (("GRÜẞE", "水", ""), ()):
        one.load_state_dict(Texts(texts).state_dict())
        assert one.texts == texts


def test_an_epoch_without_steps_has_no_loss(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = training("majority", [corpus.task_path], tmp_path / "a", changes=("recipe.average=0.9",))
    assert isinstance(run.trainer, Trainer)
    events: list[Event] = []
    run.execute(events.append)
    assert [(event.event, event.loss) for event in events] == [("epoch", None)]
    dev = [GLOSSES[number % 3] for number in range(4)]
    train = Counter(GLOSSES[number % 3] for number in range(8))
    wanted = 100 * np.mean([gloss == min(train, key=lambda one: (-train[one], one)) for gloss in dev])
    assert events[0].deciding["made-up-islr"].value == wanted
