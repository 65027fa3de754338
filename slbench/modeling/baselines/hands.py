"""Both hands of a clip by themselves: what shape they have and how they turn, not where they are nor who signs."""

import numpy as np

from slbench.data.clip import Array, Clip
from slbench.data.signing import active_frames, lead_with_right
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND

HANDS = (RIGHT_HAND, LEFT_HAND)
"""In this order, once the clip is mirrored where its left hand leads."""
SEEN = 0.3
"""Points scoring this or less are not seen, as in Uni-Sign."""
NO_HANDS = (
    f"it looks at hands alone, and no train clip shows one: a hand needs its wrist, point {RIGHT_HAND.start} or "
    f"{LEFT_HAND.start}, and another point of it with scores above {SEEN}; prepare the corpus again from poses with "
    "hands (`slbench data verify` says what the poses are like)"
)
"""What a model says of a training split without them; a few clips without hands do no harm."""


def normalised_hands(clip: Clip, isolated: bool) -> Array:
    """Every hand around its own wrist, divided by its own size.

    Args:
        isolated: whether the clip shows one sign, from rest to rest; frames at rest are then left out.

    Returns:
        (T, 2, 21, 2), the hand that signs more and then the other; T is at least 1. A point that is not seen is at
        (0, 0), as are all of a hand whose wrist is not.
    """
    keypoints, scores = lead_with_right(clip.keypoints, clip.scores)
    if isolated:
        signing = active_frames(keypoints, scores)
        keypoints, scores = keypoints[signing], scores[signing]
    return np.stack([_around_wrist(keypoints[:, hand], scores[:, hand]) for hand in HANDS], axis=1)


def _around_wrist(points_tv2: Array, scores_tv: Array) -> Array:
    """(T, 21, 2). A hand's size is the median over its frames of how far its farthest point is from the wrist."""
    seen_tv = (scores_tv > SEEN) & (scores_tv[:, :1] > SEEN)
    offsets = np.where(seen_tv[..., None], points_tv2 - points_tv2[:, :1], 0).astype(np.float32)
    reach_t = np.linalg.norm(offsets, axis=-1).max(axis=1)
    size = np.median(reach_t[reach_t > 0]) if reach_t.any() else 1.0
    return np.asarray(offsets / np.float32(size), np.float32)
