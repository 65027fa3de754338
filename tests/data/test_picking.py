"""Frames picked from videos of every kind against all frames decoded in order, and how many were decoded for them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from shared import shared
from tiny_poses import render, scene, turned, walk

from slbench.data import picking
from slbench.data.picking import pick, picture_size
from slbench.data.rendered import write_video
from slbench.data.video import frames
from slbench.errors import ClipError

LONG = 60
KINDS = {
    "B-frames": ("a.mp4", "libx264", "yuv420p", {"x264-params": "keyint=12:bframes=3:b-pyramid=normal"}),
    "one keyframe": ("a.mp4", "libx264", "yuv420p", {"x264-params": "keyint=1000:scenecut=0"}),
    "open GOPs": ("a.mp4", "libx264", "yuv420p", {"x264-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3"}),
    "open GOPs, mkv": ("a.mkv", "libx264", "yuv420p", {"x264-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3"}),
    "intra refresh": ("a.mp4", "libx264", "yuv420p", {"x264-params": "keyint=10:intra-refresh=1:bframes=0"}),
    "only keyframes": ("a.mov", "mjpeg", "yuvj420p", {}),
    "HEVC": ("a.mp4", "libx265", "yuv420p", {"x265-params": "keyint=10:min-keyint=10:log-level=none"}),
    "mkv": ("a.mkv", "libx264", "yuv420p", {"x264-params": "keyint=12"}),
    "VP9": ("a.webm", "libvpx-vp9", "yuv420p", {"g": "12", "cpu-used": "8"}),
    "VP8": ("a.webm", "libvpx", "yuv420p", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10"}),
    "fragments": (
        "a.mp4", "libx264", "yuv420p", {"x264-params": "keyint=12"},
    ),
    "avi": ("a.avi", "mpeg4", "yuv420p", {"g": "12"}),
    "ts": ("a.ts", "libx264", "yuv420p", {"x264-params": "keyint=12"}),
    "mpg": ("a.mpg", "mpeg1video", "yuv420p", {"g": "12"}),
    "grey": ("a.mkv", "ffv1", "gray", {}),
    "transparent": ("a.mov", "png", "rgba", {}),
    "ten bits": ("a.mkv", "libx264", "yuv420p10le", {"x264-params": "keyint=12"}),
}  # fmt: skip
SEEKING = ("B-frames", "open GOPs", "only keyframes", "HEVC", "mkv", "VP9", "fragments", "grey", "transparent")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, images = tmp_path_factory.mktemp("videos"), walk(LONG, dark=())
    return {
        kind: write_video(
            root / kind.replace(" ", "-") / name,
            images,
            codec=codec,
            pixels=pixels,
            options=options,
            container={"movflags": "frag_keyframe+empty_moov"} if kind == "fragments" else {},
        )
        for kind, (name, codec, pixels, options) in KINDS.items()
    }


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry a frame that is decoded."""
    seen: list[int] = []
    original = picking._frames

    def counting(container, stream):
        for frame in original(container, stream):
            seen.append(frame.pts)
            yield frame

    monkeypatch.setattr(picking, "_frames", counting)
    return seen


def in_order(path: Path) -> list[np.ndarray]:
    return [image[:, :, ::-1] for image in frames(path)]


@pytest.mark.parametrize("kind", KINDS)
def test_picked_frames_are_those_of_decoding_all(kind: str, videos: dict[str, Path]) -> None:
    path = videos[kind]
    whole = in_order(path)
    assert picture_size(path) == (whole[0].shape[1], whole[0].shape[0])
    for number in range(len(whole)):
        (found,) = pick(path, [number])
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, whole[number], err_msg=f"frame {number}")
    chance = np.random.default_rng(0)
    for share in (0.05, 0.3, 1):
        numbers = chance.permutation(len(whole))[: max(1, int(share * len(whole)))]
        np.testing.assert_array_equal(pick(path, numbers), [whole[number] for number in numbers])


def test_frames_come_in_the_order_asked_for_and_as_often(videos: dict[str, Path]) -> None:
    whole = in_order(videos["B-frames"])
    np.testing.assert_array_equal(pick(videos["B-frames"], [40, 3, 40]), [whole[number] for number in (40, 3, 40)])
    assert pick(videos["B-frames"], []) == []


