"""Squares around the hands, cut out of the videos before: read from Arrow files beside the prepared split.

`slbench.data.cropping` writes them. What a square shows of the picture is kept as PNG, which loses nothing, so models
see the very pixels that decoding the video would give.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from PIL import Image

from slbench.cards import DatasetCard, Frozen
from slbench.data.pictures import Picture, Pictures, Region, Squares, part, visible
from slbench.data.store import Manifest, folder_of, open_shards
from slbench.errors import ClipError, DataError

FOLDER = "crops"
"""In a corpus's store; below it a folder a split."""
MANIFEST = "crops.json"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "error", "state")),
        ("width", pa.int32()),
        ("height", pa.int32()),
        *((name, pa.list_(pa.int32())) for name in ("frame", "left", "top")),
        ("png", pa.list_(pa.binary())),
    ]
)
"""A row a clip, in the order of the split: state (`slbench.data.pictured.Found`) and size of its video; of each square
the frame, counted in the clip, and the corner and pixels of the part that lies in the picture."""
AGAIN = "cut them out again: `slbench data prepare` with --videos and --crops"


class CropsManifest(Frozen):
    """What the crops of a split were made from, and how much there is of them."""

    schema_version: Literal[2] = 2
    slbench: str
    made_from: str
    """sha256 over all that decided them."""
    content_sha256: str
    """Of the clips; see `slbench.data.store.Manifest`."""
    clips: int
    readable: int
    """Clips whose video could be read."""
    pictures: int
    size: int
    """Bytes of them all."""
    shards: tuple[str, ...]


@dataclass(frozen=True)
class Cropped:
    """Meets `Pictures`: the squares of one clip, and its video for what they do not cover.

    Attributes:
        crops: of the split.
        clip: its id.
        video: decoded where a region is not covered; None: that is an error.
    """

    crops: "Crops"
    clip: str
    video: Pictures | None

    def size(self) -> tuple[int, int]:
        """Width and height of the video, in pixels."""
        return self.crops.number("width", self.clip), self.crops.number("height", self.clip)

    def regions(self, wanted: Sequence[Region]) -> Squares:
        """As `Pictures.regions`."""
        found = self.crops.parts(self.clip, wanted, self.size())
        rest = [place for place, shown in enumerate(found) if shown is None]
        if rest and self.video is None:
            frame = wanted[rest[0]].frame
            raise ClipError(
                f"clip {self.clip}: a region of frame {frame} is not among its crops; "
                "name the folder of the videos with --videos, from which any region can be read"
            )
        decoded = [] if self.video is None else self.video.regions([wanted[place] for place in rest]).parts
        late = dict(zip(rest, decoded, strict=True))
        return Squares(wanted, [late[place] if shown is None else shown for place, shown in enumerate(found)])


class Crops:
    """The crops of a split; files are mapped on first use.

    Raises:
        DataError: on use, where they are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getstate__(self) -> dict[str, Any]:
        """Only the folder goes to a loader worker."""
        return {"folder": self.folder}

    @cached_property
    def manifest(self) -> CropsManifest:
        """What they were made from."""
        try:
            return CropsManifest.model_validate_json((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder / MANIFEST}: is damaged ({error}); {AGAIN}") from error

    @cached_property
    def _table(self) -> pa.Table:
        try:
            return open_shards([self.folder / name for name in self.manifest.shards])
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{self.folder}: the crops are damaged ({error}); {AGAIN}") from error

    def errors(self) -> list[tuple[str, str]]:
        """Id and reason of each clip that has none."""
        columns = (self._table.column(name).to_pylist() for name in ("id", "error"))
        return [(clip, error) for clip, error in zip(*columns, strict=True) if error is not None]

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Id -> row of the clips whose video could be read."""
        columns = (self._table.column(name).to_pylist() for name in ("id", "error"))
        return {clip: row for row, (clip, error) in enumerate(zip(*columns, strict=True)) if error is None}

    def __contains__(self, clip: str) -> bool:
        """Whether the video of the clip of this id could be read when crops were cut out."""
        return clip in self._rows

    @cached_property
    def states(self) -> dict[str, str]:
        """Id -> state of the video that it was cut from, read or not; empty where there was none."""
        columns = (self._table.column(name).to_pylist() for name in ("id", "state"))
        return dict(zip(*columns, strict=True))

    def number(self, column: str, clip: str) -> int:
        """A single number of a clip."""
        return int(self._table.column(column)[self._rows[clip]].as_py())

    def parts(self, clip: str, wanted: Sequence[Region], size: tuple[int, int]) -> list[Picture | None]:
        """What regions of a clip show, out of its squares; None where no square covers it. Each square is read once."""
        row = self._rows[clip]
        frames, lefts, tops = (self._table.column(name)[row].as_py() for name in ("frame", "left", "top"))
        held = self._table.column("png")[row].values
        read: dict[int, Picture] = {}
        found: list[Picture | None] = []
        for region in wanted:
            shown = None if visible(region, size) else _NOTHING
            for square in (place for place, frame in enumerate(frames) if frame == region.frame):
                if shown is not None:
                    break
                if square not in read:
                    read[square] = _read(held[square], clip)
                shown = _within(read[square], lefts[square], tops[square], region, size)
            found.append(shown)
        return found


_NOTHING: Picture = np.zeros((0, 0, 3), np.uint8)


def _read(png: Any, clip: str) -> Picture:
    try:
        return np.asarray(Image.open(io.BytesIO(png.as_buffer())))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's, of a damaged PNG
        raise ClipError(f"clip {clip}: its crops are damaged ({error}); {AGAIN}") from error


def _within(square: Picture, left: int, top: int, region: Region, size: tuple[int, int]) -> Picture | None:
    """What the region shows, if all of it is in the square."""
    shown = visible(region, size)
    if shown is None or not (
        left <= shown[0]
        and top <= shown[1]
        and shown[2] <= left + square.shape[1]
        and shown[3] <= top + square.shape[0]
    ):
        return None
    return part(square, Region(region.frame, region.left - left, region.top - top, region.side))


def crops_folder(card: DatasetCard, split: str) -> Path:
    """Where the crops of a split are, or would be."""
    return folder_of(card) / FOLDER / split


def find_crops(card: DatasetCard, data: Manifest) -> Crops | None:
    """The crops of a prepared split; None: there are none, or they are of another state of it."""
    crops = Crops(crops_folder(card, data.split))
    if not (crops.folder / MANIFEST).is_file() or crops.manifest.content_sha256 != data.content_sha256:
        return None
    return crops
