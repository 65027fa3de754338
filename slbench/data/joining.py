"""Archives that come in parts: `x.zip.aa`, `x.zip.001` or `x.zip.part0` and its fellows become `x.zip`."""

import io
import os
import re
import shutil
import zipfile
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from slbench.errors import DataError, OutputError
from slbench.files import sync_folder

PART = re.compile(r"(?P<archive>.+\.zip)\.(?:part)?(?P<number>\d+|[a-z]{2})", re.IGNORECASE)
SAMPLED = 100
"""Members of an archive whose place is looked at."""


def archive_of(name: str) -> str | None:
    """`x.zip` for a part of it; None for any other file."""
    found = PART.fullmatch(name)
    return found["archive"] if found else None


def part_number(name: str) -> int:
    """Place of a part among its fellows: `.10` comes after `.9`, and `.ba` is the 27th of `.aa`, `.ab`, ..."""
    found = PART.fullmatch(name)
    if found is None:
        raise ValueError(name)
    number = found["number"].lower()
    return int(number) if number.isdigit() else 26 * (ord(number[0]) - ord("a")) + ord(number[1]) - ord("a")


def in_order(names: Iterable[str]) -> list[str]:
    """The parts of one archive as they follow each other.

    Raises:
        DataError: one between them is missing, or one is there twice.
    """
    ordered = sorted(names, key=part_number)
    numbers = [part_number(name) for name in ordered]
    first = min(numbers[0], int(ordered[0][-1].isdigit()))  # digits count from 0 or from 1, letters from aa
    for expected, number, name in zip(range(first, first + len(numbers)), numbers, ordered, strict=True):
        if number != expected:
            raise DataError(
                f"{archive_of(name)}: its parts are not all there, or one is there twice: among {', '.join(ordered)} "
                f"look before {name}; get what is missing from where the others come from"
            )
    return ordered


class Spanned(io.RawIOBase):
    """Files one after the other, read as one."""

    def __init__(self, pieces: Sequence[tuple[Path, int]]) -> None:
        """Take files with the bytes of each that count."""
        super().__init__()
        self._files = [path.open("rb") for path, _ in pieces]
        self._ends = list(accumulate(size for _, size in pieces))
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        if base + offset < 0:
            raise OSError(f"seek to {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Bytes of one piece, at most; 0 at the end."""
        index = bisect_right(self._ends, self._at)
        if index == len(self._ends):
            return 0
        start = self._ends[index - 1] if index else 0
        self._files[index].seek(self._at - start)
        read: int = self._files[index].readinto(memoryview(buffer)[: self._ends[index] - self._at])
        self._at += read
        return read

    def close(self) -> None:
        """Close all of them."""
        for file in self._files:
            file.close()
        super().close()


def check_zip(file: Path | BinaryIO, name: str) -> None:
    """See that an archive is whole: its directory is there, and its files begin where that says.

    Raises:
        DataError: it is not.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
            if not members or members[0].header_offset != 0:
                raise zipfile.BadZipFile("its directory speaks of more bytes, or of fewer, or of no file")
            for member in members[:: max(1, len(members) // SAMPLED)] + members[-1:]:
                archive.open(member).close()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise DataError(
            f"{name}: is not a whole zip archive ({error}); part of it is missing or damaged: "
            "delete what is wrong and get it again from its source"
        ) from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}); see that it may be read") from error


def joining_path(archive: Path) -> Path:
    """What there is of an archive while its parts are being joined."""
    return archive.with_name(f".{archive.name}.joining")


def join(archive: Path, sizes: Mapping[str, int]) -> None:
    """Join parts that lie beside an archive's place; killed at any moment, a second call goes on.

    Before anything is moved, the parts are read as the one archive that they must make. Then each is appended, brought
    to the disk and deleted, so that there is never more on it than the archive and one part.

    Args:
        archive: what to make.
        sizes: bytes of all its parts by name, in order, also of those that an earlier call has appended.

    Raises:
        DataError: they make no whole archive; nothing has been deleted.
        OutputError: it cannot be written; what is there is kept.
    """
    joining = joining_path(archive)
    try:
        done = _appended(archive, sizes)
        start = sum(done.values())
        waiting = {archive.with_name(name): size for name, size in sizes.items() if name not in done}
        pieces = ([(joining, start)] if done else []) + list(waiting.items())
        with Spanned(pieces) as whole:
            check_zip(io.BufferedReader(whole), str(archive))
        with joining.open("ab") as out:
            out.truncate(start)  # what an interruption left of a part goes; the part itself is still there
            for part in waiting:
                _append(out, part)
        joining.replace(archive)
        sync_folder(archive.parent)
    except OSError as error:
        raise OutputError(
            f"{archive}: its parts cannot be joined ({error.strerror or error}); nothing is lost: make room for "
            f"{max(sizes.values()) / 1e9:.1f} GB and run this again"
        ) from error


def _appended(archive: Path, sizes: Mapping[str, int]) -> dict[str, int]:
    """The parts that are gone since they have been appended."""
    there = [archive.with_name(name).is_file() for name in sizes]
    done = dict(list(sizes.items())[: there.index(True) if any(there) else len(there)])
    rest = list(sizes)[len(done) :]
    lost = [name for name in rest if not archive.with_name(name).is_file()]
    joining = joining_path(archive)
    if lost or (done and (not joining.is_file() or joining.stat().st_size < sum(done.values()))):
        raise DataError(
            f"{archive}: {', '.join(lost or done)} of its parts are gone; put them there again from their source"
        )
    for name in rest:
        size = archive.with_name(name).stat().st_size
        if size != sizes[name]:
            raise DataError(f"{archive.with_name(name)}: has {size} bytes instead of {sizes[name]}; get it again")
    return done


def _append(out: BinaryIO, part: Path) -> None:
    with part.open("rb") as file:
        shutil.copyfileobj(file, out)
    out.flush()
    os.fsync(out.fileno())
    part.unlink()
