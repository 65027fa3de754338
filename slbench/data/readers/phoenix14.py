"""RWTH-PHOENIX-Weather 2014, multisigner (Koller et al., CVIU 2015): `{train,dev,test}.corpus.csv`.

Glosses are as the owners wrote them, markers such as `__ON__` and `loc-` included, one space between two; cleaning is
the protocols' job. There is no translation, so the text is empty.
"""

from collections.abc import Iterator
from typing import ClassVar

from slbench.data.readers.base import Listed
from slbench.data.readers.official import SPLITS, FolderOfLists, Ids, read_table, whole

BROKEN = "13April_2011_Wednesday_tagesschau_default-14"
"""Its recording stops after 16 frames, before the 16 labels of its list can have been signed. Row 2390 of train; VAC's
`dataset_preprocess.py` and all that came after it leave it out by that number. Here it goes by name, so that a list in
another order, or one without it, gives the same 5,671 clips."""
COLUMNS = ("id", "folder", "signer", "annotation")


class Phoenix14Lists(FolderOfLists):
    """The lists of PHOENIX-2014; train lacks the one clip whose recording is broken (5,671 of 5,672)."""

    places: ClassVar[tuple[str, ...]] = (
        ".",
        "annotations/manual",
        "phoenix-2014-multisigner/annotations/manual",
        "phoenix2014-release/phoenix-2014-multisigner/annotations/manual",
    )

    def names(self, split: str) -> list[str]:
        """One file."""
        return [f"{split}.corpus.csv"] if split in SPLITS else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips; frames are in `<split>/<folder>`, where the list's folder ends in `/1/*.png`."""
        (path,) = self.needed(split)
        ids = Ids()
        for place, row in read_table(path, "|", COLUMNS):
            clip_id = ids.new(row["id"], place)
            folder = row["folder"].removesuffix("/*.png")
            where = (*whole(folder.removesuffix("/1"), split), *whole(folder, split))
            if clip_id != BROKEN:
                yield Listed(clip_id, "", " ".join(row["annotation"].split()), where, row["signer"])
