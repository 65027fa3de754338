"""Prepared clips for other programs: Parquet, a file a split, or pose-format's `.pose`, a file a clip."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slbench.data.clip import Clip
from slbench.data.extractor import Extractor, write_extractor
from slbench.data.store import SCHEMA as STORED
from slbench.data.store import ClipRow, Clips, content_digest
from slbench.errors import ClipError, MissingExtraError, OutputError
from slbench.files import atomic_path, remove_leftovers, write_text
from slbench.version import __version__

Form = Literal["parquet", "pose"]
SCHEMA = pa.schema([field for field in STORED if field.name not in ("error", "sha256")])
"""Of a Parquet file; keypoints are (frames, 133, 2) and scores (frames, 133), both row after row."""
BATCH = 32 << 20
"""Bytes of poses that are written at once, as one row group."""
IMAGE = 1024
"""Pixels that a `.pose` file gives the image on both sides: clips are divided by its size and do not keep it.

A power of two, so that multiplying and dividing by it changes no number.
"""


@dataclass(frozen=True)
class Exported:
    """What became of a split.

    Attributes:
        split: its name.
        path: the Parquet file, or the list of its `.pose` files.
        clips: that are there now.
        before: of these, how many an earlier call had written.
        skipped: id and reason of each clip that could not be read.
    """

    split: str
    path: Path
    clips: int
    before: int
    skipped: tuple[tuple[str, str], ...]


def export(
    splits: Mapping[str, Clips],
    folder: Path,
    form: Form,
    pose_source: str = "",
    report: Callable[[str, int, int], None] = lambda _split, _total, _done: None,
) -> list[Exported]:
    """Write splits of a prepared corpus; an interrupted call is continued by the next one.

    Args:
        splits: name -> clips.
        folder: `<split>.parquet`, or `<split>.csv` and `<split>/<id>.pose`.
        form: of the files.
        pose_source: who made the poses, which the files say.
        report: is told split, its clips, and how many of them are done.

    Raises:
        OutputError: the folder cannot be written, or holds other clips.
        MissingExtraError: `.pose` without pose-format.
    """
    if form == "pose" and find_spec("pose_format") is None:
        raise MissingExtraError("writing .pose files", "demo")
    write = _write_parquet if form == "parquet" else _write_poses
    return [
        write(name, split, folder, pose_source, _Counted(report, name, len(split))) for name, split in splits.items()
    ]


@dataclass
class _Counted:
    """Reads clips one after another, tells of each, and keeps what could not be read."""

    report: Callable[[str, int, int], None]
    split: str
    total: int

    def __post_init__(self) -> None:
        self.skipped: list[tuple[str, str]] = []

    def rows(self, split: Clips) -> Iterator[tuple[int, ClipRow]]:
        for index in range(len(split)):
            yield index, split[index]
            self.report(self.split, self.total, index + 1)

    def clip(self, split: Clips, index: int) -> Clip | None:
        try:
            return split.clip(index)
        except ClipError as error:
            self.skipped.append((split[index].id, str(error)))
            return None

    def exported(self, path: Path, clips: int, before: int) -> Exported:
        return Exported(self.split, path, clips, before, tuple(self.skipped))


def _content(split: Clips) -> str:
    rows = (split[index] for index in range(len(split)))
    return content_digest((row.id, row.sha256) for row in rows)


def _write_parquet(name: str, split: Clips, folder: Path, pose_source: str, counted: _Counted) -> Exported:
    path = folder / f"{name}.parquet"
    about = {"slbench": __version__, "content_sha256": _content(split), "pose_source": pose_source}
    if path.exists():
        return _there(path, split, about["content_sha256"], counted)
    for leftover in folder.glob(f".{path.name}.*.tmp"):  # of a call that was killed
        leftover.unlink()
    schema = SCHEMA.with_metadata({"slbench": json.dumps(about | {"keypoints": "frames x 133 x 2"})})
    clips = 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in _batches(split, counted):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
            clips += len(batch)
    return counted.exported(path, clips, before=0)


def _there(path: Path, split: Clips, content: str, counted: _Counted) -> Exported:
    """A file of an earlier call, if it holds the same clips."""
    try:
        found = pq.read_schema(path).metadata or {}
        same = json.loads(found.get(b"slbench", b"{}")).get("content_sha256") == content
    except (OSError, ValueError, pa.ArrowException) as error:
        raise OutputError(f"{path}: is there and is no Parquet file ({error}); move it away") from error
    if not same:
        raise OutputError(f"{path}: is there and holds other clips; move it away, or name another folder")
    counted.skipped += [(row.id, row.error) for _, row in counted.rows(split) if row.error is not None]
    clips = pq.read_metadata(path).num_rows
    return counted.exported(path, clips, before=clips)


def _batches(split: Clips, counted: _Counted) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for index, row in counted.rows(split):
        clip = counted.clip(split, index)
        if clip is not None:
            batch.append(_values(row, clip))
            size += clip.keypoints.nbytes + clip.scores.nbytes
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _values(row: ClipRow, clip: Clip) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in ("id", "text", "gloss", "signer", "source")}
    poses = {"keypoints": clip.keypoints.ravel(), "scores": clip.scores.ravel()}
    return said | {"fps": clip.fps, "frames": clip.frames, "people": clip.people} | poses


def _write_poses(name: str, split: Clips, folder: Path, pose_source: str, counted: _Counted) -> Exported:
    rows = [split[index] for index in range(len(split))]
    paths = {row.id: _place(row.id, name) for row in rows if row.error is None}
    _write_list(folder / f"{name}.csv", rows, paths)
    if pose_source:
        write_extractor(folder, Extractor(name=pose_source))
    clips = before = 0
    for index, row in counted.rows(split):
        there = row.id in paths and (folder / paths[row.id]).exists()
        clip = None if there else counted.clip(split, index)
        if clip is not None:
            write_pose_file(folder / paths[row.id], clip)
        clips, before = clips + (there or clip is not None), before + there
    for place in {folder / path.parent for path in paths.values()}:
        remove_leftovers(place)
    return counted.exported(folder / f"{name}.csv", clips, before)


def _place(clip_id: str, split: str) -> PurePosixPath:
    """Where a clip's file goes, below the folder."""
    parts = PurePosixPath(clip_id).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in clip_id or "\0" in clip_id:
        raise OutputError(f"clip {clip_id!r}: its id cannot be the name of a file; export the corpus as parquet")
    return PurePosixPath(split, f"{clip_id}.pose")


