"""Videos, and folders of images, below a folder: those that a command line names, and those of recordings."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slbench.data.poses.index import NameIndex, walk
from slbench.data.video import IMAGES, VIDEOS, frame_count, is_image, is_video
from slbench.errors import DataError, OptionError
from slbench.files import text_digest


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
        videos = [folder / name for name in files if is_video(name)]
        yield from (Video(_name(path.with_suffix(""), root), path) for path in videos)
        # Images beside videos are thumbnails.
        if not videos and any(map(is_image, files)):
            yield Video(_name(_phoenix(folder), root), folder)


def _cannot_list(error: OSError) -> None:
    raise OptionError(f"{error.filename}: cannot be listed ({error.strerror}); make it readable") from error


def _phoenix(folder: Path) -> Path:
    """PHOENIX-2014 keeps the images of `<name>` in `<name>/1`, where nothing else is."""
    folder = folder.absolute()
    beside = [path for path in folder.parent.iterdir() if not path.name.startswith(".")]
    return folder.parent if folder.name == "1" and len(beside) == 1 else folder


def _name(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    return path.name if path in (root, root.parent) else path.relative_to(root).as_posix()


class VideoFolder:
    """All videos and folders of frames below a folder; listed once.

    Attributes:
        unlisted: folders that cannot be listed and were passed over.

    Args:
        lenient: whether folders may be passed over, as where the user has not named this one just now.

    Raises:
        DataError: there is no such folder, or one in it cannot be listed.
    """

    def __init__(self, place: Path, lenient: bool = False) -> None:
        self.place = place
        self.unlisted: list[str] = []
        self._states: dict[str, str | None] = {}
        self._index: NameIndex[str] = NameIndex()
        self._images: dict[str, int] = {}
        found = walk(place, lambda error: self.unlisted.append(str(error.filename))) if lenient else walk(place)
        for folder, files in found:
            for file in files:
                if is_video(file):
                    self._index.add(folder + os.path.splitext(file)[0], folder + file)  # noqa: PTH122 - faster
            images = sum(map(is_image, files))
            if images and folder:
                self._add_images(folder.rstrip("/"), images)

    def _add_images(self, folder: str, images: int) -> None:
        self._images[folder] = images
        self._index.add(folder, folder)
        if folder.endswith("/1"):  # PHOENIX-2014 keeps the frames of a recording one folder deeper
            self._index.add(folder.removesuffix("/1"), folder)

    def frames(self, name: str, split: str) -> int | None:
        """Number of frames of a recording; None: it is not here.

        Raises:
            ClipError: the video cannot be read, or is cut off.
            DataError: several videos may be meant.
            MissingExtraError: PyAV is not installed.
        """
        found = self.find(name, split)
        return None if found is None else self._images.get(found) or frame_count(self.place / found)

    def find(self, name: str, split: str) -> str | None:
        """Path of a recording below the folder, a file or a folder of images; None: it is not here.

        Which of several files is meant follows from the folders in the name, and from those named for splits.

        Raises:
            DataError: it does not.
        """
        found = self._index.find(name, split)
        if len(found) > 1:
            raise DataError(
                f"{self.place}: the video of {name} may be {found[0]} or {found[1]}; name the folder that holds only "
                "those that are meant with --videos"
            )
        return found[0] if found else None

    def state(self, found: str) -> str | None:
        """What is another where a video is another, at the price of listing it, and the same on every machine.

        Args:
            found: its path below the folder.

        Returns:
            Its size in bytes, or of a folder of images a digest of their names and sizes; None: it is not there.
        """
        if found not in self._states:
            self._states[found] = _state(self.place / found)
        return self._states[found]


def _state(path: Path) -> str | None:
    try:
        if not path.is_dir():
            return str(path.stat().st_size)
        with os.scandir(path) as entries:
            return text_digest(repr(sorted((one.name, one.stat().st_size) for one in entries if is_image(one.name))))
    except OSError:  # a broken link, or it has gone since the folder was listed
        return None
