"""A video, whether a file or a folder of images: what it says of itself, its number of frames, and its frames.

Files are opened by PyAV and turned as they are meant to be seen, as players and OpenCV's own reader do.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from slbench.errors import ClipError, MissingExtraError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

Image = NDArray[np.uint8]
"""(H, W, 3), blue, green, red: as OpenCV and rtmlib want it."""

VIDEOS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".3gp", ".flv", ".ts", ".wmv")
"""Of files that are taken for videos, in capitals too; the first that is there is the one meant beside a pose file."""
IMAGES = (".bmp", ".jpeg", ".jpg", ".png")
"""Of files that are taken for frames."""
SHORTEST = 0.9
"""Share of a file's own length at which its frames may end; they end earlier in a file that is cut off."""


@dataclass(frozen=True)
class Header:
    """Of a video: width and height in pixels as it is shown, and frames a second (0: not said)."""

    width: float
    height: float
    fps: float


def is_video(name: str) -> bool:
    """Whether a file is a video, going by its name; hidden ones are not meant."""
    return not name.startswith(".") and name.lower().endswith(VIDEOS)


def is_image(name: str) -> bool:
    """Whether a file is a frame, going by its name; hidden ones are not meant."""
    return not name.startswith(".") and name.lower().endswith(IMAGES)


def video_beside(path: Path) -> Path | None:
    """The video of the same name in the same folder."""
    places = (path.with_suffix(end) for suffix in VIDEOS for end in (suffix, suffix.upper()))
    return next((place for place in places if place.is_file()), None)


def frames(path: Path) -> Iterator[Image]:
    """The frames of a video file, or of a folder of images in the order of the numbers in their names.

    Raises:
        ClipError: it cannot be read, is cut off, or has no frames.
        MissingExtraError: PyAV or OpenCV is not installed.
    """
    count = 0
    for count, image in enumerate(map(read_image, sorted_images(path)) if path.is_dir() else _decoded(path), 1):  # noqa: B007
        yield image
    if not count:
        raise no_frames(path)


def read_header(path: Path) -> Header:
    """Size and frame rate of a video file. The first frame is decoded, since it says how the picture is turned.

    Raises:
        ClipError: it cannot be read, or has no frames.
        MissingExtraError: PyAV is not installed.
    """
    with opened(path) as (container, stream):
        first = next(container.decode(stream), None)
        if first is None:
            raise no_frames(path)
        sides = (first.height, first.width) if first.rotation % 180 == 90 else (first.width, first.height)
        return Header(*sides, _rate(stream))


def frame_rate(path: Path) -> float:
    """Frames a second; 0 where the file does not say, and for a folder of images.

    Raises:
        ClipError: it cannot be read.
        MissingExtraError: PyAV is not installed.
    """
    if path.is_dir():
        return 0.0
    with opened(path) as (_, stream):
        return _rate(stream)


def frame_count(path: Path) -> int:
    """Number of frames that `frames` gives, without decoding them.

    MP4 and MOV list their frames, so of the file only the list is read. Elsewhere packets are counted, which reads
    the whole file. The number that a header states is not taken: it counts what an edit list leaves out.
    Every codec of sign-language corpora has one frame in a packet; VP8 may have packets that show nothing.

    Raises:
        ClipError: it cannot be read, or is cut off.
        MissingExtraError: PyAV is not installed.
    """
    if path.is_dir():
        return len(sorted_images(path))
    with opened(path) as (container, stream):
        if _lists_frames(container, stream):
            _check_listed(path, container, stream)
            return sum(not entry.is_discard for entry in stream.index_entries)
        return sum(packet.size > 0 and not packet.is_discard for packet in packets(path, container, stream))


def sorted_images(folder: Path) -> list[Path]:
    """The images in a folder, `images2.png` before `images10.png`; raises ClipError where it cannot be listed."""
    try:
        names = [path.name for path in folder.iterdir() if is_image(path.name)]
    except OSError as error:
        raise ClipError(f"{folder}: cannot be read ({error.strerror})") from error
    numbered = [
        ([int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)], name) for name in names
    ]
    return [folder / name for _, name in sorted(numbered)]


def read_image(path: Path) -> Image:
    """An image file, whatever its channels.

    Raises:
        ClipError: it cannot be read, or is not whole.
        MissingExtraError: OpenCV is not installed.
    """
    _need("cv2", path)
    import cv2

    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ClipError(f"{path}: cannot be read ({error.strerror})") from error
    image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise ClipError(f"{path}: is not a whole image; get it again from its source")
    return cast(Image, image)


def _need(package: str, path: Path) -> None:
    if find_spec(package) is None:
        raise MissingExtraError(f"reading {path}", "pose")


def no_frames(path: Path) -> ClipError:
    """Of a video that says nothing else against itself."""
    return ClipError(f"{path}: has no frames; get it again from its source")


@contextmanager
def opened(path: Path) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The file and its first video; what goes wrong while it is read is a ClipError."""
    _need("av", path)
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


def _rate(stream: "VideoStream") -> float:
    return float(stream.average_rate or stream.guessed_rate or 0)


def _decoded(path: Path) -> Iterator[Image]:
    with opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        for packet in packets(path, container, stream):
            for frame in packet.decode():
                yield upright(frame.to_ndarray(format="bgr24"), frame.rotation)


def upright(image: Any, degrees: int) -> Image:
    """Turned against the clock, as the file asks for; anything but quarter turns is not meant."""
    turned = np.rot90(image, degrees // 90 % 4) if degrees % 90 == 0 else image
    return np.ascontiguousarray(turned)


def packets(path: Path, container: "InputContainer", stream: "VideoStream") -> "Iterator[Packet[VideoStream]]":
    """All packets, and the empty one that ends them; ClipError as soon as it is seen that some are missing."""
    if _lists_frames(container, stream):
        _check_listed(path, container, stream)
        yield from container.demux(stream)
        return
    count, end = 0, 0.0
    for packet in container.demux(stream):
        count += packet.size > 0
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        yield packet
    _check_whole(path, container, stream, count, end)


def _lists_frames(container: "InputContainer", stream: "VideoStream") -> bool:
    """Whether the file has one list of its frames: MP4 and MOV do, unless they are written in fragments."""
    return "mp4" in container.format.name and stream.frames > 0


def _check_listed(path: Path, container: "InputContainer", stream: "VideoStream") -> None:
    """Raise ClipError where frames are listed beyond the end of the file."""
    ends = [entry.pos + entry.size for entry in stream.index_entries]
    there = sum(end <= container.size for end in ends)
    if there < len(ends):
        raise _cut_off(path, f"{there} of {len(ends)} frames")


def _check_whole(path: Path, container: "InputContainer", stream: "VideoStream", packets: int, end: float) -> None:
    """Raise ClipError where the file holds less than it says of itself."""
    seconds = (container.duration or 0) / 1_000_000
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if packets < stream.frames:
        raise _cut_off(path, f"{packets} of {stream.frames} frames")
    if not stream.frames and end and end - start < SHORTEST * seconds:
        raise _cut_off(path, f"{end - start:.2f} of {seconds:.2f} seconds")


def _cut_off(path: Path, there: str) -> ClipError:
    return ClipError(f"{path}: is cut off: only {there} are there; get it again from its source")
