"""The points of the upper body as OpenPose and Apple's Vision have them, from COCO-WholeBody."""

import numpy as np

from slbench.data.clip import Array
from slbench.data.skeleton import LEFT_SHOULDER, RIGHT_SHOULDER

LEFT_EYE = 1
HEAD_AND_ARMS = range(11)
"""Nose, eyes, ears, shoulders, elbows, wrists: the same numbers in COCO-WholeBody and in what `upper_body` gives."""
HIPS = (11, 12)
NECK, MIDDLE_HIP = 11, 12
"""In what `upper_body` gives."""


def upper_body(keypoints: Array, scores: Array) -> tuple[Array, Array]:
    """Head and arms, then the neck and the middle of the hips, halfway between both sides.

    Args:
        keypoints: (T, 133, 2).
        scores: (T, 133).

    Returns:
        Points (T, 13, 2) and scores (T, 13); a middle scores what the less sure side does.
    """
    sides = np.array([(LEFT_SHOULDER, RIGHT_SHOULDER), HIPS])
    points = np.concatenate([keypoints[:, HEAD_AND_ARMS], keypoints[:, sides].mean(axis=2)], axis=1)
    sure = np.concatenate([scores[:, HEAD_AND_ARMS], scores[:, sides].min(axis=2)], axis=1)
    return points.astype(np.float32), sure.astype(np.float32)
