"""Scores of released predictions as records: what they hold, and what they never hold."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shared import FOLDER, shared

from slbench.errors import OptionError, OutputError
from slbench.report.entries import scored_entries
from slbench.report.rules import leaderboard_folder
from slbench.scored import read_release, read_scored, scored_record, scored_text
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


def test_a_record_is_written_with_its_source(files: tuple[Path, Path], tmp_path: Path) -> None:
    predictions, release = files
    release.write_text(RELEASE.replace("fingerspelling-islr", "phoenix14-cslr"))
    record = tmp_path / "there" / "phoenix14-cslr" / "mine.json"
    done = subprocess.run([*arguments(predictions, release), "--record", str(record)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "may not stand on a leaderboard: 104 of 629 samples" in done.stderr
    assert not record.exists()


@pytest.mark.parametrize("given", [["--release"], ["--record"]])
def test_one_without_the_other_is_refused(files: tuple[Path, Path], given: list[str]) -> None:
    predictions, release = files
    command = [
        sys.executable,
        "-m",
        "slbench",
        "score",
        str(predictions),
        "--protocol",
        "slbench",
        *given,
        str(release),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--record and --release go together" in done.stderr


def report_of(files: tuple[Path, Path]):
    return score(Request(files[0], None, Asked(task="csl-daily-slt", protocol="all")))


def test_another_task_than_the_scored_one_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match="--release: is of fingerspelling-islr, test; --task and --split must name"):
        scored_record(read_release(files[1]), report_of(files))


def whole(tmp_path: Path):
    """A made-up release of a whole split: MS-ASL100's counts are those of published lists."""
    lines = [
        json.dumps({"id": f"{n:04}", "reference": "你好", "hypothesis": "你们"}, ensure_ascii=False)
        for n in range(1176)
    ]
    (tmp_path / "whole.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "whole.toml").write_text(RELEASE.replace("fingerspelling-islr", "csl-daily-slt"))
    report = score(Request(tmp_path / "whole.jsonl", None, Asked(task="csl-daily-slt", protocol="all")))
    return scored_record(read_release(tmp_path / "whole.toml"), report)


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


@pytest.mark.parametrize("name", ["csl-daily-slt/uni-sign-pose-dev", "csl-daily-slt/uni-sign-pose-test"])
def test_the_figures_come_out_again(name: str, tmp_path: Path) -> None:
    """From the released files and the corpus's own texts, which are no part of the project."""
    import gzip
    import pickle

    release = read_release(RELEASED / f"{name}.toml")
    predictions = shared(f"predictions/uni-sign/csl-daily.{release.split}.pres.txt")
    with gzip.open(FOLDER / "corpora" / "csl-daily" / f"labels.{release.split}") as file:
        labels = pickle.load(file)
    references = tmp_path / "references.tsv"
    references.write_text("id\treference\n" + "".join(f"{one['name']}\t{one['text']}\n" for one in labels.values()))
    report = score(Request(predictions, references, Asked(task=release.task, split=release.split, protocol="all")))
    [there] = [one for one in read_scored(RELEASED) if one.release == release]
    made = scored_record(release, report)
    assert made.references_sha256 == there.references_sha256
    assert {n: [s.value for s in scores] for n, scores in made.scores.items()} == {
        n: [pytest.approx(s.value, abs=1e-6) for s in scores] for n, scores in there.scores.items()
    }
