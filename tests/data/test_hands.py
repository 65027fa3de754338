"""Squares around hands of damaged poses: bounded in memory, and an error where no hand is so large."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slbench.data.clip import Clip
from slbench.data.cropping import crops_of, squares
from slbench.data.mock import moving_figure
from slbench.data.pictured import VideoPictures
from slbench.data.rendered import RenderedHands, write_video
from slbench.data.skeleton import RIGHT_HAND
from slbench.errors import ClipError
from slbench.modeling.uni_sign.config import RGBConfig
from slbench.modeling.uni_sign.poses import ReadFrames
from slbench.modeling.uni_sign.sampling import hand_views

BIG = (320, 240)
PICTURE = BIG[0] * BIG[1] * 3


@pytest.fixture
def big(tmp_path: Path) -> Clip:
    keypoints, scores = moving_figure(40, np.random.default_rng(0))
    path = write_video(tmp_path / "big.mp4", RenderedHands(keypoints, scores, BIG))
    return Clip("big", keypoints, scores, 25.0, "", video=VideoPictures("big", path, 0, 40))


def displaced(clip: Clip, x: float) -> Clip:
    """One finger tip in one frame."""
    keypoints = clip.keypoints.copy()
    keypoints[7, RIGHT_HAND.start + 8, 0] = x
    return replace(clip, keypoints=keypoints)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_large_squares_do_not_fill_the_memory(big: Clip) -> None:
    """80 of them, each larger than the picture: one at a time is cut out, and one at a time gets its black border."""
    clip = displaced(big, 3.0)
    wanted = squares(clip, BIG)
    assert len(wanted) == 80
    assert wanted[0].side > 900
    one = wanted[0].side ** 2 * 3
    assert peak(lambda: crops_of(clip, clip.video)) < 10 * PICTURE
    assert peak(lambda: [picture.max() for picture in clip.video.regions(wanted)]) < 84 * PICTURE + 2 * one < 20 * one


def test_a_hand_larger_than_any_is_an_error(big: Clip) -> None:
    message = r"clip big: frame 7: a point of a hand is at \(30, 0\.\d+\).* 11,\d\d\d pixels wide.* 320 x 240; the"
    with pytest.raises(ClipError, match=message):
        crops_of(displaced(big, 30.0), big.video)
    rgb = RGBConfig(crop_size=64, share=1.0)
    for x in (1.2, 30.0, -99.0):
        clip = displaced(big, x)
        read = ReadFrames(np.arange(40), clip.keypoints, clip.scores)
        if x == 1.2:
            assert hand_views(clip, read, ("left", "right"), rgb, 0, 0)["right_crops"].shape == (40, 3, 64, 64)
        else:
            with pytest.raises(ClipError, match=r"clip big: frame 7: a point of a hand is at"):
                hand_views(clip, read, ("left", "right"), rgb, 0, 0)
