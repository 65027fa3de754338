"""What is prepared of a corpus."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from slbench.cards import DatasetCard
from slbench.data.crops import FOLDER as CROPS
from slbench.data.crops import find_crops
from slbench.data.pictured import outdated_crops, remembered_videos
from slbench.data.store import Manifest, Split, Store, folder_of, prepared_splits
from slbench.data.videos import VideoFolder
from slbench.errors import DataError

State = Literal["absent", "partial", "prepared", "damaged"]


@dataclass(frozen=True)
class CorpusStatus:
    """A corpus on this machine.

    Attributes:
        state: `partial` where a split is absent, a preparation was interrupted, or clips could not be read.
        splits: manifests of the splits that are there.
        size: bytes on disk, those of an interrupted preparation too.
        problem: what is damaged, or wrong with the videos.
        videos: folder of its videos, as it was found by `prepare`.
        crops: splits of which the hands are cut out.
        outdated: splits with crops that are not taken, since clips or videos are others by now, and of how many clips.
    """

    card: DatasetCard
    state: State
    splits: tuple[Manifest, ...]
    size: int
    problem: str = ""
    videos: Path | None = None
    crops: tuple[str, ...] = ()
    outdated: tuple[tuple[str, int], ...] = ()

    @property
    def readable(self) -> int:
        """Clips whose frames are there."""
        return sum(split.readable for split in self.splits)

    @property
    def clips(self) -> int:
        """Clips of the corpus: as many as the lists have, and of a split that is not prepared, as its card says."""
        here = {split.split: split.clips for split in self.splits}
        return sum((self.card.splits | here).values())

    @property
    def pose_sources(self) -> tuple[str, ...]:
        """Who made the poses of its splits."""
        return tuple(sorted({split.pose_source for split in self.splits}))


def status_of(card: DatasetCard) -> CorpusStatus:
    """Look at a corpus's store; manifests are read, and where there are crops the folder of videos is listed."""
    folder = folder_of(card)
    size = sum(map(_size, folder.rglob("*")))
    try:
        there = [Store(folder).split(name) for name in prepared_splits(card)]
        splits = tuple(split.manifest for split in there)
        crops = tuple(split.split for split in splits if find_crops(card, split) is not None)
        videos = remembered_videos(card)
    except DataError as error:
        return CorpusStatus(card, "damaged", (), size, str(error))
    status = CorpusStatus(card, _state(card, splits, folder), splits, size, videos=videos, crops=crops)
    if not (folder / CROPS).is_dir():
        return status
    try:
        return replace(status, outdated=tuple(_outdated(card, there, videos)))
    except DataError as error:  # of the videos; the corpus itself is well
        return replace(status, problem=str(error))


def _outdated(card: DatasetCard, splits: list[Split], videos: Path | None) -> Iterator[tuple[str, int]]:
    folder = VideoFolder(videos, lenient=True) if videos is not None and videos.is_dir() else None
    for split in splits:
        outdated = outdated_crops(card, split, folder)
        if outdated:
            yield split.manifest.split, outdated


def _size(path: Path) -> int:
    """Of a file; a preparation that goes on meanwhile may have taken it away."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _state(card: DatasetCard, splits: tuple[Manifest, ...], folder: Path) -> State:
    begun = any(folder.glob(".*.work"))
    if not splits and not begun:
        return "absent"
    whole = len(splits) == len(card.splits) and all(split.readable == split.clips for split in splits)
    return "prepared" if whole and not begun else "partial"
