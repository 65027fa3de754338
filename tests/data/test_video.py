"""Frames of videos against OpenCV's own reader and against what was drawn; damaged files."""

import shutil
import struct
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
from shared import shared
from tiny_poses import HEIGHT, WIDTH, render, scene, turned, walk

from slbench.data.video import Header, frame_count, frame_rate, frames, read_header
from slbench.data.videos import find_videos
from slbench.errors import ClipError, MissingExtraError, OptionError

ASKING = (lambda path: list(frames(path)), frame_count, frame_rate, read_header)
"""All that opens a video."""


def by_opencv(path: Path) -> list[np.ndarray]:
    """OpenCV turns frames as the file asks for."""
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        there, image = capture.read()
        if not there:
            return found
        found.append(image)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return render(tmp_path / "a.mp4", walk(), movflags="faststart")


def test_frames_are_those_of_opencv(video: Path) -> None:
    found = list(frames(video))
    assert len(found) == 12
    assert all(image.dtype == np.uint8 and image.flags.c_contiguous for image in found)
    np.testing.assert_array_equal(found, by_opencv(video))
    assert (frame_rate(video), frame_count(video)) == (25.0, 12)
    assert read_header(video) == Header(WIDTH, HEIGHT, 25.0)


def test_a_real_video() -> None:
    path = shared("clips/autsl/signer0_sample1000_color.mp4")
    np.testing.assert_array_equal(list(frames(path)), by_opencv(path))
    assert frame_count(path) == 43


def test_a_turned_video_is_turned_back(video: Path, tmp_path: Path) -> None:
    path = turned(video, tmp_path / "turned.mp4")
    found = list(frames(path))
    assert found[0].shape == (WIDTH, HEIGHT, 3)
    np.testing.assert_array_equal(found, by_opencv(path))
    np.testing.assert_array_equal(found, [cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE) for image in frames(video)])
    assert read_header(path) == Header(HEIGHT, WIDTH, 25.0)


def trimmed(path: Path, first: float, seconds: float) -> None:
    """Let the edit list of an mp4 show only a part, as telephones trim a video."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    _, start, rate = struct.unpack_from(">IiI", data, at)
    struct.pack_into(">IiI", data, at, round(1000 * seconds), start + round(12_800 * first), rate)
    path.write_bytes(data)


def test_a_trimmed_video_is_not_cut_off(tmp_path: Path) -> None:
    """Its header still counts all 40 frames, and the list of frames at least those since the key frame before."""
    path = render(tmp_path / "a.mp4", walk(40), **{"movflags": "faststart", "x264-params": "keyint=5:bframes=0"})
    trimmed(path, 0.48, 0.4)
    found = list(frames(path))
    assert len(found) == frame_count(path) == 10
    np.testing.assert_array_equal(found, by_opencv(path))


def test_only_the_list_of_an_mp4_is_read_to_count_its_frames(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slbench.data.video.packets", lambda *_: pytest.fail("the file is read"))
    assert frame_count(video) == 12
    with pytest.raises(pytest.fail.Exception, match="the file is read"):
        frame_count(render(video.with_suffix(".mkv"), walk()))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mpg", "mpeg1video", {}),
        ("a.flv", "flv1", {}),
        ("a.ts", "libx264", {}),
        ("a.avi", "mpeg4", {}),
        ("a.mov", "libx264", {}),
        ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_frames_are_counted_without_decoding(name: str, codec: str, options: dict, tmp_path: Path) -> None:
    path = render(tmp_path / name, walk(), codec, **options)
    assert frame_count(path) == len(list(frames(path))) == len(by_opencv(path)) == 12


@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "gray"), ("png", "rgba"), ("ffv1", "yuv420p10le")])
def test_grey_and_transparent_videos(codec: str, pixels: str, tmp_path: Path) -> None:
    images = walk(3)
    path = render(tmp_path / ("a.mov" if codec == "png" else "a.mkv"), images, codec, pixels)
    for found, drawn in zip(frames(path), images, strict=True):
        expected = (
            cv2.cvtColor(cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) if pixels == "gray" else drawn
        )
        difference = np.abs(found.astype(int) - expected)
        assert found.shape == drawn.shape
        assert difference.mean() < 3  # colours are kept at half the resolution in yuv420p


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_video_that_is_cut_off(name: str, share: float, tmp_path: Path) -> None:
    codec, options = {"a.mp4": ("libx264", {"movflags": "faststart"}), "a.webm": ("libvpx-vp9", {})}.get(
        name, ("mpeg4", {})
    )
    whole = render(tmp_path / name, walk(40), codec, **options)
    assert len(list(frames(whole))) == frame_count(whole) == 40
    data = whole.read_bytes()
    whole.write_bytes(data[: int(share * len(data))])
    for ask in (lambda: list(frames(whole)), lambda: frame_count(whole)):
        with pytest.raises(ClipError, match=rf"{name}.*cut off.*get it again"):
            ask()


def test_the_last_byte_of_an_mp4_counts(video: Path) -> None:
    video.write_bytes(video.read_bytes()[:-1])
    for ask in (lambda: next(frames(video)), lambda: frame_count(video)):
        with pytest.raises(ClipError, match=r"a\.mp4: is cut off: only 11 of 12 frames are there"):
            ask()


def no_video(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("no video at all\n" * 100), "cannot be read as a video"),
        (lambda path: path.write_bytes(render(path, walk(3)).read_bytes()[:300]), "cannot be read as a video"),
        (lambda path: path.unlink(), "cannot be read as a video"),
        (no_video, "has no video in it"),
    ],
)
def test_files_that_are_no_video(spoil, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mp4"
    path.touch()
    spoil(path)
    for ask in ASKING:
        with pytest.raises(ClipError, match=rf"bad.mp4: {message}"):
            ask(path)


@pytest.mark.parametrize("ask", ASKING)
def test_without_the_package_that_opens_videos(ask, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slbench.data.video.find_spec", lambda name: None)
    for path in (video, images(video.parent / "clip", [1])) if ask is ASKING[0] else (video,):
        with pytest.raises(MissingExtraError, match=r"reading .* needs .*slbench\[pose\]"):
            ask(path)


def images(folder: Path, numbers: list[int], suffix: str = "png") -> Path:
    """Each image is as bright as its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"images{number}.{suffix}"), np.full((8, 10, 3), number, np.uint8))
    return folder


