"""Exported clips, read back with other programs' readers and our own."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fakes import made_up_clip

from slbench.data.clip import Clip
from slbench.data.export import Exported, export
from slbench.data.poses import PoseFolder
from slbench.errors import ClipError, MissingExtraError, OutputError


@dataclass(frozen=True)
class Row:
    id: str
    text: str
    gloss: str
    frames: int
    error: str | None = None
    signer: str = "Ä"
    source: str = "video"
    people: int = 1
    sha256: str = ""


class Split:
    """Clips in memory; those in `broken` cannot be read. Counts how often each is."""

    def __init__(self, clips: list[Clip], broken: tuple[str, ...] = ()) -> None:
        self.clips, self.broken = clips, broken
        self.read: list[str] = []

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Row:
        clip = self.clips[index]
        error = f"clip {clip.id}: broken" if clip.id in self.broken else None
        digest = str(hash(clip.keypoints.tobytes()))
        return Row(clip.id, clip.text, clip.gloss, clip.frames, error, people=clip.people, sha256=digest)

    def clip(self, index: int) -> Clip:
        row = self[index]
        if row.error is not None:
            raise ClipError(row.error)
        self.read.append(row.id)
        return self.clips[index]


def clips(count: int = 5, first: int = 0) -> list[Clip]:
    made = [made_up_clip(f"clip-{number}", 3 + number, number) for number in range(first, first + count)]
    return [replace(clip, text=f"Text, „{clip.id}“\nzwei 你", fps=29.97, people=2) for clip in made]


def test_parquet_is_read_by_pandas_and_datasets(tmp_path) -> None:
    train, test = Split(clips()), Split(clips(3, first=9), broken=("clip-10",))
    found = export({"train": train, "test": test}, tmp_path, "parquet", pose_source="somebody")
    assert found == [
        Exported("train", tmp_path / "train.parquet", 5, 0, ()),
        Exported("test", tmp_path / "test.parquet", 2, 0, (("clip-10", "clip clip-10: broken"),)),
    ]
    frame = pd.read_parquet(tmp_path / "train.parquet")
    assert list(frame) == [
        "id",
        "text",
        "gloss",
        "signer",
        "source",
        "fps",
        "frames",
        "people",
        "first",
        "keypoints",
        "scores",
    ]
    for row, clip in zip(frame.itertuples(), train.clips, strict=True):
        assert (row.id, row.text, row.gloss, row.signer, row.source, row.people) == (
            clip.id, clip.text, clip.gloss, "Ä", "video", 2,
        )  # fmt: skip
        assert row.fps == np.float32(clip.fps)
        np.testing.assert_array_equal(row.keypoints.reshape(row.frames, 133, 2), clip.keypoints)
        np.testing.assert_array_equal(row.scores.reshape(row.frames, 133), clip.scores)
    loaded = datasets.load_dataset(
        "parquet", data_files={"test": str(tmp_path / "test.parquet")}, cache_dir=str(tmp_path / "cache")
    )["test"]
    assert loaded["id"][:] == ["clip-9", "clip-11"]
    assert np.float32(loaded[1]["scores"]).tobytes() == test.clips[2].scores.tobytes()
    about = json.loads(pq.read_schema(tmp_path / "test.parquet").metadata[b"slbench"])
    assert about["pose_source"] == "somebody"


def test_parquet_is_written_in_parts(tmp_path, monkeypatch) -> None:
    """So that memory does not grow with the corpus."""
    monkeypatch.setattr("slbench.data.export.BATCH", 10_000)
    export({"train": Split(clips(9))}, tmp_path, "parquet")
    parts = pq.ParquetFile(tmp_path / "train.parquet")
    assert parts.num_row_groups > 3
    assert parts.read()["id"].to_pylist() == [f"clip-{number}" for number in range(9)]


def test_a_second_call_writes_nothing_again(tmp_path) -> None:
    split = Split(clips(), broken=("clip-2",))
    first = export({"train": split}, tmp_path, "parquet")
    stamp = (tmp_path / "train.parquet").stat().st_mtime_ns
    split.read.clear()
    assert export({"train": split}, tmp_path, "parquet") == [replace(first[0], before=4)]
    assert not split.read
    assert (tmp_path / "train.parquet").stat().st_mtime_ns == stamp


class Interrupted(Split):
    """Ctrl-C in the middle."""

    def clip(self, index: int) -> Clip:
        if index == 3:
            raise KeyboardInterrupt
        return super().clip(index)


@pytest.mark.parametrize("form", ["parquet", "pose"])
def test_interrupted_and_continued(tmp_path, form) -> None:
    """What is there afterwards is what an uninterrupted call writes."""
    with pytest.raises(KeyboardInterrupt):
        export({"train": Interrupted(clips())}, tmp_path / "a", form)
    assert not (tmp_path / "a/train.parquet").exists()
    split = Split(clips())
    again = export({"train": split}, tmp_path / "a", form)[0]
    assert (again.clips, again.before) == (5, 0 if form == "parquet" else 3)
    assert split.read == [f"clip-{number}" for number in range(0 if form == "parquet" else 3, 5)]
    export({"train": Split(clips())}, tmp_path / "b", form)

    def files(folder: str) -> dict[str, bytes]:
        root = tmp_path / folder
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert files("a") == files("b")


@pytest.mark.parametrize("form", ["parquet", "pose"])
def test_a_killed_call_leaves_nothing_behind_for_good(tmp_path, form) -> None:
    leftover = tmp_path / (".train.parquet.x.tmp" if form == "parquet" else "train/.clip-1.pose.x.tmp")
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"half")
    other = tmp_path / ".dev.parquet.x.tmp"  # of another process
    other.write_bytes(b"half")
    export({"train": Split(clips())}, tmp_path, form)
    assert not leftover.exists()
    assert other.exists()


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch) -> None:
    def full(*_values) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    with pytest.raises(OutputError, match=r"train\.parquet: .*No space left"):
        export({"train": Split(clips())}, tmp_path, "parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["parquet", "pose"])
def test_other_clips_are_not_overwritten(tmp_path, form) -> None:
    export({"train": Split(clips())}, tmp_path, form)
    name = "train.parquet" if form == "parquet" else "train.csv"
    before = (tmp_path / name).read_bytes()
    with pytest.raises(OutputError, match=rf"{name}: is there and (holds|lists) other clips; move"):
        export({"train": Split(clips(first=1))}, tmp_path, form)
    assert (tmp_path / name).read_bytes() == before


def test_another_file_is_not_overwritten(tmp_path) -> None:
    (tmp_path / "train.parquet").write_text("mine")
    with pytest.raises(OutputError, match=r"train\.parquet: is there and is no Parquet file .*move it away"):
        export({"train": Split(clips())}, tmp_path, "parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "dev.parquet")
    with pytest.raises(OutputError, match="holds other clips"):
        export({"dev": Split(clips())}, tmp_path, "parquet")


def test_pose_files_come_back_exactly(tmp_path) -> None:
    split = Split(clips(), broken=("clip-2",))
    split.clips[1].keypoints[0] = -0.3  # outside the image
    split.clips[1].scores[0, :50] = 0
    split.clips[1].scores[1] = 1.3
    found = export({"train": split}, tmp_path, "pose", pose_source="somebody")
    assert found == [Exported("train", tmp_path / "train.csv", 4, 0, (("clip-2", "clip clip-2: broken"),))]
    folder = PoseFolder(tmp_path)
    assert len(folder) == 4
    for clip in split.clips[:2] + split.clips[3:]:
        poses = folder.find(clip.id, "train").read()
        np.testing.assert_array_equal(poses.keypoints, clip.keypoints)
        np.testing.assert_array_equal(poses.scores, clip.scores)
        assert poses.fps == np.float32(clip.fps)
    assert folder.extractor().name == "somebody"
    with (tmp_path / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["text"]) for row in rows] == [
        (f"train/{clip.id}.pose", clip.text) for clip in split.clips if clip.id != "clip-2"
    ]


def test_pose_files_are_read_by_the_library(tmp_path) -> None:
    from pose_format import Pose
    from pose_format.utils.generic import detect_known_pose_format

    split = Split(clips(1))
    export({"train": split}, tmp_path, "pose")
    pose = Pose.read((tmp_path / "train/clip-0.pose").read_bytes())
    assert [(one.name, len(one.points)) for one in pose.header.components] == [
        ("BODY", 23), ("FACE", 68), ("LEFT_HAND", 21), ("RIGHT_HAND", 21),
    ]  # fmt: skip
    assert detect_known_pose_format(pose) is not None
    size = pose.header.dimensions
    np.testing.assert_allclose(
        pose.body.data.data[:, 0] / [size.width, size.height], split.clips[0].keypoints, rtol=1e-6
    )


def test_ids_with_folders(tmp_path) -> None:
    split = Split([replace(clips(1)[0], id="train/a.b")])
    export({"dev": split}, tmp_path, "pose")
    assert (tmp_path / "dev/train/a.b.pose").is_file()


@pytest.mark.parametrize("clip_id", ["../a", "/etc/a", "a/../../b", "a\\b", "", "a\0b"])
def test_ids_that_lead_elsewhere_are_refused(tmp_path, clip_id) -> None:
    split = Split([replace(clips(1)[0], id=clip_id)])
    with pytest.raises(OutputError, match="cannot be the name of a file; export the corpus as parquet"):
        export({"dev": split}, tmp_path / "out", "pose")
    assert not (tmp_path / "out").exists()


def test_progress_and_missing_package(tmp_path, monkeypatch) -> None:
    told: list[tuple[str, int, int]] = []
    export({"a": Split(clips(2))}, tmp_path, "parquet", report=lambda *what: told.append(what))
    assert told == [("a", 2, 1), ("a", 2, 2)]
    monkeypatch.setattr("slbench.data.export.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="demo"):
        export({"a": Split(clips(2))}, Path(tmp_path), "pose")
