"""A run's record, its predictions, and what is known of its clips."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slbench import catalog
from slbench.cards import DatasetCard, TaskCard
from slbench.data.store import ClipRow
from slbench.errors import OutputError, SlbenchError
from slbench.metrics.protocols import Protocol, get_protocol
from slbench.records import PREDICTIONS, Prediction, RunRecord, read_run
from slbench.scoring.load import is_readable


@dataclass(frozen=True)
class LoadedRun:
    """All that a page about a run is made from."""

    path: Path
    """Of the record."""
    record: RunRecord
    predictions: tuple[Prediction, ...]
    """In the order of ids."""
    protocol: Protocol
    clips: Mapping[str, ClipRow]
    """By id; empty where the corpus is not prepared here."""
    groups: Mapping[str, str]
    """Clip id -> signer or signed language; empty where that is not known."""
    grouped_by: str
    notes: tuple[str, ...]
    """Why something is not known."""


def record_path(name: str, results: Path = Path("results")) -> Path:
    """The record that a user names: its file, that of its predictions, or <task>/<model>/<run> under `results`.

    Raises:
        OutputError: there is none.
    """
    for path in (Path(name), results / f"{name}.json", results / name):
        beside = path.with_name(f"{path.name.removesuffix(PREDICTIONS)}.json")
        record = beside if path.name.endswith(PREDICTIONS) else path
        if record.is_file():
            return record
    raise OutputError(
        f"{name}: there is no such record; name its file, that of its predictions, or <task>/<model>/<run> "
        f"under {results}"
    )


def load_run(path: Path) -> LoadedRun:
    """Read a run.

    Raises:
        OutputError: the record or its predictions cannot be read, or do not belong together.
    """
    record, found = read_run(path)
    if not found:
        raise OutputError(f"{path}: holds no prediction, so there is nothing to report")
    answered = sorted(found, key=lambda one: one.id)
    clips, notes = _clips(record)
    groups, grouped_by = _groups(record, clips, [one.id for one in answered])
    protocol = get_protocol(record.protocol, record.task.family, record.task.unit)
    return LoadedRun(path, record, tuple(answered), protocol, clips, groups, grouped_by, notes)


def _dataset(record: RunRecord) -> tuple[TaskCard, DatasetCard] | None:
    """The catalog's cards, if they are those of the run."""
    try:
        task = catalog.get_task(record.task.name)
        return (task, catalog.get_dataset(task.dataset, task)) if task.digest() == record.task.digest else None
    except SlbenchError:
        return None


def _clips(record: RunRecord) -> tuple[dict[str, ClipRow], tuple[str, ...]]:
    """What the prepared corpus says of each clip; nothing where it is not at hand or holds others."""
    cards = None if record.options.mock else _dataset(record)
    if cards is None or not is_readable(cards[1], record.task.split):
        return {}, ("The corpus is not prepared here, so lengths of clips and signers are not known.",)
    from slbench.data.prepare import prepare  # imports pyarrow

    try:
        rows = prepare(cards[1], [record.task.split]).split(record.task.split)
    except SlbenchError as error:
        return {}, (f"Lengths of clips and signers are not known: {error}",)
    return {row.id: row for row in rows}, ()


def _groups(record: RunRecord, clips: Mapping[str, ClipRow], ids: Sequence[str]) -> tuple[dict[str, str], str]:
    """Signers, if the corpus names them; or signed languages, where ids hold their codes."""
    signers = {name: clips[name].signer for name in ids if name in clips and clips[name].signer}
    if signers:
        return signers, "signer"
    cards = _dataset(record)
    codes = cards[1].signed_languages if cards else ()
    found = {name: [part for part in re.split("[-_]", name) if part in codes] for name in ids}
    if len(codes) > 1 and all(len(parts) == 1 for parts in found.values()):
        return {name: parts[0] for name, parts in found.items()}, "signed language"
    return {}, ""