def test_images_go_by_their_number(tmp_path: Path) -> None:
    folder = images(tmp_path / "clip", [10, 9, 1, 100, 2])
    (folder / "._images1.png").write_bytes(b"left by another system")
    assert [int(image.mean()) for image in frames(folder)] == [1, 2, 9, 10, 100]
    assert (frame_rate(folder), frame_count(folder)) == (0.0, 5)


def test_grey_and_transparent_images(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 10), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((8, 10, 4), 7, np.uint8))
    found = list(frames(tmp_path))
    assert [image.shape for image in found] == [(8, 10, 3)] * 2
    assert all((image == 7).all() for image in found)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "clip", [1, 2])
    (folder / "images3.png").write_bytes(b"")
    with pytest.raises(ClipError, match=r"images3.png: is not a whole image"):
        list(frames(folder))
    with pytest.raises(ClipError, match="has no frames"):
        list(frames(tmp_path))


def test_names_of_videos(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    for name in (
        "train/00335.mp4",
        "train/b.c.MOV",
        "dev/00335.mp4",
        "x.webm",
        ".hidden.mp4",
        "notes.txt",
        "train/thumb.png",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    images(root / "frames" / "one.two", [1])
    images(root / "phoenix" / "01April_2010" / "1", [1])
    found = {video.name: video.path.relative_to(root).as_posix() for video in find_videos([root])}
    assert found == {
        "dev/00335": "dev/00335.mp4",
        "frames/one.two": "frames/one.two",
        "phoenix/01April_2010": "phoenix/01April_2010/1",
        "train/00335": "train/00335.mp4",
        "train/b.c": "train/b.c.MOV",
        "x": "x.webm",
    }
    assert list(found) == sorted(found)


def test_a_folder_of_images_may_be_named_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images(tmp_path / "clip" / "1", [1])
    for place in (tmp_path / "clip", folder):
        assert [(video.name, video.path) for video in find_videos([place])] == [("clip", folder)]
    monkeypatch.chdir(folder)
    assert [video.name for video in find_videos([Path()])] == ["clip"]


def test_a_video_named_twice_is_one_and_two_of_one_name_are_a_mistake(video: Path, tmp_path: Path) -> None:
    assert len(find_videos([video, video.parent, video])) == 1
    shutil.copy(video, tmp_path / "a.mov")
    with pytest.raises(OptionError, match=r"a.mp4 and .*a.mov|a.mov and .*a.mp4"):
        find_videos([tmp_path])


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_places_without_videos(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match=name):
        find_videos([tmp_path / name])


def test_frames_of_many_sizes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), scene())
    cv2.imwrite(str(tmp_path / "2.png"), scene()[:20])
    assert [len(image) for image in frames(tmp_path)] == [HEIGHT, 20]
