"""Scores of a prediction file, as tables and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from slbench.metrics.base import Score
from slbench.report.tables import label, simple_table
from slbench.scoring.overlap import Overlap
from slbench.scoring.score import Report, Result

ORDER = (
    *("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "sacreBLEU-4", "rBLEU-4", "ROUGE-L", "chrF2", "chrF2++", "TER"),
    *("BLEURT", "WER", "WER-del", "WER-ins", "WER-sub", "CER"),
)
"""Columns of a table of protocols; accuracies follow as they come."""
HIDDEN = ("CER-",)
"""How names begin that only the JSON has."""


def score_table(report: Report) -> Table:
    """One protocol: a row a score. Several: a row each, so that one sees which published column a number belongs to."""
    return _scores(report) if len(report.results) == 1 else _protocols(report)


def _scores(report: Report) -> Table:
    (result,) = report.results
    table = simple_table(_title(report), ("score", "value", "95 % interval", "unit"), numbers=("value",))
    for score in result.scores:
        table.add_row(label(score), f"{score.value:.2f}", _interval(score), score.unit)
    ranks = result.scores[0]
    return _captioned(table, report, [f"Signature of {ranks.name}: {ranks.signature}", f"Rules: {result.protocol.source}"])


def _protocols(report: Report) -> Table:
    columns = _columns(report.results)
    ranks = report.results[0].scores[0]
    headings = ("protocol", *(label(score) for score in columns.values()), f"95 % of {ranks.name}")
    table = simple_table(_title(report), headings, numbers=headings[1:])
    for result in report.results:
        found = {score.name: score for score in result.scores}
        cells = [f"{found[name].value:.2f}" if name in found else "" for name in columns]
        table.add_row(_row_name(result), *cells, _interval(found[ranks.name]))
    return _captioned(table, report, ["Signatures, parts and sources: --format json."])


def _columns(results: Sequence[Result]) -> dict[str, Score]:
    """Every score that some protocol has, by name, in the order of the columns."""
    scores = {score.name: score for result in results for score in result.scores}
    shown = [name for name in scores if not name.startswith(HIDDEN)]
    return {name: scores[name] for name in sorted(shown, key=lambda name: (*ORDER, *shown).index(name))}


def _row_name(result: Result) -> str:
    return f"{result.protocol.name}, without {result.without}" if result.without else result.protocol.name


def _interval(score: Score) -> str:
    return f"{score.low:.2f} – {score.high:.2f}"


def _title(report: Report) -> str:
    planned, count = report.plan, len(report.matched.answers)
    task = planned.task.name if planned.task else None
    family = f"{planned.family} of {report.unit}" if planned.family == "slt" else planned.family
    protocol = [f"protocol {report.results[0].protocol.name}"] if len(report.results) == 1 else []
    return ", ".join([report.request.predictions.name, task or family, f"{count:,} samples", *protocol])


def _captioned(table: Table, report: Report, lines: Sequence[str]) -> Table:
    if report.overlap is not None:
        lines = [*lines, *_overlap_lines(report.overlap)]
    barred = [f"Not for a leaderboard: {'; '.join(report.barred)}."] if report.barred else []
    table.caption = "\n".join([*lines, *report.notes, *barred])
    table.caption_justify = "left"
    return table


def _overlap_lines(found: Overlap) -> list[str]:
    count = len(found.ids)
    return [
        f"Repeated in training: {len(found.exact):,} of {count:,} references ({found.share(found.exact):.2f} %) word for "
        f"word, {len(found.normalised):,} without case and punctuation.",
        f"Repeated within the references: {len(found.inside):,}; {len(found.inside_normalised):,} without case and "
        "punctuation.",
    ]


def score_json(report: Report) -> str:
    """Everything: files, ids left out, notes, and each score with parts and signature."""
    request, planned = report.request, report.plan
    values: dict[str, Any] = {
        "predictions": str(request.predictions),
        "predictions_sha256": report.predictions_sha256,
        "references": str(request.references) if request.references else None,
        "task": planned.task.name if planned.task else None,
        "family": planned.family,
        "unit": report.unit if planned.family == "slt" else None,
        "samples": len(report.matched.answers),
        "missing": report.matched.missing,
        "extra": report.matched.extra,
        "notes": report.notes,
        "barred": report.barred,
        "overlap": None if report.overlap is None else _overlap_values(report.overlap),
        "results": [_result(result) for result in report.results],
    }
    return json.dumps(values, indent=1, ensure_ascii=False)


def _overlap_values(found: Overlap) -> dict[str, Any]:
    values = asdict(found)
    del values["ids"]
    return {"references": len(found.ids), **values}


def _result(result: Result) -> dict[str, Any]:
    return {
        "protocol": result.protocol.name,
        "source": result.protocol.source,
        "without": result.without or None,
        "scores": [asdict(score) for score in result.scores],
    }
