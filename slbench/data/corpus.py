"""A corpus that slbench is told the place of: its own lists, joined with a folder of poses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from slbench.cards import DatasetCard
from slbench.catalog import blamed, resolve
from slbench.data.clip import Clip
from slbench.data.poses import PoseFile, PoseFolder
from slbench.data.readers import Entry, Listed, Lists, Recording
from slbench.data.readers.uni_sign import UniSignLists
from slbench.errors import ClipError, DataError

Layout = Literal["official", "uni-sign"]
POSES = ("pose_format", "poses")
"""Folders below the corpus where poses are looked for, the released layout's first."""
UNSTATED = "not stated"
"""Pose source where nobody says who made the poses."""


@dataclass(frozen=True)
class Source:
    """Where a corpus is.

    Attributes:
        folder: holds its lists.
        poses: a folder or zip of pose files; None: below the folder.
        layout: whose lists; None: the owners' where they are there, or else Uni-Sign's.
        pose_source: who made the poses, in the user's words; None: as the folder of poses says.
    """

    folder: Path
    poses: Path | None = None
    layout: Layout | None = None
    pose_source: str | None = None


def find_lists(card: DatasetCard, source: Source) -> Lists:
    """The corpus's lists.

    Raises:
        DataError: there are none.
        CardError: the card's class cannot be imported.
    """
    if not source.folder.is_dir():
        what = "is a file; name the folder that holds it" if source.folder.exists() else "there is no such folder"
        raise DataError(f"--source {source.folder}: {what}; get {card.name}: {card.obtain}")
    wanted = [lists for lists in _layouts(card, source) if source.layout in (None, lists.layout)]
    for lists in wanted:
        if any(_here(card, source, lists, split) for split in card.splits):
            return lists
    looked = "; ".join(f"{lists.layout}: {lists.wanted(next(iter(card.splits)))}" for lists in wanted)
    raise DataError(
        f"--source {source.folder}: there are no lists of {card.name} in it (looked for {looked}); "
        f"name the folder that holds them, or get them: {card.obtain}"
    )


def _layouts(card: DatasetCard, source: Source) -> list[Lists]:
    """The owners' lists and Uni-Sign's, whether they are there or not."""
    reference = str(card.reader)
    with blamed(card, reference, "built"):
        official: Lists = resolve(reference, card)(source.folder, card.subset)
    return [official, UniSignLists(source.folder, card.subset)]


def _here(card: DatasetCard, source: Source, lists: Lists, split: str) -> bool:
    try:
        return bool(lists.files(split))
    except DataError as error:  # one of two files
        raise DataError(f"{error}{other_layout(card, source, lists, split)}") from error


def other_layout(card: DatasetCard, source: Source, lists: Lists, split: str) -> str:
    """How a message about faulty lists ends where lists of another layout are there too."""
    others = [other.layout for other in _layouts(card, source) if other.layout != lists.layout and other.files(split)]
    return f"; or take the other lists that are there, with --layout {others[0]}" if others else ""


def find_poses(card: DatasetCard, source: Source) -> PoseFolder:
    """The corpus's poses: where the user says, or else below the corpus, or in archives beside its lists.

    Loose files beside the lists are not looked for: some lists have a suffix of pose files.

    Raises:
        DataError: there are none, or an archive is not whole.
    """
    places = [source.poses] if source.poses else [source.folder / name for name in POSES]
    place = next((place for place in places if place.exists()), None)
    if place is not None:
        return PoseFolder(place)
    beside = None if source.poses else PoseFolder(source.folder, archives_only=True)
    if beside:
        return beside
    also = "" if beside is None else f", and no .zip in {source.folder} with pose files"
    raise DataError(
        f"{' and '.join(map(str, places))}: not there{also}; name the poses of {card.name} with --poses, a folder or "
        "a .zip: `slbench data download` fetches released ones, `slbench extract` makes your own"
    )


class CorpusReader:
    """Lists joined with poses; meets `Reader`.

    Attributes:
        fps: frame rate where neither a list nor a file of poses says one.
    """

    def __init__(self, lists: Lists, poses: PoseFolder, fps: float | None) -> None:
        self.lists, self.poses, self.fps = lists, poses, fps

    def sources(self) -> dict[str, Path]:
        """The files of the lists."""
        return {path.name: path for split in ("train", "dev", "test") for path in self.lists.files(split)}

    def entries(self, split: str) -> Iterator[Entry]:
        """The clips of a split, each with the pose file that is there for it."""
        for listed in self.lists.listed(split):
            found = self._find(listed, split)
            file, recording = found if found else (None, listed.recordings[0])
            fps = listed.fps or self.fps
            load = partial(load_clip, listed, file, recording, fps)
            state = "" if file is None else f"{_state(file)} {recording} {fps}"
            yield Entry(listed.id, listed.text, listed.gloss, load, listed.signer, recording.name, state)

    def _find(self, listed: Listed, split: str) -> tuple[PoseFile, Recording] | None:
        for recording in listed.recordings:
            file = self.poses.find(recording.name, split)
            if file is not None:
                return file, recording
        return None


def _state(file: PoseFile) -> str:
    """Of a file that may have gone since it was found, which reading it will tell."""
    try:
        return file.state()
    except ClipError:
        return "gone"


def load_clip(listed: Listed, file: PoseFile | None, recording: Recording, fps: float | None) -> Clip:
    """Read a listed clip's frames.

    Raises:
        ClipError: there is no file, or it is unusable.
    """
    if file is None:
        names = dict.fromkeys(one.name.rpartition("/")[2] for one in listed.recordings)
        there = " or ".join(f"{name}.*" for name in names)
        raise ClipError(f"clip {listed.id}: {listed.missing or f'there is no pose file {there}'}")
    try:
        poses = file.read().cut(recording, fps)
    except ClipError as error:
        raise ClipError(f"clip {listed.id}: {error}") from error
    rate = poses.fps or fps or 0.0
    return Clip(
        listed.id, poses.keypoints, poses.scores, rate, listed.text, listed.gloss, poses.people, first=poses.first
    )
