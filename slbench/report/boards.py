"""Standings as people read them: tables for a terminal, Markdown for a page, LaTeX for a paper."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from slbench.report.entries import Entry
from slbench.report.markup import latex, markdown
from slbench.report.published import UNKNOWN
from slbench.report.rules import Rules
from slbench.report.standings import Group, Placed, Standing
from slbench.report.tables import COMPOSED, simple_table

COLUMNS = ("place", "model", "score", "95 % interval", "protocol", "from")
WIDE = ("inputs", "poses", "clips", "seeds", "hardware", "clips/s", "marks")
"""Further columns of Markdown."""
SPREAD = "±: standard deviation over n seeds; the figure is their mean; no interval."
MORE = "+n after a run's name: n more runs are in the row."
PREFACE = """\
# Leaderboard of sign-language understanding

Scores that were measured with slbench or scored from released predictions, beside those that were published.

- **place**: among rows with the same letter, which alone may be compared: same task and version, split, protocol and
  poses. Measured rows share a place unless a paired test tells them apart; published ones go by value. A row without a
  place is comparable with no other, and says why.
- **95 % interval**: bootstrap over clips. Rows of several seeds have mean ± standard deviation instead.
- **from**: the record of a run; or who stands behind a published figure, and its year.
"""
SCORED = "released"
"""Origin of what was scored from released predictions."""


def heading(standing: Standing) -> str:
    """Task, split and score."""
    arrow = " ↓" if standing.better == "lower" else ""
    percent = " %" if standing.unit == "%" else ""
    place = [standing.task, standing.split, *[COMPOSED] * standing.composed]
    return f"{', '.join(place)}: {standing.metric}{percent}{arrow}"


def board_tables(found: Iterable[Standing], rules: Rules) -> Iterator[Table]:
    """A table a standing, for a terminal of 80 columns; what rows share stands below."""
    for standing in found:
        columns = _needed(standing)
        table = simple_table(heading(standing), columns, numbers=("score",))
        for line in standing.lines:
            cells = dict(zip(COLUMNS, _cells(line), strict=True))
            cells["model"] += f" [{', '.join(line.entry.marks)}]" if line.entry.marks else ""
            table.add_row(*(cells[column] for column in columns))
        table.caption = "\n".join(legend(standing, rules))
        table.caption_justify = "left"
        yield table


def _needed(standing: Standing) -> list[str]:
    """The columns without those that would be empty, or the same in every row."""
    entries = [line.entry for line in standing.lines]
    without = {"95 % interval"} if not any(map(within, entries)) else set()
    if len({entry.protocol for entry in entries}) == 1 and standing.groups:
        without |= {"protocol"}  # the legend says it
    return [column for column in COLUMNS if column not in without]


def _cells(line: Placed) -> tuple[str, ...]:
    entry = line.entry
    return place(line), name(entry), figure(entry), within(entry), entry.protocol, origin(entry)


def place(line: Placed) -> str:
    """The letter of the group and the place in it; a dash where there is none."""
    return f"{line.group.letter} {line.rank}" if line.group else "–"


def name(entry: Entry) -> str:
    """The system, and what makes it another than the name says."""
    return f"{entry.model} ({', '.join(entry.settings)})" if entry.settings else entry.model


def figure(entry: Entry) -> str:
    """With one decimal where it was measured; with two, as papers print it, elsewhere."""
    return f"{entry.value:.1f}" if entry.kind == "measured" else f"{entry.value:.2f}"


def within(entry: Entry) -> str:
    """The interval, or the deviation over seeds."""
    if entry.deviation is not None:
        return f"± {entry.deviation:.1f} (n = {entry.seeds})"
    return "" if entry.low is None or entry.high is None else f"{entry.low:.1f} – {entry.high:.1f}"


def origin(entry: Entry) -> str:
    """Where the figure is from, in short."""
    if entry.kind == "published":
        return f"{entry.by} {entry.year or ''}".rstrip()
    if entry.kind == "scored":
        return SCORED
    first, *others = entry.source.split(" | ")
    return first.rpartition("/")[2] + (f" +{len(others)}" if others else "")


def legend(standing: Standing, rules: Rules) -> list[str]:
    """What the letters stand for, which rows have no place, and what the marks mean, a line each."""
    entries = [line.entry for line in standing.lines]
    apart = dict.fromkeys(line.apart for line in standing.lines if line.apart)
    marks = dict.fromkeys(mark for entry in entries for mark in entry.marks)
    by = dict.fromkeys(entry.by for entry in entries if entry.by)
    measured = [entry for entry in entries if entry.kind == "measured"]
    return [
        *(f"{group.letter}: {shared(group, rules)}." for group in standing.groups),
        *[f"–: comparable with no other row: {'; '.join(apart)}."] * bool(apart),
        *(f"{mark}: {rules.marks[mark].text}." for mark in marks if mark in rules.marks),
        *(f"{one}: published; {rules.by[one]}." for one in by if one in rules.by),
        *[f"{SCORED}: scored from the predictions that the authors released."]
        * any(e.kind == "scored" for e in entries),
        *_measured(measured),
        *(f"Overlap: {told}." for task, told in rules.overlap.items() if task == standing.task),
    ]


def _measured(entries: Sequence[Entry]) -> Iterator[str]:
    if entries:
        clips = ", ".join(f"{one:,}" for one in sorted({entry.clips for entry in entries if entry.clips}))
        yield f"Measured on {clips} clips, on {'; '.join(dict.fromkeys(entry.hardware for entry in entries))}."
    if any(entry.deviation is not None for entry in entries):
        yield SPREAD
    if any(" | " in entry.source for entry in entries):
        yield MORE
    yield from dict.fromkeys(note for entry in entries for note in entry.task_notes)


def shared(group: Group, rules: Rules) -> str:
    """What the lines of a group have in common, and how they are ranked."""
    data = [f"version {group.data}"] if group.data else []
    how = f"paired tests at {rules.significance:g}" if group.tested else "value"
    return f"{', '.join([*data, f'protocol {group.protocol}', f'poses: {group.poses}'])}; places by {how}"


def board_markdown(found: Iterable[Standing], rules: Rules) -> str:
    """A page: how to read it, then a section a standing; all that comes from data is escaped."""
    return "\n".join([PREFACE, *(line for standing in found for line in _section(standing, rules))])


def _section(standing: Standing, rules: Rules) -> Iterator[str]:
    columns = (*COLUMNS, *WIDE)
    numbers = ("score", "clips", "seeds", "clips/s")
    yield from (f"## {markdown(heading(standing))}", "", _row(columns))
    yield _row(["---:" if column in numbers else "---" for column in columns])
    yield from (_row([*map(markdown, (*_cells(line), *_wide(line)))]) for line in standing.lines)
    yield from ("", *(f"- {markdown(note)}" for note in legend(standing, rules)), "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _wide(line: Placed) -> tuple[str, ...]:
    entry = line.entry
    speed = "" if entry.clips_per_second is None else f"{entry.clips_per_second:.0f}"
    counts = ("" if count is None else str(count) for count in (entry.clips, entry.seeds))
    return entry.modality, entry.poses, *counts, entry.hardware, speed, ", ".join(entry.marks)


def board_latex(found: Iterable[Standing], rules: Rules) -> str:
    """A `table` a standing, for the package booktabs."""
    return "\n".join(line for standing in found for line in _latex_table(standing, rules))


def _latex_table(standing: Standing, rules: Rules) -> Iterator[str]:
    columns = (*COLUMNS[:4], "protocol", "inputs", "from")
    yield from (
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(heading(standing))}}}",
        r"\begin{tabular}{llrllll}",
    )
    yield from (r"\toprule", _latex_row(columns), r"\midrule")
    for line in standing.lines:
        *cells, protocol, source = _cells(line)
        yield _latex_row([*cells, "" if protocol == UNKNOWN else protocol, line.entry.modality, source])
    yield from (
        r"\bottomrule",
        r"\end{tabular}",
        "",
        *(rf"\footnotesize {latex(note)}\par" for note in legend(standing, rules)),
    )
    yield from (r"\end{table}", "")


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(map(latex, cells))} \\\\"
