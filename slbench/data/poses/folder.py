"""A folder or archive of pose files, by the names of recordings."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from slbench.data.extractor import FILE as EXTRACTOR
from slbench.data.extractor import Extractor, read_extractor
from slbench.data.poses.files import POSE_SUFFIXES, PoseFile, open_archive
from slbench.data.poses.index import NameIndex, walk
from slbench.errors import DataError


class PoseFolder:
    """All pose files below a folder, or in a `.zip`, which is read in place; listed once.

    Raises:
        DataError: there is no such folder, or the archive is not whole.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.zipped = place.is_file()
        self._index = NameIndex()
        for path in _members(place) if self.zipped else _below(place):
            stem, suffix = os.path.splitext(path)  # noqa: PTH122 - much faster for tens of thousands of names
            name = stem.rpartition("/")[2]
            if suffix in POSE_SUFFIXES and not name.startswith(".") and f"{name}{suffix}" != EXTRACTOR:
                self._index.add(stem, path)

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
                f"{self.place}: {name} may be {found[0]} or {found[1]}; leave one of them, or name the folder that is "
                "meant"
            )
        return self._file(found[0]) if found else None

    def _file(self, path: str) -> PoseFile:
        return PoseFile(self.place, path) if self.zipped else PoseFile(self.place / path)

    def extractor(self) -> Extractor | None:
        """Who made the poses, where `extractor.json` in the folder, or beside the archive, says so.

        Raises:
            DataError: that file is damaged.
        """
        return read_extractor(self.place.parent if self.zipped else self.place)


def _members(archive: Path) -> list[str]:
    try:
        return [name for name in dict.fromkeys(open_archive(archive).namelist()) if not name.startswith("__MACOSX/")]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{archive}: is no whole .zip archive ({error}); get it again, and where it came in parts, join all of them"
        ) from error


def _below(folder: Path) -> Iterator[str]:
    for place, files in walk(folder):
        yield from (place + file for file in files)
