"""Which frames have their hands looked at, and the crops of these frames (paper section 3.3, score-aware sampling).

Pictures are only used where poses are doubtful: frames are drawn by how unsure the least sure finger tip is. In the
released code (`datasets.py`, commit 2c9028f) chance has its way in evaluation too; here a draw depends on the clip, the
seed, the hand and the number of the draw alone.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slbench.data.clip import Array, Clip
from slbench.data.hands import candidate_frames, crop_regions, crop_side, hand_boxes
from slbench.data.pictures import Picture, Region
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.errors import ClipError
from slbench.modeling.uni_sign.config import RGBConfig
from slbench.modeling.uni_sign.poses import ReadFrames, chance

HANDS = {"left": LEFT_HAND, "right": RIGHT_HAND}
"""Points of each hand, by the name of its part."""
FINGER_TIPS = (4, 8, 12, 16, 20)
"""Among the 21 points of a hand."""
_LEAST_WEIGHT = 1e-5


def doubts(scores: Array) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The frames that a hand can be looked at in, and how likely each is drawn; both empty where there is none.

    Args:
        scores: (T, 21) of one hand.
    """
    candidates = candidate_frames(scores)
    if not len(candidates):
        return candidates, np.zeros(0)
    least = scores[candidates][:, FINGER_TIPS].min(axis=1).astype(np.float64)
    weights = least.max() - least + _LEAST_WEIGHT
    return candidates, weights / weights.sum()


def drawn_frames(scores: Array, share: float, generator: np.random.RandomState) -> NDArray[np.intp]:
    """Sorted numbers of the frames that are looked at: a share of the candidates, rounded up.

    Args:
        scores: (T, 21) of one hand.
        share: of the candidates.
        generator: is drawn from if there is a candidate.
    """
    candidates, likely = doubts(scores)
    if not len(candidates):
        return candidates
    return np.sort(generator.choice(candidates, math.ceil(share * len(candidates)), replace=False, p=likely))


def hand_views(
    clip: Clip, read: ReadFrames, parts: Sequence[str], config: RGBConfig, seed: int, draw: int
) -> dict[str, np.ndarray]:
    """Crops of the hands, as arrays to go beside the parts.

    Args:
        clip: whose pictures are read.
        read: its frames that the network sees.
        parts: that the network looks at; hands that are not among them are left out.
        seed, draw: of the choice.

    Returns:
        For each hand `..._frames` (k,), numbers among the frames that were read, `..._crops` (k, 3, side, side), and
        `..._places` (k, 21, 2), the joints in the crop; k is 0 where nothing is to be seen.

    Raises:
        ClipError: there are no pictures, they cannot be read, or a hand is larger than any.
    """
    if clip.video is None:
        raise ClipError(
            f"clip {clip.id}: there are no pictures of it; give --videos their folder, or ask for pose alone"
        )
    frames = {
        name: drawn_frames(read.scores[:, hand], config.share, chance(seed, clip.id, draw, name))
        for name, hand in HANDS.items()
        if name in parts
    }
    regions, size = regions_of(clip, read, frames)
    wanted = [region for name in regions for region in regions[name]]
    pictures = iter(clip.video.regions(wanted) if wanted else [])
    views: dict[str, np.ndarray] = {}
    for name, squares in regions.items():
        chosen = frames[name][: len(squares)]
        crops = [resized(next(pictures), config.crop_size) for _ in squares]
        views[f"{name}_frames"] = chosen
        views[f"{name}_crops"] = np.array(crops, np.uint8).reshape(-1, 3, config.crop_size, config.crop_size)
        views[f"{name}_places"] = places_in(read.keypoints[chosen][:, HANDS[name]], squares, size)
    return views


def regions_of(
    clip: Clip, read: ReadFrames, frames: Mapping[str, NDArray[np.intp]]
) -> tuple[dict[str, list[Region]], tuple[int, int]]:
    """The squares around each hand in its frames, all of one size, and the size of the video in pixels.

    No squares where no frame was drawn, or where all points of the hands lie in one place.
    """
    if clip.video is None or not any(map(len, frames.values())):
        return {name: [] for name in frames}, (1, 1)
    size = clip.video.size()
    boxes = {
        name: hand_boxes(clip.id, read.numbers[chosen], read.keypoints[chosen][:, HANDS[name]], size)
        for name, chosen in frames.items()
    }
    side = crop_side(list(boxes.values()))
    if not side:
        return {name: [] for name in frames}, size
    return {name: crop_regions(boxes[name], side) for name in frames}, size


def resized(picture: Picture, side: int) -> NDArray[np.uint8]:
    """(3, side, side), brought to size by Pillow's bicubic filter as released."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def places_in(keypoints: Array, squares: Sequence[Region], size: tuple[int, int]) -> Array:
    """(k, 21, 2): joints in their squares, x and y clipped to [0, 1].

    Args:
        keypoints: (k, 21, 2), divided by the picture's size.
        squares: one for each; their corners are whole pixels, and places are relative to these.
        size: width and height of the picture.
    """
    corners = np.array([(square.left, square.top) for square in squares], np.float64).reshape(-1, 1, 2)
    side = squares[0].side if squares else 1
    places = (keypoints.astype(np.float64) * np.array(size) - corners) / side
    clipped: Array = places.clip(0, 1).astype(np.float32)
    return clipped
