"""Training: one process, one recipe, the same weights for the same seed on the same machine."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from slbench.cards import Recipe
from slbench.data.augment import augmented
from slbench.data.store import SplitClips
from slbench.engine.courses import Batch, Course, scored_on
from slbench.engine.determinism import PRECISIONS, random_state, set_random_state
from slbench.engine.events import Epoch, Step, merit_of
from slbench.engine.models import autocast, device_of
from slbench.engine.predict import load_batches, predict_batch
from slbench.errors import ClipError, DataError, ModelError, some
from slbench.metrics.base import Score
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Choosy, Inputs
from slbench.records import answers_of

SCORED_BATCH_SIZE = 32


@dataclass
class Place:
    """How far a training is; order and augmentation follow from the seed and this."""

    epoch: int = 1
    """The one in work; one more than the recipe's epochs when all is done."""
    step: int = 0
    """Steps of it that are done."""
    losses: list[float] = field(default_factory=list)
    """Of these steps, but for those without clips to learn from."""
    seconds: float = 0.0
    """That they took."""
    best: float | None = None
    """Largest `merit_of` an epoch."""


class Trainer:
    """Trains one network on the train splits of its courses and scores it after each epoch.

    Everything that changes while it runs is in `state_dict`: a trainer of the same arguments that loads it
    goes on to the same weights.
    """

    def __init__(self, courses: Sequence[Course], recipe: Recipe, seed: int) -> None:
        self.courses, self.recipe, self.seed = courses, recipe, seed
        self.network = courses[0].model.network
        self.place = Place()
        self.steps = len(self._groups())
        self.refused: dict[str, str] = {}
        self.average: AveragedModel | None = None
        if recipe.average:
            keep_average = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self.network, multi_avg_fn=keep_average, use_buffers=True)
        groups = [{"params": list(self.network.parameters())}]  # of a model that is fitted at once there may be none
        self.optimizer = torch.optim.AdamW(
            groups, recipe.learning_rate, weight_decay=recipe.weight_decay, eps=recipe.adam_epsilon
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def state_dict(self) -> dict[str, Any]:
        """The whole state between two events of `run`, in plain containers and tensors."""
        return {
            "place": asdict(self.place),
            "network": self.network.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": random_state(self.device),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back, or ahead, to a state that a trainer of the same arguments had."""
        self.place = Place(**state["place"])
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        set_random_state(state["random"], self.device)

    def _rate(self, step: int) -> float:
        """Factor of the learning rate: linear warm-up, then a cosine to zero."""
        warmup, total = self.recipe.warmup_epochs * self.steps, self.recipe.epochs * self.steps
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    def run(self) -> Iterator[Step | Epoch]:
        """Train from the present place to the end; progress comes out as it is made.

        After an `Epoch`, `kept_network` holds its weights.
        """
        while self.place.epoch <= self.recipe.epochs:
            for group in self._groups()[self.place.step :]:
                yield self._step(group)
            yield self._end_epoch()

    @property
    def kept_network(self) -> torch.nn.Module:
        """The weights that are evaluated and saved: the average, if the recipe has one."""
        return self.average.module if self.average is not None else self.network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return device_of(self.courses[0].model)

    def _batches(self) -> list[Batch]:
        """The epoch's batches, each of one course, in random order.

        A course's last partial batch is left out, as in the released code.
        """
        chance = np.random.default_rng([self.seed, self.place.epoch])
        size, batches = self.recipe.batch_size, list[Batch]()
        for course in self.courses:
            clips = np.arange(len(course.train)).repeat(self.recipe.repeats.get(course.task.name, 1))
            order = chance.permutation(clips)
            starts = range(0, max(1, len(order) // size) * size, size)
            batches += [Batch(course, order[start : start + size].tolist()) for start in starts]
        return [batches[index] for index in chance.permutation(len(batches))]

    def _groups(self) -> list[list[Batch]]:
        """The batches of each of the epoch's steps; the last one takes what is left.

        A model that is fitted at once has no steps.
        """
        if not hasattr(self.courses[0].model, "loss"):
            return []
        batches, size = self._batches(), self.recipe.accumulate
        return [batches[start : start + size] for start in range(0, len(batches), size)]

    def _step(self, group: list[Batch]) -> Step:
        start, self.refused = time.perf_counter(), {}
        rate = self.optimizer.param_groups[0]["lr"]
        loss, norm = self._optimise(group)
        place = self.place
        place.step += 1
        place.losses += [] if loss is None else [loss]
        place.seconds += time.perf_counter() - start
        return Step(place.epoch, place.step, self.steps, loss, rate, norm, self.refused)

    def _end_epoch(self) -> Epoch:
        start, ended = time.perf_counter(), self.place
        self._check_learned(ended)
        clips = ((course, course.scored) for course in self.courses)
        scores = {course.task.name: self._scores(course, split) for course, split in clips if split is not None}
        merit = merit_of(scores) if scores else float(ended.epoch)
        best = ended.best is None or merit > ended.best
        self.place = Place(ended.epoch + 1, best=merit if best else ended.best)
        seconds = ended.seconds + time.perf_counter() - start
        loss = float(np.mean(ended.losses)) if ended.losses else None
        return Epoch(ended.epoch, loss, scores, best, round(seconds, 3), scored_on(self.courses))

    def _check_learned(self, ended: Place) -> None:
        """Where every clip is refused, an epoch is nothing but its steps."""
        if ended.step and not ended.losses:
            name = type(self.courses[0].model).__name__
            whys = "; ".join(f"clip {clip}: {why}" for clip, why in list(self.refused.items())[:1])
            raise ModelError(f"{name} can learn from none of the train clips{f', such as {whys}' if whys else ''}")

    def _optimise(self, group: list[Batch]) -> tuple[float | None, float]:
        """One step, along the mean gradient of a group; its mean loss and the norm of that gradient.

        Where there is nothing to learn from there are no gradients, and AdamW leaves all weights as they are.
        """
        self.network.train()
        self.optimizer.zero_grad()
        losses = [loss for batch in group if (loss := self._add_gradient(batch, len(group))) is not None]
        self._scale_gradients(len(group) / max(1, len(losses)))
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self._check_finite("gradient's norm", norm, group)
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return sum(losses) / len(losses) if losses else None, float(norm)

    def _scale_gradients(self, factor: float) -> None:
        """So that a group of which batches were refused whole has the mean gradient of the others."""
        for parameter in self.network.parameters() if factor != 1 else ():
            if parameter.grad is not None:
                parameter.grad *= factor

    def _add_gradient(self, batch: Batch, size: int) -> float | None:
        """Add a batch's part of the gradient of a group of this size; its loss, if it has clips to learn from."""
        model: Any = batch.course.model
        inputs, targets = self._learnable(batch)
        if not inputs:
            return None
        with autocast(model, PRECISIONS[self.recipe.precision]):
            loss: torch.Tensor = model.loss(inputs, targets)
        self._check_finite("loss", loss, [batch])
        (loss / size).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _learnable(self, batch: Batch) -> tuple[list[Inputs], list[str]]:
        """Inputs and targets of the clips that the model can learn from; the others are noted, with the reason."""
        course = batch.course
        rows = [course.train[index] for index in batch.clips]
        targets = [course.task.target(row.text, row.gloss) for row in rows]
        inputs = [self._input(course, index) for index in batch.clips]
        if not isinstance(course.model, Choosy):
            return inputs, targets
        whys = [course.model.refusal(*pair) for pair in zip(inputs, targets, strict=True)]
        self.refused |= {row.id: why for row, why in zip(rows, whys, strict=True) if why}
        kept = [index for index, why in enumerate(whys) if not why]
        return [inputs[index] for index in kept], [targets[index] for index in kept]

    def _input(self, course: Course, index: int) -> Inputs:
        """A training clip, changed at random by seed, epoch and place alone."""
        chance = np.random.default_rng([self.seed, self.place.epoch, index])
        try:
            clip = course.train.clip(index)
            if clip.video is None:
                clip = augmented(clip, self.recipe.augmentation, chance)
            return course.model.prepare(clip, self.place.epoch)  # which reads the pictures
        except ClipError as error:
            raise DataError(
                f"training stops, a clip cannot be used: {error}. If it was damaged since the training began, mend it, "
                "and the same command with --resume goes on; otherwise mend it, or take it away so that it is left "
                "out, and train in another folder (`slbench data prepare --crops` finds such videos beforehand)"
            ) from error

    def _check_finite(self, name: str, value: torch.Tensor, batches: Sequence[Batch]) -> None:
        """Before the step: AdamW would carry one value that is not finite into every weight."""
        if not torch.isfinite(value):
            clips = some([name for batch in batches for name in batch.ids], shown=64)
            raise ModelError(
                f"the {name} is {value.item()} for clips {clips} (epoch {self.place.epoch}, step "
                f"{self.place.step + 1}): lower recipe.learning_rate, or look at these clips"
            )

    def _scores(self, course: Course, split: SplitClips) -> tuple[Score, ...]:
        """Every metric of the task's protocol on a split."""
        model, task = course.model, course.task
        model.network = self.kept_network
        model.network.eval()
        try:
            batches = load_batches(model, split, range(len(split)), SCORED_BATCH_SIZE, 0)
            results = [predict_batch(model, task, split, batch, torch.float32) for batch in batches]
        finally:
            model.network = self.network
        answers = answers_of([prediction for result in results for prediction in result.predictions])
        return tuple(get_protocol(task.protocol, task.family, task.unit).score(answers))
