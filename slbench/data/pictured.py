"""Clips with their pictures: from the videos of their recordings, or from what was cut out of them before."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from slbench.cards import DatasetCard
from slbench.data.clip import Clip
from slbench.data.crops import MANIFEST, Cropped, Crops, crops_folder, find_crops
from slbench.data.picking import picked, picture_size
from slbench.data.pictures import Picture, Region, Squares, part
from slbench.data.store import ClipRow, Manifest, ReadableClips, SplitClips, folder_of
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError, DataError
from slbench.files import ids_digest, write_text

REMEMBERED = "videos.json"
"""In a corpus's store: the folder of its videos."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the pictures of a clip are.

    Attributes:
        video: a file or a folder of images, below the folder of all videos.
        first: its frame that is frame 0 of the clip.
        state: what is another where the pictures are others, the same on every machine: `video`, its size in bytes (of
            a folder of images a digest of their names and sizes) and `first`.
    """

    video: str
    first: int
    state: str


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

    def regions(self, wanted: Sequence[Region]) -> Squares:
        """As `Pictures.regions`, in one pass through the video."""
        found = {place: shown.copy() for place, shown in self.parts(wanted)}
        return Squares(wanted, [found[place] for place in range(len(wanted))])

    def parts(self, wanted: Sequence[Region]) -> Iterator[tuple[int, Picture]]:
        """What regions show, each with its place among them, as the video is read; raises ClipError where it cannot be.

        Each is a view of a whole frame, which stays in memory with it.
        """
        places: dict[int, list[int]] = defaultdict(list)
        for place, region in enumerate(wanted):
            places[self.first + region.frame].append(place)
        try:
            for number, picture in picked(self.path, sorted(places), self.first + self.frames if wanted else 0):
                yield from ((place, part(picture, wanted[place])) for place in places[number])
        except ClipError as error:
            raise ClipError(f"clip {self.clip}: {error}") from error


class PicturedSplit(Sequence[ClipRow]):
    """A split whose clips have pictures. Goes to loader workers without the list of the folder.

    Crops of a clip are taken where they were cut from the very video that is there, or where none is there.

    Attributes:
        split: the clips without pictures.
        folder: of their videos; None where only crops are known.
        videos: of each clip; None: there is no video of it.
        crops: cut out before.

    Raises:
        DataError: several videos may be meant for a clip.
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

    def state(self, index: int) -> str:
        """Of a clip's video, or of that which its crops were cut from (see `Found`); empty where there is neither."""
        found = self.videos[index]
        if found is not None:
            return found.state
        return "" if self.crops is None else self.crops.states.get(self.split[index].id, "")

    def clip(self, index: int) -> Clip:
        """Read one clip; raises ClipError where it cannot be used, or has no pictures."""
        clip, found = self.split.clip(index), self.videos[index]
        video = None if found is None or self.folder is None else pictures_of(clip, self.folder, found)
        if self.crops is not None and clip.id in self.crops and self.crops.states[clip.id] == self.state(index):
            return replace(clip, video=Cropped(self.crops, clip.id, video))
        if video is None:
            raise no_video(self.split[index], self.folder)
        return replace(clip, video=video)


def pictures_of(clip: Clip, folder: Path, found: Found) -> VideoPictures:
    """A clip's pictures in its video."""
    return VideoPictures(clip.id, folder / found.video, found.first, clip.frames)


def no_video(row: ClipRow, folder: Path | None) -> ClipError:
    """That a clip has no pictures, and what to do."""
    return ClipError(
        f"clip {row.id}: there is no video {row.source or row.id}.* in {folder or 'any folder that is known'}; put it "
        "there, or name the folder that holds it with --videos"
    )


def _find(videos: VideoFolder, row: ClipRow, split: str) -> Found | None:
    """The recording, in which the clip's place is known, or else a video of the clip's own."""
    for name in dict.fromkeys((row.source or row.id, row.id)):
        path = videos.find(name, split)
        state = None if path is None else videos.state(path)
        if path is not None and state is not None:
            first = row.first if name == (row.source or row.id) else 0
            return Found(path, first, json.dumps([path, state, first], ensure_ascii=False))
    return None


def pictures_digest(clips: SplitClips) -> str:
    """sha256 over id and state of the pictures (see `Found`) of all clips; empty where they have none or made-up ones.

    It is the same for a video and for what was cut out of it.
    """
    if isinstance(clips, ReadableClips) and isinstance(clips.split, PicturedSplit):
        pictured, indices = clips.split, clips.indices
    elif isinstance(clips, PicturedSplit):
        pictured, indices = clips, list(range(len(clips)))
    else:
        return ""
    return ids_digest(f"{pictured[index].id} {pictured.state(index)}" for index in indices)


def with_videos(split: SplitClips, videos: VideoFolder, crops: Crops | None = None) -> PicturedSplit:
    """The split with pictures from a folder of videos or of folders of images.

    Raises:
        DataError: not one clip has a video in it, or several may be meant for one.
    """
    pictured = PicturedSplit(split, videos, crops)
    if len(pictured) and not any(pictured.videos):
        raise no_videos(pictured)
    return pictured


def with_pictures(split: SplitClips, card: DatasetCard, videos: Path | None) -> SplitClips:
    """The split as a model that looks at pictures needs it; crops where `data prepare` has cut them.

    Args:
        split: clips of the corpus.
        card: of the corpus.
        videos: folder that the user names; None: the one that `data prepare` found.

    Raises:
        DataError: there are no pictures at all; the message says where they were looked for.
    """
    crops = find_crops(card, split.manifest)
    if videos is not None:
        return with_videos(split, VideoFolder(videos), crops)
    folder = remembered_videos(card)
    if folder is None or (crops is not None and not folder.is_dir()):
        if crops is None:
            raise DataError(_nothing_known(card))
        return PicturedSplit(split, None, crops)
    there = VideoFolder(folder, lenient=True)
    return with_videos(split, there) if crops is None else PicturedSplit(split, there, crops)


def outdated_crops(card: DatasetCard, split: SplitClips, videos: VideoFolder | None) -> int:
    """Clips whose crops are not taken, since clips or videos are others than those that they were cut from.

    Raises:
        DataError: the crops are damaged, or several videos may be meant for a clip.
    """
    held = Crops(crops_folder(card, split.manifest.split))
    if not (held.folder / MANIFEST).is_file():
        return 0
    if find_crops(card, split.manifest) is None:
        return held.manifest.readable
    pictured = PicturedSplit(split, videos, held)
    states = ((pictured[index].id, pictured.state(index)) for index in range(len(pictured)))
    return sum(clip in held and held.states[clip] != state for clip, state in states)


def _nothing_known(card: DatasetCard) -> str:
    if not card.needs_source:
        return (
            f"{card.name}: this corpus has poses only, and there are no videos of it; take a model that looks at "
            "poses, or --modality pose where it can do without pictures"
        )
    return (
        f"{card.name}: it was prepared without videos, so there are no pictures to look at; name their folder with "
        f"--videos, or for good with: slbench data prepare {card.name} --source FOLDER --videos FOLDER"
    )


def no_videos(pictured: PicturedSplit) -> DataError:
    """That a folder has no video of any clip of a split, and what to do."""
    data = pictured.manifest
    return DataError(
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
