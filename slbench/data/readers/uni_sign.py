"""The labels that Uni-Sign releases, and GFSLT-VLP's of the same form: one pickle a split.

`labels.{train,dev,test}`, for WLASL `labels-2000.*`, are gzipped pickles `{id: {name, gloss, text, video_path}}`; poses
lie below `pose_format` under the name of the video. An id is the corpus's own: `.mp4` goes, and so does the folder that
GFSLT-VLP puts before the names of PHOENIX-2014T (`dev/11August_2010_Wednesday_tagesschau-2`).
"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import TypeAdapter

from slbench.data.pickles import read_pickle
from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.official import SPLITS, FolderOfLists, Ids, Row, of_form, stem, whole


class Label(Row):
    """One clip. The gloss is a list, or a line, or empty."""

    name: str
    text: str
    gloss: list[str] | str = ""
    video_path: str | None = None


LABELS = TypeAdapter(dict[str, Label])


class UniSignLists(FolderOfLists):
    """Released labels of any corpus; for isolated signs (those with subsets) the text is the gloss as well."""

    layout: ClassVar[str] = "uni-sign"
    places: ClassVar[tuple[str, ...]] = (".", "data", "labels")

    def names(self, split: str) -> list[str]:
        """One file; its name has the subset where there is one."""
        size = "" if self.subset is None else f"-{self.subset}"
        return [f"labels{size}.{split}"] if split in SPLITS else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips."""
        (path,) = self.needed(split)
        ids = Ids()
        for key, label in of_form(read_pickle(path), LABELS, path).items():
            clip_id = ids.new(stem(label.name).removeprefix(f"{split}/"), f"{path}: {key}")
            gloss = label.gloss if isinstance(label.gloss, str) else " ".join(label.gloss)
            spoken = label.text if self.subset is not None else ""
            yield Listed(clip_id, label.text, " ".join(gloss.split()) or spoken, _places(label, clip_id, split))


def _places(label: Label, clip_id: str, split: str) -> tuple[Recording, ...]:
    """By the video's name or, where the label has none, by the clip's."""
    names = (label.video_path or label.name, label.name, clip_id)
    return tuple(dict.fromkeys(place for name in names for place in whole(stem(name).removeprefix(f"{split}/"), split)))
