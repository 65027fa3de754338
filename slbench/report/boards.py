"""Boards as people and programs read them: tables, Markdown and JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from slbench.records import RunRecord
from slbench.report.leaderboard import Board
from slbench.report.rows import Row, unlike_the_card
from slbench.report.tables import interval, is_number, label, looks, simple_table, unlike_the_paper

COLUMNS = ("model", "inputs", "score", "95 % interval", "seeds", "clips", "clips/s", "poses", "data", "weights", "run")
SPREAD = (
    "±: standard deviation over n seeds of the training, or, where there is one file of weights, of the run; "
    "the figure is their mean; no interval."
)


def _cells(row: Row) -> tuple[str, ...]:
    record, [score, *_] = row.first, row.spreads
    seeds = len(score.values)
    figure = f"{score.mean:.1f}" if score.deviation is None else f"{score.mean:.1f} ± {score.deviation:.1f}"
    within = interval(record.scores[0]) if seeds == 1 else ""
    return (
        _named(record, _settings(record)), record.model.inputs, figure, within, str(seeds),
        str(record.scores[0].samples), _speed(row), _poses(record), _data(record), " ".join(_weights(row)), _runs(row),
    )  # fmt: skip


def _settings(record: RunRecord) -> list[str]:
    """What was chosen otherwise than in the paper, and what made the weights otherwise than the card says."""
    return [*unlike_the_paper(record), *unlike_the_card(record)]


def _named(record: RunRecord, labels: Sequence[str]) -> str:
    """The model, and what makes this row another one than the model's plain row."""
    return f"{record.model.name} ({', '.join(labels)})" if labels else record.model.name


def _speed(row: Row) -> str:
    """Clips a second, of the slowest and the fastest run."""
    speeds = sorted(round(record.cost.clips_per_second) for record in row.records)
    return " – ".join(map(str, dict.fromkeys((speeds[0], speeds[-1]))))


def _poses(record: RunRecord) -> str:
    """Who made the poses, without how they were mapped."""
    return record.task.pose_source.split(", mapped to ")[0]


def _data(record: RunRecord) -> str:
    """The prepared split, to the byte: the manifest's digest, which older records lack."""
    return (record.task.manifest_digest or record.task.data_digest)[:8]


def _weights(row: Row) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(record.model.weights_sha256[:8] for record in row.records))


def _runs(row: Row) -> str:
    return " ".join(record.run for record in row.records)


def _columns(record: RunRecord) -> tuple[str, ...]:
    """The ranking score's name and unit stand over its column."""
    score = record.scores[0]
    return tuple(label(score, with_unit=True) if column == "score" else column for column in COLUMNS)


def board_tables(board: Board) -> Iterator[Table]:
    """A table a board, for a terminal of 80 columns; what all rows share stands in the heading and below."""
    for heading, rows in board.groups():
        ranks = rows[0].first.scores[0]
        poses = sorted({row.first.task.pose_source for row in rows})
        several = len(poses) > 1
        columns = ("model", ranks.unit, "95 % interval", "weights", *["poses"] * several, "run")
        table = simple_table(f"{heading}, {label(ranks)}, {ranks.samples} clips", columns)
        for row in rows:
            name, *cells, run = _short_cells(row)
            table.add_row(name, *cells, *[str(1 + poses.index(row.first.task.pose_source))] * several, run)
        spread = [SPREAD] * any(len(row.samples) > 1 for row in rows)
        table.caption = "\n".join([*spread, *rows[0].first.notes, _pose_note(poses)])
        table.caption_justify = "left"
        yield table


def _short_cells(row: Row) -> Iterator[str]:
    """For a terminal, where not every run of a row is named: model, score, its spread, weights, run."""
    record, score, others = row.first, row.spreads[0], len(row.records) - 1
    weights = _weights(row)
    yield _named(record, [*looks(record), *_settings(record)])
    yield f"{score.mean:.1f}"
    spread = f"± {score.deviation:.1f} (n = {len(score.values)})" if score.deviation is not None else ""
    yield spread or interval(record.scores[0])
    yield weights[0] if len(weights) == 1 else f"{len(weights)} files"
    yield f"{record.run}\nand {others} more" if others else record.run


def _pose_note(poses: Sequence[str]) -> str:
    """Whose poses; rows with other poses compare models and poses at once."""
    if len(poses) == 1:
        return f"Poses: {poses[0]}."
    listed = "; ".join(f"{number} {source}" for number, source in enumerate(poses, 1))
    return f"Poses differ, so rows compare them too: {listed}."


def board_markdown(board: Board) -> str:
    """A section a board."""
    lines = []
    for heading, rows in board.groups():
        columns = _columns(rows[0].first)
        lines += [f"## {heading}", "", _markdown_row(columns)]
        lines.append(_markdown_row(["---:" if is_number(column) else "---" for column in columns]))
        lines += [_markdown_row(_cells(row)) for row in rows]
        spread = [SPREAD] * any(len(row.samples) > 1 for row in rows)
        lines += ["", *(f"- {note}" for note in (*spread, *rows[0].first.notes)), ""]
    return "\n".join(lines)


def _markdown_row(cells: "tuple[str, ...] | list[str]") -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def board_json(board: Board) -> str:
    """Boards: the rows in their order, and the records of all of them, whole.

    `settings`, in the order of the records, is there where one is not the paper's, or the card's, in all.
    """
    boards = []
    for heading, rows in board.groups():
        records = [record for row in rows for record in row.records]
        whole = [record.model_dump(mode="json") for record in records]
        boards.append({"board": heading, "rows": list(map(_values, rows)), "records": whole, **_all_settings(records)})
    return json.dumps(boards, indent=1, ensure_ascii=False)


def _values(row: Row) -> dict[str, Any]:
    scores = [{"name": s.name, "mean": s.mean, "deviation": s.deviation, "values": s.values} for s in row.spreads]
    runs = [record.run for record in row.records]
    return {"model": row.first.model.name, "runs": runs, "seeds": len(row.samples), "scores": scores}


def _all_settings(records: Sequence[RunRecord]) -> dict[str, list[list[str]]]:
    labels = [[*looks(record), *_settings(record)] for record in records]
    return {"settings": labels} if any(labels) else {}
