"""Whole files scored: which family, unit and protocols, and what the report says."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from edited import edit_record
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import CardError, DataError, OptionError, OutputError
from slbench.metrics.protocols import protocols_for
from slbench.report.scores import score_json, score_notes, score_title
from slbench.scoring.guess import family_of
from slbench.scoring.load import Request
from slbench.scoring.plan import Asked, unit_of
from slbench.scoring.score import score

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
    assert "test of csl-daily-slt has 1,176 samples; here are 3" in everything.notes
    assert everything.barred == ("3 of 1,176 samples",)


def test_without_a_task_the_family_is_the_protocols_or_what_the_texts_look_like(files) -> None:
    pair = files(ENGLISH, ENGLISH)
    assert score(Request(*pair, Asked(protocol="glofe"))).loaded.plan.family == "slt"
    guessed = score(Request(*pair, Asked(protocol="uni-sign")))
    assert guessed.loaded.plan.family == "slt"
    assert "scored as slt, by the look of the references; --family says otherwise" in guessed.notes
    assert not any("scored as" in note for note in score(Request(*pair, Asked("how2sign-slt"))).notes)
    with pytest.raises(OptionError, match="--family: without --task it is not known what is scored"):
        score(Request(*pair))
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
    assert report.loaded.unit == "characters"
    assert "a token is one of characters, by the script of the references; --unit says otherwise" in report.notes
    assert values(report)["BLEU-4"] == pytest.approx(100)
    asked = score(Request(*files(CHINESE, CHINESE), Asked(protocol="two-stream", unit="words")))
    assert asked.loaded.unit == "words"
    assert not any("a token is one of" in note for note in asked.notes)


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
    with pytest.raises(DataError, match="--references FILE is needed: test of csl-daily is not prepared here"):
        score(Request(path, asked=Asked(task="csl-daily-slt")))


def test_accuracies_without_a_ranking_are_named(files) -> None:
    report = score(Request(*files({"a": "A"}, {"a": "A"}), Asked(family="islr", protocol="nla-slr")))
    assert list(values(report)) == ["top1-instance", "top1-class"]
    assert "4 accuracies at top k are left out: not every prediction has a ranking that long" in report.notes


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


def test_intervals_do_not_depend_on_the_order_of_files(files) -> None:
    wrong = ENGLISH | {"a": "A cat is on the mat .", "c": "Yes ."}
    first = score(Request(*files(wrong, ENGLISH), Asked(protocol="sacrebleu")))
    backwards = dict(reversed(ENGLISH.items()))
    second = score(Request(*files(wrong, backwards), Asked(protocol="sacrebleu")))
    assert first.results == second.results


def a_run(folder: Path, **changes) -> Path:
    """A committed run's files, with a changed record; the path of its predictions."""
    record = next((ROOT / "results/fingerspelling-cslr/uni-sign-mini").glob("test-????????.json"))
    predictions = record.with_suffix(".predictions.jsonl")
    edit_record(Path(shutil.copy(record, folder)), **changes)
    return Path(shutil.copy(predictions, folder))


def test_a_partial_run_stays_barred(tmp_path: Path) -> None:
    path = a_run(tmp_path, barred=["--limit: 320 of 999 clips"])
    report = score(Request(path))
    assert report.barred == ("--limit: 320 of 999 clips",)
    assert report.loaded.plan.composed
    assert "composed clips" in score_title(report)
    assert score(Request(path.with_name(path.name.replace(".predictions.jsonl", ".json")))) == report


