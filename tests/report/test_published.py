"""The published figures that come with slbench, and what the checker says of wrong ones."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest
from boarded import rules
from shared import FOLDER

from slbench.errors import DataError
from slbench.report.published import COLUMNS, Published, faults, read_published
from slbench.report.rules import leaderboard_folder, read_rules

GOOD = {
    "model": "M", "task": "csl-daily-slt", "split": "test", "metric": "BLEU-4", "value": "20.5", "modality": "pose",
    "poses": "", "protocol": "uni-sign", "by": "authors", "marks": "", "paper": "P", "venue": "V 2024", "year": "2024",
    "source": "here", "note": "",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(leaderboard_folder(), tmp_path / "leaderboard")
    return tmp_path / "leaderboard"


def write(folder: Path, *changes: dict[str, str]) -> list[str]:
    """A file with a line for each change of a good one; what is wrong with it."""
    with (folder / "published.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[Published])
        writer.writeheader()
        writer.writerows(GOOD | change for change in changes)
    return faults(folder, rules())


def test_what_comes_with_slbench_has_no_fault() -> None:
    assert faults(leaderboard_folder(), rules()) == []


def test_a_good_line_has_no_fault(folder: Path) -> None:
    assert write(folder, {}) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": "x"}, "value 'x'"),
        ({"value": "nan"}, "value nan"),
        ({"value": "120"}, "BLEU-4 cannot be 120.0"),
        ({"value": "-1"}, "BLEU-4 cannot be -1.0"),
        ({"task": "csl-dayly-slt"}, "there is no task 'csl-dayly-slt'; did you mean csl-daily-slt"),
        ({"metric": "BLEU4"}, "there is no score 'BLEU4' of slt; did you mean BLEU-4"),
        ({"metric": "WER"}, "there is no score 'WER' of slt"),
        ({"protocol": "uni-sing"}, "protocol 'uni-sing' does not score csl-daily-slt; did you mean uni-sign"),
        ({"protocol": "nla-slr"}, "protocol 'nla-slr' does not score csl-daily-slt"),
        ({"protocol": "uni-sign", "metric": "chrF2"}, "protocol 'uni-sign' does not give chrF2"),
        ({"by": "me"}, "there is no by 'me'"),
        ({"marks": "oracle odd"}, "there is no mark 'odd'"),
        ({"marks": "disputed"}, "is 'disputed', but no other line gives another value"),
        ({"modality": "radar"}, "modality 'radar'"),
        ({"modality": "rgb", "poses": "RTMPose"}, "has poses, but looks at rgb"),
        ({"split": "tset"}, "split 'tset'"),
        ({"year": "24"}, "year 24"),
        ({"source": ""}, "source ''"),
        ({"model": ""}, "model ''"),
    ],
)
def test_each_mistake_is_named_with_its_line(folder: Path, change: dict[str, str], told: str) -> None:
    found = write(folder, {"model": "other"}, change)
    assert len(found) == 1
    assert found[0].startswith("published.csv:3: ")
    assert told in found[0]


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    lines = [found.partition(": ")[0] for found in write(folder, {"value": "x"}, {"by": "me"}, {"task": "nothing"})]
    assert lines == ["published.csv:2", "published.csv:3", "published.csv:4"]


def test_the_same_figure_twice_and_other_values_unmarked_are_mistakes(folder: Path) -> None:
    assert write(folder, {}, {"source": "there"}) == [
        "published.csv:3: is the same figure as line 2; give that one both sources"
    ]
    assert len(write(folder, {}, {"value": "21"})) == 2
    assert write(folder, {"marks": "disputed"}, {"value": "21", "by": "copied", "marks": "disputed"}) == []
    assert write(folder, {}, {"value": "21", "by": "others"}) == [], "a figure that was made again disputes nothing"


@pytest.mark.parametrize("text", ["", "model,task\n", "\udcff"])
def test_a_file_that_is_no_such_table_is_refused(folder: Path, text: str) -> None:
    (folder / "published.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"published\.csv"):
        faults(folder, rules())


def test_a_line_with_too_few_cells_is_named(folder: Path) -> None:
    path = folder / "published.csv"
    path.write_text(",".join(COLUMNS[Published]) + "\nM,csl-daily-slt\n")
    assert faults(folder, rules()) == ["published.csv:2: has 2 cells instead of 15"]
    with pytest.raises(DataError, match="has 2 cells"):
        read_published(folder)


def test_faults_of_the_files_beside_it_are_found(folder: Path) -> None:
    for name, old, new in (("efficiency.csv", "params-m", "params-mm"), ("derived.csv", "top1-instance", "top1")):
        path = folder / name
        path.write_text(path.read_text().replace(old, new, 1))
    told = faults(folder, rules())
    assert [line.partition(": ")[0] for line in told] == ["derived.csv:2", "efficiency.csv:2"]


def test_rules_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / "board.toml").write_text("significance = 'high'\n")
    with pytest.raises(DataError, match=r"board\.toml.*significance"):
        read_rules(folder)


NAMES = {"wer": "WER", "rouge-l": "ROUGE-L", "bleurt": "BLEURT", **{f"bleu{n}": f"BLEU-{n}" for n in (1, 2, 3, 4)}}


def test_no_collected_figure_is_lost_and_none_is_added() -> None:
    """Against the collection that the file was made from."""
    path = FOLDER.parent / "published" / "published.csv"
    if not path.is_file():
        pytest.skip("needs published/published.csv in a folder shared beside the repository")
    with path.open(newline="") as file:
        collected = list(csv.DictReader(file))
    keys = [
        (r["model"], r["task"], r["split"], NAMES.get(r["metric"], r["metric"]), float(r["value"]), r["modality"])
        for r in collected
    ]
    ours = read_published(leaderboard_folder())
    assert {(p.model, p.task, p.split, p.metric, p.value, p.modality) for p in ours} == set(keys)
    sources = Counter(source for p in ours for source in p.source.split(" | "))
    assert set(sources) == {row["source"] for row in collected}
