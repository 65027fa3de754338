"""Reads predictions and references of every common format, told apart by what is in the file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from slbench.cards import Family
from slbench.scoring.jsonlines import is_json, read_json_lines
from slbench.scoring.plain import is_released, read_plain, read_released
from slbench.scoring.sclite import sclite_format
from slbench.scoring.source import Source, Table, load
from slbench.scoring.tables import delimiter_of, read_table, refuse_headerless


def read_predictions(path: Path, family: Family) -> Table:
    """What a model answered, and the references where the file holds them too.

    Args:
        path: JSON lines (slbench's own or with an id and a text), CSV, TSV or a pipe-separated table with a header,
            Uni-Sign's released format, CTM, STM, or plain lines.
        family: decides which column is meant where a corpus names it (`gloss`, `translation`).

    Raises:
        DataError: the file cannot be read, is empty, broken, or may mean several things.
    """
    return read(load(path, "predictions", family))


def read_references(path: Path, family: Family) -> Table:
    """What is right, as `text` of each sample; formats and errors are those of `read_predictions`."""
    return read(load(path, "references", family))


def read(source: Source) -> Table:
    """The samples of a file that is loaded already; formats and errors are those of `read_predictions`."""
    return _reader(source)(source)


def _reader(source: Source) -> Callable[[Source], Table]:
    if is_json(source):
        return read_json_lines
    if is_released(source):
        return read_released
    if delimiter := delimiter_of(source):
        return partial(read_table, delimiter=delimiter)
    if sclite := sclite_format(source):
        return sclite
    refuse_headerless(source)
    return read_plain
