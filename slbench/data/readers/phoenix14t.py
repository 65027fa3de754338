"""RWTH-PHOENIX-Weather 2014 T (Camgoz et al., CVPR 2018): `PHOENIX-2014-T.{train,dev,test}.corpus.csv`.

Glosses are as the owners wrote them; cleaning is the protocols' job. The labels that GFSLT-VLP releases have other
glosses than the STM files that the field scores with, in 852 of the 1,161 clips of dev and test.
"""

from collections.abc import Iterator
from typing import ClassVar

from slbench.data.readers.base import Listed
from slbench.data.readers.official import SPLITS, FolderOfLists, Ids, read_table, whole

COLUMNS = ("name", "speaker", "orth", "translation")


class Phoenix14TLists(FolderOfLists):
    """The lists of PHOENIX-2014T: glosses and German text."""

    places: ClassVar[tuple[str, ...]] = (
        ".",
        "annotations/manual",
        "PHOENIX-2014-T/annotations/manual",
        "PHOENIX-2014-T-release-v3/PHOENIX-2014-T/annotations/manual",
    )

    def names(self, split: str) -> list[str]:
        """One file."""
        return [f"PHOENIX-2014-T.{split}.corpus.csv"] if split in SPLITS else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips; frames are in `<split>/<name>`. Start and end are -1 throughout, so they are not read."""
        (path,) = self.needed(split)
        ids = Ids()
        for place, row in read_table(path, "|", COLUMNS):
            name = ids.new(row["name"], place)
            yield Listed(
                name, row["translation"].strip(), " ".join(row["orth"].split()), whole(name, split), row["speaker"]
            )
