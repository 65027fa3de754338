"""Where the signer is in the pictures: one square for a whole clip, for models that look at the whole person."""

import numpy as np
from numpy.typing import NDArray

from slbench.data.clip import Array
from slbench.data.pictures import Region
from slbench.data.skeleton import FACE, LEFT_HAND, RIGHT_HAND

Numbers = NDArray[np.intp]
POINTS = np.r_[0:11, FACE, LEFT_HAND, RIGHT_HAND]
"""What signs: head, arms, face and hands, without hips and legs, which a picture often cuts off."""


def signer_box(keypoints: Array, scores: Array, threshold: float) -> NDArray[np.float64] | None:
    """Left, top, right and bottom of what is seen of the signer in any frame, within [0, 1]; None: nothing.

    Points beyond the picture count as at its edge.

    Args:
        keypoints: (T, 133, 2), divided by the picture's size.
        scores: (T, 133).
        threshold: points scoring this or less are not seen.
    """
    found = keypoints[:, POINTS][scores[:, POINTS] > threshold].astype(np.float64).clip(0, 1)
    if not len(found) or not np.ptp(found, axis=0).any():
        return None
    return np.concatenate([found.min(axis=0), found.max(axis=0)])


def signer_square(
    box: NDArray[np.float64] | None, size: tuple[int, int], margin: float
) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) and side of the square around the signer in pixels; the largest in the middle where none is seen.

    Args:
        box: of `signer_box`.
        size: width and height of the picture in pixels.
        margin: side of the square by the longer side of the box.
    """
    pixels = np.array(size, np.float64)
    if box is None:
        return pixels / 2, float(pixels.min())
    low, high = box[:2] * pixels, box[2:] * pixels
    return (low + high) / 2, margin * float((high - low).max())


def square_regions(numbers: Numbers, centre: NDArray[np.float64], side: float) -> list[Region]:
    """The same square of each of these frames, in whole pixels."""
    whole = max(1, round(side))
    left, top = np.floor(centre - whole / 2).astype(int)
    return [Region(int(number), int(left), int(top), whole) for number in numbers]
