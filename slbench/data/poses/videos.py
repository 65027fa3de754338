"""What the header of a video says: size, frame rate, number of frames. Nothing is decoded."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from slbench.data.poses.index import NameIndex, walk
from slbench.errors import ClipError, MissingExtraError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg")
"""Of files that are taken for videos."""
IMAGES = (".png", ".jpg", ".jpeg")
"""Of files that are taken for frames."""


@dataclass(frozen=True)
class Header:
    """Of a video: width and height in pixels, and frames a second (0: not said)."""

    width: float
    height: float
    fps: float


def read_header(video: Path) -> Header:
    """Size and frame rate.

    Raises:
        ClipError: the file is no video.
        MissingExtraError: PyAV is not installed.
    """
    import_av(f"reading {video}")
    import av

    try:
        with av.open(str(video)) as container:
            stream = _stream(container, video)
            return Header(stream.width, stream.height, float(stream.average_rate or 0))
    except (OSError, ValueError, av.FFmpegError) as error:
        raise _unreadable(video, error) from error


def count_frames(video: Path) -> int:
    """Number of frames, as the header says, or else counted in the packets.

    Raises:
        ClipError, MissingExtraError: as `read_header`.
    """
    import_av(f"reading {video}")
    import av

    try:
        with av.open(str(video)) as container:
            stream = _stream(container, video)
            return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
    except (OSError, ValueError, av.FFmpegError) as error:
        raise _unreadable(video, error) from error


def import_av(need: str) -> None:
    """Raise MissingExtraError unless PyAV is installed."""
    if find_spec("av") is None:
        raise MissingExtraError(need, "pose")


def _stream(container: "InputContainer", video: Path) -> "VideoStream":
    if not container.streams.video or not container.streams.video[0].width:
        raise ClipError(f"{video}: has no video stream; get it again from its source")
    return container.streams.video[0]


def _unreadable(video: Path, error: Exception) -> ClipError:
    return ClipError(f"{video}: cannot be read as a video ({error}); get it again from its source")


class VideoFolder:
    """All videos and folders of frames below a folder; listed once.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._index = NameIndex()
        self._images: dict[str, int] = {}
        for folder, files in walk(place):
            for file in files:
                stem, suffix = os.path.splitext(file)  # noqa: PTH122 - there may be millions of them
                if suffix.lower() in SUFFIXES and not file.startswith("."):
                    self._index.add(folder + stem, folder + file)
            images = sum(file.lower().endswith(IMAGES) for file in files)
            if images and folder:
                self._add_images(folder.rstrip("/"), images)

    def _add_images(self, folder: str, images: int) -> None:
        self._images[folder] = images
        self._index.add(folder, folder)
        if folder.endswith("/1"):  # PHOENIX-2014 keeps the frames of a recording one folder deeper
            self._index.add(folder.removesuffix("/1"), folder)

    def frames(self, name: str, split: str) -> int | None:
        """Number of frames of a recording; None: it is not here. Of several that may be meant, the first is taken.

        Raises:
            ClipError: the video cannot be read.
            MissingExtraError: PyAV is not installed.
        """
        found = self._index.find(name, split)
        if not found:
            return None
        return self._images.get(found[0]) or count_frames(self.place / found[0])
