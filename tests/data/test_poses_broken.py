"""Pose files that cannot be used: a message that names the file, what is wrong, and the remedy; never another error."""

import gzip
import io
import json
import os
import pickle
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_poses_formats import HEIGHT, WIDTH, component, made_up, mmpose_frames, pickled, pose_format

from slbench.data.poses import PoseFile, Poses, write_poses
from slbench.data.readers import Recording
from slbench.errors import ClipError


def whole(folder: Path) -> dict[str, bytes]:
    """A good file of each format, by name."""
    keypoints, scores = made_up()
    pickled(folder / "a.pkl", list(keypoints), list(scores))
    pickled(folder / "packed.pkl", list(keypoints), list(scores), packed=True)
    write_poses(folder / "a.npz", Poses(keypoints[:, 0], scores[:, 0], 25.0))
    held = {"image_size": [WIDTH, HEIGHT], "instance_info": mmpose_frames(keypoints, scores)}
    (folder / "a.json").write_text(json.dumps(held))
    pose_format(folder / "a.pose", keypoints, scores)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    return whole(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bad")


NAMES = ("a.pkl", "packed.pkl", "a.npz", "a.json", "a.pose")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", [0, 1, 10, 200, 5000, -1])
def test_truncated(tmp_path, good, name, keep) -> None:
    path = tmp_path / name
    path.write_bytes(good[name][:keep])
    with pytest.raises(ClipError) as error:
        PoseFile(path).read()
    assert str(path) in str(error.value)
    assert "again from" in str(error.value)
    if keep == 0:
        assert "is empty (0 bytes)" in str(error.value)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_a_clip_error_or_harmless(folder, good, name, data) -> None:
    """Bytes changed near the start or the end, or cut."""
    damaged = bytearray(good[name])
    places = st.integers(0, 400) | st.integers(len(damaged) - 400, len(damaged) - 1)
    for at in data.draw(st.lists(places, max_size=5)):
        damaged[at] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))])
    with suppress(ClipError):
        PoseFile(folder / name).read().check()


@pytest.mark.parametrize("suffix", ["pkl", "npz", "json", "pose"])
@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_clip_error(folder, suffix, data) -> None:
    path = folder / f"any.{suffix}"
    path.write_bytes(data)
    with pytest.raises(ClipError, match=r"any\."):
        PoseFile(path).read()


