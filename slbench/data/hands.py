"""Where the hands are in the pictures: the squares around them that models look at, and the frames that are worth it.

The rule is that of Uni-Sign's released code (`datasets.py`), but for boxes that leave the picture: there it reads the
other side of the image, here they are black outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slbench.data.clip import Array
from slbench.data.pictures import Region
from slbench.errors import ClipError

SEEN = 0.3
"""Mean score of a hand's points above which a frame is a candidate."""
MARGIN = 1.2
"""Side of a square by the larger side of the box that the hand's points fill."""


LARGEST = 4
"""Side of a square by the larger side of the picture, above which the points are taken for damaged."""


@dataclass(frozen=True, eq=False)
class HandBoxes:
    """Of one hand in N frames, in pixels.

    Attributes:
        frames: (N,), their numbers in the whole clip.
        centres: (N, 2), x and y of the middle of the box that the points fill.
        longer: (N,), its longer side.
    """

    frames: Sequence[int] | NDArray[np.intp]
    centres: NDArray[np.float64]
    longer: NDArray[np.float64]


def candidate_frames(scores: Array, seen: float = SEEN) -> NDArray[np.intp]:
    """Sorted numbers of the frames in which a hand is seen well enough to be looked at.

    Args:
        scores: (T, 21) of one hand.
        seen: the mean must be higher.
    """
    return np.flatnonzero(scores.mean(axis=1) > seen)


def hand_boxes(
    clip: str, frames: Sequence[int] | NDArray[np.intp], keypoints: Array, size: tuple[int, int]
) -> HandBoxes:
    """The boxes that all points of a hand fill, whatever they score.

    Args:
        clip: its id, for messages.
        frames: (N,), numbers in the whole clip.
        keypoints: (N, 21, 2) of one hand in these frames, divided by the picture's size.
        size: width and height of the picture in pixels.

    Raises:
        ClipError: the square around one would be larger than any hand, and perhaps than the memory.
    """
    if not len(keypoints):
        return HandBoxes(frames, np.zeros((0, 2)), np.zeros(0))
    pixels = keypoints.astype(np.float64) * np.array(size, np.float64)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    longer = (high - low).max(axis=1)
    worst = int(longer.argmax())
    if longer[worst] * MARGIN > LARGEST * max(size):
        raise _too_large(clip, int(frames[worst]), keypoints[worst], longer[worst] * MARGIN, size)
    return HandBoxes(frames, (low + high) / 2, longer)


def _too_large(clip: str, frame: int, points: Array, side: float, size: tuple[int, int]) -> ClipError:
    """Names the point that is furthest from the others (21, 2)."""
    x, y = points[np.abs(points - np.median(points, axis=0)).max(axis=1).argmax()]
    return ClipError(
        f"clip {clip}: frame {frame}: a point of a hand is at ({x:.4g}, {y:.4g}), where (1, 1) is the corner of the "
        f"picture, so the square around the hand would be {side:,.0f} pixels wide, and the picture is "
        f"{size[0]} x {size[1]}; the poses are damaged: make them again from the video"
    )


def crop_side(boxes: Sequence[HandBoxes]) -> int:
    """The one side, in pixels, of all squares of a clip: an even number that holds every box; 0 of no boxes."""
    longest = max((float(one.longer.max(initial=0)) for one in boxes), default=0.0)
    return int(longest * MARGIN / 2) * 2


def crop_regions(boxes: HandBoxes, side: int) -> list[Region]:
    """The squares around the centres; corners are cut to whole pixels, towards 0.

    Args:
        side: at least 1.
    """
    corners = np.trunc(boxes.centres - side / 2).astype(int)
    return [Region(int(frame), int(x), int(y), side) for frame, (x, y) in zip(boxes.frames, corners, strict=True)]
