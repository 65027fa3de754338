"""Some frames of a video, read without decoding the others where its file allows that.

A file is first read packet by packet, which decodes nothing and tells when each frame is shown. Then each wanted frame
is reached from the keyframe before it. Where that is not exact, all is decoded up to the last wanted frame.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slbench.data.pictures import Picture
from slbench.data.video import no_frames, opened, packets, read_header, read_image, sorted_images, upright
from slbench.errors import ClipError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

SEEKABLE = ("mp4", "matroska")
"""Containers that say of every packet when its frame is shown, and whether a decoder can begin there."""
FRAME_A_PACKET = ("av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg4", "png", "vp9")
"""Codecs whose packets show one frame each; VP8 has some that show none."""
WORTH_SEEKING = 4
"""Frames that are left out; a decoder that reorders frames has begun with about as many."""
KNOWN = 64
"""Videos whose index is kept, for clips of one long recording."""


@dataclass(frozen=True, eq=False)
class _Index:
    """When frames are shown, in the unit of the file.

    Attributes:
        count: of the frames that are shown.
        times: (count,), sorted; empty where they are not known.
        keys: sorted times of the frames at which a decoder can begin; empty where that cannot be relied on.
    """

    count: int
    times: NDArray[np.int64]
    keys: NDArray[np.int64]

    def key_before(self, time: int) -> int:
        """The last keyframe that is not later."""
        return int(self.keys[np.searchsorted(self.keys, time, side="right") - 1])

    def worth_seeking(self, now: int, then: int) -> bool:
        """Whether frames are saved by going to the keyframe before a later frame instead of decoding on."""
        here, there = np.searchsorted(self.times, [now, self.key_before(then)])
        return bool(there - here > WORTH_SEEKING)


def pick(path: Path, numbers: Sequence[int], least: int = 0) -> list[Picture]:
    """Frames by number, (H, W, 3) each, in the order asked for: those that `slbench.data.video.frames` gives.

    Args:
        path: a video file, or a folder of images, of which only these are opened.
        numbers: from 0; a frame may be asked for more than once.
        least: as many frames as the poses say that there are.

    Raises:
        ClipError: the video cannot be read, is cut off, or has fewer frames.
        MissingExtraError: PyAV or OpenCV is not installed.
    """
    found = dict(picked(path, sorted(set(numbers)), least))
    return [found[number] for number in numbers]


def picked(path: Path, numbers: Sequence[int], least: int = 0) -> Iterator[tuple[int, Picture]]:
    """As `pick`, one after the other with its number, so that few are in memory.

    Args:
        numbers: sorted, each once.
    """
    least = max(least, numbers[-1] + 1 if len(numbers) else 0)
    return _from_images(path, numbers, least) if path.is_dir() else _from_file(path, numbers, least)


def picture_size(path: Path, number: int = 0) -> tuple[int, int]:
    """Width and height of a video as it is shown, in pixels.

    Args:
        number: in a folder, the image that is looked at.

    Raises:
        ClipError: it cannot be read, or has no frames.
        MissingExtraError: PyAV or OpenCV is not installed.
    """
    if not path.is_dir():
        return _size(path, _stamp(path))
    ((_, picture),) = picked(path, [number])
    return picture.shape[1], picture.shape[0]


def _from_images(folder: Path, numbers: Sequence[int], least: int) -> Iterator[tuple[int, Picture]]:
    paths = sorted_images(folder)
    _check_count(folder, len(paths), least)
    for number in numbers:
        yield number, np.ascontiguousarray(read_image(paths[number])[:, :, ::-1])


def _from_file(path: Path, numbers: Sequence[int], least: int) -> Iterator[tuple[int, Picture]]:
    index = _index(path, _stamp(path))
    _check_count(path, index.count, least)
    rest = list(numbers)
    if len(index.keys):
        times = {int(index.times[number]): number for number in numbers}
        with opened(path) as (container, stream):
            for time, picture in _sought(container, stream, index, list(times)):
                rest.remove(times[time])
                yield times[time], picture
    if rest:
        yield from _counted(path, rest)


def _check_count(path: Path, count: int, least: int) -> None:
    if not count:
        raise no_frames(path)
    if count < least:
        raise ClipError(
            f"{path}: has {count} frames, and its poses have {least}: it is cut short, or not the video that the poses "
            "were made from; get that one, or make poses from this one with `slbench extract`"
        )


def _stamp(path: Path) -> tuple[int, int]:
    """Changes whenever the file does; (0, 0) of one that is not there, which opening it will tell."""
    try:
        return path.stat().st_size, path.stat().st_mtime_ns
    except OSError:
        return 0, 0


@lru_cache(KNOWN)
def _size(path: Path, _stamp: tuple[int, int]) -> tuple[int, int]:
    header = read_header(path)
    return int(header.width), int(header.height)


@lru_cache(KNOWN)
def _index(path: Path, _stamp: tuple[int, int]) -> _Index:
    """Read all packets; raises ClipError where some are missing."""
    with opened(path) as (container, stream):
        found = [packet for packet in _described(path, container, stream) if packet[0]]
        shown = [time for _, time, _, discarded in found if not discarded]
        nothing = np.empty(0, np.int64)
        if not _is_exact(container, stream, found):
            return _Index(len(shown), nothing, nothing)
        keys = sorted(time for _, time, is_key, _ in found if is_key)
        return _Index(len(shown), np.array(sorted(shown), np.int64), np.array(keys, np.int64))


_Described = tuple[int, Any, bool, bool]
"""Of a packet: bytes, when its frame is shown, whether a decoder can begin with it, whether it is left out."""


def _described(path: Path, container: "InputContainer", stream: "VideoStream") -> Iterator[_Described]:
    for packet in packets(path, container, stream):
        yield packet.size, packet.pts, packet.is_keyframe, packet.is_discard


def _is_exact(container: "InputContainer", stream: "VideoStream", found: Sequence[_Described]) -> bool:
    """Whether the number of a frame follows from when it is shown, and it can be reached from a keyframe."""
    times = [time for _, time, _, _ in found]
    shown = {time for _, time, _, discarded in found if not discarded}
    return (
        any(name in container.format.name for name in SEEKABLE)
        and stream.codec_context.codec.canonical_name in FRAME_A_PACKET
        and bool(found)
        and None not in times
        and len(shown) == sum(not discarded for *_, discarded in found)
        and found[0][2]
        and times[0] == min(times)
    )


def _sought(
    container: "InputContainer", stream: "VideoStream", index: _Index, times: Sequence[int]
) -> Iterator[tuple[int, Picture]]:
    """Frames by the sorted times at which they are shown; ends early at one that is not found where it should be."""
    wanted = deque(times)
    reached = True
    while wanted and reached:
        container.seek(index.key_before(wanted[0]), stream=stream)
        reached = False
        for frame in _frames(container, stream):
            if frame.pts is None or frame.is_corrupt or frame.pts > wanted[0]:
                return
            if frame.pts == wanted[0]:
                reached = True
                yield wanted.popleft(), _picture(frame)
                if not wanted or index.worth_seeking(frame.pts, wanted[0]):
                    break


def _counted(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, Picture]]:
    """Frames by their sorted numbers, decoding from the first on."""
    wanted = deque(numbers)
    with opened(path) as (container, stream):
        for count, frame in enumerate(_frames(container, stream)):
            if count == wanted[0]:
                yield wanted.popleft(), _picture(frame)
                if not wanted:
                    return
    raise ClipError(f"{path}: frame {wanted[0]} cannot be decoded; get it again from its source")


def _frames(container: "InputContainer", stream: "VideoStream") -> Iterator[Any]:
    """Decoded from where the file is now; the last packet is empty and gives what is held back."""
    for packet in container.demux(stream):
        yield from packet.decode()


def _picture(frame: Any) -> Picture:
    """By way of blue, green, red, as `frames` gives it: of ten bits FFmpeg's two ways differ in the last of eight."""
    return np.ascontiguousarray(upright(frame.to_ndarray(format="bgr24"), frame.rotation)[:, :, ::-1])
