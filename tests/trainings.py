"""A tiny training that tests stop and resume, and what it leaves."""

import json
import tomllib
from pathlib import Path

import pytest
from fakes import FakeCorpus

from slbench.engine.events import Event, Resumed
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.files import file_digest

CHANGES = (
    "recipe.epochs=2", "recipe.augmentation.rotation=20", "recipe.augmentation.speed=0.2", "recipe.average=0.9",
    "config.language_model.dropout_rate=0.1", "config.pose_dropout=0.1", "recipe.warmup_epochs=1",
    "recipe.threads=1",
)  # fmt: skip
EVENTS = 2 * (2 + 1)
"""Of two epochs with two steps each."""


class Killed(BaseException):
    """Stands for `kill -9`: nothing of the program catches it."""


def run(corpus: FakeCorpus, output: Path, changes=CHANGES, resume=True, seed=0, seconds=0.0) -> TrainingRun:
    tasks = [str(corpus.task_path)]
    return TrainingRun(
        TrainingRequest(str(corpus.model_path), tasks, output, None, seed, "cpu", changes, resume, seconds)
    )


def killed_after(training: TrainingRun, events: int) -> None:
    """Ends after so many events of the training itself."""
    seen: list[Event] = []

    def report(event: Event) -> None:
        seen.append(event)
        if sum(not isinstance(event, Resumed) for event in seen) == events:
            raise Killed

    with pytest.raises(Killed):
        training.execute(report)


def digests(output: Path) -> dict[str, str]:
    """Of the weights that the two cards name, taken from the files."""
    cards = {name: tomllib.loads((output / f"{name}.toml").read_text()) for name in ("best", "last")}
    return {name: file_digest(output / card["weights"]["file"]) for name, card in cards.items()}


def log_without_seconds(output: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def newest(output: Path) -> Path:
    return max((output / "checkpoints").iterdir())
