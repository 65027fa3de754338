"""Training: one process, one recipe, the same weights for the same seed on the same machine."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from slbench.cards import Recipe, TaskCard
from slbench.data.augment import augmented
from slbench.data.store import Split
from slbench.engine.determinism import PRECISIONS
from slbench.engine.models import autocast
from slbench.engine.predict import load_batches, predict_batch
from slbench.errors import ClipError, DataError, ModelError
from slbench.metrics.base import Score
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Inputs, Trainable

DEV_BATCH_SIZE = 32


@dataclass(frozen=True)
class Step:
    """Progress: an optimisation step was made."""

    epoch: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class Epoch:
    """Progress: an epoch has ended; `score` is the protocol's first metric on dev."""

    epoch: int
    loss: float
    score: Score
    best: bool


class Trainer:
    """Trains a model on a task's train split and scores it on dev after each epoch."""

    def __init__(self, model: Trainable, task: TaskCard, recipe: Recipe, seed: int, train: Split, dev: Split) -> None:
        self.model, self.task, self.recipe, self.seed = model, task, recipe, seed
        self.train_split, self.dev_split = train, dev
        self.steps = max(1, len(train) // recipe.batch_size)
        self.best: Score | None = None
        self.average: AveragedModel | None = None
        if recipe.average:
            keep_average = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(model.network, multi_avg_fn=keep_average, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            model.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, eps=recipe.adam_epsilon
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def _rate(self, step: int) -> float:
        """Factor of the learning rate: linear warm-up, then a cosine to zero."""
        warmup, total = self.recipe.warmup_epochs * self.steps, self.recipe.epochs * self.steps
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    def run(self) -> Iterator[Step | Epoch]:
        """Train; progress comes out as it is made. After an `Epoch`, `kept_network` holds its weights."""
        for epoch in range(1, self.recipe.epochs + 1):
            losses = []
            for step, batch in enumerate(self._batches(epoch), 1):
                losses.append(self._optimise(batch, epoch))
                yield Step(epoch, step, self.steps, losses[-1])
            score = self._dev_score()
            best = score.beats(self.best)
            self.best = score if best else self.best
            yield Epoch(epoch, float(np.mean(losses)), score, best)

    @property
    def kept_network(self) -> torch.nn.Module:
        """The weights that are evaluated and saved: the average, if the recipe has one."""
        return self.average.module if self.average is not None else self.model.network

    def _batches(self, epoch: int) -> Iterator[list[int]]:
        """Indices of shuffled batches; a last partial batch is left out, as in the released code."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.train_split))
        size = self.recipe.batch_size
        for step in range(self.steps):
            yield [int(index) for index in order[step * size : (step + 1) * size]]

    def _optimise(self, batch: list[int], epoch: int) -> float:
        self.model.network.train()
        inputs = [self._input(index, epoch) for index in batch]
        targets = [self.task.target(row.text, row.gloss) for row in (self.train_split[index] for index in batch)]
        with autocast(self.model, PRECISIONS[self.recipe.precision]):
            loss = self.model.loss(inputs, targets)
        self._check_finite(loss, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model.network)
        return float(loss.detach())

    def _input(self, index: int, epoch: int) -> Inputs:
        """A training clip, changed at random by seed, epoch and place alone."""
        chance = np.random.default_rng([self.seed, epoch, index])
        try:
            clip = self.train_split.clip(index)
        except ClipError as error:
            raise DataError(f"training stops, a clip cannot be used: {error}") from error
        return self.model.prepare(augmented(clip, self.recipe.augmentation, chance))

    def _check_finite(self, loss: torch.Tensor, batch: list[int]) -> None:
        if not torch.isfinite(loss):
            clips = ", ".join(self.train_split[index].id for index in batch)
            raise ModelError(
                f"the loss is {loss.item()} for clips {clips}: lower recipe.learning_rate, or look at these clips"
            )

    def _dev_score(self) -> Score:
        """The first metric of the task's protocol on the dev split."""
        trained, self.model.network = self.model.network, self.kept_network
        self.model.network.eval()
        try:
            batches = load_batches(self.model, self.dev_split, range(len(self.dev_split)), DEV_BATCH_SIZE, 0)
            results = [predict_batch(self.model, self.task, self.dev_split, batch, torch.float32) for batch in batches]
        finally:
            self.model.network = trained
        answers = [prediction.answer() for result in results for prediction in result.predictions]
        return get_protocol(self.task.protocol, self.task.family).score(self.task.family, answers)[0]
