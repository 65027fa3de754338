from pathlib import Path

import pytest
from fakes import FakeCorpus
from trainings import run


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a training that nothing interrupted, and that never wrote a checkpoint within an epoch."""
    folder = tmp_path_factory.mktemp("whole")
    corpus = FakeCorpus(folder / "corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_CORPUS", str(corpus.folder))
        patch.setenv("SLBENCH_HOME", str(folder / "home"))
        run(corpus, folder / "out", resume=False, seconds=1e9).execute()
    return folder / "out"
