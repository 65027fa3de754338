"""From a clip to the four normalised parts that Uni-Sign looks at (69 of 133 points).

Follows `load_part_kp` of the released code (commit 2c9028f): the body is scaled to its box
over the whole clip, the other parts are relative to a root point and share that scale.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from slbench.data.clip import Array, Clip
from slbench.data.signing import active_frames, lead_with_right
from slbench.modeling.uni_sign.config import FrameConfig, InputConfig, PartScale

HAND_EDGES = tuple(
    (0 if tip == 1 else finger + tip - 1, finger + tip) for finger in range(0, 20, 4) for tip in (1, 2, 3, 4)
)


@dataclass(frozen=True)
class Part:
    """Points of one part, by COCO-WholeBody index, and its graph by local index.

    `root` is the local index of the point that places are relative to; None means the clip's body box.
    """

    points: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    root: int | None


PARTS: dict[str, Part] = {
    "body": Part((0, *range(3, 11)), ((0, 1), (0, 2), (0, 3), (0, 4), (3, 5), (5, 7), (4, 6), (6, 8)), None),
    "left": Part(tuple(range(91, 112)), HAND_EDGES, 0),
    "right": Part(tuple(range(112, 133)), HAND_EDGES, 0),
    "face_all": Part(
        (*range(23, 40, 2), *range(83, 91), 53),
        (
            *((i, i + 1) for i in range(8)),  # contour
            *((i, i + 1) for i in range(9, 16)), (16, 9),  # inner lips, closed
            *((17, i) for i in range(17)),  # nose tip to all
        ),
        17,
    ),
}  # fmt: skip
"""In the order in which their features are joined."""

BODY_JOINT = {"left": -2, "right": -1, "face_all": 0}
"""The body joint whose feature each other part is given: wrists and nose."""


_POINTS = np.array([point for part in PARTS.values() for point in part.points])
_ROOTS = np.array([part.points[part.root or 0] for part in PARTS.values() for _ in part.points])
_ENDS = np.cumsum([0, *(len(part.points) for part in PARTS.values())])
_SLICES = {name: slice(_ENDS[i], _ENDS[i + 1]) for i, name in enumerate(PARTS)}
"""Where the points of each part are among all 69."""
_BODY = _SLICES["body"]
_AXES, _ROOT_AXES = ([2 * points, 2 * points + 1] for points in (_POINTS, _ROOTS))


def body_box(body: Array, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Corner (2,) and side of the square around all body points seen in the clip; side 0 if there is none.

    Args:
        body: (2, T, 9), x and y.
        seen: (T, 9).
    """
    x, y = body[0][seen], body[1][seen]
    if len(x) < 4:
        return np.zeros(2), 0.0
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    side = float((high - low).max())
    return (low + high - side) / 2, side


def own_reach(offsets: Array, seen: np.ndarray) -> float:
    """Largest distance along x or y that a seen point of a part has from its root in the clip; 1 if none is seen."""
    reach = float(np.abs(np.where(seen, offsets, 0)).max(initial=0))
    return reach or 1.0


