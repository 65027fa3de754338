"""Runs on pictures: another run where the pictures are others, and the same where only their place is."""

import shutil
from pathlib import Path

import pytest
from fakes import TINY, FakeCorpus
from filmed import film
from told import ToldCorpus

from slbench import catalog
from slbench.cards import ModelCard, Weights
from slbench.data.cropping import cut_crops
from slbench.data.store import Split
from slbench.data.videos import VideoFolder
from slbench.engine.evaluate import Progress, Run, RunRequest
from slbench.engine.models import build_model, save_weights, setting_of
from slbench.errors import ClipError
from slbench.records import parse_record

STOPPED = 6


class Seeing:
    """A made-up corpus with videos, and a tiny model that looks at them."""

    def __init__(self, corpus: FakeCorpus, folder: Path) -> None:
        self.told, self.videos, self.output = ToldCorpus(corpus), folder / "videos", folder / "out"
        film(self.told, self.videos)
        self.split = self.told.ingest()["test"]
        self.model = corpus._card("seeing.toml", self._card(corpus))

    def _card(self, corpus: FakeCorpus) -> dict[str, object]:
        card = ModelCard(
            name="seeing", title="Tiny", implementation="slbench.modeling.uni_sign.model:UniSign",
            families=("islr",), inputs="rgb+pose", paper="", config=TINY,
        )  # fmt: skip
        model = build_model(card, setting_of(catalog.get_task(str(corpus.task_path)), inputs="rgb+pose"))
        digest = save_weights(model.network, corpus.folder / "seeing.safetensors")
        weights = Weights(file="seeing.safetensors", sha256=digest, command="none", trained_on="nothing", seed=0)
        return card.model_copy(update={"weights": weights}).model_dump(mode="json", exclude_none=True)

    def run(self, videos: Path | None) -> Run:
        task, model = str(self.told.fake.task_path), str(self.model)
        return Run(RunRequest(model, task, output=self.output, device="cpu", batch_size=2, videos=videos))


@pytest.fixture
def seeing(corpus: FakeCorpus, tmp_path: Path) -> Seeing:
    return Seeing(corpus, tmp_path)


def stop(progress: Progress) -> None:
    if progress.done >= STOPPED:
        raise KeyboardInterrupt


def test_a_run_goes_on_with_the_same_pictures_only(seeing: Seeing, tmp_path: Path) -> None:
    """Neither with another video nor with one that was missing; but from another place, and from crops."""
    first = seeing.run(seeing.videos)
    with pytest.raises(KeyboardInterrupt):
        first.execute(stop)
    other, fewer, moved = (tmp_path / name for name in ("other", "fewer", "moved"))
    for place in (other, fewer, moved):
        shutil.copytree(seeing.videos, place)
    shutil.copy(other / "test" / "test-05.mp4", other / "test" / "test-04.mp4")
    (fewer / "test" / "test-04.mp4").unlink()
    runs = [seeing.run(place) for place in (seeing.videos, other, fewer, moved)]
    assert len({run.name for run in runs}) == 3
    assert runs[0].name == first.name == runs[3].name
    records = {name: run.execute() for name, run in zip(("other", "fewer"), runs[1:3], strict=True)}
    assert [record.resumed_clips for record in records.values()] == [0, 0]
    assert list(records["fewer"].failed) == ["test-04"]
    cut_crops(seeing.told.card, seeing.split, VideoFolder(moved))
    from_crops = seeing.run(None)
    assert from_crops.name == first.name
    record = from_crops.execute()
    assert record.resumed_clips == STOPPED
    digests = {one.task.pictures_digest for one in (record, *records.values())}
    assert len(digests) == 3
    assert all(len(digest) == 64 for digest in digests)
    assert parse_record(from_crops.record_path.read_text(), "here") == record


def test_runs_on_poses_keep_their_names(seeing: Seeing) -> None:
    run = seeing.told.run(seeing.output)
    assert "pictures" not in run.choices
    assert run.execute().task.pictures_digest == ""


def test_a_clip_that_failed_is_tried_again(corpus: FakeCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wrong may have been mended, such as a disk that was not there."""
    request = RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path, device="cpu", batch_size=4)
    read = Split.clip

    def failing(split: Split, index: int):
        if index % 2:
            raise ClipError(f"clip {index}: the disk is not there")
        return read(split, index)

    with monkeypatch.context() as patch:
        patch.setattr(Split, "clip", failing)
        run = Run(request)
        with pytest.raises(KeyboardInterrupt):
            run.execute(lambda progress: stop(progress))
    there = run.journal.resume(run._references())
    kept = [prediction.id for result in there for prediction in result.predictions]
    assert 0 < len(kept) < 8
    record = Run(request).execute()
    assert record.failed == {}
    assert record.resumed_clips == len(kept)
    whole = Run(RunRequest(**{**vars(request), "output": tmp_path / "whole"})).execute()
    assert record.predictions_sha256 == whole.predictions_sha256
