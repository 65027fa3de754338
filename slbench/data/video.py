"""Frames of a video, whether a file or a folder of images, one at a time.

Files are decoded by PyAV and turned as they are meant to be seen, as players and OpenCV's own reader do.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slbench.errors import ClipError, OptionError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

Image = NDArray[np.uint8]
"""(H, W, 3), blue, green, red: as OpenCV and rtmlib want it."""

VIDEOS = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
IMAGES = (".bmp", ".jpeg", ".jpg", ".png")
SHORTEST = 0.9
"""Share of a file's own length at which its frames may end; they end earlier in a file that is cut off."""


@dataclass(frozen=True)
class Video:
    """A video to read.

    Attributes:
        name: as a path without suffix below the folder that was named; that of its pose file.
        path: the file, or the folder that holds the images.
    """

    name: str
    path: Path


def find_videos(places: Iterable[Path]) -> list[Video]:
    """The videos that a command line names: files, and folders of any depth, in which a folder of images is one video.

    Returns:
        They are sorted by name. `folder/train/00335.mp4` is `train/00335` where `folder` is named, and
        PHOENIX's `<name>/1/*.png` is `<name>`.

    Raises:
        OptionError: a place is absent or holds no video, or two videos have the same name.
    """
    found: dict[str, Video] = {}
    for place in places:
        if not place.exists():
            raise OptionError(f"{place}: there is no such file or folder; name videos or folders that hold them")
        videos = list(_inside(place)) if place.is_dir() else [Video(place.stem, place)]
        if not videos:
            raise OptionError(
                f"{place}: there are no videos ({', '.join(VIDEOS)}) or images ({', '.join(IMAGES)}) in it"
            )
        for video in videos:
            other = found.setdefault(video.name, video)
            if other.path.absolute() != video.path.absolute():
                raise OptionError(
                    f"{other.path} and {video.path} are both called {video.name}; rename one, or do them separately"
                )
    return [found[name] for name in sorted(found)]


def _inside(root: Path) -> Iterator[Video]:
    """Linked folders are followed, each folder once."""
    seen: set[str] = set()
    for where, folders, files in os.walk(root, onerror=_cannot_list, followlinks=True):
        real = os.path.realpath(where)
        folders[:] = sorted(folder for folder in folders if not folder.startswith(".") and real not in seen)
        if real in seen:
            continue
        seen.add(real)
        folder = Path(where)
        videos = [folder / name for name in files if _is(VIDEOS, name)]
        yield from (Video(_name(path.with_suffix(""), root), path) for path in videos)
        # Images beside videos are thumbnails.
        if not videos and any(_is(IMAGES, name) for name in files):
            yield Video(_name(_phoenix(folder), root), folder)


def _cannot_list(error: OSError) -> None:
    raise OptionError(f"{error.filename}: cannot be listed ({error.strerror}); make it readable") from error


def _is(suffixes: tuple[str, ...], name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _phoenix(folder: Path) -> Path:
    """PHOENIX-2014 keeps the images of `<name>` in `<name>/1`, where nothing else is."""
    folder = folder.absolute()
    beside = [path for path in folder.parent.iterdir() if not path.name.startswith(".")]
    return folder.parent if folder.name == "1" and len(beside) == 1 else folder


def _name(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    return path.name if path in (root, root.parent) else path.relative_to(root).as_posix()


def frames(path: Path) -> Iterator[Image]:
    """The frames of a video file, or of a folder of images in the order of the numbers in their names.

    Raises:
        ClipError: it cannot be read, is cut off, or has no frames.
    """
    count = 0
    for count, image in enumerate(_images(path) if path.is_dir() else _decoded(path), 1):  # noqa: B007
        yield image
    if not count:
        raise ClipError(f"{path}: has no frames; get it again from its source")


def frame_rate(path: Path) -> float:
    """Frames a second; 0 where the file does not say, and for a folder of images.

    Raises:
        ClipError: it cannot be read.
    """
    if path.is_dir():
        return 0.0
    with _opened(path) as (_, stream):
        return float(stream.average_rate or stream.guessed_rate or 0)


def frame_count(path: Path) -> int:
    """Number of frames, without decoding them: packets of the file, or images of the folder.

    Every codec of sign-language corpora has one frame in a packet; VP8 may have packets that show nothing.

    Raises:
        ClipError: it cannot be read.
    """
    if path.is_dir():
        return len(_sorted_images(path))
    with _opened(path) as (container, stream):
        return sum(1 for packet in container.demux(stream) if packet.size and not packet.is_discard)


def _sorted_images(folder: Path) -> list[Path]:
    """`images2.png` before `images10.png`."""
    try:
        names = [path.name for path in folder.iterdir() if _is(IMAGES, path.name)]
    except OSError as error:
        raise ClipError(f"{folder}: cannot be read ({error.strerror})") from error
    numbered = [
        ([int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)], name) for name in names
    ]
    return [folder / name for _, name in sorted(numbered)]


def _images(folder: Path) -> Iterator[Image]:
    import cv2

    for path in _sorted_images(folder):
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise ClipError(f"{path}: cannot be read ({error.strerror})") from error
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if image is None:
            raise ClipError(f"{path}: is not a whole image; get it again from its source")
        yield image


@contextmanager
def _opened(path: Path) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The file and its first video; what goes wrong while it is read is a ClipError."""
    import av

    try:
        if not path.stat().st_size:
            raise ClipError(f"{path}: is empty (zero bytes); get it again from its source")
        with av.open(path) as container:
            if not container.streams.video:
                raise ClipError(f"{path}: has no video in it; name the video file, or get it again from its source")
            yield container, container.streams.video[0]
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClipError(
            f"{path}: cannot be read as a video ({reason}); it is damaged or cut off: get it again from its source"
        ) from error


def _decoded(path: Path) -> Iterator[Image]:
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        packets, end = 0, 0.0
        for packet in container.demux(stream):
            packets += packet.size > 0
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            for frame in packet.decode():
                yield _upright(frame.to_ndarray(format="bgr24"), frame.rotation)
        _check_whole(path, container, stream, packets, end)


def _upright(image: Any, degrees: int) -> Image:
    """Turned against the clock, as the file asks for; anything but quarter turns is not meant."""
    turned = np.rot90(image, degrees // 90 % 4) if degrees % 90 == 0 else image
    return np.ascontiguousarray(turned)


def _check_whole(path: Path, container: "InputContainer", stream: "VideoStream", packets: int, end: float) -> None:
    """Raise ClipError where the file holds less than it says of itself."""
    seconds = (container.duration or 0) / 1_000_000
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if packets < stream.frames:
        missing = f"{packets} of {stream.frames} frames"
    elif not stream.frames and end and end - start < SHORTEST * seconds:
        missing = f"{end - start:.2f} of {seconds:.2f} seconds"
    else:
        return
    raise ClipError(f"{path}: is cut off: only {missing} are there; get it again from its source")
