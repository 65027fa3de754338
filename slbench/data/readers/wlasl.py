"""WLASL (Li et al., WACV 2020), as github.com/dxli94/WLASL has it.

`nslt_<N>.json` says which videos belong to a subset, and to which split; `WLASL_v0.3.json` what they show. Twelve
videos of `nslt_2000.json` are not in `WLASL_v0.3.json`; their class number names a sign there all the same, so they are
listed.

A clip is a whole video `<video_id>.mp4` as the owners' `preprocess.py` leaves it: what was cut out of a longer one
(`frame_start`, `frame_end`) is cut there. The times in `nslt_<N>.json` are not used, as Uni-Sign does not: they are
1 and the video's length, but for 304 videos that have the times of the uncut one.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from slbench.data.readers.base import Listed
from slbench.data.readers.official import SPLITS, FolderOfLists, Row, read_json, read_text, split_of, whole
from slbench.errors import DataError

SIGNS = "WLASL_v0.3.json"
MISSING = "missing.txt"
ALL = 2000


class Video(Row):
    """One recording of a sign."""

    video_id: str
    signer_id: int


class Sign(Row):
    """A gloss and its recordings."""

    gloss: str
    instances: tuple[Video, ...]


class Membership(Row):
    """That a video belongs to a subset: its split, and its class with the first and last frame."""

    subset: str
    action: tuple[int, int, int]


SIGN_LIST = TypeAdapter(list[Sign])
MEMBERS = TypeAdapter(dict[str, Membership])


class WlaslLists(FolderOfLists):
    """The lists of one subset of WLASL; text and gloss are the same."""

    places: ClassVar[tuple[str, ...]] = (".", "start_kit", "code/I3D/preprocess", "I3D/preprocess", "preprocess")

    def names(self, split: str) -> list[str]:
        """The subset's list, and the signs."""
        return [f"nslt_{self.subset or ALL}.json", SIGNS] if split in SPLITS else []

    def files(self, split: str) -> list[Path]:
        """These two, and `missing.txt` where there is one."""
        found = super().files(split)
        missing = self.find(MISSING)
        return [*found, missing] if found and missing else found

    @cached_property
    def signs(self) -> list[Sign]:
        """In the order of their class numbers."""
        return read_json(self.needed("train")[1], SIGN_LIST)

    @cached_property
    def missing(self) -> frozenset[str]:
        """Videos that could not be had, as the owners' `find_missing.py` lists them; none without that list."""
        path = self.find(MISSING)
        return frozenset(read_text(path).split()) if path is not None and path.stat().st_size else frozenset()

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's videos, in the order of the subset's list."""
        path = self.needed(split)[0]
        known = {video.video_id: (sign.gloss, video) for sign in self.signs for video in sign.instances}
        for video_id, member in read_json(path, MEMBERS).items():
            if split_of(member.subset, f"{path}: video {video_id}") == split:
                gloss, video = known.get(video_id, (None, None))
                gloss = gloss or self._gloss(member.action[0], f"{path}: video {video_id}")
                signer = "" if video is None else str(video.signer_id)
                missing = f"{MISSING} names it" if video_id in self.missing else None
                yield Listed(video_id, gloss, gloss, whole(video_id, split), signer, missing=missing)

    def _gloss(self, number: int, place: str) -> str:
        """By class number, for a video that the list of signs lacks."""
        if not 0 <= number < len(self.signs):
            raise DataError(f"{place}: there is no class {number} among {len(self.signs)}; is {SIGNS} whole?")
        return self.signs[number].gloss
