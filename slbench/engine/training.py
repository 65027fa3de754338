"""A training run: from names and options to checkpoints that `slbench run` takes."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slbench import catalog
from slbench.cards import TaskCard
from slbench.data.prepare import prepare, reader_reference
from slbench.data.store import ReadableClips, Split, SplitClips, Store
from slbench.engine.changes import changed_card
from slbench.engine.checkpoints import Checkpoints, Saved
from slbench.engine.checks import (
    check_readable,
    check_references,
    check_seed,
    check_writable,
    only_writer,
    task_dataset,
    with_vocabulary,
)
from slbench.engine.determinism import choose_device, make_deterministic
from slbench.engine.events import Epoch, Event, Resumed
from slbench.engine.identity import check_same, training_identity
from slbench.engine.kept import Ended, KeptModels
from slbench.engine.log import TrainingLog
from slbench.engine.models import Checkpoint, build_model, check_fit, find_checkpoint, load_weights, setting_of
from slbench.engine.train import Course, Trainer
from slbench.errors import ModelError, OptionError, OutputError
from slbench.files import remove_leftovers
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Trainable


@dataclass(frozen=True)
class TrainingRequest:
    """What `slbench train` was asked for; names as on the command line."""

    model: str
    tasks: Sequence[str]
    output: Path
    init: str | None = None
    """Model card whose weights to begin with; None: random ones."""
    seed: int = 0
    device: str = "auto"
    changes: Sequence[str] = ()
    """Of the card, as `--set` takes them."""
    resume: bool = False
    """Go on where an interrupted training of the same arguments was; from the start if there is none."""
    checkpoint_seconds: float = 60.0
    """Between two checkpoints within an epoch; 0: one at every step."""

    @property
    def command(self) -> str:
        """The same request for a shell, without --resume."""
        words = ["--model", self.model, *(w for task in self.tasks for w in ("--task", task))]
        words += ["--init", self.init] if self.init else []
        words += ["--output", str(self.output), "--seed", str(self.seed), "--device", self.device]
        words += [w for change in self.changes for w in ("--set", change)]
        return shlex.join(["slbench", "train", *words])


class TrainingRun:
    """A training that can start: everything a user can get wrong has been checked.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: TrainingRequest) -> None:
        check_seed(request.seed)
        self.request, self.output = request, request.output
        self.tasks = [catalog.get_task(task) for task in request.tasks]
        self.card = changed_card(catalog.get_model(request.model), request.changes)
        self._check_tasks()
        trained_on = f"{', '.join(f'{task.name} {task.version}' for task in self.tasks)}, train"
        self.kept = KeptModels(self.output, self.card, request.command, trained_on, request.seed)
        self.checkpoints = Checkpoints(self.output / "checkpoints", request.checkpoint_seconds)
        self.log = TrainingLog(self.output / "metrics.jsonl")
        self.written: dict[str, str] = {}
        device = choose_device(request.device)
        check_writable(self.output)
        if self.output.is_dir():  # now rather than after the corpus was prepared
            with self._only_writer():
                self._check_output()
        start = find_checkpoint(catalog.get_model(request.init)) if request.init else None
        make_deterministic(request.seed)
        torch.set_num_threads(self.card.recipe.threads or torch.get_num_threads())
        stores = [prepare(task_dataset(task), ("train", "dev")) for task in self.tasks]
        self.asked = [with_vocabulary(*parts) for parts in zip(self.tasks, _trained(stores), strict=True)]
        models = self._models(device, start)
        courses = [_course(*parts) for parts in zip(self.asked, models, stores, strict=True)]
        self.missing = [line for course in courses for line in _missing(course)]
        self.trainer = Trainer(courses, self.card.recipe, request.seed)
        init = start.sha256 if start else None
        self.identity = training_identity(self.card, self.tasks, stores, models[0], request.seed, init)

    def _check_tasks(self) -> None:
        for task in self.tasks:
            check_fit(self.card, task)
            missing = [split for split in ("train", "dev") if split not in task.splits]
            if missing:
                raise OptionError(f"{task.name} has no {' and no '.join(missing)} split to train with")
            get_protocol(task.protocol, task.family, task.unit)
            reader_reference(task_dataset(task))
        names = [task.name for task in self.tasks]
        if not names:
            raise OptionError("--task: name at least one")
        unknown = sorted(set(self.card.recipe.repeats) - {*names, *catalog.names(TaskCard)})
        if unknown:
            raise OptionError(f"recipe.repeats: there is no task {', '.join(unknown)}; trained are {', '.join(names)}")
        if len(set(names)) < len(names):
            raise OptionError(f"--task {' --task '.join(names)}: a task is named twice; see recipe.repeats")

    def _models(self, device: torch.device, start: Checkpoint | None) -> list[Trainable]:
        """One model a task; all of them share the first one's network."""
        models: list[Any] = [build_model(self.card, setting_of(task, seed=self.request.seed)) for task in self.asked]
        if not hasattr(models[0], "loss"):
            raise ModelError(f"{self.card.name} cannot be trained: {self.card.implementation} has no `loss`")
        if start:
            load_weights(models[0], start)
        shapes = [{name: value.shape for name, value in model.network.state_dict().items()} for model in models]
        for task, found in zip(self.tasks, shapes, strict=True):
            if found != shapes[0]:
                raise ModelError(
                    f"{self.card.name} cannot be one network for {self.tasks[0].name} and {task.name}: "
                    "its layers have other sizes; train them apart"
                )
        for model in models:
            model.network = models[0].network.to(device)
        return models

    def _only_writer(self) -> AbstractContextManager[None]:
        return only_writer(self.output / ".train.lock")

    def _check_output(self) -> None:
        """Refuse a folder that holds anything that this training would overwrite."""
        begun = self.checkpoints.exist() or self.kept.ended() is not None
        other = self.kept.exist() or self.log.path.exists()
        if begun and not self.request.resume:
            raise OutputError(
                f"--output {self.output}: holds a training already; go on with --resume, or name another folder"
            )
        if other and not begun:
            raise OutputError(
                f"--output {self.output}: holds a model already, and no checkpoint to --resume from; "
                "name another folder"
            )

    def execute(self, report: Callable[[Event], None] = lambda _: None) -> str:
        """Train, or go on; `last` is written after every epoch, `best` when dev is best.

        Args:
            report: is told of every event when all that belongs to it has been written.

        Returns:
            sha256 of the best weights.

        Raises:
            OutputError: another process trains here, or another training is here, or nothing can be written any more.
            ModelError, DataError: the loss is not a number, or a clip cannot be used. What was written is kept.
        """
        with self._only_writer():
            self._check_output()
            ended = self.kept.ended()
            if ended is None:
                self._restore(report)
                with _resumable():
                    self._train(report)
                ended = self._end()
            else:
                check_same(ended.identity, self.identity, self.output)
                self.kept.check_best(ended.best)
                report(Resumed(self.card.recipe.epochs, self.trainer.steps, self.trainer.steps, ended=True))
            self.checkpoints.clear()
        return ended.best

    def _restore(self, report: Callable[[Event], None]) -> None:
        """Go to where the newest whole checkpoint is, if there is one."""
        saved, damaged = self.checkpoints.newest()
        if saved is None:
            return
        for folder in (self.output, self.checkpoints.folder):
            remove_leftovers(folder)
        check_same(saved.identity, self.identity, self.output)
        if "best" in saved.written:
            self.kept.check_best()
        self.trainer.load_state_dict(saved.trainer)
        self.written = dict(saved.written)
        place = self.trainer.place
        report(Resumed(place.epoch, place.step, self.trainer.steps, damaged=damaged))

    def _train(self, report: Callable[[Event], None]) -> None:
        if not self.checkpoints.exist():
            self._checkpoint()  # a folder that holds anything of a training holds a checkpoint of it
        self.log.cut(self.trainer.place.epoch, self.trainer.place.step)
        for event in self.trainer.run():
            if isinstance(event, Epoch):
                self._keep(event)
            self.log.append(event)
            if isinstance(event, Epoch) or self.checkpoints.due():
                self.log.sync()
                self._checkpoint()
            report(event)

    def _end(self) -> Ended:
        """Leave the note that this training has ended."""
        self.kept.check_best(self.written["best"])
        ended = Ended(identity=self.identity, **self.written)
        self.kept.end(ended)
        return ended

    def _keep(self, epoch: Epoch) -> None:
        """Write `last`, and `best` if it is."""
        when = f"epoch {epoch.epoch} of {self.card.recipe.epochs}"
        network = self.trainer.kept_network
        self.written["last"] = self.kept.save("last", network, when)
        if epoch.best:
            self.written["best"] = self.kept.save("best", network, f"{when}, the best on dev")

    def _checkpoint(self) -> None:
        self.checkpoints.save(Saved(self.identity, self.trainer.state_dict(), self.written))


