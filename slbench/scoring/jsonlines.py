"""JSON lines: slbench's own predictions, and objects of others with an id and a text."""

import json
import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from slbench.records import Prediction, Ranked
from slbench.scoring.columns import Columns, choose
from slbench.scoring.source import Sample, Source, Table

OWN = frozenset(Prediction.model_fields)
NO_TEXT = frozenset({"top_k", "error", "measures"})
"""Keys that never hold ids or texts."""
RANKING = TypeAdapter(list[Ranked])
JSON_LIST = re.compile(r'\[\s*([\[{"]|$)')

Row = tuple[int, dict[str, Any]]
"""Number of a line, and its object."""


def is_json(source: Source) -> bool:
    """Whether the first line begins an object or a list."""
    return source.first.lstrip().startswith("{") or JSON_LIST.match(source.first.lstrip()) is not None


def read_json_lines(source: Source) -> Table:
    """A sample a line.

    A line without a hypothesis is a failed clip if it says null or holds an `error`. `top_k` is put in the order of
    its likelihoods.

    Raises:
        DataError: a line is not a JSON object, lacks a key, or holds something else than text.
    """
    rows = [(number, _object(source, number, line)) for number, line in source.filled]
    keys = list(dict.fromkeys(key for _, row in rows for key in row))
    columns = choose(source, [key for key in keys if key not in NO_TEXT])
    own = {"id", "reference"} <= set(keys) <= OWN
    samples = [_sample(source, row, columns) for row in rows]
    return source.table("slbench predictions" if own else "JSON lines", samples, columns.notes)


def _object(source: Source, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        where = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise source.error(f"is not valid JSON ({where}); each line must be one whole object", number) from error
    if not isinstance(row, dict):
        raise source.error("is not a JSON object; each line must be one, with an id and a text", number)
    return row


def _sample(source: Source, row: Row, columns: Columns) -> Sample:
    number, values = row
    text = _text(source, row, columns.text)
    failed = source.role == "predictions" and (columns.text in values or values.get("error"))
    if text is None and not failed:
        raise source.error(f"has no {columns.text!r}, which other lines have", number)
    reference = _text(source, row, columns.reference) if columns.reference else None
    return Sample(_id(source, row, columns.id), text, reference, _ranking(source, row))


def _text(source: Source, row: Row, key: str) -> str | None:
    number, values = row
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise source.error(f"{key!r} is not text but {json.dumps(value)[:40]}", number)
    if value is not None and re.search("[\ud800-\udfff]", value):
        raise source.error(f"{key!r} holds half of a surrogate pair, which is no character", number)
    return value


def _id(source: Source, row: Row, key: str) -> str:
    number, values = row
    value = values.get(key)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return source.sample_id(str(value) if whole else _text(source, row, key) or "", number)


def _ranking(source: Source, row: Row) -> tuple[str, ...]:
    number, values = row
    try:
        given = values.get("top_k") or []
        if given and all(isinstance(gloss, str) for gloss in given):
            return tuple(given)
        ranked = RANKING.validate_python(given)
    except ValidationError as error:
        raise source.error(
            "'top_k' is neither a list of glosses, best first, nor of objects with 'gloss' and 'log_likelihood'", number
        ) from error
    return tuple(one.gloss for one in sorted(ranked, key=lambda one: -one.log_likelihood))
