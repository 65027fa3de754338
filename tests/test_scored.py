"""Scores of released predictions as records: what they hold, and what they never hold."""

import gzip
import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from shared import shared

from slbench import catalog
from slbench.errors import OptionError, OutputError
from slbench.report.entries import scored_entries
from slbench.report.rules import leaderboard_folder
from slbench.scored import ScoredRecord, read_release, read_scored, scored_record, scored_text
from slbench.scoring.load import Request
from slbench.scoring.plan import Asked
from slbench.scoring.score import score

RELEASED = leaderboard_folder() / "released"
RELEASE = """
model = "Mine"
task = "fingerspelling-islr"
split = "test"
inputs = "pose"
repository = "example.org/mine"
commit = "abc"
file = "out.txt"
references = "those of the corpus"
year = 2026
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Made-up predictions of as many clips as the split has, and what describes them."""
    lines = [json.dumps({"id": f"{n}", "reference": "A", "hypothesis": "secret" if n else "A"}) for n in range(104)]
    (tmp_path / "out.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "out.tsv").write_text("id\treference\n" + "".join(f"{n}\tA\n" for n in range(104)))
    (tmp_path / "release.toml").write_text(RELEASE)
    return tmp_path / "out.jsonl", tmp_path / "release.toml"


def arguments(predictions: Path, release: Path) -> list[str]:
    names = ["--task", "phoenix14-cslr", "--references", str(predictions.with_suffix(".tsv")), "--split", "test"]
    return [sys.executable, "-m", "slbench", "score", str(predictions), *names, "--release", str(release)]


def test_the_committed_records_are_read_and_hold_no_text() -> None:
    records = list(read_scored(RELEASED))
    assert [(r.release.task, r.release.split, r.clips) for r in records] == [
        ("csl-daily-slt", "dev", 1077),
        ("csl-daily-slt", "test", 1176),
        ("how2sign-slt", "test", 2349),
    ]
    assert {len(record.scores) for record in records} == {5, 6}
    assert all(path.stat().st_size < 25_000 for path in RELEASED.glob("*/*.json"))


def test_every_score_is_a_line_of_the_board() -> None:
    records = list(read_scored(RELEASED))
    entries = list(scored_entries(records))
    assert len(entries) == sum(len(scores) for record in records for scores in record.scores.values())
    assert sum(entry.ranks for entry in entries) == sum(len(record.scores) for record in records)
    [one] = [
        e for e in entries if (e.task, e.split, e.protocol, e.metric) == ("csl-daily-slt", "test", "uni-sign", "BLEU-4")
    ]
    assert one.value == pytest.approx(25.698568, abs=1e-6), "as the authors' own code scores the file"
    assert one.note.startswith("scored from the released predictions")
    assert one.source.startswith("github.com/ZechengLi19/Uni-Sign@2c9028f ")


def test_scores_of_a_part_are_no_record(files: tuple[Path, Path], tmp_path: Path) -> None:
    predictions, release = files
    release.write_text(RELEASE.replace("fingerspelling-islr", "phoenix14-cslr"))
    record = tmp_path / "there" / "phoenix14-cslr" / "mine.json"
    done = subprocess.run([*arguments(predictions, release), "--record", str(record)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "may not stand on a leaderboard: 104 of 629 samples" in done.stderr
    assert not record.exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--release", "RELEASE"], "--record and --release go together"),
        (["--record", "RECORD"], "--record and --release go together"),
        (
            ["--record", "RECORD", "--release", "RELEASE", "--against", "PREDICTIONS"],
            "leave --record and --release out",
        ),
        (["--record", "RECORD", "--release", "RELEASE", "--overlap", "TRAIN"], "leave --overlap out"),
    ],
)
def test_what_makes_no_record_is_refused(tmp_path: Path, given: list[str], told: str) -> None:
    predictions, release = whole_release(tmp_path)
    (tmp_path / "train.txt").write_text("你好\n")
    record = tmp_path / "record.json"
    places = {"RELEASE": release, "RECORD": record, "PREDICTIONS": predictions, "TRAIN": tmp_path / "train.txt"}
    done = scored_by_command(predictions, *(str(places.get(word, word)) for word in given))
    assert done.returncode == 2
    assert told in done.stderr
    assert not record.exists()


def test_the_command_writes_the_record_of_a_whole_split(tmp_path: Path) -> None:
    predictions, release = whole_release(tmp_path)
    path = tmp_path / "released" / "csl-daily-slt" / "mine.json"
    done = scored_by_command(predictions, "--release", str(release), "--record", str(path))
    assert done.returncode == 0, done.stderr
    [record] = read_scored(tmp_path / "released")
    assert record.release == read_release(release)
    assert record.predictions_sha256 == hashlib.sha256(predictions.read_bytes()).hexdigest()
    assert record.task_digest == catalog.get_task("csl-daily-slt").digest()
    assert (record.clips, list(record.scores)) == (1176, ["slbench", "uni-sign", "two-stream", "gfslt", "sltunet"])
    assert record.scores["slbench"][1].name == "BLEU-1"
    assert record.scores["slbench"][1].value == pytest.approx(50), "one of two characters is right"


def test_fields_that_a_later_version_adds_do_not_change_a_digest(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "csl-daily-slt").mkdir()
    (tmp_path / "csl-daily-slt" / "mine.json").write_text(scored_text(whole(tmp_path)))

    class Later(ScoredRecord):
        added: str = ""

    monkeypatch.setattr("slbench.scored.ScoredRecord", Later)
    assert [record.added for record in read_scored(tmp_path)] == [""]


def report_of(files: tuple[Path, Path]):
    return score(Request(files[0], None, Asked(task="csl-daily-slt", protocol="all")))


def test_another_task_than_the_scored_one_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match="--release: is of fingerspelling-islr, test; --task and --split must name"):
        scored_record(read_release(files[1]), report_of(files))


