"""One pose file, in a folder or in a zip archive."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from slbench.data.pickles import LARGEST
from slbench.data.poses.base import AGAIN, Poses
from slbench.data.poses.mmpose import read_mmpose
from slbench.data.poses.own import read_own
from slbench.data.poses.pose_format import read_pose_format
from slbench.data.poses.uni_sign import read_uni_sign
from slbench.data.video import video_beside
from slbench.errors import ClipError

ARCHIVE_ERRORS = (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)
"""What a damaged, locked or unusual zip makes zipfile raise."""


@dataclass(frozen=True)
class PoseFile:
    """Where poses lie; nothing is read before it is asked for.

    Attributes:
        place: a file, or a zip archive.
        member: name in the archive.
    """

    place: Path
    member: str | None = None

    def __str__(self) -> str:
        """How messages call it."""
        return str(self.place) if self.member is None else f"{self.place}/{self.member}"

    def state(self) -> str:
        """Changes with the file and costs no reading: its size, times and inode, or size and CRC in an archive.

        Raises:
            ClipError: the file is gone.
        """
        try:
            if self.member is not None:
                info = open_archive(self.place).getinfo(self.member)
                return f"{info.file_size} {info.CRC:08x}"
            return " ".join(_state(path) for path in (self.place, *self._videos()))
        except ARCHIVE_ERRORS as error:
            raise self._unreadable(error) from error

    def sha256(self) -> str:
        """Of its bytes, unpacked from the archive.

        Raises:
            ClipError: they cannot be read.
        """
        return hashlib.sha256(self._bytes()).hexdigest()

    def read(self) -> Poses:
        """Read it; the last two are kept, as many clips may share a recording.

        Raises:
            ClipError: what is wrong with the file, and the remedy.
            MissingExtraError: its format needs a package that is not installed.
        """
        return _read(self, self.state())

    def _videos(self) -> list[Path]:
        """Videos that decide what the file means: mmpose's JSON does not say how large the image was."""
        if self.place.suffix != ".json":
            return []
        video = video_beside(self.place)
        return [] if video is None else [video]

    def _bytes(self) -> bytes:
        try:
            if self.member is None:
                return self.place.read_bytes()
            archive = open_archive(self.place)
            if archive.getinfo(self.member).file_size > LARGEST:
                raise ClipError(f"{self}: unpacks to more than {LARGEST >> 30} GB, which no pose file does")
            return archive.read(self.member)
        except ARCHIVE_ERRORS as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ClipError:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        remedy = AGAIN if self.member is None else "get the archive again, or unpack it and name the folder"
        return ClipError(f"{self}: cannot be read ({why}); {remedy}")


@lru_cache(maxsize=2)
def _read(file: PoseFile, _state: str) -> Poses:
    data = file._bytes()  # noqa: SLF001 - the same module
    if not data:
        raise ClipError(f"{file}: is empty (0 bytes); {AGAIN}")
    suffix = PurePosixPath(file.member or file.place.name).suffix
    if suffix == ".json":
        return read_mmpose(data, str(file), file.place if file.member is None else None)
    return FORMATS[suffix](data, str(file))


FORMATS: dict[str, Callable[[bytes, str], Poses]] = {
    ".pkl": read_uni_sign,
    ".npz": read_own,
    ".pose": read_pose_format,
}
"""Suffix -> reader; `.json` also needs to know where it lies."""
POSE_SUFFIXES = (*FORMATS, ".json")


def _state(path: Path) -> str:
    """Copying and unpacking may keep size and time of change, but neither the other time nor the inode."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip archive, opened once in a process and again where it has changed; it is not shared with forks.

    Raises:
        OSError, zipfile.BadZipFile: it is absent or damaged.
    """
    return _archive(path, _state(path), os.getpid())


@lru_cache(maxsize=64)  # CSL-News has 46 with 9 MB of names each, and its list may name them in any order
def _archive(path: Path, _state: str, _process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
