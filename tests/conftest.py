"""Fixtures: a home of its own for every test session, and a small corpus of files that tests can spoil."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeCorpus
from told import ToldCorpus

from slbench.engine.determinism import make_deterministic

os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
torch.set_num_threads(1)
pytest.register_assert_rewrite("interface")


@pytest.fixture(scope="session", autouse=True)
def slbench_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prepared corpora of this session."""
    home = tmp_path_factory.mktemp("home")
    os.environ["SLBENCH_HOME"] = str(home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    make_deterministic(0)
    np.random.seed(0)  # noqa: NPY002 - guards against code that uses the global generator


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCorpus:
    """Twelve test, four dev and eight train clips with a task card and a small untrained model."""
    made = FakeCorpus(tmp_path / "corpus")
    monkeypatch.setenv("FAKE_CORPUS", str(made.folder))
    monkeypatch.setenv("SLBENCH_HOME", str(tmp_path / "home"))
    return made


@pytest.fixture
def told(corpus: FakeCorpus) -> ToldCorpus:
    """The cards of `corpus` with a corpus that slbench must be told the place of."""
    return ToldCorpus(corpus)
