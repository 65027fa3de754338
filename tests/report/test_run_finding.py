"""Which run is meant, and what is said where there is none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_runs import COMMITTED, ROOT, make_run, predicted

from slbench.errors import OptionError, OutputError
from slbench.report.leaderboard import read_board
from slbench.report.run.finding import load_run
from slbench.report.run.writing import write_report


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return make_run(tmp_path / "results", "cslr", predicted(("A B", "A C"), ("A", None)))


def test_three_names_of_one_run(record: Path, tmp_path: Path) -> None:
    names = [str(record), str(record.with_suffix(".predictions.jsonl")), "t/m/test-1", "t/m/test-1.json"]
    runs = [load_run(name, tmp_path / "results") for name in names]
    assert all(run == runs[0] for run in runs)
    assert runs[0].path == record
    assert [one.id for one in runs[0].predictions] == ["a00", "a01"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tt/m/test-1", "no task 'tt' in .*; did you mean t"),
        ("t/mm/test-1", "no model 'mm' in .*t; did you mean m"),
        ("t/m/test-2", "no run 'test-2' in .*m; did you mean test-1"),
        ("t/m", "name a run as well, task/model/run; known: test-1"),
        ("t", "name a model as well"),
        ("t/m/test-1/x", "a run is a record"),
        ("nothing.json", "no task 'nothing.json'|there is no record nothing.json"),
    ],
)
def test_no_such_run(record: Path, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        load_run(name, tmp_path / "results")


def test_no_such_record_in_a_folder_of_others(record: Path) -> None:
    with pytest.raises(OutputError, match="there is no record .*test-11.json; did you mean test-1"):
        load_run(str(record.with_name("test-11.json")))


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "are absent"), ('{"id": "a", "reference": "b"}\n', "is not the file that was scored")],
)
def test_a_page_needs_the_predictions_that_were_scored(record: Path, text: str | None, message: str) -> None:
    predictions = record.with_suffix(".predictions.jsonl")
    predictions.unlink()
    if text is not None:
        predictions.write_text(text)
    with pytest.raises(OutputError, match=message):
        load_run(str(record))


def test_where_it_goes(record: Path, tmp_path: Path) -> None:
    run = load_run(str(record))
    (tmp_path / "out").mkdir()
    assert write_report(run) == record.with_name("test-1.report.html")
    assert write_report(run, None, "markdown") == record.with_name("test-1.report.md")
    assert write_report(run, tmp_path / "out") == tmp_path / "out" / "test-1.report.html"
    assert write_report(run, tmp_path / "out" / "a.md") == tmp_path / "out" / "a.md"
    for place in re.findall(r"!\[.*\]\((.*)\)", (tmp_path / "out" / "a.md").read_text()):
        assert (tmp_path / "out" / place).is_file()
    board = read_board(tmp_path / "results")
    assert (list(board.places.values()), board.left_out) == ([record], ())


@pytest.mark.parametrize(
    ("output", "page_format", "error", "message"),
    [
        ("absent", None, OutputError, "there is no such folder"),
        ("absent/a.html", None, OutputError, "there is no folder"),
        ("a.md", "html", OptionError, "ends as markdown does, and --format says html"),
        ("folder.html/x", None, OutputError, "there is no such folder"),
    ],
)
def test_places_where_it_cannot_go(record, tmp_path: Path, output: str, page_format, error, message: str) -> None:
    with pytest.raises(error, match=message):
        write_report(load_run(str(record)), tmp_path / output, page_format)
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_file_in_the_way_is_an_error_and_nothing_is_left(record: Path) -> None:
    record.with_name("test-1.report.html").mkdir()
    before = sorted(record.parent.iterdir())
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(load_run(str(record)))
    assert sorted(record.parent.iterdir()) == before


def slbench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "slbench", *arguments], capture_output=True, text=True, cwd=folder)


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(ROOT / "results")
    done = slbench("report", COMMITTED["islr"], "--output", "page.html", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["report", "page.html"]
    assert "uni-sign-mini on fingerspelling-islr, test" in (tmp_path / "page.html").read_text()
    missed = slbench("report", COMMITTED["islr"].replace("mini", "mimi"), folder=tmp_path)
    assert missed.returncode == 2
    assert "did you mean uni-sign-mini" in missed.stderr
    assert "Traceback" not in missed.stderr
