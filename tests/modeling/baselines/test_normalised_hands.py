from dataclasses import replace

import numpy as np
from fakes import made_up_clip

from slbench.data.clip import Clip
from slbench.data.mock import moving_figure
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND, mirrored
from slbench.modeling.baselines.hands import normalised_hands


def figure(frames: int = 20, seed: int = 0) -> Clip:
    keypoints, scores = moving_figure(frames, np.random.default_rng(seed))
    return Clip("figure", keypoints, scores, 25.0, "")


def one_handed(clip: Clip) -> Clip:
    """Its left hand is not there."""
    scores = clip.scores.copy()
    scores[:, LEFT_HAND] = 0
    return replace(clip, scores=scores)


def test_where_and_how_large_a_signer_is_does_not_count() -> None:
    clip = figure()
    moved = replace(clip, keypoints=(clip.keypoints * 0.5 + 0.2).astype(np.float32))
    np.testing.assert_allclose(normalised_hands(moved, False), normalised_hands(clip, False), atol=1e-4)


def test_what_is_left_is_the_hand_around_its_wrist() -> None:
    clip = one_handed(figure())
    hands = normalised_hands(clip, False)
    assert hands.shape == (20, 2, 21, 2)
    assert not hands[:, :, 0].any()
    assert not hands[:, 1].any()
    offsets = clip.keypoints[:, RIGHT_HAND] - clip.keypoints[:, RIGHT_HAND][:, :1]
    size = np.median([max(np.hypot(x, y) for x, y in frame) for frame in offsets])
    np.testing.assert_allclose(hands[:, 0], offsets / size, rtol=1e-5)


def test_a_left_handed_signer_is_seen_in_a_mirror() -> None:
    clip = one_handed(figure())
    keypoints, scores = mirrored(clip.keypoints, clip.scores)
    other = normalised_hands(replace(clip, keypoints=keypoints, scores=scores), False)
    np.testing.assert_allclose(other, normalised_hands(clip, False), atol=1e-4)
    assert other[:, 0].any()


def test_a_hand_without_its_wrist_is_not_seen() -> None:
    clip = one_handed(figure())
    scores = clip.scores.copy()
    scores[5, RIGHT_HAND.start] = 0.2
    scores[6, RIGHT_HAND.start + 4] = 0.2
    hands = normalised_hands(replace(clip, scores=scores), False)
    assert not hands[5].any()
    assert hands[6, 0].any(axis=1).sum() == 19
    assert hands[4, 0].any(axis=1).sum() == 20


def test_frames_at_rest_are_left_out_of_isolated_signs() -> None:
    clip = figure(30)
    keypoints = clip.keypoints.copy()
    keypoints[:8, RIGHT_HAND, 1] += 1.0
    keypoints[25:, RIGHT_HAND, 1] += 1.0
    resting = one_handed(replace(clip, keypoints=keypoints))
    assert len(normalised_hands(resting, isolated=True)) == 17
    assert len(normalised_hands(resting, isolated=False)) == 30


def test_a_clip_without_hands_is_all_zero() -> None:
    clip = made_up_clip("c", 4, 0)
    hands = normalised_hands(replace(clip, scores=0 * clip.scores), isolated=True)
    assert hands.shape == (4, 2, 21, 2)
    assert not hands.any()