def part_inputs(keypoints: Array, scores: Array, threshold: float = 0.3, scale: PartScale = "body") -> dict[str, Array]:
    """Normalise a clip.

    Args:
        keypoints: (T, 133, 2), divided by image size.
        scores: (T, 133).
        threshold: points scoring this or less become (0, 0, 0).
        scale: what hands and face are divided by: the side of the body's box, or their own reach.

    Returns:
        For each part (T, V, 3): x, y and score, each within [-1, 1]. All zeros when fewer
        than four body points are seen in the whole clip.
    """
    keypoints, scores = np.asarray(keypoints, np.float32), np.asarray(scores, np.float32)
    flat = keypoints.reshape(len(keypoints), -1)  # x and y of a point side by side
    planes = np.empty((3, len(keypoints), len(_POINTS)), np.float32)  # x, y, score: faster than points of three numbers
    for axis in (0, 1):
        flat.take(_AXES[axis], axis=1, out=planes[axis], mode="clip")
    scores.take(_POINTS, axis=1, out=planes[2], mode="clip")
    seen = planes[2] > threshold
    corner, side = body_box(planes[:2, :, _BODY], seen[:, _BODY])
    if side == 0:
        planes[:] = 0
    else:
        roots = np.empty(planes.shape[1:], np.float32)
        for axis in (0, 1):
            flat.take(_ROOT_AXES[axis], axis=1, out=roots, mode="clip")
            roots[:, _BODY] = corner[axis]
            planes[axis] -= roots
        _divide(planes[:2], seen, side, scale)
    np.clip(planes, -1, 1, out=planes)
    planes *= seen
    planes += 0  # -0 becomes 0
    parts_tvc = np.empty((*seen.shape, 3), np.float32)
    for axis in range(3):
        parts_tvc[..., axis] = planes[axis]
    return {name: parts_tvc[:, points] for name, points in _SLICES.items()}


def _divide(xy: Array, seen: np.ndarray, side: float, scale: PartScale) -> None:
    """Bring places (2, T, 69) relative to corner and roots to their scale."""
    if scale == "body":
        xy /= side
    else:
        for name, points in _SLICES.items():
            xy[:, :, points] /= side if name == "body" else own_reach(xy[:, :, points], seen[:, points])
    xy[:, :, _BODY] *= 2
    xy[:, :, _BODY] -= 1


def chance(*decides: object) -> np.random.RandomState:
    """A generator that depends on nothing but these values; its stream is the same in every version of numpy."""
    digest = hashlib.sha256("/".join(map(str, decides)).encode()).digest()
    return np.random.RandomState(np.frombuffer(digest[:16], np.uint32))


def select_frames(frames: int, longest: int, clip_id: str, seed: int, draw: int = 0) -> np.ndarray:
    """Sorted indices of at most `longest` frames, drawn without replacement.

    They depend on the clip's id, the seed and the number of the draw only. (The released code draws anew each time,
    so its evaluation is stochastic.)
    """
    if frames <= longest:
        return np.arange(frames)
    generator = chance(seed, clip_id, draw) if draw else chance(seed, clip_id)
    return np.sort(generator.permutation(frames)[:longest])


@dataclass(frozen=True, eq=False)
class ReadFrames:
    """What the network sees of a clip, before it is normalised.

    Attributes:
        numbers: (T,), of these frames in the whole clip; sorted.
        keypoints: (T, 133, 2), divided by image size; mirrored where the configuration asks for it.
        scores: (T, 133).
    """

    numbers: np.ndarray
    keypoints: Array
    scores: Array


def read_frames(clip: Clip, config: FrameConfig, isolated: bool, seed: int, draw: int = 0) -> ReadFrames:
    """The clip mirrored, trimmed and sub-sampled as configured.

    Args:
        isolated: whether the clip shows one sign, from rest to rest.
        draw: see `Model.prepare`.
    """
    keypoints, scores = clip.keypoints, clip.scores
    if config.dominant_hand == "right":
        keypoints, scores = lead_with_right(keypoints, scores)
    numbers = np.arange(clip.frames)
    if config.trim_rest and isolated:
        numbers = numbers[active_frames(keypoints, scores)]
    if not isolated:
        numbers = numbers[:: config.frame_step]
    longest = config.isolated_max_length if isolated else config.max_length
    numbers = numbers[select_frames(len(numbers), longest, clip.id, seed, draw if config.redraw else 0)]
    return ReadFrames(numbers, keypoints[numbers], scores[numbers])


def clip_inputs(read: ReadFrames, config: InputConfig) -> dict[str, Array]:
    """The parts as the network sees them, each (T, V, 3)."""
    return part_inputs(read.keypoints, read.scores, config.score_threshold, config.part_scale)