def test_a_runs_predictions_must_be_those_of_its_record(tmp_path: Path) -> None:
    path = a_run(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert score(Request(path)).barred == (
        "319 of 320 samples",
        "the predictions are not those of the record",
    )


def test_a_failed_clip_bars(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "reference": "A B", "hypothesis": null}\n')
    report = score(Request(path, asked=Asked(family="cslr", protocol="slbench")))
    assert report.barred == ("1 samples failed",)
    assert values(report)["WER"] == 100


def test_a_run_is_scored_on_its_own_task_and_split(tmp_path: Path) -> None:
    path = a_run(tmp_path)
    with pytest.raises(OptionError, match="are predictions of a run on fingerspelling-cslr; leave --task out"):
        score(Request(path, asked=Asked(task="csl-daily-cslr")))
    with pytest.raises(OptionError, match="--split dev: the run was on test"):
        score(Request(path, asked=Asked(split="dev")))


def test_an_unknown_split(files) -> None:
    with pytest.raises(OptionError, match="--split validation: csl-daily-slt has the splits train, dev, test"):
        score(Request(*files(CHINESE, CHINESE), Asked(task="csl-daily-slt", split="validation")))


def test_another_split_that_fits_is_named(files, tmp_path: Path) -> None:
    texts = {str(n): "A B" for n in range(540)}
    report = score(Request(*files(texts, texts), Asked(task="phoenix14-cslr")))
    assert "test of phoenix14-cslr has 629 samples; here are 540" in report.notes
    assert "dev has as many: --split dev?" in report.notes


@pytest.mark.parametrize(
    ("asked", "hypotheses", "references", "doubt"),
    [
        (Asked(task="csl-daily-slt"), ENGLISH, ENGLISH, "the references are not written in Chinese"),
        (Asked(task="how2sign-slt"), CHINESE, CHINESE, "the references are not written in English"),
        (Asked(task="csl-daily-cslr"), CHINESE, CHINESE, "every reference is a single word"),
        (Asked(task="how2sign-slt"), ENGLISH, ENGLISH, "every prediction equals its reference"),
    ],
)
def test_what_looks_like_the_wrong_file_is_said(files, asked, hypotheses, references, doubt) -> None:
    assert any(doubt in note for note in score(Request(*files(hypotheses, references), asked)).notes)


def test_predictions_in_another_spelling_than_their_ranking(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "reference": "HELP", "hypothesis": "help", "top_k": ["HELP", "BOOK"]}\n')
    report = score(Request(path, asked=Asked(family="islr", protocol="slbench")))
    assert "no prediction is the first of its ranking; is one of them in another spelling?" in report.notes


def test_what_a_protocol_leaves_out_is_counted(files) -> None:
    report = score(Request(*files(ENGLISH | {"b": ""}, ENGLISH), Asked(protocol="how2sign-wicv")))
    assert "how2sign-wicv, as its code does, leaves out 1 of 3 samples (docs/score.md)" in report.notes


def test_nothing_is_left_without_repeats(files, tmp_path: Path) -> None:
    train = written(tmp_path, "train.tsv", ENGLISH, "caption")
    report = score(Request(*files(ENGLISH, ENGLISH), Asked(protocol="sacrebleu"), overlap=train))
    assert [r.without for r in report.results] == [""]
    assert "less 3 exact: nothing is left to score" in report.notes
    assert any("train.tsv" in note and "caption" in note for note in report.notes)


def test_bleurt_that_nothing_wants_is_not_ignored_in_silence(files, tmp_path: Path) -> None:
    asked = Request(*files(ENGLISH, ENGLISH), Asked(protocol="sacrebleu"), bleurt=str(tmp_path))
    assert f"--bleurt {tmp_path}: no protocol here has BLEURT" in score(asked).notes


@pytest.mark.parametrize("name", [".", "nosuch.json", ""])
def test_no_such_file(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="there is no such file|is a folder"):
        score(Request(Path(name)))


def test_a_record_that_is_not_text(tmp_path: Path) -> None:
    path = a_run(tmp_path)
    path.with_name(path.name.replace(".predictions.jsonl", ".json")).write_bytes(b"\xff")
    with pytest.raises(OutputError, match="cannot be read as a run record"):
        score(Request(path))


def test_a_ctm_without_most_of_its_clips_is_barred(tmp_path: Path) -> None:
    (tmp_path / "h.ctm").write_text("a 1 0.0 0.1 REGEN\n")
    stm = [f"{name} 1 signer 0.0 1.79769e+308 REGEN NORD\n" for name in "abc"]
    (tmp_path / "r.stm").write_text("".join(stm))
    report = score(Request(tmp_path / "h.ctm", tmp_path / "r.stm", Asked(protocol="phoenix-2014")))
    assert report.barred == ("2 samples have no line in the CTM",)
    with pytest.raises(DataError, match="is a STM where a CTM belongs; are the two files swapped"):
        score(Request(tmp_path / "r.stm", tmp_path / "h.ctm", Asked(protocol="phoenix-2014")))


def test_trn_is_not_taken_for_plain_lines(tmp_path: Path) -> None:
    for name in ("h.trn", "r.trn"):
        (tmp_path / name).write_text("THE CAT SAT (a_1)\nON MAT (a_2)\n")
    with pytest.raises(DataError, match="every line ends in '\\(id\\)', as in sclite's trn"):
        score(Request(tmp_path / "h.trn", tmp_path / "r.trn", Asked(protocol="phoenix-2014")))


def test_a_corpus_that_slbench_reads_has_the_say(tmp_path: Path) -> None:
    """Made-up references beside the predictions, other ids or another split cannot pass as a score on the task."""
    path = tmp_path / "p.jsonl"
    rows = [json.loads(line) for line in a_run(tmp_path).read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(row | {"reference": row["hypothesis"] or "A"}) + "\n" for row in rows))
    asked = Asked(task="fingerspelling-cslr")
    report = score(Request(path, asked=asked))
    assert values(report)["WER"] == pytest.approx(28.155, abs=1e-3)
    assert any("references in" in note and "differ in" in note for note in report.notes)
    with pytest.raises(DataError, match="no id of"):
        score(Request(path, asked=replace(asked, split="test-unseen")))
    own = written(tmp_path, "r.tsv", {row["id"]: row["hypothesis"] or "A" for row in rows}, "gloss")
    assert score(Request(path, own, asked)).barred == ("the references are of --references, not the corpus's",)


