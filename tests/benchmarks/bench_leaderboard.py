"""Boards of many records: a sealed record costs its reading and two digests, and a board grows with their number."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from slbench.files import text_digest
from slbench.records import PREDICTIONS, read_record, record_text
from slbench.report.board_data import board_csv
from slbench.report.entries import NO_POSES, Entry
from slbench.report.gathering import Wanted, gather
from slbench.report.rules import leaderboard_folder, read_rules
from slbench.report.standings import standings

BASE = next((Path(__file__).parents[2] / "results" / "fingerspelling-islr" / "knn-dtw").glob("*.json"))
RECORDS = 1_000


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of made-up models, all with the predictions of one run."""
    folder, record = tmp_path_factory.mktemp("many"), read_record(BASE)
    predictions = BASE.with_suffix(PREDICTIONS).read_text()
    for number in range(RECORDS):
        own = {"name": f"model-{number // 100}", "weights_sha256": text_digest(str(number))}
        changed = record.model_copy(
            update={"run": f"test-{number:08x}", "model": record.model.model_copy(update=own), "barred": ()}
        )
        place = folder / record.task.name / own["name"] / f"{changed.run}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(record_text(changed))
        place.with_suffix(PREDICTIONS).write_text(predictions)
    return folder


def test_many_records(benchmark, results: Path) -> None:
    found = benchmark.pedantic(lambda: gather(results, Wanted(), alone=True), rounds=3)
    assert found.runs == RECORDS
    assert len(board_csv(found.standings).splitlines()) == RECORDS + 1


def test_places_take_time_in_proportion_to_their_rows(benchmark) -> None:
    """Ten times the rows in less than fifty times the time, where pairs would take a hundred times."""
    rules = read_rules(leaderboard_folder())
    one = Entry(
        "published",
        "M",
        (),
        "wlasl2000-islr",
        "test",
        "top1-instance",
        "higher",
        "%",
        "uni-sign",
        "rgb",
        NO_POSES,
        "",
        0.0,
    )

    def seconds(count: int) -> float:
        entries = [replace(one, value=float(number % 97)) for number in range(count)]
        start = perf_counter()
        standings(entries, rules)
        return perf_counter() - start

    seconds(100)
    few, many = min(seconds(1_000) for _ in range(3)), benchmark.pedantic(seconds, args=(10_000,), rounds=1)
    assert many < 50 * few
