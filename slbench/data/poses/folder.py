"""A folder or archive of pose files, by the names of recordings."""

import os
import zipfile
from pathlib import Path

from slbench.data.extractor import FILE as EXTRACTOR
from slbench.data.extractor import Extractor, extractor_of
from slbench.data.poses.files import POSE_SUFFIXES, PoseFile
from slbench.data.poses.index import NameIndex, walk
from slbench.errors import DataError

_Place = tuple[Path | None, str]
"""The archive and the name in it, or no archive and the path below the folder."""


class PoseFolder:
    """All pose files below a folder, or in a `.zip`, which is read in place; listed once.

    Those in archives below the folder, such as CSL-News' 46, count as though they were unpacked where the archive
    lies. Other archives are passed over once their names are read.

    Args:
        place: the folder or archive.
        archives_only: of a folder, only the archives directly in it.

    Raises:
        DataError: there is no such folder, or an archive is not whole.
    """

    def __init__(self, place: Path, archives_only: bool = False) -> None:
        self.place = place
        self.zipped = place.is_file()
        self._index: NameIndex[_Place] = NameIndex()
        if self.zipped:
            self._add_archive(place, "")
            return
        for folder, files in walk(place):
            for file in files:
                if _is_archive(file):
                    self._add_archive(place / folder / file, folder)
                elif not archives_only:
                    self._add(folder + file, folder + file, None)
            if archives_only:
                break

    def _add_archive(self, archive: Path, folder: str) -> None:
        for member in _members(archive):
            self._add(folder + member, member, archive)

    def _add(self, name: str, path: str, archive: Path | None) -> None:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - much faster for tens of thousands of names
        last = stem.rpartition("/")[2]
        if suffix in POSE_SUFFIXES and not last.startswith(".") and f"{last}{suffix}" != EXTRACTOR:
            self._index.add(stem, (archive, path))

    def __len__(self) -> int:
        """Number of pose files."""
        return len(self._index)

    def find(self, name: str, split: str) -> PoseFile | None:
        """The pose file of a recording; None: it is not here.

        A file whose path ends in the name, if need be that in a folder named for the split (`val` is `dev`). Where the
        name begins with a split and there are no such folders, the rest of it decides.

        Args:
            name: of a `Recording`: a path without suffix.
            split: that the clip is in.

        Raises:
            DataError: several files are meant.
        """
        found = self._index.find(name, split)
        if len(found) > 1:
            raise DataError(
                f"{self.place}: {name} may be {self._below(*found[0])} or {self._below(*found[1])}; leave one of them, "
                "or name the folder or archive that is meant"
            )
        return self._file(*found[0]) if found else None

    def _below(self, archive: Path | None, path: str) -> str:
        """How messages call a file; its path from the place."""
        return path if archive in (None, self.place) else f"{archive.relative_to(self.place).as_posix()}/{path}"

    def _file(self, archive: Path | None, path: str) -> PoseFile:
        return PoseFile(self.place / path) if archive is None else PoseFile(archive, path)

    def extractor(self) -> Extractor | None:
        """Who made all of the poses, where the nearest `extractor.json`, in the folder or above, says so.

        Raises:
            DataError: that file is damaged.
        """
        return extractor_of(self.place, {archive or self.place / path for archive, path in self._index})


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip") and not name.startswith(".")


def _members(archive: Path) -> list[str]:
    """Names in an archive, which is closed again: it may hold no poses and a great many frames."""
    try:
        with zipfile.ZipFile(archive) as held:
            return [name for name in dict.fromkeys(held.namelist()) if not name.startswith("__MACOSX/")]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{archive}: is no whole .zip archive ({error}); get it again, and where it came in parts, join all of them"
        ) from error
