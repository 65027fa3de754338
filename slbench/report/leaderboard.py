"""Leaderboards from records: one board a task, version, split and protocol, since only those scores compare."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slbench import catalog
from slbench.errors import CardError, OutputError
from slbench.files import file_digest, text_digest
from slbench.metrics.base import Answer
from slbench.metrics.protocols import Protocol, get_protocol
from slbench.records import PREDICTIONS, RunRecord, ScoreStamp, answers_of, parse_predictions, parse_record
from slbench.report.rows import Row, rows_of
from slbench.report.tables import composed


@dataclass(frozen=True)
class Board:
    """Records that may be ranked, and what was left out and why."""

    records: tuple[RunRecord, ...]
    left_out: tuple[tuple[str, str], ...]
    places: Mapping[str, Path] = field(default_factory=dict)
    """`run_id` of each record -> its file."""

    def predictions_of(self, record: RunRecord) -> Path | None:
        """The file beside the record; None of a record that was read from no file."""
        place = self.places.get(run_id(record))
        return None if place is None else place.with_suffix(PREDICTIONS)

    def groups(self) -> list[tuple[str, list[Row]]]:
        """(heading, rows with the best first) of every board, in order of their headings.

        A task's name does not make scores compare: the values on its card and the references must be the same too.
        Where a name stands for several, each heading says which by a digest. Poses may differ within a board, since
        they are a choice like any other; its rows then say whose they are.
        """
        boards: dict[tuple[str, str], list[RunRecord]] = {}
        tasks = [record.task for record in self.records]
        asked = {(t.data_digest, t.split): t.references_digest for t in tasks if t.references_digest}
        for record in self.records:
            told, split = record.task.data_digest, record.task.split
            data = record.task.references_digest or asked.get((told, split), told)
            boards.setdefault((board_heading(record), text_digest(record.task.digest + data)), []).append(record)
        shared = Counter(heading for heading, _ in boards)
        return [
            (
                heading if shared[heading] == 1 else f"{heading}, task and data {identity[:8]}",
                rows_of(records),
            )
            for (heading, identity), records in sorted(boards.items())
        ]


def run_id(record: RunRecord) -> str:
    """<task>/<model>/<run>, which is also where its files are."""
    return f"{record.task.name}/{record.model.name}/{record.run}"


def board_heading(record: RunRecord) -> str:
    """What a board is called; boards of one name are told apart by what follows."""
    task = record.task
    return ", ".join([f"{task.name} {task.version}", task.split, f"protocol {record.protocol}", *composed(record)])


def read_board(folder: Path, tasks: Sequence[str] = (), validate: bool = False) -> Board:
    """Read <folder>/<task>/<model>/<run>.json.

    A record that has the digest of itself and that of its predictions is taken as it is; older ones are scored again.

    Args:
        validate: whether to score all of them again.
        tasks: whose boards are wanted, by name or card; none: all.

    Raises:
        OutputError: there is no such folder.
        CardError: there is no such task, neither in the folder nor in the catalog.
    """
    if not folder.is_dir():
        raise OutputError(f"--results {folder}: there is no such folder; `slbench run` makes one")
    there = [path.name for path in folder.iterdir() if path.is_dir()]
    names = [name if name in there else catalog.get_task(name).name for name in tasks] or there
    places = [folder / name for name in sorted(set(names))]
    records: dict[Path, RunRecord] = {}
    left_out = [
        (str(path), "unfinished; the command that began it continues it")
        for place in places
        for path in sorted(place.glob("*/*.journal.jsonl"))
    ]
    for path in (path for place in places for path in sorted(place.glob("*/*.json"))):
        try:
            record = parse_record(path.read_text(encoding="utf-8"), path.name)
            reasons = _misplaced(record, path) or _reasons(record, path.with_suffix(PREDICTIONS), validate)
        except (OutputError, CardError, UnicodeDecodeError, OSError) as error:
            left_out.append((str(path), str(error)))
            continue
        if reasons:
            left_out.append((str(path), "; ".join(reasons)))
        else:
            records[path] = record
    return Board(tuple(records.values()), tuple(left_out), {run_id(record): path for path, record in records.items()})


def _misplaced(record: RunRecord, path: Path) -> list[str]:
    """A copy of a run under another name would count it twice."""
    own = Path(f"{run_id(record)}.json")
    if path.parts[-3:] == own.parts:
        return []
    return [f"it is the record of {own}; a run lies in its own place, and once: move it there or remove it"]


def _reasons(record: RunRecord, predictions: Path, validate: bool) -> list[str]:
    """Why a record may not be ranked: what it says itself, and what its predictions say."""
    if record.barred:
        return list(record.barred)
    if not predictions.is_file():
        return [f"its predictions {predictions.name} are absent"]
    if file_digest(predictions) != record.predictions_sha256:
        return [f"{predictions.name} is not the file that was scored"]
    return _rescored(record, predictions) if validate or not record.record_sha256 else []


def _rescored(record: RunRecord, predictions: Path) -> list[str]:
    """What comes out otherwise when the predictions are scored again."""
    answered = parse_predictions(predictions.read_text(encoding="utf-8"), predictions.name)
    if len({p.id for p in answered}) < record.task.clips or any(p.error for p in answered) or record.failed:
        return [f"{predictions.name} does not answer all {record.task.clips} clips"]
    answers = answers_of(answered)
    wrong = [
        f"{score.name} of {name}"
        for name, stamps in {record.protocol: record.scores, **record.also}.items()
        for score in _different(stamps, get_protocol(name, record.task.family, record.task.unit), answers)
    ]
    return [f"{predictions.name} does not score what the record says in {', '.join(wrong)}"] if wrong else []


def _different(stamps: Sequence[ScoreStamp], protocol: Protocol, answers: Sequence[Answer]) -> list[ScoreStamp]:
    """Scores of a record that do not come out when the predictions are scored again."""
    values = {score.name: score.value for score in protocol.score(answers)}
    return [stamp for stamp in stamps if not math.isclose(values.get(stamp.name, math.inf), stamp.value, abs_tol=1e-6)]
