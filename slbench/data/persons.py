"""Which person of a frame is the signer, where the detector sees several."""

import numpy as np
from numpy.typing import NDArray

RULE = "the largest box first, then the box with the largest overlap (IoU) with that of the frame before"
"""In words, for `extractor.json`; a change of the rule changes it."""

Boxes = NDArray[np.floating]
"""(N, 4) pixels: left, top, right, bottom."""


def real_boxes(boxes: Boxes) -> Boxes:
    """(N, 4): those that have a width and a height; a detector that sees nothing gives an array of any shape."""
    boxes = np.asarray(boxes).reshape(-1, 4)
    return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


def signer(boxes: Boxes, previous: NDArray[np.floating] | None) -> int:
    """Index of the signer's box, by `RULE`; the first of equals.

    Args:
        boxes: (N, 4) of this frame, at least one.
        previous: (4,) the signer's in the last frame that had one. Where no box touches it, the largest is taken.
    """
    areas = _areas(boxes)
    if previous is None:
        return int(areas.argmax())
    low, high = np.maximum(boxes[:, :2], previous[:2]), np.minimum(boxes[:, 2:], previous[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    overlap = shared / (areas + _areas(previous[None]) - shared)
    return int(overlap.argmax() if overlap.any() else areas.argmax())


def _areas(boxes: Boxes) -> NDArray[np.floating]:
    areas: NDArray[np.floating] = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas
