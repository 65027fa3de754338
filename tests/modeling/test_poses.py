import numpy as np
import pytest
from fakes import made_up_clip

from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND, mirrored
from slbench.modeling.uni_sign.config import InputConfig
from slbench.modeling.uni_sign.poses import (
    PARTS,
    active_frames,
    clip_inputs,
    lead_with_right,
    part_inputs,
    read_frames,
    select_frames,
)


@pytest.mark.parametrize("frames", [1, 63, 64, 65, 5000])
def test_select_frames_is_a_function_of_clip_and_seed(frames: int) -> None:
    chosen = select_frames(frames, 64, "clip", seed=1)
    assert len(chosen) == min(frames, 64)
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < frames
    assert (chosen == select_frames(frames, 64, "clip", seed=1)).all()
    if frames > 100:
        assert (chosen != select_frames(frames, 64, "clip", seed=2)).any()
        assert (chosen != select_frames(frames, 64, "other", seed=1)).any()


def test_parts_do_not_depend_on_place_and_size() -> None:
    clip = made_up_clip("c", 9, 0)
    moved = part_inputs(clip.keypoints * 0.5 + 0.2, clip.scores)
    for name, part in part_inputs(clip.keypoints, clip.scores).items():
        np.testing.assert_allclose(part, moved[name], atol=1e-5)


def test_fewer_than_four_body_points_make_every_part_zero() -> None:
    clip = made_up_clip("c", 1, 0)
    body = list(PARTS["body"].points)
    clip.scores[:, body] = 0.9
    assert any(part.any() for part in part_inputs(clip.keypoints, clip.scores).values())
    clip.scores[:, body[3:]] = 0.3  # the threshold itself is not seen
    assert not any(part.any() for part in part_inputs(clip.keypoints, clip.scores).values())


def test_own_scale_lets_the_farthest_point_reach_one() -> None:
    clip = made_up_clip("c", 5, 0)
    hand = part_inputs(clip.keypoints, np.ones_like(clip.scores), scale="own")["right"]
    assert np.abs(hand[..., :2]).max() == pytest.approx(1)


def signing(hand: slice, frames: int = 30, rest: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A signer whose hand is low, rises, and sinks again."""
    keypoints = np.full((frames, 133, 2), 0.5, np.float32)
    keypoints[:, 5], keypoints[:, 6] = (0.6, 0.4), (0.4, 0.4)
    height = np.full(frames, 0.5)
    height[:rest] = height[-rest:] = 0.9
    keypoints[:, hand, 1] = height[:, None]
    scores = np.ones((frames, 133), np.float32)
    scores[:, LEFT_HAND if hand == RIGHT_HAND else RIGHT_HAND] = 0
    return keypoints, scores


def test_resting_frames_are_found() -> None:
    assert active_frames(*signing(RIGHT_HAND)) == slice(6, 24)
    keypoints, scores = signing(RIGHT_HAND)
    scores[:] = 0
    assert active_frames(keypoints, scores) == slice(0, 30)


def test_left_handed_signer_is_mirrored() -> None:
    left, right = signing(LEFT_HAND), signing(RIGHT_HAND)
    for clip in (left, right):
        _, scores = lead_with_right(*clip)
        assert scores[:, RIGHT_HAND].all()
        assert not scores[:, LEFT_HAND].any()
    np.testing.assert_array_equal(lead_with_right(*left)[0], mirrored(*left)[0])


def test_mirrored_signers_give_the_same_inputs() -> None:
    clip = made_up_clip("c", 8, 3)
    clip.scores[:, LEFT_HAND] = 0
    config = InputConfig(dominant_hand="right", trim_rest=True)
    keypoints, scores = mirrored(clip.keypoints, clip.scores)
    reflected = type(clip)("c", keypoints, scores, 25.0, "", "")
    for name, part in clip_inputs(read_frames(clip, config, True, 0), config).items():
        expected = clip_inputs(read_frames(reflected, config, True, 0), config)[name]
        np.testing.assert_allclose(part, expected, atol=1e-5)
