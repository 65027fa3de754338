"""`slbench data prepare --crops`: squares around the hands cut out of a corpus's videos, once, for every later run."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from slbench.cards import DatasetCard
from slbench.data.building import Built, build
from slbench.data.clip import Clip
from slbench.data.crops import MANIFEST, SCHEMA, Crops, CropsManifest, crops_folder
from slbench.data.hands import candidate_frames, crop_regions, crop_side, hand_boxes
from slbench.data.pictured import PicturedSplit, with_videos
from slbench.data.pictures import Picture, Pictures, Region, visible
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.data.splits import put_in_place, recover, work_folder, writing
from slbench.data.store import Split, open_shards
from slbench.errors import ClipError
from slbench.files import atomic_path, file_digest, text_digest, write_text
from slbench.version import __version__

SHARD_CLIPS = 16
"""As many are cut out again at most after a kill."""
COMPRESSION = 1
"""Of PNG, 0 to 9; more makes writing many times slower and files a few per cent smaller."""


AT_ONCE = 256
"""Squares of a clip that are in memory at once."""
Shown = tuple[Region, tuple[int, int, int, int]]
"""A square, and the left, top, right and bottom of what it shows of the picture."""


@dataclass(frozen=True)
class Wanted:
    """One clip whose crops are wanted: its number, its id, and what changes whenever its video does."""

    index: int
    id: str
    state: str


@dataclass(frozen=True)
class CropShard:
    """Neighbouring clips, the split that they are of, and the folder of the videos."""

    path: Path
    entries: tuple[Wanted, ...]
    split: Path
    videos: Path


def cut_crops(
    card: DatasetCard,
    split: Split,
    videos: Path,
    jobs: int = 1,
    report: Callable[[Built], None] = lambda _built: None,
) -> Crops:
    """Cut out what models may ask for of each clip's hands; an interrupted call is continued by the next one.

    Of each hand, in each frame in which it is seen well enough, that is the square that would be cut out if all these
    frames were drawn: those of fewer frames lie within it. A clip whose video cannot be read keeps its place, with the
    reason.

    Raises:
        DataError: not one clip has a video in the folder.
        OutputError: the store cannot be written, or another process writes it.
    """
    _opened.cache_clear()
    pictured = _opened(split.folder, videos)
    place = crops_folder(card, split.manifest.split)
    with writing(card, wait=False):
        place.parent.mkdir(exist_ok=True)
        recover(place.parent)
        work = work_folder(place.parent, place.name)
        shards = _shards(split, pictured, videos, work)
        made_from = text_digest("".join(f"{shard.path.name}\n" for shard in shards))
        build(shards, place, jobs, report, write_crops, is_whole)
        write_text(work / MANIFEST, _manifest(split, shards, made_from).model_dump_json(indent=1) + "\n")
        put_in_place(work, place)
    return Crops(place)


def _shards(split: Split, pictured: PicturedSplit, videos: Path, work: Path) -> list[CropShard]:
    wanted = [Wanted(index, row.id, _state(pictured, index, row.sha256)) for index, row in enumerate(split)]
    groups = [tuple(wanted[start : start + SHARD_CLIPS]) for start in range(0, len(wanted), SHARD_CLIPS)]
    code = file_digest(Path(__file__))
    names = [text_digest(json.dumps([code, [(one.id, one.state) for one in group]]))[:16] for group in groups]
    return [
        CropShard(work / f"{number:05}-{name}.arrow", group, split.folder, videos)
        for number, (name, group) in enumerate(zip(names, groups, strict=True))
    ]


def _state(pictured: PicturedSplit, index: int, sha256: str) -> str:
    """Of a clip and of its video; empty where one of them is not there."""
    found = pictured.videos[index]
    if found is None or not sha256 or pictured.folder is None:
        return ""
    try:
        there = (pictured.folder / found[0]).stat()
    except OSError:
        return ""
    return f"{sha256} {found} {there.st_size} {there.st_mtime_ns}"


def is_whole(shard: CropShard) -> bool:
    """Whether it is there and nothing in it may be mended by reading a video again."""
    try:
        table = open_shards([shard.path])
    except (OSError, pa.ArrowException):
        return False
    errors = table.column("error").to_pylist() if table.schema == SCHEMA else []
    return len(errors) == len(shard.entries) and all(
        error is None or not one.state for error, one in zip(errors, shard.entries, strict=True)
    )


def write_crops(shard: CropShard) -> tuple[str, ...]:
    """Read the clips' videos and write what is cut out of them; gives the errors."""
    split, errors = _opened(shard.split, shard.videos), []
    with (
        atomic_path(shard.path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_stream(file, SCHEMA) as writer,
    ):
        for wanted in shard.entries:
            try:
                row = crops_of(split.clip(wanted.index))
            except ClipError as error:
                errors.append(str(error))
                row = {"error": str(error), "width": 0, "height": 0, "frame": [], "left": [], "top": [], "png": []}
            values = row | {"id": wanted.id}
            columns = [pa.array([values[field.name]], field.type) for field in SCHEMA]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    return tuple(errors)


@lru_cache(1)
def _opened(split: Path, videos: Path) -> PicturedSplit:
    """Listed once; processes that are copies of this one begin with it."""
    return with_videos(Split(split), videos)


def crops_of(clip: Clip) -> dict[str, Any]:
    """One row of `SCHEMA` without its id; raises ClipError where the video cannot be read."""
    if clip.video is None:
        raise ClipError(f"clip {clip.id}: it has no pictures")
    size = clip.video.size()
    shown = [(region, box) for region in squares(clip, size) if (box := visible(region, size)) is not None]
    return {
        "error": None, "width": size[0], "height": size[1],
        "frame": [region.frame for region, _ in shown],
        "left": [box[0] for _, box in shown],
        "top": [box[1] for _, box in shown],
        "png": [png for start in range(0, len(shown), AT_ONCE) for png in _pngs(clip.video, shown[start:][:AT_ONCE])],
    }  # fmt: skip


def squares(clip: Clip, size: tuple[int, int]) -> list[Region]:
    """The largest squares that may be asked for of a clip's hands, frame by frame.

    Args:
        clip: the whole one.
        size: width and height of its video.
    """
    hands = (LEFT_HAND, RIGHT_HAND)
    frames = [candidate_frames(clip.scores[:, hand]) for hand in hands]
    boxes = [hand_boxes(clip.keypoints[seen][:, hand], size) for seen, hand in zip(frames, hands, strict=True)]
    side = crop_side(boxes)
    if not side:
        return []
    return [region for seen, box in zip(frames, boxes, strict=True) for region in crop_regions(seen, box, side)]


def _pngs(video: Pictures, shown: Sequence[Shown]) -> list[bytes]:
    pictures = video.regions([region for region, _ in shown])
    return [_png(picture, *one) for picture, one in zip(pictures, shown, strict=True)]


def _png(picture: Picture, region: Region, shown: tuple[int, int, int, int]) -> bytes:
    left, top, right, bottom = shown
    part = picture[top - region.top : bottom - region.top, left - region.left : right - region.left]
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(part)).save(target, "PNG", compress_level=COMPRESSION)
    return target.getvalue()


def _manifest(split: Split, shards: Sequence[CropShard], made_from: str) -> CropsManifest:
    errors, pictures = zip(*_counts(shards), strict=True)
    return CropsManifest(
        slbench=__version__,
        made_from=made_from,
        content_sha256=split.manifest.content_sha256,
        clips=len(split),
        readable=len(split) - sum(errors),
        pictures=sum(pictures),
        size=sum(shard.path.stat().st_size for shard in shards),
        shards=tuple(shard.path.name for shard in shards),
    )


def _counts(shards: Sequence[CropShard]) -> Iterator[tuple[int, int]]:
    """Of each shard the clips without crops, and the pictures."""
    for shard in shards:
        table = open_shards([shard.path])
        pictures = sum(len(frames) for frames in table.column("frame").to_pylist())
        yield len(table) - table.column("error").null_count, pictures