def _write_list(path: Path, rows: Sequence[ClipRow], paths: Mapping[str, PurePosixPath]) -> None:
    """Write what the `.pose` files do not say, before them, so that a later call knows which clips they are of."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "path", "text", "gloss", "signer", "source", "frames", "people", "sha256"])
    for row in rows:
        if row.id in paths:
            said = [row.text, row.gloss, row.signer, row.source, row.frames, row.people, row.sha256]
            writer.writerow([row.id, paths[row.id], *said])
    if path.exists() and path.read_bytes() != text.getvalue().encode():
        raise OutputError(
            f"{path}: is there and lists other clips; move it and the folder away, or name another folder"
        )
    write_text(path, text.getvalue())


def write_pose_file(path: Path, clip: Clip) -> None:
    """Write a clip as `.pose`, COCO-WholeBody in pose-format's own header; the image counts as 1024 x 1024 pixels.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions
    from pose_format.utils.cocowholebody133_header import cocowholebody_components

    header = PoseHeader(0.2, PoseHeaderDimensions(IMAGE, IMAGE), cocowholebody_components())
    keypoints = clip.keypoints[:, None] * np.float32(IMAGE)  # (T, 1, 133, 2)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        Pose(header, NumPyPoseBody(clip.fps, keypoints, clip.scores[:, None])).write(file)
