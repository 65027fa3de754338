from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from slbench.metrics.base import Answer
from slbench.metrics.protocols import get_protocol
from slbench.records import RunRecord, ScoreStamp, parse_record
from slbench.report.tables import run_table

RECORD = next((Path(__file__).parents[2] / "results/fingerspelling-islr/uni-sign-mini").glob("*[0-9a-f].json"))
ANSWERS = [Answer("A B C D", "A B X C D D"), Answer("E F G H", "E F G H")]


def spelled(family: str, composed: bool) -> RunRecord:
    """The committed record, as if its task had been another one."""
    record = parse_record(RECORD.read_text(encoding="utf-8"), "committed")
    scores = get_protocol("slbench", family, "characters").score(ANSWERS)
    task = record.task.model_copy(update={"name": "words", "family": family, "composed": composed})
    stamps = tuple(ScoreStamp(**asdict(score)) for score in scores)
    return record.model_copy(update={"task": task, "scores": stamps, "protocol": "slbench", "notes": (), "also": {}})


def lines(record: RunRecord) -> list[str]:
    console = Console(width=80, file=StringIO(), markup=False)
    console.print(run_table(record))
    return console.file.getvalue().splitlines()


def test_error_rates_point_down() -> None:
    title, _, header, _, *rows = lines(spelled("cslr", composed=False))
    assert title.strip() == "uni-sign-mini on words, test"
    assert header.split()[:2] == ["score", "%"]
    assert [row.split()[:3] for row in rows[:4]] == [
        ["WER", "↓", "25.0"], ["WER-sub", "↓", "0.0"], ["WER-del", "↓", "0.0"], ["WER-ins", "↓", "25.0"],
    ]  # fmt: skip


def test_points_and_percents_in_one_table() -> None:
    _, _, header, _, *rows = lines(spelled("slt", composed=False))
    assert header.split()[:4] == ["score", "points", "or", "%"]
    names = [row[: row.index(".")].rstrip("0123456789").strip() for row in rows if "." in row]
    assert names == [
        "BLEU-4",
        "BLEU-1",
        "BLEU-2",
        "BLEU-3",
        "chrF2",
        "ROUGE-L",
        "CER % ↓",
        "CER-sub % ↓",
        "CER-del % ↓",
        "CER-ins % ↓",
    ]


@pytest.mark.parametrize("family", ["cslr", "slt"])
def test_composed_clips_are_in_the_title(family: str) -> None:
    assert lines(spelled(family, composed=True))[0].strip() == "uni-sign-mini on words, test, composed clips"
    assert "composed" not in "\n".join(lines(spelled(family, composed=False)))


def test_accuracies_look_as_before() -> None:
    """As the README shows them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = lines(parse_record(RECORD.read_text(encoding="utf-8"), "committed"))
    rows = [line.strip() for line in shown if line.strip().startswith("top")]
    assert [row.split()[-1] for row in rows] == ["slbench"] * 6 + ["uni-sign"]
    assert all(row.split() in [line.split() for line in readme.splitlines()] for row in rows)


def changed(record: RunRecord, **values) -> RunRecord:
    """The record with other values of its options and model."""
    options = {key: value for key, value in values.items() if key in type(record.options).model_fields}
    model = {key: value for key, value in values.items() if key not in options}
    return record.model_copy(
        update={
            "options": record.options.model_copy(update=options),
            "model": record.model.model_copy(update=model),
        }
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ""),
        ({"selected_on": "dev"}, ""),
        ({"decoding": "closed"}, ", closed vocabulary"),
        ({"num_beams": 1}, ", greedy"),
        ({"num_beams": 2, "decoding": "closed"}, ", closed vocabulary, 2 beams"),
        ({"inputs": "rgb+pose"}, ", rgb+pose"),
        ({"selected_on": "test"}, ", checkpoint chosen on test"),
        ({"selected_on": "none"}, ", last epoch"),
    ],
)
def test_a_setting_that_is_not_the_papers_is_in_the_title(values, said) -> None:
    record = changed(spelled("cslr", composed=False), **values)
    assert run_table(record).title == f"uni-sign-mini on words, test{said}"


def test_a_gate_that_is_hardly_open_is_not_shown_as_shut() -> None:
    record = spelled("cslr", composed=False).model_copy(update={"measures": {"gate": 0.0003}})
    assert "gate open 0.03 % on average" in str(run_table(record).caption)


def test_measures_stand_below() -> None:
    record = spelled("cslr", composed=False).model_copy(update={"measures": {"gate": 0.1234, "frames": 31.41592}})
    assert run_table(record).caption == (
        "The model's own measures: gate open 12.3 % on average, frames 31.42 on average."
    )
