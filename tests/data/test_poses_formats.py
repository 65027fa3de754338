"""Pose files of each format give the numbers that were put in, and of several persons one by a stated rule."""

import gzip
import json
import pickle
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from shared import shared
from tiny_poses import render, turned, walk

from slbench.data.poses import PoseFile, PoseFolder, Poses, write_poses
from slbench.data.readers import Recording
from slbench.data.video import frame_count
from slbench.errors import ClipError, MissingExtraError, OutputError

WIDTH, HEIGHT, FRAMES = 64, 48, 6


def made_up(frames: int = FRAMES, people: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(T, N, 133, 2) and (T, N, 133)."""
    chance = np.random.default_rng(seed)
    return (
        chance.uniform(0, 1, (frames, people, 133, 2)).astype(np.float32),
        chance.uniform(0.1, 1, (frames, people, 133)).astype(np.float32),
    )


def pickled(path: Path, keypoints, scores, packed: bool = False, **more) -> PoseFile:
    data = pickle.dumps({"keypoints": keypoints, "scores": scores, **more})
    path.write_bytes(gzip.compress(data) if packed else data)
    return PoseFile(path)


def mmpose_frames(keypoints, scores, first: int = 0) -> list:
    return [
        {
            "frame_id": first + number,
            "instances": [
                {"keypoints": (place * [WIDTH, HEIGHT]).tolist(), "keypoint_scores": score.tolist()}
                for place, score in zip(places, all_scores, strict=True)
            ],
        }
        for number, (places, all_scores) in enumerate(zip(keypoints, scores, strict=True))
    ]


def video(path: Path, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT, codec: str = "mpeg4") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            grey = np.full((height, width, 3), 20 * number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        container.mux(stream.encode())
    return path


def same(poses: Poses, keypoints: np.ndarray, scores: np.ndarray, tolerance: float = 0) -> None:
    assert poses.keypoints.dtype == poses.scores.dtype == np.float32
    np.testing.assert_allclose(poses.keypoints, keypoints, rtol=0, atol=tolerance)
    np.testing.assert_allclose(poses.scores, scores, rtol=0, atol=0)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "form",
    [
        lambda values: list(values),
        lambda values: tuple(values),
        lambda values: values,
        lambda values: values.astype(np.float64),
        lambda values: values[:, 0],
        lambda values: list(values[:, 0]),
        lambda values: values.tolist(),
        lambda values: torch.from_numpy(values),
        lambda values: [torch.from_numpy(frame) for frame in values],
    ],
    ids=["list", "tuple", "array", "float64", "no-persons", "list-no-persons", "plain", "tensor", "list-of-tensors"],
)
def test_pickles_in_every_form(tmp_path, form, packed) -> None:
    keypoints, scores = made_up()
    poses = pickled(tmp_path / "a.pkl", form(keypoints), form(scores), packed).read()
    same(poses, keypoints[:, 0], scores[:, 0])
    assert (poses.people, poses.fps) == (1, 0)


def test_a_pickle_gives_the_first_person_as_the_released_code_does(tmp_path) -> None:
    """Even where another one is surer; frames without anybody stay, with scores 0."""
    keypoints, scores = made_up(people=3)
    counts = [1, 3, 0, 2, 1, 0]
    frames = [places[:count] for places, count in zip(keypoints, counts, strict=True)]
    sure = [one[:count] for one, count in zip(scores, counts, strict=True)]
    frames[5], sure[5] = np.array([]), np.array([])
    poses = pickled(tmp_path / "a.pkl", frames, sure).read()
    there = np.array([count > 0 for count in counts])
    same(poses, keypoints[:, 0] * there[:, None, None], scores[:, 0] * there[:, None])
    assert poses.people == 3


def test_a_pickle_without_anybody(tmp_path) -> None:
    poses = pickled(tmp_path / "a.pkl", [np.zeros((0, 133, 2))] * 4, [np.zeros((0, 133))] * 4).read()
    same(poses, np.zeros((4, 133, 2)), np.zeros((4, 133)))


@pytest.mark.parametrize(("more", "part"), [({"start": 2, "end": 5}, slice(2, 5)), ({"start": 3}, slice(3, 6)),
                                            ({"start": None, "end": np.int64(4)}, slice(0, 4))])  # fmt: skip
@pytest.mark.parametrize("form", [list, np.asarray])
def test_start_and_end_of_a_pickle_are_honoured(tmp_path, more, part, form) -> None:
    keypoints, scores = made_up()
    poses = pickled(tmp_path / "a.pkl", form(keypoints), form(scores), **more).read()
    same(poses, keypoints[part, 0], scores[part, 0])


def test_own_files_come_back_and_are_the_same_bytes(tmp_path) -> None:
    keypoints, scores = made_up()
    poses = Poses(keypoints[:, 0], scores[:, 0], 29.97, 4)
    for name in ("a.npz", "b.npz"):
        write_poses(tmp_path / "new" / name, poses)
    assert (tmp_path / "new/a.npz").read_bytes() == (tmp_path / "new/b.npz").read_bytes()
    assert len(list((tmp_path / "new").iterdir())) == 2
    found = PoseFile(tmp_path / "new/a.npz").read()
    same(found, keypoints[:, 0], scores[:, 0])
    assert (found.fps, found.people) == (29.97, 4)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch) -> None:
    def full(*_values, **_more) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="No space left"):
        write_poses(tmp_path / "a.npz", Poses(*(one[:, 0] for one in made_up()), 25.0))
    assert not list(tmp_path.iterdir())


def test_mmpose_takes_the_size_from_the_video_beside_it(tmp_path) -> None:
    keypoints, scores = made_up()
    (tmp_path / "a.json").write_text(json.dumps(mmpose_frames(keypoints, scores, first=1)))
    video(tmp_path / "a.mp4")
    poses = PoseFile(tmp_path / "a.json").read()
    same(poses, keypoints[:, 0], scores[:, 0], tolerance=1e-6)
    assert (poses.fps, poses.people) == (25, 1)


def test_mmpose_of_a_turned_video_is_divided_by_its_sides_as_shown(tmp_path) -> None:
    """A telephone's: its file says 96 x 64, it is shown as 64 x 96, and its suffix is in capitals."""
    keypoints, scores = made_up()
    (tmp_path / "a.json").write_text(json.dumps(mmpose_frames(keypoints, scores)))
    turned(render(tmp_path / "filmed.mp4", walk()), tmp_path / "a.MOV")
    same(PoseFile(tmp_path / "a.json").read(), keypoints[:, 0] * [WIDTH / 64, HEIGHT / 96], scores[:, 0], 1e-6)


@pytest.mark.parametrize("said", [{"image_size": [WIDTH, HEIGHT]}, {"width": WIDTH, "height": HEIGHT, "fps": 50}])
def test_mmpose_takes_the_size_that_the_file_says(tmp_path, said) -> None:
    keypoints, scores = made_up()
    held = said | {"instance_info": mmpose_frames(keypoints, scores)}
    (tmp_path / "a.json").write_text(json.dumps(held))
    poses = PoseFile(tmp_path / "a.json").read()
    same(poses, keypoints[:, 0], scores[:, 0], tolerance=1e-6)
    assert poses.fps == said.get("fps", 0)


def test_mmpose_gives_the_surest_person_of_each_frame(tmp_path) -> None:
    keypoints, scores = made_up(people=3)
    scores[1] = scores[1, 0]  # equals: the first
    counts = [3, 3, 0, 2, 1, 3]
    frames = mmpose_frames(keypoints, scores)
    for frame, count in zip(frames, counts, strict=True):
        frame["instances"] = frame["instances"][:count]
    (tmp_path / "a.json").write_text(json.dumps({"image_size": [WIDTH, HEIGHT], "instance_info": frames}))
    poses = PoseFile(tmp_path / "a.json").read()
    assert poses.people == 3
    for frame, count in enumerate(counts):
        if not count:
            assert not poses.scores[frame].any()
            assert not poses.keypoints[frame].any()
            continue
        person = max(range(count), key=lambda one: (round(float(scores[frame, one].mean()), 6), -one))
        np.testing.assert_allclose(poses.keypoints[frame], keypoints[frame, person], atol=1e-6)
        np.testing.assert_array_equal(poses.scores[frame], scores[frame, person])


def test_another_video_beside_mmpose_is_another_state(tmp_path) -> None:
    keypoints, scores = made_up()
    (tmp_path / "a.json").write_text(json.dumps(mmpose_frames(keypoints, scores)))
    video(tmp_path / "a.mp4")
    file = PoseFile(tmp_path / "a.json")
    before, state = file.read().keypoints, file.state()
    video(tmp_path / "a.mp4", width=2 * WIDTH, frames=9)
    assert file.state() != state
    np.testing.assert_allclose(file.read().keypoints[..., 0] * 2, before[..., 0], rtol=1e-5)


@pytest.mark.parametrize("name", ["SOUP", "FOOTBALL"])
def test_real_mmpose_json_and_pose_files_agree(name) -> None:
    """Another project's converter made the second from the first."""
    shared(f"clips/wholebody/{name}.mp4")
    read = [PoseFile(shared(f"clips/wholebody/{name}.{end}")).read() for end in ("json", "pose")]
    same(read[0], read[1].keypoints, read[1].scores, tolerance=1e-6)
    assert read[0].fps == pytest.approx(read[1].fps, abs=1e-5)
    assert len(read[0]) == frame_count(shared(f"clips/wholebody/{name}.mp4"))


def test_a_real_holistic_recording_without_irises_looks_like_a_person() -> None:
    """Its face has 468 points, so the hands come earlier than with irises."""
    poses = PoseFile(shared("clips/autsl/signer0_sample1000.pose")).read()
    assert (len(poses), poses.fps, poses.people) == (43, 30, 1)
    seen = poses.scores > 0.5
    for wrist, hand in ((9, 91), (10, 112)):
        both = seen[:, wrist] & seen[:, hand]
        assert both.any()
        assert np.abs(poses.keypoints[both, wrist] - poses.keypoints[both, hand]).mean() < 0.05
    middle = poses.keypoints[20]
    assert middle[6, 0] < middle[5, 0]  # right shoulder, left shoulder
    assert middle[59:71, 1].max() < middle[53, 1] < middle[83:91, 1].min()  # eyes above nose tip above lips


def pose_format(path: Path, keypoints, scores, components=None, version_01: bool = False) -> PoseFile:
    """A `.pose` file of several persons, written by the library."""
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions
    from pose_format.utils.cocowholebody133_header import cocowholebody_components

    header = PoseHeader(0.2, PoseHeaderDimensions(WIDTH, HEIGHT), components or cocowholebody_components())
    body = NumPyPoseBody(25.0, keypoints * np.array([WIDTH, HEIGHT], np.float32), scores)
    with path.open("wb") as file:
        Pose(header, body).write(file)
    return PoseFile(path)


def test_pose_files_give_the_surest_person_of_each_frame(tmp_path) -> None:
    keypoints, scores = made_up(people=2)
    scores[3] = 0  # nobody
    scores[4, 1] = 0
    poses = pose_format(tmp_path / "a.pose", keypoints, scores).read()
    for frame in range(FRAMES):
        person = int(scores[frame, 1].mean() > scores[frame, 0].mean())
        np.testing.assert_allclose(poses.keypoints[frame], keypoints[frame, person], atol=1e-6)
        np.testing.assert_array_equal(poses.scores[frame], scores[frame, person])
    assert (poses.people, poses.fps) == (2, 25)


def component(name: str, points: int):
    from pose_format.pose_header import PoseHeaderComponent

    return PoseHeaderComponent(name, [str(i) for i in range(points)], [], [(0, 0, 0)], "XYC")


@pytest.mark.parametrize("face", [468, 478])
def test_holistic_components_may_come_in_any_order_among_others(tmp_path, face) -> None:
    from slbench.data.skeleton import MEDIAPIPE_FACE

    sizes = {"RIGHT_HAND_LANDMARKS": 21, "POSE_WORLD_LANDMARKS": 33, "FACE_LANDMARKS": face,
             "LEFT_HAND_LANDMARKS": 21, "POSE_LANDMARKS": 33}  # fmt: skip
    total = sum(sizes.values())
    chance = np.random.default_rng(0)
    keypoints, scores = chance.random((3, 1, total, 2), np.float32), chance.random((3, 1, total), np.float32)
    file = pose_format(tmp_path / "a.pose", keypoints, scores, [component(*item) for item in sizes.items()])
    poses = file.read()
    near = {"atol": 1e-6}
    np.testing.assert_allclose(poses.keypoints[:, 112:133], keypoints[:, 0, :21], **near)
    np.testing.assert_allclose(poses.keypoints[:, 23:91], keypoints[:, 0, 54:][:, list(MEDIAPIPE_FACE)], **near)
    np.testing.assert_allclose(poses.keypoints[:, 91:112], keypoints[:, 0, 54 + face : 75 + face], **near)
    np.testing.assert_allclose(poses.keypoints[:, 5], keypoints[:, 0, 75 + face + 11], **near)


def test_clips_that_share_a_recording_share_one_reading(tmp_path) -> None:
    keypoints, scores = made_up()
    file = pickled(tmp_path / "a.pkl", keypoints, scores)
    poses = file.read()
    assert PoseFile(tmp_path / "a.pkl").read() is poses
    with pytest.raises(ValueError, match="read-only"):
        poses.keypoints[0] = 0
    part = poses.cut(Recording("a", frames=(1, 3)), None)
    assert np.shares_memory(part.keypoints, poses.keypoints)
    pickled(tmp_path / "a.pkl", keypoints[:4], scores[:4])
    assert len(file.read()) == 4, "a changed file is read again"


def ramp(frames: int, fps: float) -> Poses:
    """Every coordinate and score of a frame is its number over 1000."""
    number = np.arange(frames, dtype=np.float32)[:, None] / 1000
    return Poses(np.repeat(number[..., None], 133, 1).repeat(2, 2), np.repeat(number, 133, 1), fps)


def numbers(poses: Poses) -> list[int]:
    assert np.ptp(poses.keypoints, axis=(1, 2)).max() == 0
    np.testing.assert_array_equal(poses.keypoints[:, 0, 0], poses.scores[:, 0])
    return [round(1000 * float(one)) for one in poses.scores[:, 0]]


@pytest.mark.parametrize(
    ("recording", "own", "stated", "expected"),
    [
        (Recording("a"), 25.0, None, range(100)),
        (Recording("a", frames=(3, 7)), 0.0, None, range(3, 7)),
        (Recording("a", frames=(90, None)), 25.0, None, range(90, 100)),
        (Recording("a", frames=(0, 100)), 25.0, None, range(100)),
        (Recording("a", seconds=(1.0, 2.0)), 25.0, None, range(25, 50)),
        (Recording("a", seconds=(1.01, 2.01)), 25.0, None, range(26, 51)),
        (Recording("a", seconds=(1.0, 2.0)), 0.0, 30.0, range(30, 60)),
        (Recording("a", seconds=(1.0, 2.0)), 25.0, 30.0, range(25, 50)),  # the file knows best
        (Recording("a", seconds=(0.28, 0.56)), 25.0, None, range(7, 14)),  # 0.28 * 25 is 7.000000000000001
        (Recording("a", seconds=(3.0, 4.5)), 25.0, None, range(75, 100)),  # ends half a second after the last frame
    ],
)
def test_cuts(recording, own, stated, expected) -> None:
    part = ramp(100, own).cut(recording, stated)
    assert numbers(part) == list(expected)
    assert part.fps == (own or stated or 0)


@pytest.mark.parametrize(
    "recording",
    [
        Recording("a", frames=(90, 101)),
        Recording("a", frames=(-1, 5)),
        Recording("a", frames=(100, None)),
        Recording("a", frames=(5, 5)),
        Recording("a", seconds=(3.0, 4.6)),
        Recording("a", seconds=(4.1, 4.4)),
        Recording("a", seconds=(2.0, 1.0)),
    ],
    ids=str,
)
def test_cuts_that_lie_outside(recording) -> None:
    with pytest.raises(ClipError, match=r"poses: the clip is .* has 100 frames; .*cut short"):
        ramp(100, 25.0).cut(recording, None)


def test_seconds_need_a_frame_rate() -> None:
    with pytest.raises(ClipError, match="frame rate; extract"):
        ramp(100, 0.0).cut(Recording("a", seconds=(0, 1)), None)


def test_only_the_frames_of_the_clip_must_be_sound() -> None:
    """A recording holds many clips; what is wrong with one of them is no reason to lose the others."""
    poses = ramp(100, 25.0)
    poses.keypoints[60, 7] = np.nan
    poses.keypoints[80, 7] = 300
    assert len(poses.cut(Recording("a", frames=(0, 60)), None)) == 60
    with pytest.raises(ClipError, match=r"NaN\) in 1 frames, first in frame 10"):
        poses.cut(Recording("a", frames=(50, 70)), None)
    with pytest.raises(ClipError, match="a coordinate is 300 image sizes"):
        poses.cut(Recording("a", frames=(70, None)), None)


def test_missing_packages_are_named(tmp_path, monkeypatch) -> None:
    keypoints, scores = made_up()
    pose = pose_format(tmp_path / "a.pose", keypoints, scores)
    (tmp_path / "b.json").write_text(json.dumps(mmpose_frames(keypoints, scores)))
    (tmp_path / "b.mp4").write_bytes(b"")
    monkeypatch.setattr("slbench.data.poses.pose_format.find_spec", lambda name: None)
    monkeypatch.setattr("slbench.data.video.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"a\.pose needs .*slbench\[demo\]"):
        pose.read()
    with pytest.raises(MissingExtraError, match=r"b\.mp4 needs .*slbench\[pose\]"):
        PoseFile(tmp_path / "b.json").read()


def test_a_folder_reads_all_formats(tmp_path) -> None:
    keypoints, scores = made_up()
    pickled(tmp_path / "a.pkl", keypoints, scores)
    pose_format(tmp_path / "b.pose", keypoints, scores)
    (tmp_path / "c.json").write_text(
        json.dumps({"image_size": [64, 48], "instance_info": mmpose_frames(keypoints, scores)})
    )
    write_poses(tmp_path / "d.npz", Poses(keypoints[:, 0], scores[:, 0], 25.0))
    folder = PoseFolder(tmp_path)
    assert len(folder) == 4
    for name in "abcd":
        file = folder.find(name, "test")
        assert file is not None
        same(file.read(), keypoints[:, 0], scores[:, 0], tolerance=1e-6)
