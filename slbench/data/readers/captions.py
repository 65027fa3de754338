"""Captions of a video as `.srt`, `.vtt` or JSON: when, and what.

JSON is YouTube's own (`json3`: events with `tStartMs`, `dDurationMs` and `segs`), or a list of entries with `text`,
`start` and `duration` or `end`, as youtube-transcript-api writes it.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, TypeAdapter

from slbench.data.readers.official import Row, read_json, read_text, seconds_of
from slbench.errors import DataError

MARKS = re.compile(r"<[^>\n]*>|\{\\[^}\n]*\}")
"""Colours, speakers and places on the screen."""


@dataclass(frozen=True)
class Caption:
    """One caption; times in seconds. The text is one line and may be empty."""

    start: float
    end: float
    text: str


class Segment(Row):
    """A piece of an event."""

    utf8: str = ""


class Event(Row):
    """A caption in YouTube's own JSON, in milliseconds; one without segments only sets a window."""

    start: int = Field(default=0, alias="tStartMs")
    duration: int = Field(default=0, alias="dDurationMs")
    segs: tuple[Segment, ...] = ()


class Events(Row):
    """YouTube's own JSON."""

    events: list[Event]


class Line(Row):
    """A caption in a plain list; times in seconds."""

    text: str
    start: float
    duration: float | None = None
    end: float | None = None


JSON: TypeAdapter[Events | list[Line]] = TypeAdapter(Events | list[Line])


def read_captions(path: Path) -> list[Caption]:
    """The captions of a file, in its order.

    Raises:
        DataError: it cannot be read, or is cut off or of another form.
    """
    return list(_of_json(path) if path.suffix.startswith(".json") else _of_text(path))


def _of_json(path: Path) -> Iterator[Caption]:
    read = read_json(path, JSON)
    if isinstance(read, Events):
        for event in read.events:
            text = "".join(segment.utf8 for segment in event.segs)
            yield _caption(event.start / 1000, (event.start + event.duration) / 1000, text)
        return
    for number, line in enumerate(read, 1):
        end = line.end if line.duration is None else line.start + line.duration
        if end is None:
            raise DataError(f"{path}: caption {number} has neither duration nor end; fetch the captions again")
        yield _caption(line.start, end, line.text)


def _of_text(path: Path) -> Iterator[Caption]:
    """Blocks between empty lines; what has no line of times (a header, a note, a style) is no caption."""
    text = re.sub(r"\r\n?", "\n", read_text(path))
    if "-->" not in text and not text.startswith("WEBVTT"):
        raise DataError(f"{path}: holds no captions; fetch them again")
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.split("\n")
        for number, line in enumerate(lines):
            if "-->" in line:
                yield _caption(*_times(line, path), " ".join(lines[number + 1 :]))
                break


def _times(line: str, path: Path) -> tuple[float, float]:
    """Of `00:00:01.000 --> 00:00:02.500 align:start`."""
    start, rest = line.split("-->", 1)
    end = rest.split(maxsplit=1)[0] if rest.strip() else ""
    return seconds_of(start, f"{path}: {line!r}"), seconds_of(end, f"{path}: {line!r}")


def _caption(start: float, end: float, text: str) -> Caption:
    return Caption(start, end, " ".join(html.unescape(MARKS.sub("", text)).split()))