@pytest.mark.parametrize("kind", SEEKING)
def test_few_frames_are_decoded_for_one_near_the_end(kind: str, videos: dict[str, Path], decoded: list[int]) -> None:
    pick(videos[kind], [LONG - 8])
    assert 1 <= len(decoded) <= 16  # the keyframe's group of 12 and what decoders hold back


def test_frames_of_many_groups_cost_no_more_than_all(videos: dict[str, Path], decoded: list[int]) -> None:
    pick(videos["B-frames"], range(LONG))
    assert len(decoded) == LONG
    decoded.clear()
    pick(videos["B-frames"], [1, 50])
    assert len(decoded) <= 8
    decoded.clear()
    pick(videos["one keyframe"], [1, 20])
    assert len(decoded) == 21


def test_a_turned_video(videos: dict[str, Path], tmp_path: Path) -> None:
    path = turned(videos["B-frames"], tmp_path / "turned.mp4")
    whole = in_order(path)
    np.testing.assert_array_equal(pick(path, [50, 2]), [whole[50], whole[2]])
    assert picture_size(path) == (whole[0].shape[1], whole[0].shape[0]) == (64, 96)


@pytest.mark.parametrize(("first", "seconds"), [(0.48, 0.8), (0.2, 1.0), (0.0, 0.6)])
def test_a_trimmed_video(first: float, seconds: float, tmp_path: Path) -> None:
    from test_video import trimmed

    options = {"x264-params": "keyint=5:bframes=2"}
    path = write_video(tmp_path / "a.mp4", walk(40), options=options, container={"movflags": "faststart"})
    trimmed(path, first, seconds)
    whole = in_order(path)
    assert 10 < len(whole) < 40
    for number in range(len(whole)):
        np.testing.assert_array_equal(pick(path, [number]), [whole[number]])
    with pytest.raises(ClipError, match=f"has {len(whole)} frames"):
        pick(path, [len(whole)])


def test_a_real_video() -> None:
    path = shared("clips/autsl/signer0_sample1000_color.mp4")
    whole = in_order(path)
    np.testing.assert_array_equal(pick(path, range(0, 43, 5)), whole[::5])


def test_only_the_wanted_images_of_a_folder_are_opened(tmp_path: Path) -> None:
    for number in (1, 2, 9, 10):
        cv2.imwrite(str(tmp_path / f"images{number}.png"), np.full((8, 10, 3), (number, 2, 1), np.uint8))
    (tmp_path / "images9.png").write_bytes(b"damaged")
    found = pick(tmp_path, [3, 0])
    assert [picture[0, 0].tolist() for picture in found] == [[1, 2, 10], [1, 2, 1]]
    assert picture_size(tmp_path, 3) == (10, 8)
    with pytest.raises(ClipError, match=r"images9.png: is not a whole image"):
        pick(tmp_path, [2])


@pytest.mark.parametrize("kind", ["B-frames", "VP9", "avi", "folder"])
def test_fewer_frames_than_the_poses(kind: str, videos: dict[str, Path], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), scene())
    path, count = (tmp_path, 1) if kind == "folder" else (videos[kind], LONG)
    for numbers, least, said in (([0], 100, 100), ([0, 70], 3, 71)):
        with pytest.raises(ClipError, match=rf"has {count} frames, and its poses have {said}: .*slbench extract"):
            pick(path, numbers, least)


def test_a_video_that_is_cut_off(videos: dict[str, Path], tmp_path: Path) -> None:
    data = videos["mkv"].read_bytes()
    (tmp_path / "a.mkv").write_bytes(data[: len(data) // 2])
    with pytest.raises(ClipError, match="cut off"):
        pick(tmp_path / "a.mkv", [0])
    (tmp_path / "b.mp4").touch()
    for ask in (lambda path: pick(path, [0]), picture_size):
        with pytest.raises(ClipError, match=r"b.mp4: is empty"):
            ask(tmp_path / "b.mp4")


def test_a_video_that_was_replaced_is_read_anew(videos: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(videos["B-frames"].read_bytes())
    assert len(pick(path, range(LONG))) == LONG
    render(path, walk(12))
    with pytest.raises(ClipError, match="has 12 frames"):
        pick(path, [LONG - 1])
