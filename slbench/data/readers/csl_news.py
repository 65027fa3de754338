"""CSL-News (Li et al., ICLR 2025): `CSL_News_Labels.json`, in the order of which the last 1 % is for validation.

The released code takes entries from `int(n * 0.99)` on for it (`S2T_Dataset_news` in Uni-Sign's `datasets.py`); there
is no test split. A clip's id is its video's name, its recording the name of its pose file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from pydantic import TypeAdapter

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.official import FolderOfLists, Ids, read_json, stem


@dataclass(frozen=True, slots=True)
class Sentence:
    """One clip and its subtitle; slots, since there are 722,711."""

    video: str
    pose: str
    text: str


SENTENCES = TypeAdapter(list[Sentence])


class CslNewsLists(FolderOfLists):
    """The list of CSL-News: Chinese text."""

    places: ClassVar[tuple[str, ...]] = (".", "data/train", "CSL_News", "data/CSL_News")

    def names(self, split: str) -> list[str]:
        """One file."""
        return ["CSL_News_Labels.json"] if split in ("train", "dev") else []

    @cached_property
    def sentences(self) -> list[Sentence]:
        """All of them."""
        return read_json(self.needed("train")[0], SENTENCES)

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips."""
        (path,) = self.needed(split)
        border = int(len(self.sentences) * 0.99)
        ids = Ids()
        for number, sentence in enumerate(self.sentences, 1):
            name = ids.new(stem(sentence.video), f"{path}: entry {number}")
            if (number > border) == (split == "dev"):
                recordings = dict.fromkeys((stem(sentence.pose), name))
                yield Listed(name, sentence.text, "", tuple(map(Recording, recordings)))
