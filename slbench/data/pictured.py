"""Clips with their pictures: from the videos of their recordings, or from what was cut out of them before."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from slbench.cards import DatasetCard
from slbench.data.clip import Clip
from slbench.data.crops import Cropped, Crops, find_crops
from slbench.data.picking import picked, picture_size
from slbench.data.pictures import Picture, Region, cut
from slbench.data.store import ClipRow, Manifest, SplitClips, folder_of
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError, DataError
from slbench.files import write_text

REMEMBERED = "videos.json"
"""In a corpus's store: the folder of its videos."""


@dataclass(frozen=True)
class VideoPictures:
    """Meets `Pictures`: a clip in a video file or a folder of images.

    Attributes:
        clip: its id, for messages.
        path: of the recording.
        first: frame of the recording that is frame 0 of the clip.
        frames: of the clip.
    """

    clip: str
    path: Path
    first: int
    frames: int

    def size(self) -> tuple[int, int]:
        """As `Pictures.size`."""
        try:
            return picture_size(self.path, self.first)
        except ClipError as error:
            raise ClipError(f"clip {self.clip}: {error}") from error

    def regions(self, wanted: Sequence[Region]) -> list[Picture]:
        """As `Pictures.regions`, in one pass through the video."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, region in enumerate(wanted):
            places[self.first + region.frame].append(place)
        found: dict[int, Picture] = {}
        try:
            for number, picture in picked(self.path, sorted(places), self.first + self.frames if wanted else 0):
                found.update((place, cut(picture, wanted[place])) for place in places[number])
        except ClipError as error:
            raise ClipError(f"clip {self.clip}: {error}") from error
        return [found[place] for place in range(len(wanted))]


class PicturedSplit(Sequence[ClipRow]):
    """A split whose clips have pictures. Goes to loader workers without the list of the folder.

    Attributes:
        split: the clips without pictures.
        folder: of their videos; None where only crops are known.
        videos: of each clip, its video below the folder and whether that is its recording; None: it is not there.
        crops: cut out before, and taken first.
    """

    def __init__(self, split: SplitClips, videos: VideoFolder | None, crops: Crops | None = None) -> None:
        self.split, self.crops = split, crops
        self.folder = None if videos is None else videos.place
        rows = (split[index] for index in range(len(split)))
        name = split.manifest.split
        self.videos = [None if videos is None else _find(videos, row, name) for row in rows]

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self.split[number] for number in range(*index.indices(len(self)))]
        return self.split[index]

    @cached_property
    def manifest(self) -> Manifest:
        """Of the split."""
        return self.split.manifest

    def shows(self, index: int) -> bool:
        """Whether there is a video or crops of a clip; whether the video can be read is not looked at."""
        return self.videos[index] is not None or (self.crops is not None and self.split[index].id in self.crops)

    def has_pictures(self) -> bool:
        """Whether at least one clip has."""
        return self.crops is not None or any(video is not None for video in self.videos)

    def clip(self, index: int) -> Clip:
        """Read one clip; raises ClipError where it cannot be used, or has no pictures."""
        clip = self.split.clip(index)
        video = self._video(index, clip)
        if self.crops is not None and clip.id in self.crops:
            return replace(clip, video=Cropped(self.crops, clip.id, video))
        if video is None:
            name, where = self.split[index].source or clip.id, self.folder or "any folder that is known"
            raise ClipError(
                f"clip {clip.id}: there is no video {name}.* in {where}; put it there, or name the folder that holds "
                "it with --videos"
            )
        return replace(clip, video=video)

    def _video(self, index: int, clip: Clip) -> VideoPictures | None:
        found = self.videos[index]
        if found is None or self.folder is None:
            return None
        return VideoPictures(clip.id, self.folder / found[0], clip.first if found[1] else 0, clip.frames)


def _find(videos: VideoFolder, row: ClipRow, split: str) -> tuple[str, bool] | None:
    """The recording, in which the clip's place is known, or else a video of the clip's own."""
    for name in dict.fromkeys((row.source or row.id, row.id)):
        path = videos.find(name, split)
        if path is not None:
            return path, name == (row.source or row.id)
    return None


def with_videos(split: SplitClips, folder: Path) -> PicturedSplit:
    """The split with pictures from a folder of videos or of folders of images; the folder is listed once.

    Raises:
        DataError: there is no such folder, or not one clip has a video in it.
    """
    pictured = PicturedSplit(split, VideoFolder(folder))
    _check_any(pictured)
    return pictured


def with_pictures(split: SplitClips, card: DatasetCard, videos: Path | None) -> SplitClips:
    """The split as a model that looks at pictures needs it.

    Args:
        split: clips of the corpus.
        card: of the corpus.
        videos: folder that the user names; None: crops where `data prepare` has cut them, and the videos that it found.

    Raises:
        DataError: there are no pictures at all; the message says where they were looked for.
    """
    if videos is not None:
        return with_videos(split, videos)
    crops, folder = find_crops(card, split.manifest), remembered_videos(card)
    if crops is None and folder is None:
        raise DataError(_nothing_known(card))
    there = None if folder is None or (crops is not None and not folder.is_dir()) else VideoFolder(folder)
    pictured = PicturedSplit(split, there, crops)
    _check_any(pictured)
    return pictured


@dataclass(frozen=True)
class Videos:
    """A folder of a corpus's videos, and so many of so many clips that have one in it."""

    folder: Path
    found: int
    clips: int


def note_videos(card: DatasetCard, splits: Sequence[SplitClips], videos: Path | None, source: Path) -> Videos | None:
    """Find the videos of a corpus that is prepared, and remember their folder for runs.

    Args:
        videos: where the user says that they are; None: below the source, if there are any.

    Raises:
        DataError: there is no such folder, or it is the user's and not one clip has a video in it.
        OutputError: the store cannot be written.
    """
    folder = VideoFolder(videos or source)
    pictured = [PicturedSplit(split, folder) for split in splits]
    if not any(split.has_pictures() for split in pictured):
        for split in pictured if videos else ():
            _check_any(split)
        return None
    remember_videos(card, folder.place)
    there = [video is not None for split in pictured for video in split.videos]
    return Videos(folder.place, sum(there), len(there))


def _nothing_known(card: DatasetCard) -> str:
    if not card.needs_source:
        return f"{card.name}: this corpus has poses only, and there are no videos of it; run it with --modality pose"
    return (
        f"{card.name}: it was prepared without videos, so there are no pictures to look at; name their folder with "
        f"--videos, or for good with: slbench data prepare {card.name} --source FOLDER --videos FOLDER"
    )


def _check_any(pictured: PicturedSplit) -> None:
    if pictured.has_pictures() or not len(pictured):
        return
    data = pictured.manifest
    raise DataError(
        f"{pictured.folder}: of the {len(pictured):,} clips of {data.dataset} {data.split} not one has a video there, "
        f"such as {pictured[0].source or pictured[0].id}.mp4 or a folder of that name with images; "
        "name the right folder with --videos"
    )


def remember_videos(card: DatasetCard, folder: Path) -> None:
    """Keep the folder of a corpus's videos for runs; raises OutputError where the store cannot be written."""
    write_text(folder_of(card) / REMEMBERED, json.dumps({"folder": str(folder.absolute())}) + "\n")


def remembered_videos(card: DatasetCard) -> Path | None:
    """The folder of a corpus's videos that `data prepare` found.

    Raises:
        DataError: what it has left is damaged.
    """
    file = folder_of(card) / REMEMBERED
    if not file.is_file():
        return None
    try:
        return Path(json.loads(file.read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: is damaged ({error}); say --videos FOLDER to `slbench data prepare` again") from error
