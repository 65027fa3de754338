"""Tables with a header: CSV, TSV and those with pipes, as PHOENIX, How2Sign and Isharah have them."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager

from slbench.scoring.columns import KNOWN, canonical, choose, listed
from slbench.scoring.source import Sample, Source, Table

NAMES = {"\t": "TSV", "|": "pipe-separated table", ",": "CSV", ";": "CSV with semicolons"}
"""Delimiters and what their tables are called."""
QUOTED = re.compile(r'"(?:[^"]|"")*"')
KEYED = re.compile(r"([A-Za-z0-9_./:-]+)[,;][^ ]")
"""A word right before a comma: an id, for text has a space after it."""
WIDEST = 2**31 - 1


def delimiter_of(source: Source) -> str | None:
    """What separates the columns, if the first line is a header: usual names, without a space before an only one."""
    known = {mark: sum(canonical(cell) in KNOWN for cell in header(source, mark)) for mark in NAMES}
    best = max(NAMES, key=lambda mark: known[mark])
    cells = header(source, best)
    tight = not any(cell.startswith(" ") for cell in cells)
    return best if len(cells) > 1 and (known[best] > 1 or (known[best] == 1 and tight)) else None


def header(source: Source, delimiter: str) -> list[str]:
    """The cells of the first line."""
    return [_unquoted(cell) for cell in source.first.split(delimiter)]


def read_table(source: Source, delimiter: str) -> Table:
    """A sample a row.

    Cells with commas or semicolons around them are quoted as in RFC 4180. With tabs and pipes, quotes count only
    where they stand around a whole cell, as pandas writes them; a text that merely begins with one keeps it.

    Raises:
        DataError: a row has other columns than the header, a quote has no end, or the columns are unclear.
    """
    rows = _split(source, delimiter) if delimiter in "\t|" else _parsed(source, delimiter)
    names = [name.strip() for name in next(rows)[1]]
    columns = choose(source, names)
    samples = []
    for line, cells in rows:
        if len(cells) != len(names):
            raise source.error(
                f"columns here: {len(cells)}, in the header: {len(names)}; quote a text that holds {delimiter!r}", line
            )
        row = dict(zip(names, cells, strict=True))
        own = row[columns.reference] if columns.reference else None
        samples.append(Sample(source.sample_id(row[columns.id], line), row[columns.text], own))
    return source.table(NAMES[delimiter], samples, columns.notes)


def refuse_headerless(source: Source) -> None:
    """Stop a table whose first line is no header that we know, before ids are scored as if they were text.

    Raises:
        DataError: it is one: its name says so, every line has a tab or a pipe, or every line begins with an own id.
    """
    lines = [line for _, line in source.filled]
    named = source.suffix in {".csv", ".tsv"}
    marks = [mark for mark in NAMES if lines and all(mark in line for line in (lines[:1] if named else lines))]
    keys = [found.group(1) for line in lines if (found := KEYED.match(line))]
    keyed = len(lines) > 1 and len(set(keys)) == len(lines)
    if marks and (named or keyed or marks[0] in "\t|"):
        raise source.error(
            f"looks like a table, but its first line is not a header with usual names: its columns are "
            f"{listed(header(source, marks[0]))}; put a line above that calls the one with the ids 'id' "
            f"and the one with the {source.role} {'hypothesis' if source.role == 'predictions' else 'reference'!r}",
            source.filled[0][0],
        )


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if QUOTED.fullmatch(cell) else cell


def _split(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    spaced = f" {delimiter} " in source.first
    for number, line in source.filled:
        cells = line.split(delimiter)
        yield number, [_unquoted(cell.strip() if spaced else cell) for cell in cells]


def _parsed(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    spaced = f"{delimiter} " in source.first
    lines = (f"{line}\n" for line in source.lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=spaced)
    try:
        with _wide_cells():
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise source.error(f"is not {NAMES[delimiter]}: {error}; is a quote left open?", reader.line_num) from error
    yield from rows


@contextmanager
def _wide_cells() -> Iterator[None]:
    """Let cells be as long as they are; Python's limit is 128 KiB, and one for the whole process."""
    before = csv.field_size_limit(WIDEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
