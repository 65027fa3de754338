"""How2Sign (Duarte et al., CVPR 2021): `how2sign_realigned_{train,val,test}.csv`, times set right by hand.

A clip is `<SENTENCE_NAME>` where somebody has cut it by these times, or else these seconds of `<VIDEO_NAME>`. The clips
that the owners distribute are cut by other times and have the same names: poses of those fit these texts badly.
"""

from collections.abc import Iterator
from typing import ClassVar

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.official import WITH_VAL, FolderOfLists, Ids, read_table, seconds_of, whole

COLUMNS = ("VIDEO_NAME", "SENTENCE_NAME", "START_REALIGNED", "END_REALIGNED", "SENTENCE")
BELOW = "{}/text/en/raw_text/re_aligned"


class How2SignLists(FolderOfLists):
    """The re-aligned lists of How2Sign: English text, no glosses."""

    places: ClassVar[tuple[str, ...]] = (
        ".",
        *(
            BELOW.format(f"{root}{name}")
            for root in ("sentence_level/", "How2Sign/sentence_level/", "")
            for name in WITH_VAL.values()
        ),
    )

    def names(self, split: str) -> list[str]:
        """One file."""
        return [f"how2sign_realigned_{WITH_VAL[split]}.csv"] if split in WITH_VAL else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's sentences. One that ends before it begins is listed as missing."""
        (path,) = self.needed(split)
        ids = Ids()
        for place, row in read_table(path, "\t", COLUMNS, quoted=True):
            name = ids.new(row["SENTENCE_NAME"], place)
            start, end = seconds_of(row["START_REALIGNED"], place), seconds_of(row["END_REALIGNED"], place)
            missing = None if start < end else f"the list has it end at {end:g} s and begin at {start:g} s"
            where = (*whole(name, split), Recording(row["VIDEO_NAME"], seconds=(start, end)))
            yield Listed(name, row["SENTENCE"].strip(), "", where, missing=missing)
