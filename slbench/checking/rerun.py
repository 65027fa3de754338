"""A run again, as its record says that it was asked for."""

from pathlib import Path

from slbench.cards import Modality
from slbench.engine.request import RunRequest
from slbench.errors import OptionError
from slbench.modeling.base import Decoding
from slbench.records import USERS_FILE, RunRecord


def request_of(record: RunRecord, output: Path, model: str | None = None) -> RunRequest:
    """The request that made the record, for another folder.

    Args:
        model: a card in place of the catalog's of this name, as of a training of the user's own.

    Raises:
        OptionError: the record does not tell the whole command.
    """
    if model is None and record.model.weights_from.endswith(USERS_FILE):
        raise OptionError(
            f"{record.run} was run with {record.model.weights_from}, which its record cannot find again: "
            "run it yourself and name the record with --run, or name a card with --model"
        )
    options = record.options
    return RunRequest(
        model=model or record.model.name,
        task=record.task.name,
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


def _modality(inputs: str) -> Modality | None:
    return "pose" if inputs == "pose" else "rgb+pose" if inputs == "rgb+pose" else None


def _decoding(decoding: str) -> Decoding:
    return "closed" if decoding == "closed" else "open"
