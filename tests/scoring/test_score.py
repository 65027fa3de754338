"""Whole files scored: which family, unit and protocols, and what the report says."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import CardError, DataError, OptionError
from slbench.metrics.protocols import protocols_for
from slbench.report.scores import score_json, score_notes
from slbench.scoring.plan import Asked, unit_of
from slbench.scoring.score import Request, score

ROOT = Path(__file__).parents[2]
ENGLISH = {"a": "The cat sits on the mat .", "b": "It rains in the north today .", "c": "No, it does not rain ."}
CHINESE = {"a": "今天星期几？", "b": "他今年四岁。", "c": "我不想吃面条！"}


def written(folder: Path, name: str, texts: dict[str, str], column: str) -> Path:
    path = folder / name
    path.write_text(f"id\t{column}\n" + "".join(f"{key}\t{text}\n" for key, text in texts.items()), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path):
    """Makes a file of predictions and one of references."""

    def make(hypotheses: dict[str, str], references: dict[str, str]) -> tuple[Path, Path]:
        return (
            written(tmp_path, "p.tsv", hypotheses, "hypothesis"),
            written(tmp_path, "r.tsv", references, "reference"),
        )

    return make


def values(report) -> dict[str, float]:
    return {one.name: one.value for one in report.results[0].scores}


def test_a_task_names_its_protocols(files) -> None:
    pair = files(CHINESE, CHINESE)
    default = score(Request(*pair, Asked(task="csl-daily-slt")))
    assert [r.protocol.name for r in default.results] == ["slbench"]
    everything = score(Request(*pair, Asked(task="csl-daily-slt", protocol="all")))
    assert [r.protocol.name for r in everything.results] == ["slbench", "uni-sign", "two-stream", "gfslt", "sltunet"]
    assert {r.protocol.unit for r in everything.results} == {"characters"}
    assert everything.notes == ("The card of csl-daily-slt counts 1,176 in test.",)


def test_without_a_task_the_family_is_the_protocols_or_must_be_named(files) -> None:
    pair = files(ENGLISH, ENGLISH)
    assert score(Request(*pair, Asked(protocol="glofe"))).plan.family == "slt"
    with pytest.raises(OptionError, match="--family: --protocol uni-sign scores several; name one of islr, cslr, slt"):
        score(Request(*pair, Asked(protocol="uni-sign")))
    with pytest.raises(OptionError, match="--protocol: name one, or `all`"):
        score(Request(*pair, Asked(family="slt")))
    every = score(Request(*pair, Asked(family="slt", protocol="all")))
    assert [r.protocol for r in every.results] == protocols_for("slt", "words")


def test_an_unknown_protocol_or_task(files) -> None:
    pair = files(ENGLISH, ENGLISH)
    with pytest.raises(CardError, match="no protocol 'glove'; did you mean glofe"):
        score(Request(*pair, Asked(family="slt", protocol="glove")))
    with pytest.raises(CardError, match="no protocol 'glove'; did you mean glofe"):
        score(Request(*pair, Asked(protocol="glove")))
    with pytest.raises(CardError, match="no task 'how2sign'; did you mean how2sign-slt"):
        score(Request(*pair, Asked(task="how2sign")))


def test_the_command_line_may_not_contradict_the_task(files) -> None:
    pair = files(CHINESE, CHINESE)
    with pytest.raises(OptionError, match="--family cslr: the task is slt"):
        score(Request(*pair, Asked(task="csl-daily-slt", family="cslr")))
    with pytest.raises(OptionError, match="--unit words: the task counts characters"):
        score(Request(*pair, Asked(task="csl-daily-slt", unit="words")))


def test_the_unit_is_seen_in_the_references_and_said(files) -> None:
    report = score(Request(*files(CHINESE, CHINESE), Asked(protocol="two-stream")))
    assert report.unit == "characters"
    assert "A token is one of characters, by the script of the references; --unit says otherwise." in report.notes
    assert values(report)["BLEU-4"] == pytest.approx(100)
    asked = score(Request(*files(CHINESE, CHINESE), Asked(protocol="two-stream", unit="words")))
    assert asked.unit == "words"
    assert not asked.notes


@given(st.text(max_size=30))
def test_a_unit_is_always_found(text: str) -> None:
    assert unit_of([text]) in ("words", "characters")


def test_scripts() -> None:
    assert unit_of(["今天星期几?", "ok"]) == unit_of(["テレビを見る"]) == "characters"
    assert unit_of(["heute nordwest", "天"]) == unit_of(["سوال هو"]) == unit_of(["오늘 날씨"]) == "words"


def test_missing_samples_are_an_error_unless_allowed_and_then_bar(files) -> None:
    pair = files({"a": ENGLISH["a"], "x": "?"}, ENGLISH)
    with pytest.raises(DataError) as error:
        score(Request(*pair, Asked(protocol="glofe")))
    assert "b, c" in str(error.value)
    assert "x" in str(error.value)
    report = score(Request(*pair, Asked(protocol="glofe"), allow_missing=True))
    assert report.barred == (
        "--allow-missing: 2 samples are missing",
        "--allow-missing: 1 samples are not in the references",
    )
    assert report.results[0].scores[0].samples == 1


def test_a_run_beside_its_record_needs_nothing_else() -> None:
    """The committed runs: their own predictions give their records' scores."""
    for record_path in sorted((ROOT / "results").glob("*/*/*.json")):
        record = json.loads(record_path.read_text(encoding="utf-8"))
        report = score(Request(record_path.with_suffix(".predictions.jsonl"), asked=Asked(protocol="all")))
        assert [r.protocol.name for r in report.results] == [record["protocol"], *record["also"]]
        assert values(report) == pytest.approx({s["name"]: s["value"] for s in record["scores"]})


