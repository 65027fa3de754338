"""Published figures: `leaderboard/published.csv` and the two files beside it, and what is wrong with them."""

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from slbench import catalog
from slbench.cards import Family, Frozen, TaskCard
from slbench.errors import CardError, DataError, near
from slbench.metrics.base import Better
from slbench.metrics.protocols import PROTOCOLS, Protocol, protocols_for
from slbench.report.rules import Rules

UNKNOWN = "unknown"
"""Protocol of a figure whose scoring code nobody read, or whose source does not say."""
DISPUTED = "disputed"
BLEURT = "BLEURT"
Modality = Literal["rgb", "pose", "rgb+pose", "gloss", "hand", "rgb+hand", "rgb+flow", "multi"]
POSED = ("pose", "rgb+pose", "hand", "rgb+hand", "multi")
"""Modalities whose figures depend on who made the poses."""
HIGHEST = {"WER": 1000.0}
"""Of scores that may exceed 100."""


class _Line(Frozen):
    """What the lines of all three files have; the columns are the fields, in order."""

    line: int
    """In the file; the header is line 1."""
    model: str = Field(min_length=1)
    value: float

    @field_validator("value", mode="before")
    @classmethod
    def _number(cls, text: object) -> object:
        try:
            return float(str(text))
        except ValueError:
            return text

    @field_validator("year", mode="before", check_fields=False)
    @classmethod
    def _year(cls, text: object) -> object:
        return None if text == "" else int(str(text)) if str(text).isdecimal() else text

    @field_validator("marks", mode="before", check_fields=False)
    @classmethod
    def _marks(cls, text: object) -> object:
        return tuple(str(text).split())


class Published(_Line):
    """One figure that was published."""

    task: str
    split: Literal["dev", "test"]
    metric: str
    modality: Modality
    """What the system looks at."""
    poses: str
    """Who made the poses; empty where that is not known, or there are none."""
    protocol: str
    """Id of the scoring protocol, or `unknown`."""
    by: str
    """Who stands behind the figure; an id of the rules."""
    marks: tuple[str, ...]
    """Ids of the rules."""
    paper: str
    venue: str
    year: int | None = Field(ge=2000, le=2100)
    source: str = Field(min_length=1)
    """Where it was read; several are parted by ` | `."""
    note: str


class Derived(_Line):
    """One figure that no source prints, but that follows from what sources print or release."""

    task: str
    split: Literal["dev", "test"]
    metric: str
    modality: Modality | Literal[""]
    kind: Literal["difference", "change", "rescored"]
    """`difference`: of a printed figure and a printed gain; `change`: a gain or loss itself; `rescored`: from released
    predictions, with the released scorer."""
    paper: str
    venue: str
    year: int | None = Field(ge=2000, le=2100)
    source: str = Field(min_length=1)
    note: str


class Efficiency(_Line):
    """One figure of what a system costs."""

    quantity: str
    """Id of the rules."""
    modality: Modality
    source: str = Field(min_length=1)
    note: str


COLUMNS: dict[type[_Line], tuple[str, ...]] = {
    Published: (
        "model", "task", "split", "metric", "value", "modality", "poses", "protocol", "by", "marks", "paper", "venue",
        "year", "source", "note",
    ),
    Derived: (
        "model", "task", "split", "metric", "value", "modality", "kind", "paper", "venue", "year", "source", "note",
    ),
    Efficiency: ("model", "quantity", "value", "modality", "source", "note"),
}  # fmt: skip
FILES: dict[type[_Line], str] = {Published: "published.csv", Derived: "derived.csv", Efficiency: "efficiency.csv"}
LineT = TypeVar("LineT", Published, Derived, Efficiency)


def read_published(folder: Path) -> tuple[Published, ...]:
    """The published figures of a folder.

    Raises:
        DataError: the file cannot be read, or lines are malformed; `faults` finds what is wrong with their meaning.
    """
    lines, wrong = _read(folder / FILES[Published], Published)
    if wrong:
        raise DataError("\n".join(wrong))
    return tuple(lines)


def faults(folder: Path, rules: Rules) -> list[str]:
    """All that is wrong with the three files, a line each that begins with file and line number; none: empty."""
    published, wrong = _read(folder / FILES[Published], Published)
    derived, wrong_derived = _read(folder / FILES[Derived], Derived)
    costs, wrong_costs = _read(folder / FILES[Efficiency], Efficiency)
    return [
        *wrong, *_told(FILES[Published], published, lambda one: _wrong_published(one, rules)),
        *_twice(published), *_disputes(published),
        *wrong_derived, *_told(FILES[Derived], derived, _wrong_derived),
        *wrong_costs, *_told(FILES[Efficiency], costs, lambda one: _wrong_quantity(one, rules)),
    ]  # fmt: skip


