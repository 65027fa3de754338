"""A baseline's command again: what is asked for, what cannot be, and what is found when something did change."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fakes import FakeCorpus

from slbench import catalog
from slbench.checking.rerun import request_of
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.models import build_model, save_weights, setting_of
from slbench.errors import OptionError
from slbench.files import file_digest
from slbench.records import RunRecord, read_record

BASELINE = next((Path(__file__).parents[2] / "results" / "fingerspelling-islr" / "knn-dtw").glob("*.json"))
FIRST = read_record(BASELINE)


def slbench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """With the threads of this process, which made the baselines."""
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-m", "slbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def own(corpus: FakeCorpus, tmp_path: Path) -> Path:
    """The record of a run of cards that no catalog has."""
    run = Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "before", device="cpu"))
    run.execute()
    return run.record_path


def test_a_run_is_asked_for_again_as_it_was(corpus: FakeCorpus, tmp_path: Path) -> None:
    asked = {"batch_size": 5, "num_beams": 2, "seed": 3, "limit": 7}
    cards = str(corpus.model_path), str(corpus.task_path)
    record = Run(RunRequest(*cards, output=tmp_path / "before", device="cpu", **asked)).execute()
    request = request_of(record, tmp_path / "after", *cards)
    assert {name: getattr(request, name) for name in asked} == asked
    assert (request.model, request.task) == cards
    assert (request.split, request.device, request.decoding) == ("test", "cpu", "open")


def of(part: str, **changes: object) -> RunRecord:
    return FIRST.model_copy(update={part: getattr(FIRST, part).model_copy(update=changes)})


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (of("model", name="mine"), "a run of the model mine, which no catalog has: name its card with --model"),
        (of("task", name="mine"), "a run of the task mine, which no catalog has: name its card with --task"),
        (
            of("task", version="0.1"),
            r"fingerspelling-islr 0\.1, here is fingerspelling-islr .* make the baseline again",
        ),
        (of("model", weights_from="x.pth, a file of the user's"), "with --run, or name a card with --model"),
    ],
)
def test_what_a_record_does_not_tell_is_said(record: RunRecord, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        request_of(record, Path("out"))


def test_weights_of_the_users_come_with_their_card() -> None:
    record = of("model", weights_from="x.pth, a file of the user's")
    assert request_of(record, Path("out"), "mine.toml").model == "mine.toml"


def test_own_cards_run_again_to_the_same_bytes(corpus: FakeCorpus, own: Path, tmp_path: Path) -> None:
    cards = "--model", corpus.model_path, "--task", corpus.task_path
    output = tmp_path / "after"
    done = slbench("check", "--baseline", own, *cards, "--exact", "--output", output, "--format", "json")
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)
    assert {v["name"]: v["status"] for v in found["verdicts"]} == {"quality": "passed", "predictions": "passed"}
    assert found["changed"] == []
    [again] = output.rglob("test-????????.json")
    assert file_digest(again.with_suffix(".predictions.jsonl")) == read_record(own).predictions_sha256


def test_other_weights_under_the_same_name_are_said(corpus: FakeCorpus, own: Path) -> None:
    card = catalog.get_model(str(corpus.model_path))
    assert card.weights is not None
    network = build_model(card, setting_of(catalog.get_task(str(corpus.task_path)), seed=1)).network
    for value in network.parameters():
        value.data.mul_(-1.5)
    digest = save_weights(network, corpus.folder / card.weights.file)
    corpus.edit_card(corpus.model_path, card.weights.sha256, digest)
    cards = "--model", corpus.model_path, "--task", corpus.task_path
    done = slbench("check", "--baseline", own, *cards, "--exact", "--format", "json")
    assert done.returncode in (0, 1), done.stderr
    [found] = json.loads(done.stdout)
    assert found["changed"] == ["the model card", "the weights"]
    [verdict] = [v for v in found["verdicts"] if v["name"] == "predictions"]
    assert verdict["status"] == "not compared"


def test_nothing_runs_before_all_baselines_are_looked_at(own: Path, corpus: FakeCorpus, tmp_path: Path) -> None:
    other = tmp_path / "other" / own.name
    other.parent.mkdir()
    other.write_bytes(own.read_bytes())
    cards = "--model", corpus.model_path, "--task", corpus.task_path
    done = slbench("check", "--baseline", own, "--baseline", other, *cards, "--output", tmp_path / "after")
    assert done.returncode == 2
    assert f"{other.parent}" in done.stderr
    assert not (tmp_path / "after").exists()
