"""Tables on a terminal."""

from collections.abc import Sequence
from itertools import starmap

from rich import box
from rich.cells import cell_len
from rich.table import Column, Table

from slbench.metrics.base import Score
from slbench.records import RunRecord, ScoreStamp

NAMES = ("name", "dataset", "key", "score", "run", "95 % interval", "weights", "protocol", "sample", "place", "from")
"""Columns that, like numbers, are never broken into lines."""
POINTS = ("BLEU", "chrF")
"""How the names of scores begin that are no shares of anything, and so no percents."""
NARROWEST = 14
"""Characters that a column of text keeps on a narrow terminal."""
PADDING, EDGES = 3, 1
"""Characters around a cell, and what the edges of a table take besides."""
COMPOSED = "composed clips"
"""Said wherever clips were put together from recordings of parts."""
PAPER_BEAMS = 4
"""Of Uni-Sign's search."""
SHARES = {"gate": "gate open"}
"""Measures of a model that are shares of 1, and how a reader calls them."""


def label(score: ScoreStamp | Score, with_unit: bool = False) -> str:
    """A score's name, the % sign if it is wanted and fits, and an arrow where lower is better."""
    percent = with_unit and score.unit == "%"
    return f"{score.name}{' %' * percent}{' ↓' * (score.better == 'lower')}"


def value(score: ScoreStamp) -> str:
    """A score with one decimal."""
    return f"{score.value:.1f}"


def interval(score: ScoreStamp) -> str:
    """Its 95 % interval."""
    return f"{score.low:.1f} – {score.high:.1f}"


def is_number(column: str) -> bool:
    """Whether a column's values are numbers, which are set to the right."""
    return column.endswith(("%", "points", "↓")) or column.startswith(("clips", "seeds", *POINTS))


def simple_table(title: str | None, columns: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """A table without clutter; names are never broken into lines, and `numbers` are columns set to the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        number = column in numbers or is_number(column)
        table.add_column(
            column, justify="right" if number else "left", no_wrap=number or column in NAMES, overflow="fold"
        )
    return table


def narrowest(table: Table) -> int:
    """Columns of a terminal that the table needs so that its figures and names are whole.

    Other cells are broken into lines of at least `NARROWEST` characters.
    """
    return sum(_needed(column) + PADDING for column in table.columns) + EDGES


def _needed(column: Column) -> int:
    lines = [line for cell in (column.header, *column.cells) for line in str(cell).split("\n")]
    widest = max(map(cell_len, lines))
    return widest if column.no_wrap else min(widest, NARROWEST)


def run_table(record: RunRecord) -> Table:
    """The result of one run."""
    place = [f"{record.model.name} on {record.task.name}", record.task.split, *composed(record), *looks(record)]
    place += unlike_the_paper(record)
    units = list(dict.fromkeys(score.unit for score in record.scores))
    table = simple_table(
        ", ".join(place), ("score", " or ".join(units), "95 % interval", "clips", "clips/s", "protocol")
    )
    speed = f"{record.cost.clips_per_second:.0f}"
    ranking = [(scores[0], name) for name, scores in record.also.items()]
    for score, protocol in [*((score, record.protocol) for score in record.scores), *ranking]:
        name = label(score, with_unit=len(units) > 1)
        table.add_row(name, value(score), interval(score), str(score.samples), speed, protocol)
    table.caption = caption(record)
    table.caption_justify = "left"
    return table


def composed(record: RunRecord) -> list[str]:
    """What a heading says of clips that were put together from recordings of parts; nothing of others."""
    return [COMPOSED] if record.task.composed else []


def looks(record: RunRecord) -> list[str]:
    """What the model looked at, unless it is poses alone."""
    return [] if record.model.inputs == "pose" else [record.model.inputs]


def unlike_the_paper(record: RunRecord) -> list[str]:
    """Of decoding, beams and checkpoint, what was chosen otherwise than in Uni-Sign's paper; mostly nothing.

    The paper's search is open and has 4 beams. A last epoch is named, too.
    """
    options, chosen_on = record.options, record.model.selected_on
    found = {
        "closed vocabulary": options.decoding == "closed",
        "greedy": options.num_beams == 1,
        f"{options.num_beams} beams": options.num_beams not in (1, PAPER_BEAMS),
        f"checkpoint chosen on {chosen_on}": chosen_on not in ("", "dev", "none"),
        "last epoch": chosen_on == "none",
    }
    return [name for name, holds in found.items() if holds]


def _measured(name: str, mean: float) -> str:
    if name in SHARES:
        return f"{SHARES[name]} {100 * mean:.3g} % on average"
    return f"{name} {mean:.4g} on average"


def caption(record: RunRecord) -> str:
    """Notes of the task, what the model measured of itself, and why the run is barred if it is."""
    lines = [*record.notes]
    if record.measures:
        lines.append(f"The model's own measures: {', '.join(starmap(_measured, record.measures.items()))}.")
    if record.barred:
        lines.append(f"Not for a leaderboard: {'; '.join(record.barred)}.")
    return "\n".join(lines)
