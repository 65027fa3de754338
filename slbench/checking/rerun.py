"""A run again, as its record says that it was asked for."""

from pathlib import Path

from slbench import catalog
from slbench.cards import Modality, ModelCard, TaskCard
from slbench.engine.request import RunRequest
from slbench.errors import OptionError
from slbench.modeling.base import Decoding
from slbench.records import USERS_FILE, RunRecord


def request_of(record: RunRecord, output: Path, model: str | None = None, task: str | None = None) -> RunRequest:
    """The request that made the record, for another folder.

    The folder of videos is not in a record; they are looked for where `slbench data prepare` found them.

    Args:
        model: a card in place of the catalog's of this name, as of a training of the user's own.
        task: the same of the task.

    Raises:
        OptionError: the record does not tell the whole command, or the task is another one by now.
        CardError: there is no such card, or it is wrong.
    """
    if model is None and record.model.name not in catalog.names(ModelCard):
        raise _unknown(record, "model", record.model.name)
    if task is None and record.task.name not in catalog.names(TaskCard):
        raise _unknown(record, "task", record.task.name)
    _check_task(record, catalog.get_task(task or record.task.name))
    if model is None and record.model.weights_from.endswith(USERS_FILE):
        raise OptionError(
            f"{record.run} was run with {record.model.weights_from}, which its record cannot find again: "
            "run it yourself and name the record with --run, or name a card with --model"
        )
    options = record.options
    return RunRequest(
        model=model or record.model.name,
        task=task or record.task.name,
        split=record.task.split,
        limit=options.limit,
        batch_size=options.batch_size,
        workers=options.workers,
        device=options.device,
        precision=options.precision,
        num_beams=options.num_beams,
        seed=options.seed,
        output=output,
        mock=options.mock,
        modality=_modality(record.model.inputs),
        decoding=_decoding(options.decoding),
    )


def _unknown(record: RunRecord, kind: str, name: str) -> OptionError:
    return OptionError(
        f"{record.run} is a run of the {kind} {name}, which no catalog has: name its card with --{kind}, "
        "or run it yourself and name the record with --run"
    )


def _check_task(record: RunRecord, task: TaskCard) -> None:
    """Raise OptionError, before any work, where a run of this task could not be compared with the record."""
    if (task.name, task.version) != (record.task.name, record.task.version):
        raise OptionError(
            f"{record.run} is a run of {record.task.name} {record.task.version}, here is {task.name} {task.version}: "
            "their scores do not mean the same; make the baseline again"
        )


def _modality(inputs: str) -> Modality | None:
    return "pose" if inputs == "pose" else "rgb+pose" if inputs == "rgb+pose" else None


def _decoding(decoding: str) -> Decoding:
    return "closed" if decoding == "closed" else "open"
