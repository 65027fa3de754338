"""What can be measured on the poses of one clip, to see whether they are what they should be."""

from dataclasses import dataclass

import numpy as np

from slbench.data.clip import Array, Clip
from slbench.data.skeleton import FACE, LEFT_HAND, RIGHT_HAND

PARTS = {"body": slice(0, 17), "left hand": LEFT_HAND, "right hand": RIGHT_HAND, "face": FACE}
"""Without the feet, which few recordings show."""
HANDS = [1, 2]
"""Where the hands are in `PARTS`."""
UPPER_BODY = slice(0, 11)
"""Head, shoulders and arms."""
SEEN = 0.3
"""Score above which Uni-Sign uses a point."""
TINY, HUGE = 0.1, 1.5
"""A signer whose head and arms span less or more than this many image sizes is of the wrong scale."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Of one clip; without frames, or with numbers that are not finite, all but the first two are 0.

    Attributes:
        frames: number of frames.
        finite: whether every number is.
        empty: frames in which no point is seen at all.
        repeated: frames that are the one before over again, empty ones aside.
        score_sums: (4,) over frames and points, by `PARTS`.
        seen: (4,) points above `SEEN`, by `PARTS`.
        above_one: points with a score above 1.
        largest: highest score.
        outside: seen points outside the image.
        seen_points: seen points of all 133.
        scale: median over frames of the longer side of the box around head and arms, in image sizes; 0: not seen.
    """

    frames: int
    finite: bool = True
    empty: int = 0
    repeated: int = 0
    score_sums: tuple[float, ...] = (0.0,) * len(PARTS)
    seen: tuple[int, ...] = (0,) * len(PARTS)
    above_one: int = 0
    largest: float = 0.0
    outside: int = 0
    seen_points: int = 0
    scale: float = 0.0


def measure(clip: Clip) -> Facts:
    """Measure one clip."""
    keypoints, scores = clip.keypoints, clip.scores
    if not np.isfinite(keypoints.sum() + scores.sum()) and not (
        np.isfinite(keypoints).all() and np.isfinite(scores).all()
    ):
        return Facts(clip.frames, finite=False)
    if not clip.frames:
        return Facts(0)
    seen = scores > SEEN
    empty = scores.max(axis=1) <= 0
    x, y = keypoints[..., 0], keypoints[..., 1]
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    return Facts(
        frames=clip.frames,
        empty=int(empty.sum()),
        repeated=_repeated(keypoints, scores, empty),
        score_sums=tuple(float(scores[:, part].sum(dtype=np.float64)) for part in PARTS.values()),
        seen=tuple(int(seen[:, part].sum()) for part in PARTS.values()),
        above_one=int((scores > 1).sum()),
        largest=float(scores.max()),
        outside=int((seen & ~inside).sum()),
        seen_points=int(seen.sum()),
        scale=_scale(x[:, UPPER_BODY], y[:, UPPER_BODY], seen[:, UPPER_BODY]),
    )


def _repeated(keypoints: Array, scores: Array, empty: np.ndarray) -> int:
    same = (scores[1:] == scores[:-1]).all(axis=1) & ~empty[1:]
    candidates = np.flatnonzero(same)
    return int((keypoints[candidates + 1] == keypoints[candidates]).all(axis=(1, 2)).sum())


def _scale(x: Array, y: Array, seen: np.ndarray) -> float:
    """Median of the longer side over frames in which two or more points are seen."""
    enough = seen.sum(axis=1) >= 2
    if not enough.any():
        return 0.0
    seen = seen[enough]
    sides = [
        np.where(seen, axis[enough], -np.inf).max(axis=1) - np.where(seen, axis[enough], np.inf).min(axis=1)
        for axis in (x, y)
    ]
    return float(np.median(np.maximum(*sides)))
