"""Tables on a terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from slbench.records import RunRecord, ScoreStamp

NAMES = ("name", "dataset", "key", "score", "model", "run", "95 % interval", "weights")
"""Columns that are never broken into lines."""


def percent(score: ScoreStamp) -> str:
    """A score with one decimal."""
    return f"{score.value:.1f}"


def interval(score: ScoreStamp) -> str:
    """Its 95 % interval."""
    return f"{score.low:.1f} – {score.high:.1f}"


def is_number(column: str) -> bool:
    """Whether a column's values are numbers, which are set to the right."""
    return column.endswith("%") or column.startswith("clips")


def simple_table(title: str | None, columns: Sequence[str]) -> Table:
    """A table without clutter; names are never broken into lines."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        number = is_number(column)
        table.add_column(
            column, justify="right" if number else "left", no_wrap=number or column in NAMES, overflow="fold"
        )
    return table


def run_table(record: RunRecord) -> Table:
    """The result of one run."""
    title = f"{record.model.name} on {record.task.name}, {record.task.split}"
    table = simple_table(title, ("score", "%", "95 % interval", "clips", "clips/s", "protocol"))
    for score in record.scores:
        speed = f"{record.cost.clips_per_second:.0f}"
        table.add_row(score.name, percent(score), interval(score), str(score.samples), speed, record.protocol)
    table.caption = caption(record)
    table.caption_justify = "left"
    return table


def caption(record: RunRecord) -> str:
    """Notes of the task, and why the run is barred if it is."""
    lines = [*record.notes]
    if record.barred:
        lines.append(f"Not for a leaderboard: {'; '.join(record.barred)}.")
    return "\n".join(lines)
