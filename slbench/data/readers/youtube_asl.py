"""YouTube-ASL (Uthus et al., NeurIPS 2023): the owners' file of video ids, and captions that the user has fetched.

A clip is a caption with text, its id `<video>-<milliseconds at which it begins>`. Captions are files `<video>.vtt` or
`<video>.en.vtt`, also `.srt`, `.json` and `.json3`, in the folder `captions` or beside the ids. A video without
captions has no clips. All of it is train.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.captions import Caption, read_captions
from slbench.data.readers.official import AGAIN, FolderOfLists, Ids, Numbered, read_text
from slbench.errors import DataError

ID_FILES = ("youtube-asl.txt", "youtube_asl_video_ids.txt", "ids.txt")
CAPTIONS = "captions"
VIDEO_ID = re.compile(r"[\w-]{11}")
CAPTION_FILE = re.compile(r"([\w-]{11})(?:\.(en(?:-[\w-]+)?))?\.(?:vtt|srt|json3?)")


class YouTubeAslLists(FolderOfLists):
    """The videos' captions: English text."""

    def names(self, split: str) -> list[str]:
        """The file of ids."""
        there = next((name for name in ID_FILES if self.find(name) is not None), ID_FILES[0])
        return [there] if split == "train" else []

    def wanted(self, split: str) -> str:
        """What the file may be called."""
        return f"{' or '.join(ID_FILES)}, with captions in {CAPTIONS}/" if split == "train" else super().wanted(split)

    def files(self, split: str) -> list[Path]:
        """The file of ids, and the captions of its videos."""
        found = super().files(split)
        if found and not self.captions:
            raise DataError(
                f"{found[0]}: of {len(self.videos):,} videos none has captions; fetch them into "
                f"{found[0].parent / CAPTIONS} as <video>.vtt, .srt or .json"
            )
        return found + [path for video in self.videos if (path := self.captions.get(video))] if found else []

    @cached_property
    def videos(self) -> list[str]:
        """Ids of the videos, in the owners' order."""
        (path,) = super().files("train")
        ids = Ids()
        return [
            _video(ids.new(line.strip(), f"{path}:{number}"), f"{path}:{number}")
            for number, line in enumerate(read_text(path).split("\n"), 1)
            if line.strip()
        ]

    @cached_property
    def captions(self) -> dict[str, Path]:
        """Video -> its captions; of several those without a language, or in plain `en`, before `en-GB` and the like."""
        (ids,) = super().files("train")
        folders = [folder for folder in (ids.parent / CAPTIONS, ids.parent) if folder.is_dir()]
        named = ((CAPTION_FILE.fullmatch(path.name), path) for folder in folders for path in sorted(folder.iterdir()))
        listed = set(self.videos)
        found = [(name[2] or "", name[1], path) for name, path in named if name is not None and name[1] in listed]
        best: dict[str, Path] = {}
        for _, video, path in sorted(found, key=lambda one: one[0]):
            best.setdefault(video, path)
        return best

    def listed(self, split: str) -> Iterator[Listed]:
        """The captions, by video and in the order of their file."""
        self.needed(split)
        for video in self.videos:
            ids = Numbered()
            for caption in read_captions(self.captions[video]) if video in self.captions else ():
                if caption.text:
                    yield _listed(ids.new(f"{video}-{round(caption.start * 1000)}"), video, caption)


def _listed(name: str, video: str, caption: Caption) -> Listed:
    missing = None if caption.start < caption.end else f"the caption ends at {caption.end:g} s, before it begins"
    where = (Recording(name), Recording(video, seconds=(caption.start, caption.end)))
    return Listed(name, caption.text, "", where, missing=missing)


def _video(line: str, place: str) -> str:
    if not VIDEO_ID.fullmatch(line):
        raise DataError(f"{place}: {line!r} is no id of a video on YouTube; {AGAIN}")
    return line
