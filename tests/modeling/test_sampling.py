"""Which frames have their hands looked at, and what is cut out of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from fakes import made_up_clip
from PIL import Image

from slbench.data.clip import Clip
from slbench.data.pictures import Region, cut
from slbench.data.rendered import RenderedHands
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.errors import ClipError
from slbench.modeling.uni_sign.config import InputConfig, RGBConfig
from slbench.modeling.uni_sign.poses import chance, read_frames
from slbench.modeling.uni_sign.sampling import doubts, drawn_frames, hand_views, resized

BOTH = ("left", "right")
CONFIG = RGBConfig(crop_size=64)


@dataclass
class NumberedPictures:
    """Every pixel of a frame says the frame's number; what is asked for is kept."""

    asked: list[list[Region]]
    sizes: int = 0

    def size(self) -> tuple[int, int]:
        self.sizes += 1
        return 320, 240

    def regions(self, wanted) -> list[np.ndarray]:
        self.asked.append(list(wanted))
        return [np.full((region.side, region.side, 3), region.frame, np.uint8) for region in wanted]


def numbered(frames: int, seed: int = 0) -> Clip:
    return replace(made_up_clip("c", frames, seed), video=NumberedPictures([]))


def views_of(clip: Clip, inputs: InputConfig | None = None, isolated=False, parts=BOTH, draw=0):
    inputs = inputs or InputConfig()
    read = read_frames(clip, inputs, isolated, 0, draw)
    return read, hand_views(clip, read, parts, CONFIG, 0, draw)


def test_the_doubtful_are_drawn_as_often_as_they_should_be() -> None:
    """Against the shares of a simulation that draws one frame after another by the weights of those left."""
    scores = np.full((6, 21), 0.9)
    scores[:, 8] = [0.8, 0.5, 0.7, 0.1, 0.75, 0.8]
    scores[5] = 0.1  # no candidate
    candidates, likely = doubts(scores)
    np.testing.assert_array_equal(candidates, range(5))
    np.testing.assert_allclose(likely, np.array([0, 0.3, 0.1, 0.7, 0.05]) / 1.15, atol=2e-5)
    rounds, generator = 4000, np.random.RandomState(1)
    found = np.zeros(6)
    for _ in range(rounds):
        drawn = drawn_frames(scores, 0.4, generator)
        assert list(drawn) == sorted(set(drawn))
        assert len(drawn) == 2
        found[drawn] += 1
    expected = np.zeros(6)
    for first in range(5):
        expected[first] += likely[first]
        rest = likely / (1 - likely[first])
        for second in set(range(5)) - {first}:
            expected[second] += likely[first] * rest[second]
    np.testing.assert_allclose(found / rounds, expected, atol=0.03)


def test_a_share_is_rounded_up() -> None:
    scores = np.full((11, 21), 0.9)
    assert [len(drawn_frames(scores, share, np.random.RandomState(0))) for share in (0.1, 0.05, 1)] == [2, 1, 11]


def test_the_draw_depends_on_clip_seed_hand_and_draw_alone() -> None:
    clip = numbered(200)
    views = views_of(clip)[1]
    again = views_of(numbered(200))[1]
    assert all(np.array_equal(views[name], again[name]) for name in views)
    assert not np.array_equal(views["left_frames"], views["right_frames"])
    for other in (views_of(replace(clip, id="d"))[1], views_of(clip, draw=1)[1]):
        assert not np.array_equal(views["left_frames"], other["left_frames"])


