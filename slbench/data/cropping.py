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
from slbench.data.pictured import Found, PicturedSplit, VideoPictures, no_video, pictures_of, with_videos
from slbench.data.pictures import Picture, Region, visible
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.data.splits import put_in_place, recover, work_folder, writing
from slbench.data.store import Split, open_shards
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError
from slbench.files import atomic_path, file_digest, text_digest, write_text
from slbench.version import __version__

SHARD_CLIPS = 16
"""As many are cut out again at most after a kill."""
COMPRESSION = 1
"""Of PNG, 0 to 9; more makes writing many times slower and files a few per cent smaller."""
DECIDE = ("cropping", "crops", "hands", "picking", "pictured", "pictures", "skeleton", "video")
"""Modules here that decide what is cut out; where one has changed, all is cut out again."""


@dataclass(frozen=True)
class Wanted:
    """One clip whose crops are wanted.

    Attributes:
        index: in the split.
        id: of the clip.
        sha256: of the clip; empty where it could not be read.
        found: its video; None: there is none.
    """

    index: int
    id: str
    sha256: str
    found: Found | None

    @property
    def state(self) -> str:
        """Of the clip and of its video; empty where one of them is not there."""
        return f"{self.sha256} {self.found.state}" if self.found is not None and self.sha256 else ""


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
    videos: VideoFolder,
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
    pictured = with_videos(split, videos)
    place = crops_folder(card, split.manifest.split)
    with writing(card, wait=False):
        place.parent.mkdir(exist_ok=True)
        recover(place.parent)
        work = work_folder(place.parent, place.name)
        shards = _shards(split, pictured, videos.place, work)
        made_from = text_digest("".join(f"{shard.path.name}\n" for shard in shards))
        build(shards, place, jobs, report, write_crops, is_whole)
        write_text(work / MANIFEST, _manifest(split, shards, made_from).model_dump_json(indent=1) + "\n")
        put_in_place(work, place)
    return Crops(place)


def _shards(split: Split, pictured: PicturedSplit, videos: Path, work: Path) -> list[CropShard]:
    wanted = [Wanted(index, row.id, row.sha256, pictured.videos[index]) for index, row in enumerate(split)]
    groups = [tuple(wanted[start : start + SHARD_CLIPS]) for start in range(0, len(wanted), SHARD_CLIPS)]
    code = [file_digest(Path(__file__).with_name(f"{name}.py")) for name in DECIDE]
    names = [text_digest(json.dumps([code, [(one.id, one.state) for one in group]]))[:16] for group in groups]
    return [
        CropShard(work / f"{number:05}-{name}.arrow", group, split.folder, videos)
        for number, (name, group) in enumerate(zip(names, groups, strict=True))
    ]


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
    split, errors = _opened(shard.split), []
    with (
        atomic_path(shard.path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_stream(file, SCHEMA) as writer,
    ):
        for wanted in shard.entries:
            try:
                row = _row(split, wanted, shard.videos)
            except ClipError as error:
                errors.append(str(error))
                row = {"error": str(error), "width": 0, "height": 0, "frame": [], "left": [], "top": [], "png": []}
            values = row | {"id": wanted.id, "state": "" if wanted.found is None else wanted.found.state}
            columns = [pa.array([values[field.name]], field.type) for field in SCHEMA]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    return tuple(errors)


@lru_cache(1)
def _opened(split: Path) -> Split:
    return Split(split)


def _row(split: Split, wanted: Wanted, videos: Path) -> dict[str, Any]:
    clip = split.clip(wanted.index)
    if wanted.found is None:
        raise no_video(split[wanted.index], videos)
    return crops_of(clip, pictures_of(clip, videos, wanted.found))


def crops_of(clip: Clip, video: VideoPictures) -> dict[str, Any]:
    """One row of `SCHEMA` without id and state. One frame, and all that was cut out, are in memory at once.

    Raises:
        ClipError: the video cannot be read, or a hand is larger than any.
    """
    size = video.size()
    wanted = [region for region in squares(clip, size) if visible(region, size) is not None]
    # A square may lie outside a frame that is smaller than the first: nothing is kept of it, as of any outside.
    cut = {place: _png(shown) for place, shown in video.parts(wanted) if shown.size}
    kept = [(wanted[place], cut[place]) for place in sorted(cut)]
    return {
        "error": None, "width": size[0], "height": size[1],
        "frame": [region.frame for region, _ in kept],
        "left": [max(region.left, 0) for region, _ in kept],
        "top": [max(region.top, 0) for region, _ in kept],
        "png": [png for _, png in kept],
    }  # fmt: skip


def squares(clip: Clip, size: tuple[int, int]) -> list[Region]:
    """The largest squares that may be asked for of a clip's hands, frame by frame.

    Args:
        clip: the whole one.
        size: width and height of its video.

    Raises:
        ClipError: a hand is larger than any.
    """
    hands = (LEFT_HAND, RIGHT_HAND)
    frames = [candidate_frames(clip.scores[:, hand]) for hand in hands]
    boxes = [
        hand_boxes(clip.id, seen, clip.keypoints[seen][:, hand], size) for seen, hand in zip(frames, hands, strict=True)
    ]
    side = crop_side(boxes)
    if not side:
        return []
    return [region for box in boxes for region in crop_regions(box, side)]


def _png(shown: Picture) -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown)).save(target, "PNG", compress_level=COMPRESSION)
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
