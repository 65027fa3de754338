"""A training run: from names and options to checkpoints that `slbench run` takes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch

from slbench import catalog
from slbench.cards import TaskCard
from slbench.data.prepare import reader_reference
from slbench.engine.checkpoints import Checkpoints, Saved
from slbench.engine.checks import check_pictures, check_seed, check_writable, only_writer, task_dataset, with_vocabulary
from slbench.engine.courses import (
    UNSCORED,
    Pictured,
    fit,
    missing,
    open_course,
    open_store,
    scored_on,
    scored_split,
    used,
)
from slbench.engine.determinism import choose_device, make_deterministic
from slbench.engine.events import Epoch, Event, Resumed
from slbench.engine.identity import check_same, training_identity
from slbench.engine.kept import Ended, KeptModels
from slbench.engine.log import TrainingLog
from slbench.engine.models import build_model, check_fit, setting_of
from slbench.engine.stages import begin, find_start, may_lack, sized_for, sources_of, staged_card, variant_for
from slbench.engine.train import Trainer
from slbench.engine.training_request import TrainingRequest as TrainingRequest
from slbench.errors import ModelError, OptionError, OutputError
from slbench.files import remove_leftovers
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Fitted, Model


class TrainingRun:
    """A training that can start: everything a user can get wrong has been checked.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: TrainingRequest) -> None:
        check_seed(request.seed)
        self.request, self.output = request, request.output
        self.tasks = [catalog.get_task(task) for task in request.tasks]
        card = catalog.get_model(request.model)
        self.variant = variant_for(card, self.tasks)
        self.card = staged_card(sized_for(card, self.tasks), request.stage, request.modality, request.changes)
        if request.videos is not None:
            check_pictures(self.card, request.videos)
        self._check_tasks()
        self.scored = [scored_split(task, request.select_on_test) for task in self.tasks]
        self.kept = self._kept()
        self.checkpoints = Checkpoints(self.output / "checkpoints", request.checkpoint_seconds)
        self.log = TrainingLog(self.output / "metrics.jsonl")
        self.written: dict[str, str] = {}
        device = choose_device(request.device)
        check_writable(self.output)
        if self.output.is_dir():  # now rather than after the corpus was prepared
            with self._only_writer():
                self._check_output()
        start = find_start(request.init, self.card, request.stage)
        sources = sources_of(self.card, request.stage, request.pretrained)
        make_deterministic(request.seed)
        torch.set_num_threads(self.card.recipe.threads or torch.get_num_threads())
        stores = [open_store(*parts) for parts in zip(self.tasks, self.scored, strict=True)]
        train = [store.split("train") for store in stores]
        self.asked = [with_vocabulary(*parts) for parts in zip(self.tasks, train, strict=True)]
        models = self._models()
        pictures = Pictured(self.card.inputs != "pose", request.videos)
        parts = zip(self.asked, models, stores, self.scored, strict=True)
        courses = [open_course(*one, pictures) for one in parts]
        fit(courses)
        begun = begin(models[0], sources, start, may_lack(self.card, request.stage, models[0]))
        for model in models:
            model.network = models[0].network.to(device)
        marks = [*begun.marks(), *(part for course in courses for part in used(course))]
        self.kept = replace(self.kept, trained_on="; ".join([self.kept.trained_on, *marks]), begun_on=begun.chosen_on)
        self.warnings = [
            *begun.warnings(self.card, request.stage),
            *(line for course in courses for line in missing(course)),
        ]
        self.trainer = Trainer(courses, self.card.recipe, request.seed)
        decided = {
            "stage": request.stage,
            **begun.identity(),
            "seed": request.seed,
        }
        self.identity = training_identity(self.card, courses, decided)

    def _check_tasks(self) -> None:
        for task in self.tasks:
            check_fit(self.card, task)
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

    def _kept(self) -> KeptModels:
        tasks = ", ".join(f"{task.name} {task.version}" for task in self.tasks)
        stage = self.request.stage or ""
        trained_on = f"{tasks}, train{f'; stage {stage}' if stage else ''}"
        selected_on = next((split for split in self.scored if split is not None), UNSCORED)
        card, seed = self.card, self.request.seed
        return KeptModels(self.output, card, self.request.command, trained_on, seed, selected_on, stage)

    def _models(self) -> list[Model]:
        """One model a task; the first one's network will be that of all."""
        settings = [setting_of(task, seed=self.request.seed, inputs=self.card.inputs) for task in self.asked]
        models: list[Any] = [build_model(self.card, setting) for setting in settings]
        if isinstance(models[0], Fitted):
            self._check_fitted_at_once(models[0])
            return models
        if not hasattr(models[0], "loss"):
            raise ModelError(f"{self.card.name} cannot be trained: {self.card.implementation} has no `loss`")
        shapes = [{name: value.shape for name, value in model.network.state_dict().items()} for model in models]
        for task, found in zip(self.tasks, shapes, strict=True):
            if found != shapes[0]:
                raise ModelError(
                    f"{self.card.name} cannot be one network for {self.tasks[0].name} and {task.name}: "
                    "its layers have other sizes; train them apart"
                )
        return models

    def _check_fitted_at_once(self, model: Fitted) -> None:
        """Refuse what makes sense for steps alone."""
        if hasattr(model, "loss"):
            return
        name, epochs, init = self.card.name, self.card.recipe.epochs, self.request.init
        if epochs != 1:
            raise OptionError(f"recipe.epochs = {epochs}: {name} is fitted at once, so it has one epoch; leave it at 1")
        if init is not None:
            raise OptionError(f"--init {init}: {name} is fitted at once, to the train clips alone; leave --init out")

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
        """Train, or go on; `last` is written after every epoch, `best` when the score is best.

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
            chosen = scored_on(self.trainer.courses)
            why = "the last, as there is no split to choose on" if chosen == UNSCORED else f"the best on {chosen}"
            self.written["best"] = self.kept.save("best", network, f"{when}, {why}")

    def _checkpoint(self) -> None:
        self.checkpoints.save(Saved(self.identity, self.trainer.state_dict(), self.written))


@contextmanager
def _resumable() -> Iterator[None]:
    """Say how to go on where the output cannot be written any more."""
    try:
        yield
    except (OutputError, OSError) as error:
        raise OutputError(f"{error}; make room, then the same command with --resume goes on") from error
