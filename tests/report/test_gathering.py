"""Boards from a user's folder, from what comes with slbench, and from what was published."""

import shutil
from pathlib import Path

import pytest

from slbench.errors import CardError, OptionError
from slbench.files import file_digest
from slbench.records import read_record, record_text
from slbench.report.gathering import ALL, Wanted, gather
from slbench.report.rules import committed_results

ISLR = Wanted(tasks=("fingerspelling-islr",))
KNN = Path("fingerspelling-islr") / "knn-dtw"


def models(results: Path | None, wanted: Wanted = ISLR, alone: bool = False) -> list[str]:
    return [line.entry.model for standing in gather(results, wanted, alone).standings for line in standing.lines]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one of the runs that come with slbench."""
    shutil.copytree(committed_results() / KNN, tmp_path / KNN)
    return tmp_path


def test_the_users_runs_stand_beside_those_of_slbench(own: Path) -> None:
    assert models(own, alone=True) == ["knn-dtw"]
    assert models(own) == models(None)
    assert models(own).count("knn-dtw") == 1
    assert gather(own, ISLR).left_out == ()


def test_another_run_of_the_same_id_is_said(own: Path) -> None:
    (path,) = (own / KNN).glob("*.json")
    predictions = path.with_suffix(".predictions.jsonl")
    predictions.write_text(predictions.read_text().replace('"hypothesis"', ' "hypothesis"', 1))
    record = read_record(path).model_copy(update={"predictions_sha256": file_digest(predictions)})
    path.write_text(record_text(record))
    [(place, reason)] = gather(own, ISLR).left_out
    assert place == str(committed_results() / KNN / path.name)
    assert reason == f"another run has its id: {path}"


def test_without_a_folder_there_is_what_comes_with_slbench() -> None:
    found = gather(None, Wanted())
    assert found.left_out == ()
    kinds = {line.entry.kind for standing in found.standings for line in standing.lines}
    assert {"measured", "published"} <= kinds
    assert {line.entry.ranks for standing in found.standings for line in standing.lines} == {True}


def test_what_is_wanted_is_what_is_shown() -> None:
    wanted = Wanted(("csl-daily-slt",), ("dev",), (ALL,), ("uni-sign",), ("rgb+pose",))
    lines = [line.entry for standing in gather(None, wanted).standings for line in standing.lines]
    assert {(e.task, e.split, e.protocol, e.modality) for e in lines} == {
        ("csl-daily-slt", "dev", "uni-sign", "rgb+pose")
    }
    assert {"BLEU-4", "ROUGE-L"} <= {entry.metric for entry in lines}


def test_a_task_has_one_table_a_split_and_score() -> None:
    for one in (gather(None, Wanted()), gather(None, Wanted(metrics=(ALL,)))):
        keys = [(standing.task, standing.split, standing.metric) for standing in one.standings]
        assert len(set(keys)) == len(keys)


def test_a_task_without_any_row_is_no_mistake_and_one_that_is_not_there_is() -> None:
    assert models(None, Wanted(("csl-news-slt",))) == []
    with pytest.raises(CardError, match="did you mean fingerspelling-islr"):
        gather(None, Wanted(("fingerspeling-islr",)))
    with pytest.raises(OptionError, match="--split tset: no row here has it"):
        gather(None, Wanted(splits=("tset",)))


def test_a_score_under_another_protocol_is_shown_where_somebody_else_is_scored_so(own: Path) -> None:
    protocols = {line.entry.protocol for s in gather(own, ISLR).standings for line in s.lines}
    assert protocols == {"slbench"}
    asked = Wanted(("fingerspelling-islr",), protocols=("uni-sign",))
    assert models(own, asked, alone=True) == ["knn-dtw"]
