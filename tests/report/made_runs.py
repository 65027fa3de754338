"""Runs that nobody made: a record that is committed, with other predictions, and the scores that these give."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slbench.files import file_digest
from slbench.metrics.protocols import get_protocol
from slbench.records import Prediction, RunRecord, ScoreStamp, answers_of, predictions_text, read_record, record_text

ROOT = Path(__file__).parents[2]
COMMITTED = {
    "islr": "fingerspelling-islr/uni-sign-mini/test-fa80095d",
    "cslr": "fingerspelling-cslr/uni-sign-mini/test-8f7a90fa",
    "slt": "fingerspelling-slt/uni-sign-mini/test-297a85dc",
}


def predicted(*texts: tuple[str, str | None]) -> list[Prediction]:
    """References and hypotheses as predictions of clips a00, a01, ..."""
    return [
        Prediction(id=f"a{at:02}", reference=asked, hypothesis=told, error="broken" if told is None else None)
        for at, (asked, told) in enumerate(texts)
    ]


def make_run(
    folder: Path, family: str, predictions: Sequence[Prediction], unit: str = "words", model: str = "m", **changes: Any
) -> Path:
    """Write record and predictions to <folder>/t/m/test-1; the record's path."""
    path = folder / "t" / "m" / "test-1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".predictions.jsonl").write_text(predictions_text(predictions), encoding="utf-8")
    record = read_record(ROOT / "results" / f"{COMMITTED[family]}.json")
    scored = get_protocol("slbench", family, unit).score(answers_of(predictions))
    values: dict[str, Any] = {
        "run": "test-1",
        "task": record.task.model_copy(
            update={"name": "t", "dataset": "nowhere", "unit": unit, "clips": len(predictions), "composed": False}
        ),
        "model": record.model.model_copy(update={"name": model}),
        "scores": tuple(ScoreStamp(**asdict(score)) for score in scored),
        "also": {},
        "failed": {one.id: one.error for one in predictions if one.error},
        "predictions_sha256": file_digest(path.with_suffix(".predictions.jsonl")),
    }
    made = RunRecord.model_validate(record.model_copy(update=values | changes).model_dump())
    path.write_text(record_text(made), encoding="utf-8")
    return path
