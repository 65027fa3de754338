"""Standings as programs read them: JSON and CSV."""

import csv
import json
from collections.abc import Iterable
from io import StringIO
from typing import Any

from slbench.report.boards import shared
from slbench.report.rules import Rules
from slbench.report.standings import Placed, Standing


def board_values(found: Iterable[Standing], rules: Rules) -> list[dict[str, Any]]:
    """A table a standing, with all of its rows and what its groups share."""
    return [
        {
            "task": one.task,
            "split": one.split,
            "metric": one.metric,
            "unit": one.unit,
            "better": one.better,
            "composed": one.composed,
            "overlap": rules.overlap.get(one.task, ""),
            "groups": {group.letter: shared(group, rules) for group in one.groups},
            "rows": [row_values(line) for line in one.lines],
        }
        for one in found
    ]


def row_values(line: Placed) -> dict[str, Any]:
    """Everything on one line; null where nobody says."""
    entry = line.entry
    return {
        "place": line.rank,
        "group": line.group.letter if line.group else None,
        "apart": line.apart,
        "kind": entry.kind,
        "model": entry.model,
        "settings": list(entry.settings),
        "value": entry.value,
        "deviation": entry.deviation,
        "low": entry.low,
        "high": entry.high,
        "clips": entry.clips,
        "seeds": entry.seeds,
        "protocol": entry.protocol,
        "inputs": entry.modality,
        "poses": entry.poses,
        "hardware": entry.hardware,
        "clips_per_second": entry.clips_per_second,
        "year": entry.year,
        "by": entry.by,
        "marks": list(entry.marks),
        "source": entry.source,
        "note": entry.note,
    }


def board_json(found: Iterable[Standing], rules: Rules) -> str:
    """The tables of `board_values`."""
    return json.dumps(board_values(found, rules), indent=1, ensure_ascii=False)


def board_csv(found: Iterable[Standing]) -> str:
    """A line a row, with task, split and metric before it; several marks or settings are parted by `; `."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header: list[str] = []
    for standing in found:
        for line in standing.lines:
            values = {"task": standing.task, "split": standing.split, "metric": standing.metric, **row_values(line)}
            if not header:
                header = list(values)
                writer.writerow(header)
            writer.writerow([_cell(value) for value in values.values()])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value
