"""What `slbench data prepare` finds of a corpus's videos: their folder, for runs, and what is odd about them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slbench.cards import DatasetCard
from slbench.data.pictured import PicturedSplit, no_videos, outdated_crops, remember_videos, remembered_videos
from slbench.data.store import SplitClips
from slbench.data.video import frame_count
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError, DataError, MissingExtraError

SAMPLE = 20
"""Clips whose videos are asked for their number of frames, which may mean reading them."""


@dataclass(frozen=True)
class Noted:
    """What was found of the videos of a corpus.

    Attributes:
        videos: the folder that is remembered; None: none was found.
        found: split -> clips that have a video in it.
        clips: of all splits.
        notes: what the user should know.
    """

    videos: VideoFolder | None
    found: dict[str, int]
    clips: int
    notes: tuple[str, ...]


def note_videos(card: DatasetCard, splits: Sequence[SplitClips], videos: Path | None, source: Path) -> Noted:
    """Find the videos of a corpus that is prepared, and remember their folder for runs. Each folder is listed once.

    Args:
        videos: where the user says that they are; None: where they were found before, or else below the source, if
            there are any. Then nothing that is wrong with them is an error: the corpus itself is prepared.

    Raises:
        DataError: there is no such folder, or it is the user's and not one clip has a video in it, or several may be
            meant for one.
        OutputError: the store cannot be written.
    """
    if videos is not None:
        folder = VideoFolder(videos)
        pictured = [PicturedSplit(split, folder) for split in splits]
        if pictured and not any(split.has_pictures() for split in pictured):
            raise no_videos(pictured[0])
        return _noted(card, folder, pictured, ())
    notes: list[str] = []
    try:
        for place in _places(card, source):
            folder = VideoFolder(place, lenient=True)
            notes += _unlisted(folder)
            pictured = [PicturedSplit(split, folder) for split in splits]
            if any(split.has_pictures() for split in pictured):
                return _noted(card, folder, pictured, notes)
    except DataError as error:
        notes.append(f"videos are not remembered: {error}")
    return Noted(None, {}, sum(map(len, splits)), tuple(notes))


def _places(card: DatasetCard, source: Path) -> Iterator[Path]:
    remembered = remembered_videos(card)
    if remembered is not None and remembered.is_dir():
        yield remembered
    if remembered is None or remembered != source.absolute():
        yield source


def _unlisted(folder: VideoFolder) -> Iterator[str]:
    if folder.unlisted:
        more = f" (and {len(folder.unlisted) - 1:,} more)" if len(folder.unlisted) > 1 else ""
        yield f"{folder.unlisted[0]}{more}: cannot be listed, so no videos are looked for in it"


def _noted(card: DatasetCard, folder: VideoFolder, pictured: Sequence[PicturedSplit], notes: Sequence[str]) -> Noted:
    remember_videos(card, folder.place)
    found = {split.manifest.split: sum(video is not None for video in split.videos) for split in pictured}
    without = [
        f"{card.name}: of the {len(split):,} clips of {split.manifest.split} not one has a video in {folder.place}"
        for split in pictured
        if not found[split.manifest.split]
    ]
    return Noted(folder, found, sum(map(len, pictured)), (*notes, *without, *_other_lengths(folder, pictured)))


def outdated_notes(card: DatasetCard, splits: Sequence[SplitClips], videos: VideoFolder | None) -> Iterator[str]:
    """What a user must know of crops that were cut from other clips or videos."""
    for split in splits:
        try:
            outdated = outdated_crops(card, split, videos)
        except DataError as error:
            yield str(error)
            continue
        if outdated:
            yield (
                f"crops of {outdated:,} clips of {card.name} {split.manifest.split} are out of date, so their videos "
                "are read instead; cut them out again with --crops"
            )


def _other_lengths(folder: VideoFolder, pictured: Sequence[PicturedSplit]) -> Iterator[str]:
    """Whether videos have other numbers of frames than the poses of all of them; a sample of clips is looked at."""
    whole = list(_whole(pictured))
    sample = [whole[place] for place in np.unique(np.linspace(0, len(whole) - 1, SAMPLE).astype(int))] if whole else []
    odd: list[str] = []
    for clip, video, frames in sample:
        try:
            there = frame_count(folder.place / video)
        except ClipError as error:
            odd.append(str(error))
            continue
        except MissingExtraError as error:
            yield f"numbers of frames are not compared with the poses: {error}"
            return
        if there != frames:
            odd.append(f"{clip}: {video} has {there:,} frames, and its poses have {frames:,}")
    if odd:
        yield (
            f"of {len(sample)} videos that were looked at, {len(odd)} cannot be read or have another number of frames "
            f"than their poses, such as {odd[0]}; were the poses made from these videos? `slbench data verify` with "
            "--videos looks at all"
        )


def _whole(pictured: Sequence[PicturedSplit]) -> Iterator[tuple[str, str, int]]:
    """Id, video and frames of the clips that are a whole recording: they begin with it, and no other is in it."""
    videos = [(split[place], found) for split in pictured for place, found in enumerate(split.videos) if found]
    clips_of = Counter(found.video for _, found in videos)
    for row, found in videos:
        if row.error is None and not found.first and clips_of[found.video] == 1:
            yield row.id, found.video, row.frames
