"""Pictures of a clip, for models that look at more than keypoints: square regions of some of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3), red, green, blue."""


@dataclass(frozen=True, slots=True)
class Region:
    """A square of a frame; it may lie partly or wholly outside the picture.

    Attributes:
        frame: of the clip, counted from 0, before anything is left out of it.
        left, top: corner in pixels.
        side: in pixels, at least 1.
    """

    frame: int
    left: int
    top: int
    side: int


class Pictures(Protocol):
    """The frames of one clip. Can be pickled; a file is opened when it is asked for."""

    def size(self) -> tuple[int, int]:
        """Width and height of the video, in pixels; raises ClipError where it cannot be read."""

    def regions(self, wanted: Sequence[Region]) -> "Squares":
        """(side, side, 3) of each region, in the order in which they are asked for; black outside the picture.

        Raises:
            ClipError: the video cannot be read, or is shorter than the clip.
        """


@dataclass(frozen=True, eq=False)
class Squares(Sequence[Picture]):
    """Regions of pictures. In memory is what they show; the black around it is added to one when it is asked for.

    Attributes:
        wanted: the regions.
        parts: (h, w, 3) of each, as `part` gives it.
    """

    wanted: Sequence[Region]
    parts: Sequence[Picture]

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Squares(self.wanted[index], self.parts[index])
        return _in_black(self.parts[index], self.wanted[index])


def part(picture: Picture, region: Region) -> Picture:
    """(h, w, 3): a view of what a region shows of its frame; h or w is 0 where that is nothing.

    Args:
        picture: (H, W, 3), the whole frame.
        region: whose number of the frame is not looked at.
    """
    height, width = picture.shape[:2]
    left, right = (min(max(edge, 0), width) for edge in (region.left, region.left + region.side))
    top, bottom = (min(max(edge, 0), height) for edge in (region.top, region.top + region.side))
    return picture[top:bottom, left:right]


def _in_black(shown: Picture, region: Region) -> Picture:
    found: Picture = np.zeros((region.side, region.side, 3), np.uint8)
    left, top = max(-region.left, 0), max(-region.top, 0)
    found[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return found


def cut(picture: Picture, region: Region) -> Picture:
    """(side, side, 3): the region of its frame; black outside the picture.

    Args:
        picture: (H, W, 3), the whole frame.
        region: whose number of the frame is not looked at.
    """
    return _in_black(part(picture, region), region)


def visible(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom, in pixels, of what a region shows of a picture; None: nothing.

    Args:
        region: a square.
        size: width and height of the picture.
    """
    left, top = max(region.left, 0), max(region.top, 0)
    right, bottom = min(region.left + region.side, size[0]), min(region.top + region.side, size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None
