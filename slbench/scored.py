"""Scores of predictions that somebody released: figures with their source, and none of the predictions themselves."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from slbench.cards import Frozen
from slbench.errors import OptionError, OutputError
from slbench.files import text_digest
from slbench.metrics.base import Answer
from slbench.records import ScoreStamp, is_unchanged, json_object, record_digest
from slbench.scoring.score import Report
from slbench.version import __version__


class Release(Frozen):
    """What was released, and by whom."""

    model: str
    task: str
    split: str
    inputs: str
    """What the model looked at, as on model cards."""
    poses: str = ""
    """Who made them."""
    repository: str
    commit: str
    file: str
    """Of the predictions, in the repository."""
    references: str
    """Which texts they are scored against."""
    year: int
    marks: tuple[str, ...] = ()
    """Ids of the rules of the board."""
    notes: tuple[str, ...] = ()


class ScoredRecord(Frozen):
    """The scores of one released file on one split."""

    schema_version: Literal[1] = 1
    record_sha256: str = ""
    """Of the record itself without this field, as of a run's."""
    release: Release
    task_version: str
    task_digest: str
    """sha256 of the task card's values."""
    clips: int
    predictions_sha256: str
    references_sha256: str
    """Over id and reference of every sample, in the order of ids."""
    scores: dict[str, Annotated[tuple[ScoreStamp, ...], Field(min_length=1)]]
    """Under each protocol; the first of each ranks."""
    notes: tuple[str, ...]
    """What was noticed of the files."""
    slbench: str


def read_release(path: Path) -> Release:
    """A release's description.

    Raises:
        OutputError: it cannot be read, or a key is wrong.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Release.model_validate_json(_json(values))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: is not the description of a release: {_told(error)}") from error


def scored_record(release: Release, report: Report) -> ScoredRecord:
    """The record of a scored release, with its digest.

    Raises:
        OptionError: the scores may not stand on a leaderboard, are of another task or split, or some are of a part.
    """
    planned, matched = report.loaded.plan, report.loaded.matched
    if planned.task is None or (planned.task.name, planned.split) != (release.task, release.split):
        raise OptionError(f"--release: is of {release.task}, {release.split}; --task and --split must name these")
    if report.barred:
        raise OptionError(f"--record: these scores may not stand on a leaderboard: {'; '.join(report.barred)}")
    if report.overlap is not None:
        raise OptionError("--record: keeps the scores of whole splits; leave --overlap out")
    made = ScoredRecord(
        release=release,
        task_version=planned.task.version,
        task_digest=planned.task.digest(),
        clips=len(matched.answers),
        predictions_sha256=report.loaded.predictions_sha256 or "",
        references_sha256=_digest(matched.ids, matched.answers),
        scores={one.protocol.name: tuple(ScoreStamp(**asdict(s)) for s in one.scores) for one in report.results},
        notes=report.notes,
        slbench=__version__,
    )
    return made.model_copy(update={"record_sha256": record_digest(made.model_dump(mode="json"))})


def _digest(ids: Sequence[str], answers: Sequence[Answer]) -> str:
    return text_digest("".join(f"{name}\t{one.reference}\n" for name, one in zip(ids, answers, strict=True)))


def scored_text(record: ScoredRecord) -> str:
    """The record's file."""
    return record.model_dump_json(indent=1) + "\n"


def read_scored(folder: Path) -> Iterator[ScoredRecord]:
    """The records of <folder>/<task>/*.json, in the order of their names.

    Raises:
        OutputError: one is none, or was changed after it was written.
    """
    for path in sorted(folder.glob("*/*.json")):
        try:
            text = path.read_text(encoding="utf-8")
            record = ScoredRecord.model_validate_json(text)
        except (OSError, ValueError) as error:
            raise OutputError(f"{path}: is no record of scored predictions: {_told(error)}") from error
        if not is_unchanged(json_object(text), record):
            raise OutputError(f"{path}: its digest is not that of its content: it was changed; score the files again")
        yield record


def _json(values: dict[str, object]) -> str:
    """TOML has lists where the schema has tuples, which only JSON's way of checking takes."""
    return json.dumps(values)


def _told(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
