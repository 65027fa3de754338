"""The formats of NIST's sclite: CTM, a word a line, and STM, a segment a line.

Source: the file formats of the SCTK's documentation (infmts). How the field writes them: VAC_CSLR and its
descendants, whose CTM holds the end where the format has the duration, which orders words the same way.
"""

import re
from collections.abc import Callable
from math import isfinite

from slbench.scoring.source import Sample, Source, Table

Content = list[tuple[int, list[str]]]
"""Number of each line that is no comment, and its fields."""
CHANNEL = re.compile(r"[A-Za-z0-9]{1,2}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
LABELS = re.compile(r"<[^>]*>")
UNSUPPORTED = re.compile(r"[{}]|^\(|\)$|^IGNORE_TIME_SEGMENT_IN_SCORING$")
"""Alternations, optional words, and segments that sclite leaves out."""


def sclite_format(source: Source) -> Callable[[Source], Table] | None:
    """The reader of the format that most lines fit; the file's name decides where both or neither do."""
    content = _content(source, cuts=6)
    fits = [
        read
        for read, check in ((read_ctm, _is_ctm), (read_stm, _is_stm))
        if 2 * sum(check(fields) for _, fields in content) > len(content)
    ]
    named = {".ctm": read_ctm, ".stm": read_stm}.get(source.suffix)
    return fits[0] if len(fits) == 1 or (fits and named is None) else named


def read_ctm(source: Source) -> Table:
    """Lines `id channel start duration word [confidence]`; the words of an id in the order of their start times.

    Raises:
        DataError: a line has other fields, or an id has more than one channel.
    """
    words: dict[str, list[tuple[float, str]]] = {}
    channels: dict[str, str] = {}
    for number, fields in _content(source):
        if not _is_ctm(fields):
            raise source.error("is not 'id channel start duration word [confidence]' with times in numbers", number)
        name, channel, start, _, word = fields[:5]
        if channels.setdefault(name, channel) != channel:
            raise source.error(f"{name} has words on channels {channels[name]} and {channel}; keep one", number)
        words.setdefault(name, []).append((float(start), word))
    samples = [Sample(name, " ".join(word for _, word in _in_time(found))) for name, found in words.items()]
    late = sum(_in_time(found) != found for found in words.values())
    notes = [f"words were put in the order of their start times in {late} of {len(words)} samples"] if late else []
    return source.table("CTM", samples, notes)


def read_stm(source: Source) -> Table:
    """Lines `id channel speaker start end [<labels>] words…`, one an id.

    Raises:
        DataError: a line has other fields, an id has several segments, or the words are not plain ones.
    """
    segments: dict[str, tuple[int, str]] = {}
    for number, fields in _content(source):
        if not _is_stm(fields):
            raise source.error("is not 'id channel speaker start end [<labels>] words' with start before end", number)
        name = fields[0]
        if name in segments:
            raise source.error(
                f"{name} has a segment in line {segments[name][0]} already; several segments of one sample "
                f"are not supported, put their words in one line",
                number,
            )
        segments[name] = number, _plain_words(source, number, fields[5:])
    return source.table("STM", [Sample(name, words) for name, (_, words) in segments.items()])


def _plain_words(source: Source, number: int, words: list[str]) -> str:
    plain = words[1:] if words and LABELS.fullmatch(words[0]) else words
    odd = next((word for word in plain if UNSUPPORTED.search(word)), None)
    if odd is not None:
        raise source.error(
            f"{odd!r}: alternations {{ a / b }}, optional (words) and ignored segments are not supported; "
            f"write the one reference that counts",
            number,
        )
    return " ".join(plain)


def _content(source: Source, cuts: int = 0) -> Content:
    """Fields of each line that is no comment; with `cuts`, the rest behind so many of them is left in one piece."""
    lines = [(number, line.strip(" \t")) for number, line in source.filled]
    return [(number, re.split(r"[ \t]+", line, maxsplit=cuts)) for number, line in lines if not line.startswith(";;")]


def _is_ctm(fields: list[str]) -> bool:
    return len(fields) in {5, 6} and _timed(fields[1], *fields[2:4]) and all(map(_is_confidence, fields[5:]))


def _is_stm(fields: list[str]) -> bool:
    return len(fields) >= 5 and _timed(fields[1], *fields[3:5]) and float(fields[3]) <= float(fields[4])


def _timed(channel: str, *times: str) -> bool:
    return CHANNEL.fullmatch(channel) is not None and all(
        NUMBER.fullmatch(time) is not None and isfinite(float(time)) for time in times
    )


def _is_confidence(field: str) -> bool:
    return field == "NA" or NUMBER.fullmatch(field) is not None


def _in_time(words: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return sorted(words, key=lambda timed: timed[0])
