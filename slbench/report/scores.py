"""Scores of a prediction file, as tables and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from slbench.metrics.base import Score
from slbench.report.tables import COMPOSED, label, simple_table
from slbench.scoring.overlap import Overlap
from slbench.scoring.score import Report, Result

MAIN = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "WER", "WER-sub", "WER-del", "WER-ins")
"""Scores with a column of their own in a table of protocols, and so have accuracies; others share one."""


def score_table(report: Report) -> Table:
    """One protocol: a row a score. Several: a row each, so that one sees which published column a number belongs to."""
    return _scores(report) if len(report.results) == 1 else _protocols(report)


def score_title(report: Report) -> str:
    """Which file, which task or family, how many samples, and the protocol where it is one."""
    loaded = report.loaded
    planned, count = loaded.plan, len(loaded.matched.answers)
    family = f"{planned.family} of {loaded.unit}" if planned.family == "slt" else planned.family
    place = [planned.title, planned.split] if planned.title else [family]
    protocol = [f"protocol {report.results[0].protocol.name}"] if len(report.results) == 1 else []
    composed = [COMPOSED] if planned.composed else []
    return ", ".join([loaded.request.predictions.name, *place, *composed, f"{count:,} samples", *protocol])


def score_notes(report: Report) -> list[str]:
    """What a reader of the table must know, a line each."""
    (first, *others) = report.results
    ranks = first.scores[0]
    signed = [f"signature of {ranks.name}: {ranks.signature}", f"rules: {first.protocol.source}"]
    interval = f"95 % interval of {ranks.name} under {first.protocol.name}: {_interval(ranks)}"
    notes = [interval, "intervals, signatures, parts and sources of all: --format json"] if others else signed
    if report.overlap is not None:
        notes += _overlap_lines(report.overlap)
    return [*notes, *report.notes, *([f"not for a leaderboard: {'; '.join(report.barred)}"] if report.barred else [])]


def _scores(report: Report) -> Table:
    (result,) = report.results
    table = simple_table(None, ("score", "value", "95 % interval", "unit"), numbers=("value",))
    for score in result.scores:
        table.add_row(label(score), f"{score.value:.2f}", _interval(score), score.unit)
    return table


def _protocols(report: Report) -> Table:
    columns = _columns(report.results)
    others = [_others(result, columns) for result in report.results]
    headings = ("protocol", *map(label, columns.values()), *(["others"] if any(others) else []))
    table = simple_table(None, headings, numbers=headings[1 : 1 + len(columns)])
    for result, other in zip(report.results, others, strict=True):
        found = {score.name: score for score in result.scores}
        cells = [f"{found[name].value:.2f}" if name in found else "" for name in columns]
        table.add_row(_row_name(result), *cells, *([other] if any(others) else []))
    return table


def _others(result: Result, columns: Mapping[str, Score]) -> str:
    """Scores without a column of their own; CER's parts are left to the JSON."""
    shown = [score for score in result.scores if score.name not in columns and not score.name.startswith("CER-")]
    return ", ".join(f"{score.name} {score.value:.2f}" for score in shown)


def _columns(results: Sequence[Result]) -> dict[str, Score]:
    """Scores with a column of their own, by name."""
    scores = {score.name: score for result in results for score in result.scores}
    return {name: scores[name] for name in (*MAIN, *scores) if name in scores and name.startswith((*MAIN, "top"))}


def _row_name(result: Result) -> str:
    return f"{result.protocol.name}, less {result.without}" if result.without else result.protocol.name


def _interval(score: Score) -> str:
    return f"{score.low:.2f} – {score.high:.2f}"


def _overlap_lines(found: Overlap) -> list[str]:
    kinds = {
        "in training": (found.exact, found.normalised),
        "earlier among the references": (found.inside, found.inside_normalised),
    }
    return [
        f"repeated {where}: {len(exact):,} of {len(found.ids):,} references ({found.share(exact):.2f} %) exact, "
        f"{len(normalised):,} ({found.share(normalised):.2f} %) normalised: case, punctuation and spaces aside"
        for where, (exact, normalised) in kinds.items()
    ]


def score_json(report: Report) -> str:
    """Everything: files, ids left out, notes, and each score with parts and signature."""
    loaded = report.loaded
    request, planned, matched = loaded.request, loaded.plan, loaded.matched
    values: dict[str, Any] = {
        "predictions": str(request.predictions),
        "predictions_sha256": loaded.predictions_sha256,
        "references": str(request.references) if request.references else None,
        "task": planned.title,
        "split": planned.split if planned.title else None,
        "composed": planned.composed,
        "family": planned.family,
        "unit": loaded.unit if planned.family == "slt" else None,
        "samples": len(matched.answers),
        "missing": matched.missing,
        "extra": matched.extra,
        "silent": matched.silent,
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
