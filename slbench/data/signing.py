"""Which hand signs, and when: rules for recordings that begin and end at rest."""

import numpy as np

from slbench.data.clip import Array
from slbench.data.skeleton import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, mirrored


def hand_activity(keypoints: Array, scores: Array, hand: slice) -> float:
    """How much a hand signs: mean presence, plus how high above the waist line it is held while present."""
    seen = scores[:, hand].mean(axis=1) > 0.3
    if not seen.any():
        return 0.0
    shoulders = keypoints[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    width = max(float(np.abs(shoulders[:, 0, 0] - shoulders[:, 1, 0]).mean()), 1e-6)
    below = (keypoints[seen, hand, 1].mean(axis=1) - shoulders[seen, :, 1].mean(axis=1)) / width
    return float(seen.mean() + np.clip(1.5 - below, 0, 2).mean())


def leading_hand(keypoints: Array, scores: Array) -> slice:
    """The hand that signs more; the right one if both sign alike."""
    left, right = (hand_activity(keypoints, scores, hand) for hand in (LEFT_HAND, RIGHT_HAND))
    return LEFT_HAND if left > right else RIGHT_HAND


def lead_with_right(keypoints: Array, scores: Array) -> tuple[Array, Array]:
    """Mirror the clip if its left hand signs more than its right."""
    return mirrored(keypoints, scores) if leading_hand(keypoints, scores) == LEFT_HAND else (keypoints, scores)


def active_frames(keypoints: Array, scores: Array, hand: slice = RIGHT_HAND) -> slice:
    """The frames from where the hand has risen to where it sinks again.

    With y the mean hand height below the shoulders in shoulder widths and m its median, a frame rests where
    y - m >= 0.25 * max(y_end - m, 0.15), y_end being the first or the last frame that shows the hand.
    """
    seen = np.flatnonzero(scores[:, hand].mean(axis=1) > 0.3)
    if len(seen) == 0:
        return slice(0, len(scores))
    shoulders = keypoints[seen][:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    width = np.maximum(np.abs(shoulders[:, 0, 0] - shoulders[:, 1, 0]), 1e-6)
    y = (keypoints[seen, hand, 1].mean(axis=1) - shoulders[:, :, 1].mean(axis=1)) / width
    rise = y - np.median(y)
    first = seen[np.argmax(rise < 0.25 * max(rise[0], 0.15))]
    last = seen[len(seen) - 1 - np.argmax(rise[::-1] < 0.25 * max(rise[-1], 0.15))]
    return slice(int(first), int(last) + 1)
