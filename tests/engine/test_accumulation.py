"""Gradients added up over batches: the same step as one large batch takes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeCorpus, made_up_clip
from torch import nn
from trainings import CHANGES, digests, killed_after, log_without_seconds, run

from slbench.cards import Recipe, TaskCard
from slbench.engine.courses import Course
from slbench.engine.events import Epoch, Step
from slbench.engine.train import Trainer

TASK = TaskCard(
    name="t", title="", version="1.0", family="slt", dataset="d", language="English", protocol="slbench"
)  # fmt: skip
RECIPE = {"epochs": 3, "learning_rate": 1e-2, "precision": "float32"}


class Clips:
    """Eight clips, or as many as are asked for."""

    def __init__(self, count: int) -> None:
        self.clips = [made_up_clip(f"c-{number}", 4, number) for number in range(count)]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int):
        return self.clips[index]

    def clip(self, index: int):
        return self.clips[index]


@dataclass
class Regression:
    """No batch norm, and a loss that is a mean over clips: how a batch is divided cannot matter."""

    network: nn.Module

    def prepare(self, clip, draw=0):
        return {"x": clip.keypoints.mean(axis=0).ravel()}

    def loss(self, batch, targets):
        x = torch.from_numpy(np.stack([inputs["x"] for inputs in batch]))
        return (self.network(x)[:, 0] - x.sum(axis=1)).square().mean()


def trained(clips: int, size: int, accumulate: int) -> tuple[Trainer, list[Step]]:
    torch.manual_seed(0)
    model = Regression(nn.Sequential(nn.Linear(266, 8), nn.Tanh(), nn.Linear(8, 1)))
    recipe = Recipe(batch_size=size, accumulate=accumulate, **RECIPE)
    trainer = Trainer([Course(TASK, model, Clips(clips), None)], recipe, seed=0)
    return trainer, [event for event in trainer.run() if isinstance(event, Step)]


def test_four_batches_of_two_are_one_of_eight() -> None:
    (small, small_steps), (large, large_steps) = trained(8, 2, 4), trained(8, 8, 1)
    (alone, alone_steps) = trained(8, 2, 1)
    assert [step.steps for step in small_steps] == [step.steps for step in large_steps] == [1, 1, 1]
    assert len(alone_steps) == 12
    for one, other in zip(small_steps, large_steps, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-4)
        assert one.learning_rate == other.learning_rate
    values = zip(small.network.parameters(), large.network.parameters(), alone.network.parameters(), strict=True)
    for one, other, third in values:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(one, third, rtol=1e-2, atol=1e-3)


def test_the_last_step_of_an_epoch_takes_what_is_left_at_its_full_weight() -> None:
    """Six batches in steps of four: the gradient of the second is the mean of two."""
    trainer, steps = trained(12, 2, 4)
    assert [(step.step, step.steps) for step in steps] == [(1, 2), (2, 2)] * 3
    trainer.place.epoch = 1
    first, second = trainer._groups()
    assert (len(first), len(second)) == (4, 2)
    model = trainer.courses[0].model
    trainer.network.zero_grad()
    for batch in second:
        inputs = [model.prepare(batch.course.train.clip(index)) for index in batch.clips]
        (model.loss(inputs, []) / 2).backward()
    expected = torch.stack([value.grad.norm() for value in trainer.network.parameters()]).norm()
    _, norm = trainer._optimise(second)
    assert norm == pytest.approx(float(expected), rel=1e-4)


def test_without_a_split_to_score_the_last_epoch_is_kept() -> None:
    trainer, _ = trained(8, 8, 1)
    trainer.place.epoch = 1
    trainer.place.best = None
    epochs = [event for event in trainer.run() if isinstance(event, Epoch)]
    assert [(epoch.best, epoch.scores, epoch.scored_on) for epoch in epochs] == [(True, {}, "none")] * 3


def test_killed_between_the_steps_of_an_accumulated_training(corpus: FakeCorpus, tmp_path: Path) -> None:
    changes = (*CHANGES, "recipe.batch_size=2", "recipe.accumulate=2")
    run(corpus, tmp_path / "whole", changes, resume=False, seconds=1e9).execute()
    for events in (1, 3, 4):
        output = tmp_path / f"cut-{events}"
        killed_after(run(corpus, output, changes), events)
        run(corpus, output, changes).execute()
        assert digests(output) == digests(tmp_path / "whole")
        assert log_without_seconds(output) == log_without_seconds(tmp_path / "whole")