@given(
    held=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["instance_info", "frame_id", "instances", "keypoints"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_a_clip_error(folder, held) -> None:
    path = folder / "any.json"
    path.write_text(json.dumps(held))
    with pytest.raises(ClipError, match=r"any\.json"):
        PoseFile(path).read()


@pytest.mark.parametrize("value", [None, "text", 7, [], {}, [1, "a"], {"a": 1}, [[None]], {1, 2}, np.array("a")])
@pytest.mark.parametrize("key", ["keypoints", "scores"])
def test_any_values_in_a_pickle_are_a_clip_error(folder, key, value) -> None:
    held = dict(zip(("keypoints", "scores"), map(list, made_up()), strict=True)) | {key: value}
    (folder / "any.pkl").write_bytes(pickle.dumps(held))
    with pytest.raises(ClipError, match=r"any\.pkl: "):
        PoseFile(folder / "any.pkl").read()


@pytest.mark.parametrize(
    ("points", "looks"),
    [(134, "to_openpose=False"), (17, "COCO body"), (137, "OpenPose"), (135, "OpenPose BODY_135"), (130, "OpenPose"),
     (543, "MediaPipe Holistic"), (576, "MediaPipe Holistic"), (586, "MediaPipe Holistic"), (33, "MediaPipe Pose"),
     (21, "one hand"), (99, "no layout")],
)  # fmt: skip
def test_other_layouts_are_named(tmp_path, points, looks) -> None:
    keypoints, scores = np.full((4, 1, points, 2), 0.5, np.float32), np.ones((4, 1, points), np.float32)
    files = [pickled(tmp_path / "a.pkl", list(keypoints), list(scores)), PoseFile(tmp_path / "a.npz")]
    np.savez(tmp_path / "a.npz", keypoints=keypoints[:, 0], scores=scores[:, 0])
    held = {"image_size": [WIDTH, HEIGHT], "instance_info": mmpose_frames(keypoints, scores)}
    (tmp_path / "a.json").write_text(json.dumps(held))
    files.append(PoseFile(tmp_path / "a.json"))
    for file in files:
        with pytest.raises(ClipError, match=f"{file.place}: has {points} points .*{looks}"):
            file.read()
    components = [component("body", points - 2), component("rest", 2)]
    with pytest.raises(ClipError, match=rf"body \({points - 2}\), rest \(2\), together {points} points"):
        pose_format(tmp_path / "a.pose", keypoints, scores, components).read()


def test_a_reduced_holistic_face_is_named(tmp_path) -> None:
    sizes = {"POSE_LANDMARKS": 33, "FACE_LANDMARKS": 128, "LEFT_HAND_LANDMARKS": 21, "RIGHT_HAND_LANDMARKS": 21}
    keypoints, scores = np.ones((2, 1, 203, 2), np.float32), np.ones((2, 1, 203), np.float32)
    with pytest.raises(ClipError, match=r"FACE_LANDMARKS \(128\).*left out"):
        pose_format(tmp_path / "a.pose", keypoints, scores, [component(*one) for one in sizes.items()]).read()


@pytest.mark.parametrize("size", [(24, 24), (1920, 1080)])
def test_pixels_are_named(tmp_path, size) -> None:
    """Also of a tiny image, and where many points are not seen and at 0."""
    keypoints, scores = made_up()
    keypoints[:, :, 60:], scores[:, :, 60:] = 0, 0
    for file in (
        pickled(tmp_path / "a.pkl", list(keypoints * size), list(scores)),
        PoseFile(tmp_path / "a.npz"),
    ):
        np.savez(tmp_path / "a.npz", keypoints=keypoints[:, 0] * size, scores=scores[:, 0])
        with pytest.raises(ClipError, match=f"{file.place}: .*pixels; divide x by the image's width"):
            file.read()


def test_single_points_far_outside_are_no_pixels(tmp_path) -> None:
    """RTMPose guesses points that the image does not show."""
    keypoints, scores = made_up()
    keypoints[:, :, 11:23] = 5
    assert len(pickled(tmp_path / "a.pkl", list(keypoints), list(scores)).read().cut(Recording("a"), None)) == 6


def test_mmpose_that_is_divided_already(tmp_path) -> None:
    keypoints, scores = made_up()
    frames = mmpose_frames(keypoints / [WIDTH, HEIGHT], scores)
    (tmp_path / "a.json").write_text(json.dumps({"image_size": [WIDTH, HEIGHT], "instance_info": frames}))
    with pytest.raises(ClipError, match=r"a\.json: its coordinates are no pixels"):
        PoseFile(tmp_path / "a.json").read()


def test_mmpose_without_the_size_of_the_image(tmp_path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(mmpose_frames(*made_up())))
    with pytest.raises(ClipError, match=r"a\.json: is in pixels.* put the video beside it"):
        PoseFile(tmp_path / "a.json").read()


def test_mmpose_with_a_frame_left_out(tmp_path) -> None:
    frames = mmpose_frames(*made_up())
    del frames[2]
    (tmp_path / "a.json").write_text(json.dumps({"image_size": [WIDTH, HEIGHT], "instance_info": frames}))
    with pytest.raises(ClipError, match="frame_id 3 comes where 2 should"):
        PoseFile(tmp_path / "a.json").read()


def spoiled(keypoints: list, scores: list) -> dict[str, tuple]:
    nan = [keypoints[0], keypoints[1].copy(), *keypoints[2:]]
    nan[1][0, 5] = np.nan
    infinite = [(one.astype(float) + 1e300) for one in scores]
    return {
        "NaN": (nan, scores, {}, r"keypoints are not finite \(NaN\) in 1 frames, first in frame 1"),
        "infinite": (keypoints, infinite, {}, "scores are not finite"),
        "shorter scores": (keypoints, scores[:5], {}, "6 frames of keypoints and 5 of scores"),
        "no frames": ([], [], {}, "no frames"),
        "end outside": (keypoints, scores, {"start": 0, "end": 7}, "start 0 and end 7 lie outside its 6 frames"),
        "start behind": (keypoints, scores, {"start": 4, "end": 4}, "start 4 and end 4"),
        "negative start": (keypoints, scores, {"start": -2}, "start -2"),
        "start is text": (keypoints, scores, {"start": "2"}, "no arrays of numbers"),
        "unequal frames": (
            [*keypoints[:3], np.zeros((1, 17, 2)), *keypoints[4:]], scores, {},
            r"keypoints of frame 3 are \(1, 17, 2\), those before are \(1, 133, 2\)",
        ),
        "persons differ": (
            [*keypoints[:2], np.zeros((2, 133, 2)), *keypoints[3:]], scores, {},
            "frame 2 has keypoints of 2 and scores of 1 persons",
        ),
        "three numbers": ([np.zeros((1, 133, 3))] * 6, scores, {}, "3 numbers a point"),
        "two axes": ([one[0, 0] for one in keypoints], scores, {}, "of a frame are"),
        "one array of five axes": (np.zeros((6, 1, 1, 133, 2)), np.stack(scores), {}, "should be"),
        "points of scores": (keypoints, [one[:, :17] for one in scores], {}, "17 points"),
        "text": (["a"] * 6, scores, {}, "no arrays of numbers|of a frame are"),
    }  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", spoiled(list(made_up()[0]), list(made_up()[1])))
def test_spoiled_pickles(tmp_path, what, packed) -> None:
    keypoints, scores, more, message = spoiled(*map(list, made_up()))[what]
    file = pickled(tmp_path / "a.pkl", keypoints, scores, packed, **more)
    with pytest.raises(ClipError, match=rf"a\.pkl: .*({message})"):
        file.read().cut(Recording("a"), None)


def test_pickles_of_something_else(tmp_path) -> None:
    path = tmp_path / "labels.pkl"
    path.write_bytes(gzip.compress(pickle.dumps({"S000": {"text": "a"}})))
    with pytest.raises(ClipError, match=r'labels\.pkl: holds S000 instead of "keypoints" and "scores"'):
        PoseFile(path).read()
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ClipError, match=r"labels\.pkl: holds a list"):
        PoseFile(path).read()


def test_a_pickle_that_would_run_code_does_not(tmp_path, monkeypatch) -> None:
    class Calls:
        def __reduce__(self):
            return os.system, ("touch owned",)

    monkeypatch.chdir(tmp_path)
    file = pickled(tmp_path / "a.pkl", [Calls()], [np.ones((1, 133))])
    with pytest.raises(ClipError, match=r"a\.pkl: this pickle asks for (posix|nt)\.system"):
        file.read()
    assert not (tmp_path / "owned").exists()


def test_an_npz_with_pickles_in_it_is_refused(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.array([{}], object), scores=np.ones(3))
    with pytest.raises(ClipError, match=r"a\.npz: .*Object arrays"):
        PoseFile(tmp_path / "a.npz").read()


POSES = {"keypoints": np.ones((2, 133, 2)), "scores": np.ones((2, 133))}


@pytest.mark.parametrize(
    "changes",
    [
        {"keypoints": np.ones(3)},
        {"keypoints": np.full((2, 133, 2), "a")},
        {"scores": np.ones((3, 133))},
        {"scores": np.ones((2, 17))},
        {"fps": "x"},
        {"keypoints": np.zeros((0, 133, 2)), "scores": np.zeros((0, 133))},
    ],
    ids=str,
)
def test_spoiled_npz(tmp_path, changes) -> None:
    np.savez(tmp_path / "a.npz", **POSES)
    assert len(PoseFile(tmp_path / "a.npz").read()) == 2
    np.savez(tmp_path / "a.npz", **POSES | changes)
    with pytest.raises(ClipError, match=r"a\.npz: "):
        PoseFile(tmp_path / "a.npz").read()


def test_an_npz_without_scores(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=POSES["keypoints"])
    with pytest.raises(ClipError, match=r'a\.npz: is no whole .npz with "keypoints" and "scores"'):
        PoseFile(tmp_path / "a.npz").read()


def test_a_short_version_01_pose_file_is_no_shorter_recording(tmp_path) -> None:
    """The library takes the number of frames from the number of bytes, and so confidences from the wrong place."""
    from pose_format import Pose

    file = pose_format(tmp_path / "a.pose", *made_up(frames=8))
    data = bytearray(file.place.read_bytes())
    body = len(data) - 8 * 133 * 3 * 4 - 10
    old = struct.pack("<f", 0.1) + data[4:body] + struct.pack("<HHH", 25, 8, 1) + data[body + 10 :]
    file.place.write_bytes(old)
    assert len(file.read()) == 8
    cut = old[: -2 * 133 * 3 * 4]
    assert len(Pose.read(bytes(cut)).body.data) == 6
    file.place.write_bytes(cut)
    with pytest.raises(ClipError, match="says that it has 8 frames of 1 persons, and holds 6"):
        file.read()


def test_a_pose_file_without_the_size_of_the_image(tmp_path) -> None:
    file = pose_format(tmp_path / "a.pose", *made_up())
    data = bytearray(file.place.read_bytes())
    data[4:8] = b"\0" * 4
    file.place.write_bytes(data)
    with pytest.raises(ClipError, match="how large the image is"):
        file.read()


def test_a_file_that_is_gone(tmp_path) -> None:
    file = PoseFile(tmp_path / "a.pkl")
    for use in (file.state, file.read, file.sha256):
        with pytest.raises(ClipError, match=r"a\.pkl: cannot be read \(No such file"):
            use()


def test_zeroed_bytes_of_npz(tmp_path, good) -> None:
    """What a crash of the machine may leave: the right length, all zeros."""
    (tmp_path / "a.npz").write_bytes(bytes(len(good["a.npz"])))
    with pytest.raises(ClipError, match=r"a\.npz"):
        PoseFile(tmp_path / "a.npz").read()
    assert np.load(io.BytesIO(good["a.npz"]))["fps"] == 25
