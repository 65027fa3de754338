"""`slbench extract`: a folder of videos becomes a folder of poses, over many machines and interruptions."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from slbench.data.estimator import Estimator
from slbench.data.extractor import FILE, Extractor, read_extractor, write_extractor
from slbench.data.poses import write_poses
from slbench.data.poses.own import BROKEN
from slbench.data.video import is_image
from slbench.data.videos import Video, find_videos
from slbench.data.wholebody import EstimatorOptions
from slbench.errors import ClipError, OptionError, OutputError
from slbench.files import remove_leftovers, text_digest

ARRAYS = {"keypoints", "scores", "fps", "people", "source"}
"""Of a file of poses; older ones do not say which video they are of, and are made again."""


@dataclass(frozen=True)
class ExtractRequest:
    """What `slbench extract` was asked for; names as on the command line."""

    videos: tuple[Path, ...]
    out: Path
    estimator: EstimatorOptions = field(default_factory=EstimatorOptions)
    shard: str | None = None


@dataclass(frozen=True)
class Progress:
    """So many of so many videos are done, and so many frames of them and of the one in work."""

    done: int
    total: int
    frames: int


@dataclass(frozen=True)
class Extracted:
    """What an extraction did.

    Attributes:
        written: names of videos whose poses are new.
        there: how many had theirs already.
        failed: name -> why it could not be read.
        nobody: names of those of `written` that show no person in any frame.
    """

    written: tuple[str, ...]
    there: int
    failed: dict[str, str]
    nobody: tuple[str, ...]


class Extraction:
    """An extraction that can start: everything a user can get wrong has been checked.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: ExtractRequest) -> None:
        self.out = request.out
        request.estimator.check()
        part = (1, 1) if request.shard is None else _shard(request.shard)
        self.videos = [video for video in find_videos(request.videos) if in_shard(video.name, *part)]
        self.estimator = Estimator(request.estimator)
        _claim(self.out, self.estimator.extractor)
        self._remove_leftovers()
        self.wanted = [video for video in self.videos if not self._is_done(video)]

    def file_of(self, video: Video) -> Path:
        """Where the poses of a video go."""
        return self.out / f"{video.name}.npz"

    def _is_done(self, video: Video) -> bool:
        try:
            return source_of(self.file_of(video)) == video_state(video.path)
        except ClipError:  # said when it is its turn
            return False

    def _remove_leftovers(self) -> None:
        """Of an extraction of these videos that was killed; other machines may be writing other files here."""
        names: dict[Path, set[str]] = defaultdict(set)
        for file in map(self.file_of, self.videos):
            names[file.parent].add(file.name)
        try:
            for folder, own in names.items():
                remove_leftovers(folder, own)
        except OSError as error:
            raise OutputError(f"--out {self.out}: cannot be written ({error.strerror or error})") from error

    def execute(self, report: Callable[[Progress], None] = lambda _: None) -> Extracted:
        """Read the videos that have no poses yet, or have changed since; one that cannot be read is passed over.

        Raises:
            OutputError: poses cannot be written; those that are written stay.
        """
        there, frames = len(self.videos) - len(self.wanted), 0
        written, nobody, failed = [], [], {}
        for done, video in enumerate(self.wanted, there):
            tell = partial(self._tell, report, done, frames)
            tell(0)
            try:
                state = video_state(video.path)
                poses = self.estimator.poses(video.path, tell)
            except ClipError as error:
                failed[video.name] = str(error)
                continue
            write_poses(self.file_of(video), poses, state)
            frames += len(poses.scores)
            written.append(video.name)
            nobody += [] if poses.people else [video.name]
        self._tell(report, len(self.videos), frames, 0)
        return Extracted(tuple(written), there, failed, tuple(nobody))

    def _tell(self, report: Callable[[Progress], None], done: int, before: int, frames: int) -> None:
        report(Progress(done, len(self.videos), before + frames))


def _shard(text: str) -> tuple[int, int]:
    number, _, total = text.partition("/")
    if number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total):
        return int(number), int(total)
    raise OptionError(f"--shard {text}: must be like 2/5, the second of five parts")


def in_shard(name: str, number: int, total: int) -> bool:
    """Whether a video belongs to a part, by its name alone: other videos and other machines change nothing.

    Args:
        name: of the video.
        number: of the part, from 1.
        total: number of parts.
    """
    return int(text_digest(name)[:12], 16) % total == number - 1


def video_state(path: Path) -> str:
    """Changes with a video and costs no reading: its size and time of change; of images number, sum and newest.

    Raises:
        ClipError: it cannot be read.
    """
    try:
        files = [one for one in path.iterdir() if is_image(one.name)] if path.is_dir() else [path]
        states = [file.stat() for file in files]
    except OSError as error:
        raise ClipError(f"{path}: cannot be read ({error.strerror or error}); is it still there?") from error
    size, changed = sum(one.st_size for one in states), max((one.st_mtime_ns for one in states), default=0)
    return f"{len(states)} {size} {changed}"


def source_of(path: Path) -> str | None:
    """The `video_state` of the video that a file of poses was read from; None where there is no whole file.

    The poses themselves are not read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return str(arrays["source"]) if ARRAYS.issubset(arrays.files) else None
    except (*BROKEN, TypeError, AttributeError, NotImplementedError, RuntimeError):  # it is written again
        return None


def _claim(folder: Path, extractor: Extractor) -> None:
    """Say in the folder who makes its poses; refuse one that holds poses by somebody else."""
    there = read_extractor(folder)
    if there == extractor:
        return
    if there is not None:
        raise OutputError(
            f"--out {folder}: holds poses by another extractor, and they must not be mixed:\n"
            + "\n".join(_differences(there, extractor))
            + "\nname another folder, or the options that made what is there"
        )
    if any(folder.rglob("*.npz")):
        raise OutputError(f"--out {folder}: holds poses, and no {FILE} says who made them; name another folder")
    write_extractor(folder, extractor)


def _differences(there: Extractor, here: Extractor) -> list[str]:
    old, new = _flat(there), _flat(here)
    return [
        f"{key}: {old.get(key, '-')} there, {new.get(key, '-')} here"
        for key in old | new
        if old.get(key) != new.get(key)
    ]


def _flat(extractor: Extractor) -> dict[str, object]:
    weights = {f"weights of {role}": digest[:12] for role, digest in extractor.weights.items()}
    return {"name": extractor.name, "version": extractor.version, **weights, **extractor.settings}
