"""What a reader is: the official files of a corpus, and the clips in them.

A corpus that slbench is told the place of is read in two halves: its own lists (`Lists`, one module a corpus) say which
clips there are and what they say, and a folder of poses (`slbench.data.poses`) holds their frames.
`slbench.data.corpus` joins them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from slbench.data.clip import Clip


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip that the corpus lists: what is known before its file is opened, and how to open it.

    Attributes:
        id: unique within the corpus.
        text, gloss: as in `Clip`.
        load: reads the clip; raises ClipError where its file is unusable. For a corpus that is prepared on several
            cores it can be pickled.
        signer: who signs, as the corpus names them; empty where it does not say.
        source: the recording, as the corpus names it.
        state: changes whenever the clip's file does, and costs no reading.
    """

    id: str
    text: str
    gloss: str
    load: Callable[[], Clip]
    signer: str = ""
    source: str = ""
    state: str = ""


class Reader(Protocol):
    """A corpus on disk. Built without arguments, from the "module:Class" on the dataset card."""

    def sources(self) -> Mapping[str, Path]:
        """The files that everything is read from, by a name that is the same on every machine.

        The store is rebuilt when they change, and their digests are the data's digest.

        Raises:
            MissingExtraError, DataError: the corpus is not here; the message says how to get it.
        """

    def entries(self, split: str) -> Iterable[Entry]:
        """The clips of a split, in the order of the task."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the frames of a clip may be found.

    Attributes:
        name: of the video or frame folder, as a path without suffix below the folder that holds them all, such as
            `S000020_P0000_T00` or `train/00335`. Its pose file has the same name.
        seconds: start and end of the clip in it.
        frames: half-open range of frames, where the corpus counts them; its end None is the recording's.

    A recording without seconds and frames is the clip.
    """

    name: str
    seconds: tuple[float, float] | None = None
    frames: tuple[int, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One clip as the corpus's own lists have it.

    Attributes:
        id: unique within the corpus; the name that the field's prediction files use, without a suffix such as `.mp4`.
        text: what it says, in the written language of the task; for isolated signs the gloss as it is to be answered.
        gloss: glosses joined by spaces; for isolated signs the one gloss, which may have spaces.
        recordings: where its frames may be, the best place first.
        signer: as the corpus names them.
        fps: frame rate of the recording, where the list says so.
        missing: why there can't be frames, where the corpus says so itself; None: they may be there.
    """

    id: str
    text: str
    gloss: str
    recordings: tuple[Recording, ...]
    signer: str = ""
    fps: float | None = None
    missing: str | None = None


class Lists(Protocol):
    """The lists of a corpus in one layout, its owners' or Uni-Sign's; nothing is read before it is asked for."""

    layout: ClassVar[str]
    """`official` or `uni-sign`."""

    def __init__(self, folder: Path, subset: int | None) -> None:
        """Take the folder that the user has named: the official root, or the folder of the lists itself.

        Args:
            folder: where the corpus is.
            subset: number of classes, for a corpus that comes in several sizes.
        """

    def files(self, split: str) -> list[Path]:
        """The files that the list of a split is read from; empty where there is no such list.

        Raises:
            DataError: some are there and others are not.
        """

    def listed(self, split: str) -> Iterable[Listed]:
        """The clips of a split (`train`, `dev` or `test`), in the order of the list.

        Raises:
            DataError: with file, line and remedy, where the list is not what it should be.
        """

    def wanted(self, split: str) -> str:
        """Which file would be the list of a split, for a message about its absence."""
