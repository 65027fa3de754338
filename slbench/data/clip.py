"""A clip: the one unit that readers produce and models consume."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slbench.data.pictures import Pictures
from slbench.errors import ClipError

POINTS = 133
"""Keypoints of a frame, in COCO-WholeBody order."""

LARGEST = 100.0
"""Coordinates beyond this many image sizes are taken for pixels or damage."""

Array = NDArray[np.float32]


def largest_size(values: Array) -> float:
    """The largest absolute value, 0 of nothing; nan or inf where there is one, without an array in between."""
    return float(np.maximum(values.max(), -values.min())) if values.size else 0.0


def check_numbers(keypoints: Array, scores: Array, where: str) -> None:
    """Raise ClipError unless every number is finite and of a size that can be meant.

    Args:
        keypoints: (T, 133, 2).
        scores: (T, 133).
        where: file or clip, for messages.
    """
    largest = largest_size(keypoints)
    for name, values, size in (("keypoints", keypoints, largest), ("scores", scores, largest_size(scores))):
        if not math.isfinite(size):
            bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            raise ClipError(
                f"{where}: {name} are not finite (NaN) in {bad.sum()} frames, first in frame {bad.argmax()}; "
                "make it again from the video"
            )
    if largest > LARGEST:
        raise ClipError(
            f"{where}: a coordinate is {largest:.4g} image sizes; it is damaged, or not divided by the "
            "image's width and height"
        )


@dataclass(frozen=True, eq=False)
class Clip:
    """One signing video as a pose sequence, with what was said.

    Attributes:
        id: unique within its corpus.
        keypoints: (T, 133, 2), x and y divided by image width and height.
        scores: (T, 133), confidence of each point; 0 means not seen.
        fps: frames a second; 0 where nobody says.
        text: what the clip says, in the written language of its task.
        gloss: the glosses in order, joined by spaces; empty where there are none.
        video: its pictures; None where nobody asked for them or there are none.
        people: most persons that the estimator saw in one frame; the keypoints are those of one of them.
        first: frame of the recording that is frame 0 of the clip.
    """

    id: str
    keypoints: Array
    scores: Array
    fps: float
    text: str
    gloss: str = ""
    people: int = 1
    video: Pictures | None = None
    first: int = 0

    @property
    def frames(self) -> int:
        """Number of frames, T."""
        return len(self.keypoints)

    def __post_init__(self) -> None:
        """Raise ClipError unless the arrays have their shapes."""
        if self.keypoints.shape != (self.frames, POINTS, 2) or self.scores.shape != (self.frames, POINTS):
            raise ClipError(
                f"clip {self.id}: keypoints {self.keypoints.shape} and scores {self.scores.shape} "
                f"should be (T, {POINTS}, 2) and (T, {POINTS})"
            )

    def check(self) -> None:
        """Raise ClipError unless there are frames, and every number is finite and of a size that can be meant."""
        if self.frames == 0:
            raise ClipError(f"clip {self.id}: it has no frames")
        check_numbers(self.keypoints, self.scores, f"clip {self.id}")
