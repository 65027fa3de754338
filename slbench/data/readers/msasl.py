"""MS-ASL (Vaezi Joze and Koller, BMVC 2019): `MSASL_{train,val,test}.json`.

A subset has the classes with labels below its size. The gloss is `text`, "the gloss for this clip which match the
'label'" (README of the corpus); `clean_text` is what the video's own title says, before synonyms were put together, so
one class has several.

The lists name no clips. The id here is `<YouTube id>-<first frame>-<last frame>` of the list, in milliseconds with `ms`
where it has no frames; the 51 entries of train that repeat an earlier one get `-2`. The number is counted before the
subset is taken, so a clip has one id in all four subsets.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, TypeVar

from pydantic import TypeAdapter

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.official import AGAIN, WITH_VAL, FolderOfLists, Numbered, Row, read_json, whole
from slbench.errors import DataError

YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/|/shorts/)([\w-]{11})")


class Sample(Row):
    """One clip; times in seconds, frames half-open."""

    url: str
    label: int
    text: str
    start: int | None = None
    end: int | None = None
    start_time: float | None = None
    end_time: float | None = None
    signer_id: int | None = None
    fps: float | None = None


SAMPLES = TypeAdapter(list[Sample])
T = TypeVar("T", int, float)


class MsaslLists(FolderOfLists):
    """The lists of one subset of MS-ASL; text and gloss are the same."""

    places: ClassVar[tuple[str, ...]] = (".", "MS-ASL", "MSASL")

    def names(self, split: str) -> list[str]:
        """One file, of all classes."""
        return [f"MSASL_{WITH_VAL[split]}.json"] if split in WITH_VAL else []

    def listed(self, split: str) -> Iterator[Listed]:
        """The split's clips with labels below the subset's size."""
        (path,) = self.needed(split)
        ids = Numbered()
        samples = read_json(path, SAMPLES)
        for number, sample in enumerate(samples, 1):
            video, part, source = _place(sample, f"{path}: entry {number}")
            clip_id = ids.new(f"{video}-{part}")
            if self.subset is None or sample.label < self.subset:
                signer = "" if sample.signer_id is None else str(sample.signer_id)
                where = (*whole(clip_id, split), source)
                yield Listed(clip_id, sample.text, sample.text, where, signer, sample.fps)


def _place(sample: Sample, place: str) -> tuple[str, str, Recording]:
    """Video, what tells the clip from others in it, and where it is: by time where there is one, whatever the fps."""
    found = YOUTUBE.search(sample.url)
    if found is None:
        raise DataError(f"{place}: {sample.url!r} is no video on YouTube; {AGAIN}")
    video, frames, times = found[1], _pair(sample.start, sample.end), _pair(sample.start_time, sample.end_time)
    if frames is None and times is None:
        raise DataError(f"{place}: neither start and end nor start_time and end_time; is it of another version?")
    part = frames or [f"{round(time * 1000)}ms" for time in times or ()]
    source = Recording(video, seconds=times, frames=None if times else frames)
    return video, "-".join(map(str, part)), source


def _pair(start: T | None, end: T | None) -> tuple[T, T] | None:
    return None if start is None or end is None else (start, end)
