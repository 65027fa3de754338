from dataclasses import replace

import numpy as np
import pytest
from fakes import made_up_clip

from slbench.data.clip import Clip
from slbench.data.compose import FPS, aligned, composed, paced, transition, trimmed
from slbench.data.skeleton import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER


def signing(clip_id: str, seed: int, frames: int = 40, rest: int = 8) -> Clip:
    """The right hand rises, signs and sinks; the left one is not seen."""
    clip = made_up_clip(clip_id, frames, seed)
    clip.keypoints[:, LEFT_SHOULDER], clip.keypoints[:, RIGHT_SHOULDER] = (0.6, 0.4), (0.4, 0.4)
    clip.keypoints[:, RIGHT_HAND, 1] = 0.45
    clip.keypoints[:rest, RIGHT_HAND, 1] = clip.keypoints[frames - rest :, RIGHT_HAND, 1] = 0.95
    clip.scores[:] = 0.9
    clip.scores[:, LEFT_HAND] = 0
    clip.keypoints[:, LEFT_HAND] = 0
    return clip


WORDS = [[signing("a", 1), signing("b", 2)], [signing("c", 3)]]


def compose(seed: int, words: list[list[Clip]] = WORDS) -> Clip:
    return composed("word", "ab c", "A B C", words, np.random.default_rng(seed))


def test_a_seed_decides_every_value() -> None:
    first, again, other = compose(1), compose(1), compose(2)
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert first.frames != other.frames or not np.array_equal(first.keypoints, other.keypoints)


def test_clip_is_whole_and_as_long_as_its_parts_say() -> None:
    clip = compose(0)
    clip.check()
    assert (clip.fps, clip.text, clip.gloss) == (FPS, "ab c", "A B C")
    active = 3 * 24
    assert active / (3.5 * 1.2) + 2 + 8 - 3 <= clip.frames <= active / (2.0 * 0.8) + 5 + 13 + 3


def test_resting_frames_are_gone() -> None:
    assert trimmed(signing("a", 1)).frames == 24
    heights = compose(0).keypoints[:, RIGHT_HAND, 1]
    shoulder = compose(0).keypoints[:, LEFT_SHOULDER, 1]
    assert (heights.mean(axis=1) - shoulder < 0.2).all()


def test_left_handed_recordings_are_trimmed_by_their_left_hand() -> None:
    clip = signing("a", 1)
    keypoints, scores = clip.keypoints.copy(), clip.scores.copy()
    keypoints[:, LEFT_HAND], keypoints[:, RIGHT_HAND] = clip.keypoints[:, RIGHT_HAND], 0
    scores[:, LEFT_HAND], scores[:, RIGHT_HAND] = 0.9, 0
    assert trimmed(replace(clip, keypoints=keypoints, scores=scores)).frames == 24


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_pace_keeps_first_and_last_frame(speed: float) -> None:
    clip = made_up_clip("a", 30, 0)
    quick = paced(clip, speed)
    assert quick.frames == round(30 / speed)
    np.testing.assert_array_equal(quick.keypoints[[0, -1]], clip.keypoints[[0, -1]])


def test_alignment_puts_the_shoulders_on_each_other() -> None:
    model = signing("a", 1)
    moved = replace(model, keypoints=(model.keypoints * 0.7 + 0.1).astype(np.float32))
    np.testing.assert_allclose(aligned(moved, model).keypoints, model.keypoints, atol=1e-5)


def test_transition_is_a_straight_line_between_neighbours() -> None:
    before, after = made_up_clip("a", 3, 0), made_up_clip("b", 3, 1)
    before.scores[:], after.scores[:] = 0.5, 1.0
    between = transition(before, after, 4)
    ends = [before.keypoints[-1], *between.keypoints, after.keypoints[0]]
    np.testing.assert_allclose(np.diff(ends, n=2, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(between.scores[:, 0], [0.6, 0.7, 0.8, 0.9], atol=1e-6)


def test_point_seen_on_one_side_stays_there_and_fades() -> None:
    before, after = made_up_clip("a", 2, 0), made_up_clip("b", 2, 1)
    after.scores[0, 100], after.keypoints[0, 100] = 0, 0
    between = transition(before, after, 3)
    np.testing.assert_array_equal(between.keypoints[:, 100], np.tile(before.keypoints[-1, 100], (3, 1)))
    assert (np.diff(between.scores[:, 100]) < 0).all()


def test_points_never_seen_stay_at_the_origin() -> None:
    clip = compose(3)
    assert not clip.scores[:, LEFT_HAND].any()
    assert not clip.keypoints[:, LEFT_HAND].any()


def test_manner_varies_size_and_speed_between_clips() -> None:
    widths, frames = [], set()
    for seed in range(40):
        clip = compose(seed)
        widths.append(float(np.abs(clip.keypoints[0, LEFT_SHOULDER] - clip.keypoints[0, RIGHT_SHOULDER])[0]))
        frames.add(clip.frames)
    assert 0.17 <= min(widths) < 0.18 < 0.22 < max(widths) <= 0.23
    assert len(frames) > 10