@pytest.mark.parametrize(
    ("inputs", "isolated"),
    [
        (InputConfig(), False),
        (InputConfig(frame_step=3), False),
        (InputConfig(max_length=40), False),
        (InputConfig(frame_step=2, max_length=30), False),
        (InputConfig(trim_rest=True, isolated_max_length=50), True),
    ],
    ids=["whole", "stepped", "sub-sampled", "both", "trimmed"],
)
def test_pictures_are_of_the_frames_that_are_read(inputs: InputConfig, isolated: bool) -> None:
    clip = numbered(120)
    clip.keypoints[:20, RIGHT_HAND, 1] += 0.9  # at rest
    clip.keypoints[100:, RIGHT_HAND, 1] += 0.9
    read, views = views_of(clip, inputs, isolated)
    for name, hand in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
        frames, crops = views[f"{name}_frames"], views[f"{name}_crops"]
        assert len(frames)
        shown = crops.reshape(len(crops), -1).max(axis=1)
        np.testing.assert_array_equal(shown, read.numbers[frames])
        np.testing.assert_array_equal(read.keypoints[frames][:, hand], clip.keypoints[shown][:, hand])
    if isolated:
        assert read.numbers[0] > 0
    assert clip.video.sizes == len(clip.video.asked) == 1


def test_joints_lie_where_the_picture_shows_them() -> None:
    """A white dot at one joint is found again at its place in the crop; black surrounds what leaves the picture."""
    clip = made_up_clip("c", 1, 0)
    clip.keypoints[0, RIGHT_HAND] = np.random.default_rng(0).uniform((0.0, 0.3), (0.2, 0.7), (21, 2))
    clip.keypoints[0, RIGHT_HAND.start] = 0.1, 0.5

    class Dotted(NumberedPictures):
        def regions(self, wanted) -> list[np.ndarray]:
            picture = np.full((240, 320, 3), 60, np.uint8)
            picture[120 - 3 : 120 + 4, 32 - 3 : 32 + 4] = 255
            return [cut(picture, region) for region in wanted]

    _, views = views_of(replace(clip, video=Dotted([])), parts=("right",))
    crop, place = views["right_crops"][0], views["right_places"][0, 0]
    assert crop.shape == (3, 64, 64)
    rows, columns = np.nonzero(crop[0] > 200)
    np.testing.assert_allclose((place * 64)[::-1], [rows.mean() + 0.5, columns.mean() + 0.5], atol=1)
    assert (crop[0, :, 0] < 5).all()


def test_crops_are_resized_by_pillow_channel_by_channel() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    for channel, found in enumerate(resized(picture, 112)):
        expected = Image.fromarray(picture[..., channel]).resize((112, 112), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda clip: clip.scores.fill(0), id="nothing seen"),
        pytest.param(lambda clip: clip.keypoints[:, LEFT_HAND.start :].fill(0.5), id="hands without size"),
    ],
)
def test_nothing_to_look_at(spoil) -> None:
    clip = numbered(9)
    spoil(clip)
    _, views = views_of(clip)
    assert {name: len(value) for name, value in views.items()} == dict.fromkeys(views, 0)
    assert views["left_crops"].shape == (0, 3, 64, 64)
    assert views["left_places"].shape == (0, 21, 2)
    assert clip.video.asked == []


def test_a_hand_that_is_never_seen_is_not_looked_at() -> None:
    clip = numbered(9)
    clip.scores[:, LEFT_HAND] = 0.2
    _, views = views_of(clip)
    assert (len(views["left_frames"]), len(views["right_frames"])) == (0, 1)


def test_a_clip_without_pictures() -> None:
    with pytest.raises(ClipError, match="clip c: there are no pictures of it; give --videos"):
        views_of(made_up_clip("c", 9, 0))


def test_a_video_that_is_shorter_than_its_poses() -> None:
    clip = made_up_clip("c", 50, 0)
    short = RenderedHands(clip.keypoints[:1], clip.scores[:1])
    with pytest.raises(ClipError):
        views_of(replace(clip, video=short))


def test_chance_is_the_same_everywhere() -> None:
    """Evaluations of other machines and versions of numpy draw the same frames."""
    scores = np.linspace(0.4, 0.9, 40)[:, None].repeat(21, axis=1)
    assert drawn_frames(scores, 0.1, chance(0, "clip", 0, "left")).tolist() == [0, 18, 19, 26]