def test_references_of_a_corpus_that_slbench_reads(tmp_path: Path) -> None:
    """A file without references is scored against the corpus; one that cannot be read asks for a file."""
    run = next((ROOT / "results/fingerspelling-islr").rglob("*.predictions.jsonl"))
    rows = [json.loads(line) for line in run.read_text(encoding="utf-8").splitlines()]
    texts = {row["id"]: row["hypothesis"] for row in reversed(rows)}
    path = written(tmp_path, "p.tsv", texts, "hypothesis")
    found = values(score(Request(path, asked=Asked(task="fingerspelling-islr"))))
    expected = json.loads(run.with_name(run.name.replace(".predictions.jsonl", ".json")).read_text())["scores"]
    assert found == pytest.approx({s["name"]: s["value"] for s in expected if s["name"].startswith("top1-")})
    with pytest.raises(DataError, match="--references FILE is needed: slbench cannot read the corpus csl-daily itself"):
        score(Request(path, asked=Asked(task="csl-daily-slt")))


def test_accuracies_without_a_ranking_are_named(files) -> None:
    report = score(Request(*files({"a": "A"}, {"a": "A"}), Asked(family="islr", protocol="nla-slr")))
    assert list(values(report)) == ["top1-instance", "top1-class"]
    assert "4 accuracies at top k are left out: the predictions have no rankings that long." in report.notes


def test_overlap_scores_the_rest(tmp_path: Path, files) -> None:
    wrong = ENGLISH | {"b": "Es regnet .", "c": "Yes, it does ."}
    train = written(tmp_path, "train.tsv", {"x": ENGLISH["a"], "y": ENGLISH["b"].upper(), "z": "Hello ."}, "text")
    report = score(Request(*files(wrong, ENGLISH), Asked(protocol="sacrebleu"), overlap=train))
    assert report.overlap is not None
    assert (report.overlap.exact, report.overlap.normalised) == (("a",), ("a", "b"))
    assert [(r.without, r.scores[0].samples) for r in report.results] == [
        ("", 3),
        ("1 exact", 2),
        ("2 normalised", 1),
    ]
    alone = score(Request(*files({"c": wrong["c"]}, {"c": ENGLISH["c"]}), Asked(protocol="sacrebleu")))
    assert [s.value for s in report.results[2].scores] == pytest.approx([s.value for s in alone.results[0].scores])
    assert any("1 of 3 references (33.33 %) exact" in note for note in score_notes(report))


def test_json_holds_everything(files) -> None:
    report = score(Request(*files(ENGLISH, ENGLISH), Asked(task="how2sign-slt", protocol="all")))
    found = json.loads(score_json(report))
    assert [r["protocol"] for r in found["results"]] == [r.protocol.name for r in report.results]
    for result, theirs in zip(report.results, found["results"], strict=True):
        for one, their in zip(result.scores, theirs["scores"], strict=True):
            assert (one.value, one.low, one.high, one.signature, one.parts) == (
                their["value"], their["low"], their["high"], their["signature"], their["parts"],
            )  # fmt: skip
    assert (found["task"], found["family"], found["unit"], found["samples"]) == ("how2sign-slt", "slt", "words", 3)


def test_bleurt_is_left_out_with_a_word_or_asked_for(files, tmp_path: Path) -> None:
    pair = files(ENGLISH, ENGLISH)
    report = score(Request(*pair, Asked(protocol="glofe")))
    assert any("BLEURT-20 of glofe is left out; --bleurt FOLDER" in note for note in report.notes)
    absent = score(Request(*pair, Asked(protocol="glofe"), bleurt=str(tmp_path / "none")))
    assert any(note.startswith("BLEURT-20 is left out: ") and "none" in note for note in absent.notes)
    assert values(absent) == values(report)
    assert not any("BLEURT" in note for note in score(Request(*pair, Asked(protocol="sacrebleu"))).notes)
