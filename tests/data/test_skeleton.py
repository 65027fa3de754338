import numpy as np

from slbench.data.readers.fingerspelling import FingerspellingReader
from slbench.data.skeleton import MEDIAPIPE_FACE, from_mediapipe, mediapipe_index, mirror_index, mirrored


def test_every_point_is_mapped_once() -> None:
    target, source = mediapipe_index()
    assert len(set(target)) == len(target) == 133 - 2  # the small toes have no counterpart
    assert len(set(source)) == len(source)
    assert set(range(133)) - set(target) == {18, 21}
    assert len(MEDIAPIPE_FACE) == 68
    assert max(source) < 33 + 478 + 42


def test_mirror_is_its_own_inverse() -> None:
    index = mirror_index()
    assert (index[index] == np.arange(133)).all()
    chance = np.random.default_rng(0)
    keypoints, scores = chance.random((4, 133, 2), np.float32), chance.random((4, 133), np.float32)
    back, back_scores = mirrored(*mirrored(keypoints, scores))
    np.testing.assert_allclose(back, keypoints, atol=1e-6)
    np.testing.assert_array_equal(back_scores, scores)


def test_absent_points_have_score_and_place_zero() -> None:
    xy, confidence = np.full((2, 586, 2), 100, np.float32), np.ones((2, 586), np.float32)
    confidence[1] = 0
    keypoints, scores = from_mediapipe(xy, confidence, 200, 400)
    assert np.unique(keypoints[0, scores[0] > 0], axis=0).tolist() == [[0.5, 0.25]]
    assert not keypoints[1].any()
    assert scores[0].sum() == 131


def test_a_real_recording_looks_like_a_person() -> None:
    """Anatomy that a wrong index would break: y grows downwards, the signer's right is at small x."""
    clip = next(iter(FingerspellingReader().entries("test"))).load()
    place = clip.keypoints[clip.frames // 2]
    contour, brows, lips = place[23:40], place[40:50], place[83:91]
    assert (np.diff(contour[:, 0]) > -0.01).all()  # right ear to left ear
    assert contour[:, 1].argmax() in (7, 8, 9)  # the chin is lowest
    assert (np.diff(brows[:, 0]) > 0).all()
    assert brows[:, 1].max() < place[59:71, 1].min()  # brows above eyes
    assert place[59:71, 1].max() < place[53, 1] < lips[:, 1].min()  # eyes above nose tip above lips
    assert np.abs(place[53] - place[0]).max() < 0.05  # nose tip of face and body agree
    assert place[6, 0] < place[5, 0]  # right shoulder, left shoulder
    assert np.abs(place[112] - place[10]).max() < 0.08  # wrist of the right hand and of the body agree
    middle_finger = place[[112, 121, 122, 123, 124]]
    assert (np.diff(np.linalg.norm(middle_finger - middle_finger[0], axis=1))[:1] > 0).all()
    assert place[112:133, 0].min() > place[112, 0] - 0.3
