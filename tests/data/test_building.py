"""Shards: whole or not there, taken over when nothing of them has changed, the same however they were made."""

import errno
from dataclasses import replace
from functools import partial
from pathlib import Path

import datasets
import numpy as np
import pytest
from fakes import made_up_clip

from slbench.data import shards, splits
from slbench.data.building import Built
from slbench.data.clip import Clip
from slbench.data.readers import Entry
from slbench.data.shards import shards_of
from slbench.data.splits import Made, build_split, is_built, work_folder
from slbench.data.store import ReadableClips, Split, clip_digest
from slbench.errors import ClipError, DataError, OutputError

CLIPS = 10


def load(number: int, frames: int) -> Clip:
    if frames == 0:
        raise ClipError(f"clip c{number}: nothing there")
    return made_up_clip(f"c{number}", frames, number)


def entries(frames: dict[int, int] | None = None) -> list[Entry]:
    lengths = {number: 3 + number for number in range(CLIPS)} | (frames or {})
    return [
        Entry(f"c{n}", f"text {n}", "G", partial(load, n, length), "Ann", f"v/{n}", state=str(length))
        for n, length in lengths.items()
    ]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_CLIPS", 3)
    monkeypatch.setattr(shards, "BATCH_CLIPS", 2)


def built(folder: Path, listed: list[Entry], jobs: int = 1, report=lambda _: None) -> Split:
    made = Made(_card(), "train", "origin", "", None, "tests", {}, (), None)
    return build_split(made, shards_of(listed, work_folder(folder, "train"), "code"), folder, jobs, report)


def _card():
    from slbench import catalog

    return catalog.get_dataset("fingerspelling")


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted((folder / "train").glob("*.arrow"))}


def test_rows_and_frames_come_back(tmp_path: Path) -> None:
    split = built(tmp_path, entries({4: 0}))
    assert [row.id for row in split] == [f"c{n}" for n in range(CLIPS)]
    assert (split[2].text, split[2].gloss, split[2].signer, split[2].source) == ("text 2", "G", "Ann", "v/2")
    for index in (-1, 0, 5):
        made = load(index % CLIPS, 3 + index % CLIPS)
        np.testing.assert_array_equal(split.clip(index).keypoints, made.keypoints)
        np.testing.assert_array_equal(split.clip(index).scores, made.scores)
    with pytest.raises(ClipError, match="c4: nothing there"):
        split.clip(4)
    manifest = split.manifest
    assert (manifest.clips, manifest.readable, manifest.frames) == (CLIPS, CLIPS - 1, sum(range(3, 13)) - 7)
    readable = ReadableClips(split)
    assert len(readable) == CLIPS - 1
    assert readable[4].id == readable.clip(4).id == "c5"


def test_digests_are_of_the_content(tmp_path: Path) -> None:
    split = built(tmp_path, entries())
    clip = split.clip(3)
    assert split[3].sha256 == clip_digest(clip)
    keypoints = clip.keypoints.copy()
    keypoints[0, 0, 0] += 1e-6
    others = [
        replace(clip, text="x"),
        replace(clip, gloss="x"),
        replace(clip, fps=3.0),
        replace(clip, first=1),
        replace(clip, keypoints=keypoints),
    ]
    assert len({clip_digest(other) for other in [clip, *others]}) == 6
    again = built(tmp_path / "again", entries())
    assert again.manifest.content_sha256 == split.manifest.content_sha256
    assert built(tmp_path / "other", entries({7: 4})).manifest.content_sha256 != split.manifest.content_sha256


def test_frames_are_mapped_not_copied(tmp_path: Path) -> None:
    clip = built(tmp_path, entries()).clip(5)
    for array in (clip.keypoints, clip.scores):
        assert array.dtype == np.float32
        assert not array.flags.owndata
        assert not array.flags.writeable


def test_the_library_opens_it(tmp_path: Path) -> None:
    split = built(tmp_path, entries())
    opened = datasets.load_from_disk(str(split.folder))
    assert opened["id"][:] == [row.id for row in split]
    assert np.asarray(opened[9]["keypoints"], np.float32).reshape(-1, 133, 2).shape == (12, 133, 2)


def test_several_processes_write_the_same(tmp_path: Path) -> None:
    one, two = built(tmp_path / "one", entries({4: 0})), built(tmp_path / "two", entries({4: 0}), jobs=2)
    assert one.manifest == two.manifest
    assert stamps(tmp_path / "one").keys() == stamps(tmp_path / "two").keys()


class Stopped(BaseException):
    """A kill, as far as the code that is running can tell."""


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_stopped_and_called_again(tmp_path: Path, after: int) -> None:
    def stop(progress: Built) -> None:
        if progress.done >= 3 * after:
            raise Stopped

    with pytest.raises(Stopped):
        built(tmp_path, entries(), report=stop)
    assert not (tmp_path / "train").exists()
    reports: list[Built] = []
    whole = built(tmp_path, entries(), report=reports.append)
    assert reports[0].reused == 3 * after
    assert [progress.done for progress in reports][-1] == CLIPS
    assert whole.manifest == built(tmp_path / "undisturbed", entries()).manifest


@pytest.mark.parametrize("step", ["describe", "write_text", "rename"])
def test_stopped_between_the_last_steps(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built(tmp_path, entries({4: 5}))
    with monkeypatch.context() as patch:
        if step == "rename":
            patch.setattr(Path, "rename", stop_at(2, Path.rename))
        else:
            patch.setattr(splits, step, stop_at(1, getattr(splits, step)))
        with pytest.raises(Stopped):
            built(tmp_path, entries())
    whole = built(tmp_path, entries())
    assert whole.manifest == built(tmp_path / "undisturbed", entries()).manifest
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def stop_at(call: int, function):
    calls = []

    def wrapped(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise Stopped
        return function(*arguments)

    return wrapped


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    built(tmp_path, entries({4: 0}))
    before = stamps(tmp_path)
    reports: list[Built] = []
    mended = built(tmp_path, entries(), report=reports.append)
    assert mended.clip(4).frames == 7
    after = stamps(tmp_path)
    assert reports[0].reused == CLIPS - 3
    assert len(before.items() & after.items()) == 3
    assert before.keys() ^ after.keys() == {list(before)[1], list(after)[1]}


def test_a_truncated_shard_is_noticed_and_made_again(tmp_path: Path) -> None:
    split = built(tmp_path, entries())
    shard = sorted(split.folder.glob("*.arrow"))[1]
    shard.write_bytes(shard.read_bytes()[:-2000])
    made = Made(_card(), "train", "origin", "", None, "tests", {}, (), None)
    assert not is_built(made, shards_of(entries(), work_folder(tmp_path, "train"), "code"), tmp_path)
    with pytest.raises(DataError, match="is damaged.*mends it"):
        Split(split.folder).clip(4)
    assert built(tmp_path, entries()).clip(4).frames == 7


def test_no_space_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(writer, clips):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:

        def fill_up(progress: Built) -> None:
            if progress.done == 3:
                patch.setattr(shards, "_write", full)

        with pytest.raises(OutputError, match="No space left"):
            built(tmp_path, entries(), report=fill_up)
    reports: list[Built] = []
    assert len(built(tmp_path, entries(), report=reports.append)) == CLIPS
    assert reports[0].reused == 3
