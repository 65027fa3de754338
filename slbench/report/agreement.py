"""Whether two files say the same, as tables and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table

from slbench.errors import some
from slbench.report.markup import visible
from slbench.report.tables import simple_table
from slbench.scoring.agreement import AS_THEY_ARE, Agreement, Difference


def agreement_tables(found: Agreement) -> Iterator[Table]:
    """The first differences, if there are any, and how many hypotheses are the same."""
    if found.differences:
        yield _differences(found)
    table = simple_table(None, ("hypotheses", "identical", "of", "%"), numbers=("identical", "of"))
    for one in found.identical:
        table.add_row(_told(one.texts), f"{one.count:,}", f"{found.compared:,}", f"{_share(one.count, found):.2f}")
    yield table


def _told(texts: str) -> str:
    return texts if texts == AS_THEY_ARE else f"under protocol {texts}"


def _share(count: int, found: Agreement) -> float:
    """In percent."""
    return 100 * count / found.compared


def _differences(found: Agreement) -> Table:
    table = simple_table(f"First differences, {_told(found.different)}", ("sample", "", "text"))
    for one in found.differences:
        rows = [("here", one.here), ("there", one.there), *([("ref", one.reference)] if one.reference else [])]
        for index, (whose, text) in enumerate(rows):
            table.add_row("" if index else one.id, whose, _visible(text, quoted=_same_words(one)))
    return table


def _same_words(one: Difference) -> bool:
    return (one.here or "").split() == (one.there or "").split()


def _visible(text: str | None, quoted: bool) -> str:
    """The whole text; odd spaces and control characters as escapes, and quotes where only spaces differ."""
    if text is None:
        return "(failed)"
    shown = visible(text)
    return f'"{shown}"' if quoted else shown or "(empty)"


def agreement_notes(found: Agreement) -> list[str]:
    """Which files, and what is in one of them alone, a line each."""
    files = [f"here: {found.here}", f"there: {found.there}"]
    sides = {"here": found.only_here, "there": found.only_there}
    alone = [f"only {side}, not compared: {len(ids):,} samples: {some(ids)}" for side, ids in sides.items() if ids]
    return [*files, *alone, *found.notes]


def agreement_json(found: Agreement) -> str:
    """Everything; shares are in percent."""
    values: dict[str, Any] = {
        "here": str(found.here),
        "there": str(found.there),
        "compared": found.compared,
        "identical": [asdict(one) | {"share": _share(one.count, found)} for one in found.identical],
        "only_here": found.only_here,
        "only_there": found.only_there,
        "different": found.different,
        "differences": [asdict(one) for one in found.differences],
        "notes": found.notes,
    }
    return json.dumps(values, indent=1, ensure_ascii=False)