def test_too_many_samples_bar_as_well(files) -> None:
    texts = {str(n): "A B" for n in range(650)}
    assert score(Request(*files(texts, texts), Asked(task="phoenix14-cslr"))).barred == ("650 of 629 samples",)


def test_nothing_in_common_is_said(files) -> None:
    spaced = {name: " ".join(text) for name, text in CHINESE.items()}
    report = score(Request(*files(spaced, CHINESE), Asked(protocol="gfslt", unit="words")))
    assert any(note.startswith("nothing of any prediction is in its reference") for note in report.notes)
    same = score(Request(*files(CHINESE, CHINESE), Asked(protocol="gfslt")))
    assert not any("nothing of any prediction" in note for note in same.notes)


def test_ids_that_differ_by_suffix_in_one_file_are_never_allowed(files) -> None:
    pair = files({"a.mp4": "X", "a": ENGLISH["a"], "b": "", "c": ""}, ENGLISH)
    for allowed in (False, True):
        with pytest.raises(DataError, match="more than once"):
            score(Request(*pair, Asked(protocol="glofe"), allow_missing=allowed))


def test_swapped_files_of_uni_sign(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("sample: a, prediction: A B\n")
    (tmp_path / "r.txt").write_text("sample: a, ground-truth: A\n")
    with pytest.raises(DataError, match="holds lines of ground-truth and .* lines of predictions; swap the two"):
        score(Request(tmp_path / "r.txt", tmp_path / "p.txt", Asked(protocol="glofe")))


@pytest.mark.parametrize(
    ("name", "text", "family"),
    [
        ("r.stm", "a 1 s 0.0 1.79769e+308 REGEN NORD\n", "cslr"),
        ("r.csv", "id,gloss\na,REGEN NORD\nb,SONNE\n", "cslr"),
        ("r.csv", "id|gloss\na|HELP\nb|BOOK\n", "islr"),
        ("r.csv", "id,text\na,REGEN NORD\n", "slt"),
        ("r.csv", "name|orth|translation\na|REGEN NORD|es regnet im norden\n", "cslr"),
        ("r.jsonl", '{"id": "a", "hypothesis": "A", "reference": "A", "top_k": ["A"]}\n', "islr"),
        ("r.jsonl", '{"id": "a", "gloss": "REGEN NORD"}\n', "cslr"),
        ("r.txt", "es regnet im norden\n", "slt"),
        ("r.txt", "sample: a, ground-truth: es regnet\n", "slt"),
    ],
)
def test_what_a_file_looks_like(tmp_path: Path, name: str, text: str, family: str) -> None:
    (tmp_path / name).write_text(text)
    assert family_of(tmp_path / name) == family
