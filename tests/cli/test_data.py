"""`slbench data` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest
from fakes import FakeCorpus
from test_cli import slbench
from told import ToldCorpus


def test_options_are_a_promise() -> None:
    options = {
        "status": "format",
        "prepare": "source poses pose-source layout any-version replace jobs videos crops",
        "verify": "split videos format",
        "download": "out",
        "export": "out format split",
    }
    for command, expected in options.items():
        words = slbench("data", command, "--help").stdout.split()
        assert {word.lstrip("-") for word in words if word.startswith("--")} - {"help"} == set(expected.split())


def test_from_files_to_a_run(told: ToldCorpus, tmp_path: Path) -> None:
    card, source = str(told.fake.dataset_path), str(told.root)
    done = slbench("data", "prepare", card, "--source", source, "--pose-source", "made by hand")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("made by hand") == 3
    status = json.loads(slbench("data", "status", card, "--format", "json").stdout)
    assert [(one["state"], one["clips"], one["readable"]) for one in status] == [("prepared", 24, 24)]
    verified = slbench("data", "verify", card)
    assert verified.returncode == 0, verified.stdout
    assert "as when it was prepared" in verified.stdout
    shutil.rmtree(told.root)
    run = slbench(*told.fake.arguments(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    board = slbench("leaderboard", "--results", str(tmp_path / "out"))
    assert "poses: made by hand" in board.stdout


def test_what_is_missing_is_grouped_and_verify_fails(told: ToldCorpus) -> None:
    for number in (1, 2, 3):
        (told.poses / "test" / f"test-{number:02}.pkl").unlink()
    (told.poses / "dev" / "dev-01.pkl").write_bytes(b"")
    card = str(told.fake.dataset_path)
    done = slbench("data", "prepare", card, "--source", str(told.root))
    assert done.returncode == 0, done.stderr
    assert "3 clips, such as this: clip test-01: there is no pose file" in done.stderr
    assert "4 of 24 clips could not be read and are skipped" in done.stderr
    verified = slbench("data", "verify", card, "--split", "test", "--format", "json")
    assert verified.returncode == 1
    (report,) = json.loads(verified.stdout)
    assert (report["clips"], report["readable"]) == (12, 9)
    assert report["errors"][0]["ids"] == ["test-01", "test-02", "test-03"]


@pytest.mark.parametrize("format_", ["parquet", "pose"])
def test_export(told: ToldCorpus, tmp_path: Path, format_: str) -> None:
    told.ingest()
    arguments = ["data", "export", str(told.fake.dataset_path), "--format", format_, "--out", str(tmp_path / "out")]
    done = slbench(*arguments, "--split", "dev")
    assert done.returncode == 0, done.stderr
    assert "4 clips" in done.stdout
    assert slbench(*arguments, "--split", "dev").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "csl-daily", "--source", "nowhere"], "--source nowhere: there is no such folder; get csl-daily"),
        (["prepare", "fingerspelling", "--source", "."], "slbench finds this corpus itself"),
        (["prepare", "csl-dayly", "--source", "."], "did you mean csl-daily"),
        (["verify", "openasl"], "train, dev, test is not prepared; do it once with: slbench data prepare openasl"),
        (["verify", "openasl", "--split", "val"], "--split val: openasl has the splits train, dev, test"),
        (["export", "openasl", "--format", "pose", "--out", "x"], "is not prepared"),
        (["download", "phoenix14", "--out", "x"], "nothing of it is published for everybody to fetch"),
        (["download", "fingerspelling", "--out", "x"], "slbench finds it itself: pip install"),
        (["status", "nothing"], "there is no dataset"),
    ],
)
def test_mistakes_are_one_message(
    corpus: FakeCorpus, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = slbench("data", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("x/*")) == []
