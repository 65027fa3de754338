"""Leaderboards from records: one board a task, version, split and protocol, since only those scores compare."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from slbench.errors import CardError, OutputError
from slbench.files import file_digest, text_digest
from slbench.metrics.base import Answer
from slbench.metrics.protocols import Protocol, get_protocol
from slbench.records import RunRecord, ScoreStamp, answers_of, parse_predictions, parse_record
from slbench.report.tables import (
    composed,
    interval,
    is_number,
    label,
    looks,
    simple_table,
    unlike_the_paper,
    value,
)


@dataclass(frozen=True)
class Board:
    """Records that may be ranked, and what was left out and why."""

    records: tuple[RunRecord, ...]
    left_out: tuple[tuple[str, str], ...]

    def groups(self) -> list[tuple[str, list[RunRecord]]]:
        """(heading, records with the best first) of every board, in order of their headings.

        A task's name does not make scores compare: the values on its card and the references must be the same too.
        Where a name stands for several, each heading says which by a digest. Poses may differ within a board, since
        they are a choice like any other; its rows then say whose they are.
        """
        boards: dict[tuple[str, str], list[RunRecord]] = {}
        asked = {r.task.data_digest: r.task.references_digest for r in self.records if r.task.references_digest}
        for record in self.records:
            data = record.task.references_digest or asked.get(record.task.data_digest, record.task.data_digest)
            boards.setdefault((_heading(record), text_digest(record.task.digest + data)), []).append(record)
        shared = Counter(heading for heading, _ in boards)
        return [
            (
                heading if shared[heading] == 1 else f"{heading}, task and data {identity[:8]}",
                sorted(records, key=_rank),
            )
            for (heading, identity), records in sorted(boards.items())
        ]


def _heading(record: RunRecord) -> str:
    task = record.task
    return ", ".join([f"{task.name} {task.version}", task.split, f"protocol {record.protocol}", *composed(record)])


def _rank(record: RunRecord) -> tuple[float, str, str]:
    score = record.scores[0]
    return score.value if score.better == "lower" else -score.value, record.model.name, record.run


def read_board(folder: Path) -> Board:
    """Read <folder>/<task>/<model>/<run>.json.

    Raises:
        OutputError: there is no such folder.
    """
    if not folder.is_dir():
        raise OutputError(f"--results {folder}: there is no such folder; `slbench run` makes one")
    records: list[RunRecord] = []
    left_out = [
        (str(path), "unfinished; the command that began it continues it")
        for path in sorted(folder.glob("*/*/*.journal.jsonl"))
    ]
    for path in sorted(folder.glob("*/*/*.json")):
        try:
            record = parse_record(path.read_text(encoding="utf-8"), path.name)
            reasons = _reasons(record, path.with_suffix(".predictions.jsonl"))
        except (OutputError, CardError, UnicodeDecodeError, OSError) as error:
            left_out.append((str(path), str(error)))
            continue
        if reasons:
            left_out.append((str(path), "; ".join(reasons)))
        else:
            records.append(record)
    return Board(tuple(records), tuple(left_out))


def _reasons(record: RunRecord, predictions: Path) -> list[str]:
    """Why a record may not be ranked: what it says itself, and what its predictions say when they are scored again."""
    if record.barred:
        return list(record.barred)
    if not predictions.is_file():
        return [f"its predictions {predictions.name} are absent"]
    if file_digest(predictions) != record.predictions_sha256:
        return [f"{predictions.name} is not the file that was scored"]
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


COLUMNS = ("model", "inputs", "score", "95 % interval", "clips", "clips/s", "poses", "data", "weights", "run")


def _cells(record: RunRecord) -> tuple[str, ...]:
    score = record.scores[0]
    speed = f"{record.cost.clips_per_second:.0f}"
    name = _named(record, unlike_the_paper(record))
    return (
        name, record.model.inputs, value(score), interval(score), str(score.samples), speed,
        _poses(record), _data(record), record.model.weights_sha256[:8], record.run,
    )  # fmt: skip


def _named(record: RunRecord, labels: Sequence[str]) -> str:
    """The model, and what makes this row another one than the paper's setting."""
    return f"{record.model.name} ({', '.join(labels)})" if labels else record.model.name


def _poses(record: RunRecord) -> str:
    """Who made the poses, without how they were mapped."""
    return record.task.pose_source.split(", mapped to ")[0]


def _data(record: RunRecord) -> str:
    """The prepared split, to the byte: the manifest's digest, which older records lack."""
    return (record.task.manifest_digest or record.task.data_digest)[:8]


def _columns(record: RunRecord) -> tuple[str, ...]:
    """The ranking score's name and unit stand over its column."""
    score = record.scores[0]
    return tuple(label(score, with_unit=True) if column == "score" else column for column in COLUMNS)


def board_tables(board: Board) -> Iterator[Table]:
    """A table a board, for a terminal of 80 columns; what all rows share stands in the heading and below."""
    for heading, records in board.groups():
        ranks = records[0].scores[0]
        poses = sorted({record.task.pose_source for record in records})
        several = len(poses) > 1
        columns = ("model", ranks.unit, "95 % interval", "clips", "weights", *["poses"] * several, "run")
        table = simple_table(f"{heading}, {label(ranks)}", columns)
        for record in records:
            score, weights = record.scores[0], record.model.weights_sha256[:8]
            whose = [str(1 + poses.index(record.task.pose_source))] * several
            cells = (value(score), interval(score), str(score.samples), weights, *whose, record.run)
            table.add_row(_named(record, [*looks(record), *unlike_the_paper(record)]), *cells)
        table.caption = "\n".join([*records[0].notes, _pose_note(poses)])
        table.caption_justify = "left"
        yield table


def _pose_note(poses: Sequence[str]) -> str:
    """Whose poses; rows with other poses compare models and poses at once."""
    if len(poses) == 1:
        return f"Poses: {poses[0]}."
    listed = "; ".join(f"{number} {source}" for number, source in enumerate(poses, 1))
    return f"Poses differ, so rows compare them too: {listed}."


def board_markdown(board: Board) -> str:
    """A section a board."""
    lines = []
    for heading, records in board.groups():
        columns = _columns(records[0])
        lines += [f"## {heading}", "", _markdown_row(columns)]
        lines.append(_markdown_row(["---:" if is_number(column) else "---" for column in columns]))
        lines += [_markdown_row(_cells(record)) for record in records]
        lines += ["", *(f"- {note}" for note in records[0].notes), ""]
    return "\n".join(lines)


def _markdown_row(cells: "tuple[str, ...] | list[str]") -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def board_json(board: Board) -> str:
    """Boards with their records, whole; `settings`, in their order, where one is not the paper's in all."""
    boards = [
        {"board": heading, "records": [record.model_dump(mode="json") for record in records], **_settings(records)}
        for heading, records in board.groups()
    ]
    return json.dumps(boards, indent=1, ensure_ascii=False)


def _settings(records: Sequence[RunRecord]) -> dict[str, list[list[str]]]:
    labels = [[*looks(record), *unlike_the_paper(record)] for record in records]
    return {"settings": labels} if any(labels) else {}
