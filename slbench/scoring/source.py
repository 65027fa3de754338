"""A file as text, and the table of samples that a format makes of it."""

import codecs
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from slbench.cards import Family
from slbench.errors import DataError

Role = Literal["predictions", "references"]
"""What a file was given as."""


@dataclass(frozen=True)
class Sample:
    """One sample of a file.

    `text` is what the file was read for, hypothesis or reference; a hypothesis of None is a failed clip.
    `reference` is the sample's own, in a file of predictions that holds it too.
    """

    id: str | None
    """None in a file of plain lines."""
    text: str | None
    reference: str | None = None
    ranking: tuple[str, ...] = ()
    """ISLR: glosses, best first."""


@dataclass(frozen=True)
class Table:
    """The samples of a file, in its order, and what a reader of the score must know about the reading."""

    path: Path
    format: str
    samples: tuple[Sample, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A file of text, cut into lines."""

    path: Path
    role: Role
    family: Family
    lines: tuple[str, ...]
    """Without their ends."""

    @cached_property
    def filled(self) -> list[tuple[int, str]]:
        """Number (from 1) and text of each line that holds more than white space."""
        return [(number, line) for number, line in enumerate(self.lines, 1) if line.strip()]

    @property
    def first(self) -> str:
        """The first filled line, or nothing."""
        return self.filled[0][1] if self.filled else ""

    @property
    def suffix(self) -> str:
        """The end of the file's name, in lower case."""
        return self.path.suffix.lower()

    def error(self, message: str, line: int | None = None) -> DataError:
        """An error that says where it is."""
        return DataError(f"{self.path}:{line}: {message}" if line else f"{self.path}: {message}")

    def sample_id(self, text: str, line: int) -> str:
        """An id without white space around it.

        Raises:
            DataError: nothing is left.
        """
        if not text.strip():
            raise self.error("the sample has no id", line)
        return text.strip()

    def table(self, name: str, samples: list[Sample], notes: list[str] | None = None) -> Table:
        """What a format found; notes get the file's name.

        Raises:
            DataError: no samples.
        """
        if not samples:
            raise self.error(f"holds no samples (read as {name})")
        return Table(self.path, name, tuple(samples), tuple(f"{self.path}: {note}" for note in notes or []))


def load(path: Path, role: Role, family: Family) -> Source:
    r"""A file's lines. Lines end with \n, \r\n or \r and nothing else; the last end makes no line of its own.

    Raises:
        DataError: it cannot be opened, is empty, or is not text in UTF-8.
    """
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise DataError(f"{path}: is empty; it should hold {role}")
    text = _decoded(data, path).replace("\r\n", "\n").replace("\r", "\n")
    return Source(path, role, family, tuple(text.removesuffix("\n").split("\n")))


def _decoded(data: bytes, path: Path) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{_line(data[: error.start])}: is not text in UTF-8; save it as UTF-8") from error
    if "\0" in text:
        line = _line(data[: data.index(b"\0")])
        raise DataError(f"{path}:{line}: holds a NUL byte, so it is not text in UTF-8; save it as UTF-8")
    return text


def _line(before: bytes) -> int:
    return len(re.findall(rb"\r\n?|\n", before)) + 1