def _read(path: Path, line_type: type[LineT]) -> tuple[list[LineT], list[str]]:
    """Lines that are well-formed, and what is wrong with the others."""
    columns = COLUMNS[line_type]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    if not rows or tuple(rows[0]) != columns:
        raise DataError(f"{path}:1: the columns must be {','.join(columns)}")
    lines, wrong = [], []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            wrong.append(f"{path.name}:{number}: has {len(row)} cells instead of {len(columns)}")
            continue
        try:
            lines.append(line_type.model_validate({"line": number, **dict(zip(columns, row, strict=True))}))
        except ValidationError as error:
            wrong += [f"{path.name}:{number}: {e['loc'][0]} {e['input']!r}: {e['msg']}" for e in error.errors()]
    return lines, wrong


def _told(name: str, lines: Sequence[LineT], wrong: Callable[[LineT], Iterator[str]]) -> Iterator[str]:
    yield from (f"{name}:{line.line}: {fault}" for line in lines for fault in wrong(line))


def _wrong_published(one: Published, rules: Rules) -> Iterator[str]:
    yield from _wrong_score(one)
    yield from _unknown("by", [one.by], rules.by)
    yield from _unknown("mark", one.marks, rules.marks)
    if one.poses and one.modality not in POSED:
        yield f"has poses, but looks at {one.modality}"
    card = task_card(one.task)
    if one.protocol == UNKNOWN or card is None:
        return
    protocols = {protocol.name: protocol for protocol in protocols_for(card.family, card.unit)}
    if one.protocol not in protocols:
        yield f"protocol {one.protocol!r} does not score {one.task}{near(one.protocol, [*protocols, UNKNOWN])}"
    elif one.metric in score_names(card.family) and one.metric not in _given(protocols[one.protocol]):
        yield f"protocol {one.protocol!r} does not give {one.metric}; write {UNKNOWN!r} where another code made it"


def _wrong_derived(one: Derived) -> Iterator[str]:
    yield from _wrong_score(one.model_copy(update={"value": abs(one.value)}) if one.kind == "change" else one)


def _wrong_score(one: Published | Derived) -> Iterator[str]:
    card = task_card(one.task)
    if card is None:
        yield f"there is no task {one.task!r}{near(one.task, catalog.names(TaskCard))}"
        return
    known = score_names(card.family)
    if one.metric not in known:
        yield f"there is no score {one.metric!r} of {card.family}{near(one.metric, list(known))}"
    elif not 0 <= one.value <= HIGHEST.get(one.metric, 100) or not math.isfinite(one.value):
        yield f"{one.metric} cannot be {one.value}"


def _wrong_quantity(one: Efficiency, rules: Rules) -> Iterator[str]:
    yield from _unknown("quantity", [one.quantity], rules.quantities)
    if one.value <= 0:
        yield f"{one.quantity} cannot be {one.value}"


def _unknown(what: str, names: Sequence[str], known: Collection[str]) -> Iterator[str]:
    yield from (f"there is no {what} {name!r}{near(name, list(known))}" for name in names if name not in known)


def _twice(lines: Sequence[Published]) -> Iterator[str]:
    """The same figure from the same hand is one line, with all its sources."""
    first: dict[tuple[object, ...], int] = {}
    for line in lines:
        before = first.setdefault((*_place(line), line.by, line.value), line.line)
        if before != line.line:
            yield f"{FILES[Published]}:{line.line}: is the same figure as line {before}; give that one both sources"


def _disputes(lines: Sequence[Published]) -> Iterator[str]:
    """Lines that name other values for one thing say so, and no others do."""
    values: dict[tuple[object, ...], set[float]] = defaultdict(set)
    for line in lines:
        values[_claimed(line)].add(line.value)
    for line in lines:
        several = len(values[_claimed(line)]) > 1
        if several != (DISPUTED in line.marks):
            told = f"lacks the mark {DISPUTED!r}, but other lines" if several else f"is {DISPUTED!r}, but no other line"
            yield f"{FILES[Published]}:{line.line}: {told} {'give' if several else 'gives'} another value"


def _place(line: Published) -> tuple[object, ...]:
    return line.model, line.task, line.split, line.metric, line.modality


def _claimed(line: Published) -> tuple[object, ...]:
    """A copy claims to be the authors' figure; a figure that was made again claims nothing but itself."""
    return (*_place(line), "authors" if line.by == "copied" else line.by)


def task_card(name: str) -> TaskCard | None:
    """The catalog's, or None."""
    try:
        return catalog.get_task(name)
    except CardError:
        return None


@cache
def score_names(family: Family) -> dict[str, Better]:
    """Name of every score of a family -> which of two values is the better one; the first ranks."""
    found = {
        name: metric.better
        for one in PROTOCOLS
        if one.family == family
        for metric in one.metrics
        for name in metric.signatures
    }
    return {**found, BLEURT: "higher"} if family == "slt" else found


def _given(protocol: Protocol) -> list[str]:
    names = [name for metric in protocol.metrics for name in metric.signatures]
    return [*names, BLEURT] if protocol.bleurt else names
