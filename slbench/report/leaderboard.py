"""Leaderboards from records: one board a task, version, split and protocol, since only those scores compare."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from slbench.errors import OutputError
from slbench.files import file_digest
from slbench.records import RunRecord, parse_record
from slbench.report.tables import interval, percent, simple_table


@dataclass(frozen=True)
class Board:
    """Records that may be ranked, and what was left out and why."""

    records: tuple[RunRecord, ...]
    left_out: tuple[tuple[str, str], ...]

    def groups(self) -> Iterator[tuple[str, list[RunRecord]]]:
        """(heading, records with the best first) of every board, in order of their headings."""
        boards: dict[str, list[RunRecord]] = {}
        for record in self.records:
            task = record.task
            heading = f"{task.name} {task.version}, {task.split}, protocol {record.protocol}"
            boards.setdefault(heading, []).append(record)
        for heading in sorted(boards):
            yield (
                heading,
                sorted(boards[heading], key=lambda record: (-record.scores[0].value, record.model.name, record.run)),
            )


def read_board(folder: Path) -> Board:
    """Read <folder>/<task>/<model>/<run>.json.

    Raises:
        OutputError: there is no such folder.
    """
    if not folder.is_dir():
        raise OutputError(f"--results {folder}: there is no such folder; `slbench run` makes one")
    records, left_out = [], []
    for path in sorted(folder.glob("*/*/*.json")):
        try:
            record = parse_record(path.read_text(encoding="utf-8"), str(path))
        except (OutputError, UnicodeDecodeError) as error:
            left_out.append((str(path), str(error)))
            continue
        reasons = [*record.barred, *_predictions_faults(path, record)]
        if reasons:
            left_out.append((str(path), "; ".join(reasons)))
        else:
            records.append(record)
    return Board(tuple(records), tuple(left_out))


def _predictions_faults(path: Path, record: RunRecord) -> list[str]:
    """A record counts only with the very predictions it was computed from beside it."""
    predictions = path.with_suffix(".predictions.jsonl")
    if not predictions.is_file():
        return [f"its predictions {predictions.name} are absent"]
    if file_digest(predictions) != record.predictions_sha256:
        return [f"{predictions.name} is not the file that was scored"]
    return []


COLUMNS = ("model", "inputs", "%", "95 % interval", "clips", "clips/s", "poses", "run")


def _cells(record: RunRecord) -> tuple[str, ...]:
    score = record.scores[0]
    others = f"{record.cost.clips_per_second:.0f}"
    return (
        record.model.name, record.model.inputs, percent(score), interval(score), str(score.samples), others,
        record.task.pose_source.split(",")[0], record.run,
    )  # fmt: skip


def _columns(record: RunRecord) -> tuple[str, ...]:
    """The ranking score's name stands over its column."""
    return tuple(f"{record.scores[0].name} %" if column == "%" else column for column in COLUMNS)


def board_tables(board: Board) -> Iterator[Table]:
    """A table a board, for a terminal."""
    for heading, records in board.groups():
        table = simple_table(heading, _columns(records[0]))
        for record in records:
            table.add_row(*_cells(record))
        yield table


def board_markdown(board: Board) -> str:
    """A section a board."""
    lines = []
    for heading, records in board.groups():
        columns = _columns(records[0])
        lines += [f"## {heading}", "", _markdown_row(columns)]
        lines.append(_markdown_row(["---:" if "%" in column or "/s" in column else "---" for column in columns]))
        lines += [_markdown_row(_cells(record)) for record in records]
        lines += ["", *(f"- {note}" for note in records[0].notes), ""]
    return "\n".join(lines)


def _markdown_row(cells: "tuple[str, ...] | list[str]") -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def board_json(board: Board) -> str:
    """Boards with their records, whole."""
    boards = [
        {"board": heading, "records": [record.model_dump(mode="json") for record in records]}
        for heading, records in board.groups()
    ]
    return json.dumps(boards, indent=1, ensure_ascii=False)
