"""CSL-Daily (Zhou et al., CVPR 2021): `csl2020ct_v2.pkl` or `video_map.txt`, and `split_1.txt`.

The splits are those of `split_1.txt`, and a clip without a split is left out. The pre-processing that several labs
release sends such clips to train instead; `S000007_P0003_T00` is one. Text is the characters put together, the gloss is
the glosses with spaces between them.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from slbench.data.pickles import read_pickle
from slbench.data.readers.base import Listed
from slbench.data.readers.official import SPLITS, FolderOfLists, Ids, Row, of_form, read_table, split_of, whole
from slbench.errors import DataError

SPLIT_LIST = "split_1.txt"
LABELS = "csl2020ct_v2.pkl"
MAP = "video_map.txt"


class Label(Row):
    """What one clip says."""

    name: str
    label_gloss: list[str]
    label_char: list[str]


class Labels(Row):
    """The pickle."""

    info: list[Label]


FORM = TypeAdapter(Labels)


class CslDailyLists(FolderOfLists):
    """The lists of CSL-Daily: glosses and Chinese text, with the owners' punctuation."""

    places: ClassVar[tuple[str, ...]] = (".", "sentence_label", "CSL-Daily/sentence_label", "csl-daily/sentence_label")

    def names(self, split: str) -> list[str]:
        """The splits, and the labels: the pickle where it is there, else the table of the same content."""
        table = self.find(LABELS) is None and self.find(MAP) is not None
        return [SPLIT_LIST, MAP if table else LABELS] if split in SPLITS else []

    def wanted(self, split: str) -> str:
        """Both, either way."""
        return f"{SPLIT_LIST} and {LABELS} (or {MAP})" if split in SPLITS else super().wanted(split)

    @cached_property
    def labels(self) -> Mapping[str, Label]:
        """Name -> label, of all splits."""
        path = self.needed("train")[1]
        found = _table(path) if path.name == MAP else of_form(read_pickle(path), FORM, path).info
        ids = Ids()
        return {ids.new(label.name, f"{path}: entry {number}"): label for number, label in enumerate(found, 1)}

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips, in the order of the list of splits."""
        path, labels = self.needed(split)
        ids = Ids()
        for place, row in read_table(path, "|", ("name", "split")):
            name = ids.new(row["name"], place)
            if split_of(row["split"], place) == split:
                if name not in self.labels:
                    raise DataError(f"{place}: {name} is not in {labels}; get both files of one version")
                yield _listed(self.labels[name], split)


def _table(path: Path) -> list[Label]:
    rows = (row for _, row in read_table(path, "|", ("name", "gloss", "char")))
    return [Label(name=row["name"], label_gloss=row["gloss"].split(), label_char=row["char"].split()) for row in rows]


def _listed(label: Label, split: str) -> Listed:
    """The signer is the P of a name: S000020_P0004_T00."""
    text, gloss = "".join(label.label_char), " ".join(label.label_gloss)
    signer = next((part for part in label.name.split("_") if part.startswith("P")), "")
    return Listed(label.name, text, gloss, whole(label.name, split), signer)