def _trained(stores: Sequence[Store]) -> list[Split]:
    return [store.split("train") for store in stores]


def _course(task: TaskCard, model: Trainable, store: Store) -> Course:
    """The task's splits.

    Of a corpus that the user prepared, those clips whose frames are there: videos vanish from the web. Anywhere else a
    clip that is not there is damage.

    Raises:
        DataError: a clip cannot be read, or its gloss is not in the vocabulary.
    """
    splits: list[SplitClips] = [store.split("train"), store.split("dev")]
    for split in splits:
        check_references(task, split)
    if task_dataset(task).needs_source:
        splits = [ReadableClips(split) for split in splits]
    for split in splits:
        check_readable(task, split)
    return Course(task, model, *splits)


def _missing(course: Course) -> Iterator[str]:
    """What a user must know of clips that are not trained on."""
    for split in (course.train, course.dev):
        data = split.manifest
        if len(split) < data.clips:
            yield (
                f"{data.dataset}, {data.split}: {data.clips - len(split):,} of {data.clips:,} clips are left out, "
                f"since their frames could not be read (`slbench data verify {data.dataset}` says why)"
            )


@contextmanager
def _resumable() -> Iterator[None]:
    """Say how to go on where the output cannot be written any more."""
    try:
        yield
    except (OutputError, OSError) as error:
        raise OutputError(f"{error}; make room, then the same command with --resume goes on") from error
