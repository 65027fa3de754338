"""What a reader is: the official files of a corpus, and the clips in them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slbench.data.clip import Clip


@dataclass(frozen=True)
class Entry:
    """One clip that the corpus lists: what is known before its file is opened, and how to open it.

    Attributes:
        id: unique within the corpus.
        text, gloss: as in `Clip`.
        load: reads the clip; raises ClipError where its file is unusable.
    """

    id: str
    text: str
    gloss: str
    load: Callable[[], Clip]


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
