"""The piece of work that is timed beside each run."""

import time
from pathlib import Path

import pytest
import torch
from fakes import FakeCorpus

from slbench.engine import calibration
from slbench.engine.calibration import calibration_seconds
from slbench.engine.evaluate import Run, RunRequest

CPU = torch.device("cpu")


def test_it_is_short_and_leaves_chance_alone() -> None:
    torch.manual_seed(0)
    state, start = torch.get_rng_state(), time.perf_counter()
    assert calibration_seconds(CPU) > 0
    assert time.perf_counter() - start < 10 * calibration.SECONDS
    assert torch.equal(torch.get_rng_state(), state)


def test_more_work_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    once = calibration_seconds(CPU)
    monkeypatch.setattr(calibration, "ROUNDS", 4 * calibration.ROUNDS)
    assert 2 * once < calibration_seconds(CPU) < 8 * once


def test_every_run_has_it(corpus: FakeCorpus, tmp_path: Path) -> None:
    record = Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path, device="cpu")).execute()
    assert record.cost.calibration_seconds is not None
    assert record.cost.calibration_seconds > 0
