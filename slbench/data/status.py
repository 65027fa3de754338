"""What is prepared of a corpus."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slbench.cards import DatasetCard
from slbench.data.crops import find_crops
from slbench.data.pictured import remembered_videos
from slbench.data.store import Manifest, Store, folder_of, prepared_splits
from slbench.errors import DataError

State = Literal["absent", "partial", "prepared", "damaged"]


@dataclass(frozen=True)
class CorpusStatus:
    """A corpus on this machine.

    Attributes:
        state: `partial` where a split is absent, a preparation was interrupted, or clips could not be read.
        splits: manifests of the splits that are there.
        size: bytes on disk, those of an interrupted preparation too.
        problem: what is damaged.
        videos: folder of its videos, as it was found by `prepare`.
        crops: splits of which the hands are cut out.
    """

    card: DatasetCard
    state: State
    splits: tuple[Manifest, ...]
    size: int
    problem: str = ""
    videos: Path | None = None
    crops: tuple[str, ...] = ()

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
    """Look at a corpus's store; nothing but manifests is read."""
    folder = folder_of(card)
    size = sum(map(_size, folder.rglob("*")))
    try:
        splits = tuple(Store(folder).split(name).manifest for name in prepared_splits(card))
        crops = tuple(split.split for split in splits if find_crops(card, split) is not None)
        videos = remembered_videos(card)
    except DataError as error:
        return CorpusStatus(card, "damaged", (), size, str(error))
    return CorpusStatus(card, _state(card, splits, folder), splits, size, videos=videos, crops=crops)


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
