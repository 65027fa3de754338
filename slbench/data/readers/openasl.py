"""OpenASL (Shi et al., EMNLP 2022): `openasl-v1.0.tsv`, one list with a column for the split.

The id is `vid`, such as `1nFdgokPwBw-00:00:14.100-00:00:17.266`; the owners' `crop_video.py` writes `%` for `:` in
file names. The text is `raw-text`. The list is read as the owners read it, with quotation marks around fields undone.
"""

from collections.abc import Iterator
from typing import ClassVar

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.official import SPLITS, FolderOfLists, Ids, read_table, seconds_of, split_of, whole

COLUMNS = ("vid", "yid", "start", "end", "raw-text", "split")


class OpenAslLists(FolderOfLists):
    """The list of OpenASL: English text."""

    places: ClassVar[tuple[str, ...]] = (".", "data", "OpenASL/data")

    def names(self, split: str) -> list[str]:
        """One file, of all splits."""
        return ["openasl-v1.0.tsv"] if split in SPLITS else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's sentences: a clip that has been cut out, or seconds of the video on YouTube."""
        (path,) = self.needed(split)
        ids = Ids()
        for place, row in read_table(path, "\t", COLUMNS, quoted=True):
            name = ids.new(row["vid"], place)
            if split_of(row["split"], place) == split:
                times = (seconds_of(row["start"], place), seconds_of(row["end"], place))
                missing = None if times[0] < times[1] else f"the list has it end at {times[1]:g} s, before it begins"
                where = (*whole(name, split), Recording(name.replace(":", "%")), Recording(row["yid"], seconds=times))
                yield Listed(name, row["raw-text"].strip(), "", where, row.get("signer_id", ""), missing=missing)
