"""A folder or archive of pose files, by the names of recordings."""

import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from slbench.data.extractor import FILE as EXTRACTOR
from slbench.data.extractor import Extractor, read_extractor
from slbench.data.poses.files import POSE_SUFFIXES, PoseFile, open_archive
from slbench.errors import DataError

SPLITS = {"val": "dev", "valid": "dev", "validation": "dev", "training": "train", "testing": "test"}
"""Other names that folders of splits have."""
_KNOWN_SPLITS = {"train", "dev", "test"}


class PoseFolder:
    """All pose files below a folder, or in a `.zip`, which is read in place; listed once.

    Raises:
        DataError: there is no such folder, or the archive is not whole.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.zipped = place.is_file()
        self._files: dict[str, list[str]] = defaultdict(list)
        for path in _members(place) if self.zipped else _below(place):
            stem, suffix = os.path.splitext(path)  # noqa: PTH122 - much faster for tens of thousands of names
            name = stem.rpartition("/")[2]
            if suffix in POSE_SUFFIXES and not name.startswith(".") and f"{name}{suffix}" != EXTRACTOR:
                self._files[name].append(path)

    def __len__(self) -> int:
        """Number of pose files."""
        return sum(map(len, self._files.values()))

    def find(self, name: str, split: str) -> PoseFile | None:
        """The pose file of a recording; None: it is not here.

        A file whose path ends in the name, if need be that in a folder named for the split (`val` is `dev`). Where the
        name begins with the split and there are no such folders, the rest of it decides.

        Args:
            name: of a `Recording`: a path without suffix.
            split: that the clip is in.

        Raises:
            DataError: several files are meant.
        """
        *folders, last = _canonical(PurePosixPath(name).parts) or [""]
        found = [path for path in self._files.get(last, []) if _ends(path, folders)]
        if not found and folders and folders[0] in _KNOWN_SPLITS:
            loose = [path for path in self._files.get(last, []) if not _KNOWN_SPLITS & set(_folders(path))]
            found = [path for path in loose if _ends(path, folders[1:])]
        wanted = SPLITS.get(split, split)
        found = [path for path in found if wanted in _folders(path)] or found
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


def _canonical(parts: Sequence[str]) -> list[str]:
    """Parts of a path, with folders of splits under one name."""
    return [*(SPLITS.get(part, part) for part in parts[:-1]), *parts[-1:]]


def _folders(path: str) -> list[str]:
    return _canonical(path.split("/"))[:-1]


def _ends(path: str, folders: Sequence[str]) -> bool:
    return not folders or _folders(path)[-len(folders) :] == list(folders)


def _members(archive: Path) -> list[str]:
    try:
        return [name for name in dict.fromkeys(open_archive(archive).namelist()) if not name.startswith("__MACOSX/")]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{archive}: is no whole .zip archive ({error}); get it again, and where it came in parts, join all of them"
        ) from error


def _below(folder: Path) -> Iterator[str]:
    """Paths of all files, in the order of their names; linked folders are followed, each folder once."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder or archive of poses; name the one that holds them")
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_cannot_list, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        below = Path(place).relative_to(folder).as_posix()
        yield from (file if below == "." else f"{below}/{file}" for file in sorted(files))


def _cannot_list(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror}); make it readable") from error