def whole_release(tmp_path: Path) -> tuple[Path, Path]:
    """A made-up release of a whole split, with as many samples as CSL-Daily's test has."""
    predictions, release = tmp_path / "whole.jsonl", tmp_path / "whole.toml"
    lines = [
        json.dumps({"id": f"{n:04}", "reference": "你好", "hypothesis": "你们"}, ensure_ascii=False)
        for n in range(1176)
    ]
    predictions.write_text("\n".join(lines) + "\n")
    release.write_text(RELEASE.replace("fingerspelling-islr", "csl-daily-slt"))
    return predictions, release


def scored_by_command(predictions: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "slbench",
        "score",
        str(predictions),
        "--task",
        "csl-daily-slt",
        "--protocol",
        "all",
    ]
    return subprocess.run([*command, *options], capture_output=True, text=True)


def whole(tmp_path: Path) -> ScoredRecord:
    predictions, release = whole_release(tmp_path)
    report = score(Request(predictions, None, Asked(task="csl-daily-slt", protocol="all")))
    return scored_record(read_release(release), report)


def test_a_record_comes_back_and_none_of_the_texts_is_in_it(tmp_path: Path) -> None:
    record = whole(tmp_path)
    (tmp_path / "csl-daily-slt").mkdir()
    path = tmp_path / "csl-daily-slt" / "mine.json"
    path.write_text(scored_text(record))
    assert list(read_scored(tmp_path)) == [record]
    assert "你" not in path.read_text()
    path.write_text(scored_text(record).replace('"clips": 1176', '"clips": 1177'))
    with pytest.raises(OutputError, match=r"mine\.json: its digest is not that of its content"):
        list(read_scored(tmp_path))
    path.write_text("{}")
    with pytest.raises(OutputError, match=r"mine\.json: is no record of scored predictions: release: "):
        list(read_scored(tmp_path))


@pytest.mark.parametrize(("old", "new"), [("year = 2026", "year = 'x'"), ("commit", "comit"), ('"Mine"', '"Mi')])
def test_a_wrong_description_is_named(files: tuple[Path, Path], old: str, new: str) -> None:
    files[1].write_text(RELEASE.replace(old, new))
    with pytest.raises(OutputError, match=r"release\.toml: is not the description of a release: "):
        read_release(files[1])


@pytest.mark.parametrize(
    ("place", "stem"),
    [
        ("csl-daily-slt/uni-sign-pose-dev", "csl-daily.dev"),
        ("csl-daily-slt/uni-sign-pose-test", "csl-daily.test"),
        ("how2sign-slt/uni-sign-pose-test", "how2sign.test"),
    ],
)
def test_the_figures_come_out_again(place: str, stem: str, tmp_path: Path) -> None:
    """From the released files and the texts that the release names, which are no part of the project."""
    release = read_release(RELEASED / f"{place}.toml")
    references = shared(f"predictions/uni-sign/{stem}.refs.txt")
    if release.task == "csl-daily-slt":
        references = corpus_texts(tmp_path, release.split)
    predictions = shared(f"predictions/uni-sign/{stem}.pres.txt")
    asked = Asked(task=release.task, split=release.split, protocol="all")
    made = scored_record(release, score(Request(predictions, references, asked)))
    [there] = [one for one in read_scored(RELEASED) if one.release == release]
    told = {"record_sha256", "scores", "slbench"}
    assert made.model_dump(exclude=told) == there.model_dump(exclude=told)
    assert {n: [s.value for s in scores] for n, scores in made.scores.items()} == {
        n: [pytest.approx(s.value, abs=1e-6) for s in scores] for n, scores in there.scores.items()
    }


def corpus_texts(tmp_path: Path, split: str) -> Path:
    """CSL-Daily's own texts, as a table."""
    with gzip.open(shared(f"corpora/csl-daily/labels.{split}")) as file:
        labels = pickle.load(file)
    references = tmp_path / "references.tsv"
    references.write_text("id\treference\n" + "".join(f"{one['name']}\t{one['text']}\n" for one in labels.values()))
    return references
