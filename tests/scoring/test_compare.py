"""Files and runs compared on the same samples."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slbench.errors import DataError, OptionError, OutputError
from slbench.metrics.base import Answer
from slbench.metrics.paired import compare
from slbench.metrics.wer import ErrorRate
from slbench.report.comparison import comparison_json
from slbench.scoring.compare import compare_files
from slbench.scoring.load import Request
from slbench.scoring.plan import Asked

REFERENCES = {f"s{n}": "A B C D" for n in range(12)}
WORSE = {name: "A X C" if n % 2 else "A B C D" for n, name in enumerate(REFERENCES)}
BETTER = {name: "A B C" if n == 1 else "A B C D" for n, name in enumerate(REFERENCES)} | {"s0": ""}
ASKED = Asked(family="cslr", protocol="slbench")


def written(path: Path, texts: dict[str, str], backwards: bool = False) -> Path:
    rows = [
        json.dumps({"id": name, "hypothesis": text, "reference": REFERENCES.get(name, "?")})
        for name, text in texts.items()
    ]
    path.write_text("\n".join(reversed(rows) if backwards else rows) + "\n")
    return path


@pytest.fixture
def requests(tmp_path: Path) -> tuple[Request, Request]:
    """The second file is in another order."""
    a, b = written(tmp_path / "a.jsonl", WORSE), written(tmp_path / "b.jsonl", BETTER, backwards=True)
    return Request(a, asked=ASKED), Request(b, asked=ASKED)


def test_samples_are_paired_by_id(requests) -> None:
    found = compare_files(*requests, metric=None, count=2, seed=3)
    sides = [[Answer(REFERENCES[name], texts[name]) for name in sorted(REFERENCES)] for texts in (WORSE, BETTER)]
    expected = compare(ErrorRate("words"), *sides, seed=3)[0]
    (only,) = found.compared[0].comparisons
    rules = "protocol:slbench|refs:nfkc|hyps:nfkc"
    assert only == replace(expected, signature=f"{rules}|{expected.signature}")
    assert (only.a, only.b) == (pytest.approx(25), pytest.approx(100 * 5 / 48))
    assert [c.id for c in found.changes.gains] == ["s11", "s3"]  # equally much, in the order of ids
    assert [c.id for c in found.changes.losses] == ["s0"]


def test_scores_by_name(requests) -> None:
    every = compare_files(*requests, metric="all", count=1, seed=0)
    assert [c.name for c in every.compared[0].comparisons] == ["WER", "WER-sub", "WER-del", "WER-ins"]
    (only,) = compare_files(*requests, metric="WER-sub", count=1, seed=0).compared[0].comparisons
    assert (only.name, only.b) == ("WER-sub", 0)
    with pytest.raises(OptionError, match="--metric WER-subs: no such score here under slbench; did you mean"):
        compare_files(*requests, metric="WER-subs", count=1, seed=0)


def test_other_samples_do_not_compare(tmp_path: Path, requests) -> None:
    other = written(tmp_path / "c.jsonl", {name: text for name, text in BETTER.items() if name != "s4"} | {"z": "A"})
    with pytest.raises(DataError) as error:
        compare_files(requests[0], Request(other, asked=ASKED), metric=None, count=1, seed=0)
    for part in ("only in", "a.jsonl: s4", "c.jsonl: z"):
        assert part in str(error.value)


def test_other_references_do_not_compare(tmp_path: Path, requests) -> None:
    path = tmp_path / "d.jsonl"
    rows = [json.dumps({"id": name, "hypothesis": "A", "reference": "A B"}) for name in REFERENCES]
    path.write_text("\n".join(rows))
    with pytest.raises(DataError, match="reference"):
        compare_files(requests[0], Request(path, asked=ASKED), metric=None, count=1, seed=0)


def test_runs_are_named_by_their_records() -> None:
    folder = Path(__file__).parents[2] / "results/fingerspelling-cslr/uni-sign-mini"
    record = next(path for path in folder.glob("test-????????.json"))
    found = compare_files(Request(record), Request(record), metric=None, count=3, seed=0)
    (only,) = found.compared[0].comparisons
    assert (only.name, only.difference, only.p_randomisation, only.p_bootstrap) == ("WER", 0, 1, 1)
    assert only.a == json.loads(record.read_text())["scores"][0]["value"]
    values = json.loads(comparison_json(found))
    assert values["protocols"][0]["comparisons"][0]["name"] == "WER"
    assert values["changes"] == {"name": "WER", "gains": [], "losses": []}


def test_json_lines_may_be_called_json(tmp_path: Path, requests) -> None:
    path = requests[0].predictions.rename(tmp_path / "a.json")
    found = compare_files(Request(path, asked=ASKED), requests[1], metric=None, count=1, seed=0)
    assert found.compared[0].comparisons[0].samples == 12


def test_a_broken_record(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(OutputError, match="is not a run record"):
        compare_files(Request(path), Request(path), metric=None, count=1, seed=0)


def test_samples_of_both_where_that_is_allowed(tmp_path: Path, requests) -> None:
    some = {name: text for name, text in BETTER.items() if name != "s4"}
    other = replace(requests[1], predictions=written(tmp_path / "c.jsonl", some))
    with pytest.raises(DataError, match=r"only in .*a\.jsonl: s4; --allow-missing compares those in both"):
        compare_files(requests[0], other, metric=None, count=1, seed=0)
    allowed = [replace(request, allow_missing=True) for request in (requests[0], other)]
    assert compare_files(*allowed, metric=None, count=1, seed=0).compared[0].comparisons[0].samples == 11


def test_protocols_without_the_score_are_left_out(tmp_path: Path, requests) -> None:
    text = [replace(request, asked=Asked(family="slt", protocol="all", unit="words")) for request in requests]
    found = compare_files(*text, metric="TER", count=1, seed=0)
    assert [one.protocol.name for one in found.compared] == ["sacrebleu"]
    assert found.changes.name == "TER"
    with pytest.raises(OptionError, match="no such score here under .*; did you mean ROUGE-L"):
        compare_files(*text, metric="rouge-l", count=1, seed=0)


def test_why_a_side_is_barred_is_said(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "results/fingerspelling-cslr/uni-sign-mini"
    record = next(path for path in folder.glob("test-????????.json"))
    for path in (record, record.with_suffix(".predictions.jsonl")):
        shutil.copy(path, tmp_path)
    changed = tmp_path / record.with_suffix(".predictions.jsonl").name
    changed.write_text(changed.read_text(encoding="utf-8").replace('"hypothesis": "', '"hypothesis": "Z '))
    found = compare_files(Request(record), Request(tmp_path / record.name), metric=None, count=0, seed=0)
    assert "B: not for a leaderboard: the predictions are not those of the record" in found.notes
    assert not any(note.startswith("A: ") for note in found.notes)
