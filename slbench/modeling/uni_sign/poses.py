"""From a clip to the four normalised parts that Uni-Sign looks at (69 of 133 points).

Follows `load_part_kp` of the released code (commit 2c9028f): the body is scaled to its box
over the whole clip, the other parts are relative to a root point and share that scale.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from slbench.data.clip import Array, Clip
from slbench.data.signing import active_frames, lead_with_right
from slbench.modeling.uni_sign.config import InputConfig, PartScale

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


def body_box(keypoints: Array, scores: Array, threshold: float) -> tuple[np.ndarray, float]:
    """Corner (2,) and side of the square around all body points seen in the clip; side 0 if there is none."""
    points = list(PARTS["body"].points)
    seen = keypoints[:, points][scores[:, points] > threshold]
    if len(seen) < 4:
        return np.zeros(2), 0.0
    low, high = seen.min(axis=0), seen.max(axis=0)
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
    corner, side = body_box(keypoints, scores, threshold)
    parts: dict[str, Array] = {}
    for name, part in PARTS.items():
        points = list(part.points)
        xy, seen = keypoints[:, points], scores[:, points, None]
        if side == 0:
            parts[name] = np.zeros((*xy.shape[:2], 3), np.float32)
            continue
        if part.root is None:
            placed = (xy - corner) / side * 2 - 1
        else:
            offsets = xy - xy[:, part.root, None]
            placed = offsets / (side if scale == "body" else own_reach(offsets, seen > threshold))
        part_tvc = np.clip(np.concatenate([placed, seen], axis=-1), -1, 1)
        parts[name] = np.where(seen > threshold, part_tvc, 0).astype(np.float32)
    return parts


def select_frames(frames: int, longest: int, clip_id: str, seed: int) -> np.ndarray:
    """Sorted indices of at most `longest` frames, drawn without replacement.

    The draw depends on the clip's id and the seed only. (The released code draws anew each time, so its
    evaluation is stochastic.)
    """
    if frames <= longest:
        return np.arange(frames)
    digest = hashlib.sha256(f"{seed}/{clip_id}".encode()).digest()
    generator = np.random.RandomState(np.frombuffer(digest[:16], np.uint32))
    return np.sort(generator.permutation(frames)[:longest])


def clip_inputs(clip: Clip, config: InputConfig, isolated: bool, seed: int) -> dict[str, Array]:
    """The parts of a clip as the network sees them: mirrored, trimmed and sub-sampled as configured.

    Args:
        isolated: whether the clip shows one sign, from rest to rest.
    """
    keypoints, scores = clip.keypoints, clip.scores
    if config.dominant_hand == "right":
        keypoints, scores = lead_with_right(keypoints, scores)
    if config.trim_rest and isolated:
        active = active_frames(keypoints, scores)
        keypoints, scores = keypoints[active], scores[active]
    if not isolated:
        keypoints, scores = keypoints[:: config.frame_step], scores[:: config.frame_step]
    longest = config.isolated_max_length if isolated else config.max_length
    chosen = select_frames(len(keypoints), longest, clip.id, seed)
    return part_inputs(keypoints[chosen], scores[chosen], config.score_threshold, config.part_scale)
