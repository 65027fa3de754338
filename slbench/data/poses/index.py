"""Files by the names of recordings, whatever folders they lie in."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from slbench.data.readers.official import SPLIT_OF, SPLITS
from slbench.errors import DataError

Place = TypeVar("Place")


class NameIndex(Generic[Place]):
    """Places of files by the last part of their names."""

    def __init__(self) -> None:
        self._places: dict[str, list[tuple[str, Place]]] = defaultdict(list)

    def __len__(self) -> int:
        """Number of files."""
        return sum(map(len, self._places.values()))

    def __iter__(self) -> Iterator[Place]:
        """The places of all files."""
        return (place for places in self._places.values() for _, place in places)

    def add(self, name: str, place: Place) -> None:
        """Take a file; its name is what it is found by, with folders and without suffix."""
        self._places[name.rpartition("/")[2]].append((name, place))

    def find(self, name: str, split: str) -> list[Place]:
        """What a recording's name may mean.

        Files whose name ends in it, those in a folder named for the split (`val` is `dev`) where there are any, and
        none that are only in a folder of another split, unless the name itself says that split: what is called `0001`
        in test may be another recording than train's. Where the name begins with a split and there are no such
        folders, the rest of it decides.
        """
        *folders, last = _canonical(PurePosixPath(name).parts) or [""]
        same = self._places.get(last, [])
        found = [one for one in same if _ends(one[0], folders)]
        if not found and folders and folders[0] in SPLITS:
            found = [one for one in same if _ends(one[0], folders[1:]) and not _has_split(_folders(one[0]))]
        wanted = SPLIT_OF.get(split, split)
        own = [one for one in found if wanted in _folders(one[0])]
        if not own and not _has_split(folders):
            found = [one for one in found if not _has_split(_folders(one[0]))]
        return [place for _, place in own or found]


def _canonical(parts: Sequence[str]) -> list[str]:
    """Parts of a path, with folders of splits under one name."""
    return [*(SPLIT_OF.get(part, part) for part in parts[:-1]), *parts[-1:]]


def _folders(path: str) -> list[str]:
    return _canonical(path.split("/"))[:-1]


def _has_split(folders: Sequence[str]) -> bool:
    return not set(SPLITS).isdisjoint(folders)


def _ends(path: str, folders: Sequence[str]) -> bool:
    return not folders or _folders(path)[-len(folders) :] == list(folders)


def _cannot_list(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror}); make it readable") from error


def walk(folder: Path, unlisted: Callable[[OSError], None] = _cannot_list) -> Iterator[tuple[str, list[str]]]:
    """Every folder below this one, as a path from it that is empty or ends in a slash, with its files; sorted.

    Linked folders are followed, each folder once.

    Args:
        unlisted: is told of a folder that cannot be listed, which is then passed over; by default that is an error.

    Raises:
        DataError: there is no such folder, or one cannot be listed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder or archive; name the one that is meant")
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=unlisted, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        below = Path(place).relative_to(folder).as_posix()
        yield ("" if below == "." else f"{below}/"), sorted(files)
