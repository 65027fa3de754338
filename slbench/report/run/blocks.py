"""What a page is made of, whatever it is written as; every text in it is plain and may hold anything."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from slbench.report.run.sentences import Piece


@dataclass(frozen=True)
class Marked:
    """A text of a diff: what only it has is marked, as left out by the other (`del`) or put in here (`ins`)."""

    pieces: tuple[Piece, ...]
    as_what: Literal["del", "ins"]
    joint: str
    """What is between pieces: a space, or nothing between characters."""


Cell = str | Marked


@dataclass(frozen=True)
class Table:
    """Rows below headings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[str, ...] = ()
    """Columns that are set to the right."""

    @property
    def is_wide(self) -> bool:
        """Whether it has whole texts, which a narrow screen shows one below the other."""
        return any(isinstance(cell, Marked) for row in self.rows for cell in row)


@dataclass(frozen=True)
class Picture:
    """A chart; it is drawn when it is first looked at."""

    name: str
    """Unique on its page; of small letters."""
    says: str
    """For those who do not see it."""
    draw: Callable[[], str]

    @cached_property
    def svg(self) -> str:
        """As one element, which may be put into HTML."""
        return self.draw()


@dataclass(frozen=True)
class Section:
    """A heading, and in this order what stands below it."""

    title: str
    texts: tuple[str, ...] = ()
    picture: Picture | None = None
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page."""

    title: str
    subtitle: str
    warnings: tuple[str, ...]
    """What must be known before any number is read."""
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
