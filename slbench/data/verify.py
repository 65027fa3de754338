"""Whether prepared clips are what they should be: one pass over all frames, one clip in memory at a time."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from slbench.data.clip import POINTS, Clip
from slbench.data.poses.facts import HANDS, HUGE, PARTS, TINY, Facts, measure
from slbench.data.store import ClipRow, Clips, content_digest
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError

LENGTHS = (1, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Fewest frames of a clip in each bin of the histogram."""
REPEATS = 0.5
"""Share of frames that repeat the one before, above which a clip is taken for frozen."""


@dataclass(frozen=True)
class Reason:
    """Why clips cannot be read.

    Attributes:
        example: the message of the first; those of the others have another id, path or number.
        ids: all of them.
    """

    example: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Bin:
    """Clips of `first` to `last` frames; `last` None: and more."""

    first: int
    last: int | None
    clips: int


@dataclass(frozen=True)
class PartScores:
    """Scores of one part of the body, over all clips.

    Attributes:
        part: as in `slbench.data.poses.facts.PARTS`.
        mean: of all its points in all frames; nan without frames.
        seen: share of them above 0.3.
    """

    part: str
    mean: float
    seen: float


@dataclass(frozen=True)
class Mismatch:
    """A clip whose video has another number of frames than its poses."""

    id: str
    poses: int
    video: int


@dataclass(frozen=True)
class VideoReport:
    """Poses against videos.

    Attributes:
        compared: clips whose video was counted.
        mismatches: those that differ; also a clip that is the only one of a longer recording.
        absent: ids of clips without a video.
        unreadable: videos that cannot be counted, by reason.
        parts: clips that are parts of a recording with others, which cannot be compared.
    """

    compared: int
    mismatches: tuple[Mismatch, ...]
    absent: tuple[str, ...]
    unreadable: tuple[Reason, ...]
    parts: int


@dataclass(frozen=True)
class Report:
    """What was found in a split; ids in the order of the split.

    Attributes:
        clips, readable, frames: counts.
        errors: clips that cannot be read, the most frequent reason first.
        changed: clips whose content has another digest than when they were prepared.
        content_sha256: of the content as it is now.
        content_matches: whether the manifest says the same; None: there was nothing to compare with.
        lengths: histogram of frames a clip.
        scores: by part of the body.
        highest_score: of any point.
        scores_above_one: share of points; RTMPose gives such scores, so it is no fault.
        outside: share of seen points that lie outside the image.
        not_finite: clips with NaN or infinite numbers, which no statistic counts.
        tiny, huge: clips whose signer is smaller than a tenth of the image, or larger than 1.5 of them.
        no_hands: clips in which no point of a hand is ever seen.
        several_people: clips with more than one person in a frame.
        empty_frames: frames in which nothing is seen.
        repeated_frames: frames that are the one before over again.
        frozen: clips of which more than half the frames are repeated.
        duplicates: groups of clips with the very same poses.
        videos: None where no folder of videos was given.
    """

    clips: int
    readable: int
    frames: int
    errors: tuple[Reason, ...]
    changed: tuple[str, ...]
    content_sha256: str
    content_matches: bool | None
    lengths: tuple[Bin, ...]
    scores: tuple[PartScores, ...]
    highest_score: float
    scores_above_one: float
    outside: float
    not_finite: tuple[str, ...]
    tiny: tuple[str, ...]
    huge: tuple[str, ...]
    no_hands: tuple[str, ...]
    several_people: tuple[str, ...]
    empty_frames: int
    repeated_frames: int
    frozen: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    videos: VideoReport | None

    @property
    def sound(self) -> bool:
        """Whether every clip can be read, is finite, is what it was when prepared, and is as long as its video."""
        faults = self.errors or self.changed or self.not_finite or (self.videos and self.videos.mismatches)
        return not faults and self.content_matches is not False


def verify(
    split: Clips,
    digest: Callable[[Clip], str],
    *,
    content_sha256: str | None = None,
    videos: Path | None = None,
    name: str = "",
    report: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Read every clip of a split and say what is there.

    Args:
        split: the clips.
        digest: of a clip, as `ClipRow.sha256` has it.
        content_sha256: what the manifest says.
        videos: folder of the videos or frame folders that the poses were made from, to compare numbers of frames.
        name: of the split, which finds a video among several of the same name.
        report: is told how many clips are done.

    Raises:
        DataError: the folder of videos is not there, or the split's files are damaged.
        MissingExtraError: videos are given, and PyAV is not installed.
    """
    tally = _Tally(len(split))
    for index in range(len(split)):
        tally.take(index, split, digest)
        report(index + 1)
    checked = None if videos is None else _compare(split, VideoFolder(videos), name)
    return tally.finished(split, content_sha256, checked)


class _Tally:
    """Sums over clips, and the numbers of those that stand out."""

    def __init__(self, clips: int) -> None:
        self.errors: list[tuple[str, str]] = []
        self.ids: dict[str, list[str]] = {}
        self.digests: list[str] = []
        self.hashes = np.zeros(clips, np.uint64)  # of the poses; 0: not read
        self.lengths: Counter[int] = Counter()
        self.sums = Counter[str]()
        self.score_sums, self.seen = np.zeros(len(PARTS)), np.zeros(len(PARTS), np.int64)
        self.highest = 0.0

    def take(self, index: int, split: Clips, digest: Callable[[Clip], str]) -> None:
        row = split[index]
        try:
            clip = split.clip(index)
        except ClipError as error:
            self.errors.append((row.id, str(error)))
            self.digests.append(row.sha256)
            return
        found = digest(clip)
        self._flag("changed", row.id, found != row.sha256)
        self.digests.append(row.sha256 if found == row.sha256 else found)  # the same text is kept once
        self.hashes[index] = _hash(clip)
        self._add(row.id, clip, measure(clip))

    def _flag(self, what: str, clip_id: str, holds: bool) -> None:
        if holds:
            self.ids.setdefault(what, []).append(clip_id)

    def _add(self, clip_id: str, clip: Clip, facts: Facts) -> None:
        self.lengths[int(np.searchsorted(LENGTHS, facts.frames, side="right")) - 1] += 1
        self._flag("not_finite", clip_id, not facts.finite)
        self._flag("several_people", clip_id, clip.people > 1)
        self.sums["frames"] += facts.frames
        if not facts.finite:
            return
        self._flag("tiny", clip_id, 0 < facts.scale < TINY)
        self._flag("huge", clip_id, facts.scale > HUGE)
        self._flag("no_hands", clip_id, not any(facts.seen[part] for part in HANDS))
        self._flag("frozen", clip_id, facts.repeated > REPEATS * facts.frames)
        self.sums["measured"] += facts.frames
        for what in ("empty", "repeated", "above_one", "outside", "seen_points"):
            self.sums[what] += getattr(facts, what)
        self.score_sums += facts.score_sums
        self.seen += facts.seen
        self.highest = max(self.highest, facts.largest)

    def finished(self, split: Clips, expected: str | None, videos: VideoReport | None) -> Report:
        content = content_digest((split[index].id, digest) for index, digest in enumerate(self.digests))
        flagged = ("changed", "not_finite", "tiny", "huge", "no_hands", "several_people", "frozen")
        return Report(
            clips=len(split),
            readable=len(split) - len(self.errors),
            frames=self.sums["frames"],
            errors=by_reason(self.errors),
            content_sha256=content,
            content_matches=None if expected is None else content == expected,
            lengths=self._histogram(),
            scores=self._part_scores(),
            highest_score=self.highest,
            scores_above_one=_share(self.sums["above_one"], self.sums["measured"] * POINTS),
            outside=_share(self.sums["outside"], self.sums["seen_points"]),
            empty_frames=self.sums["empty"],
            repeated_frames=self.sums["repeated"],
            duplicates=_duplicates(split, self.hashes),
            videos=videos,
            **{what: tuple(self.ids.get(what, ())) for what in flagged},
        )

    def _histogram(self) -> tuple[Bin, ...]:
        ends = [*(first - 1 for first in LENGTHS[1:]), None]
        return tuple(
            Bin(first, last, self.lengths[number])
            for number, (first, last) in enumerate(zip(LENGTHS, ends, strict=True))
        )

    def _part_scores(self) -> tuple[PartScores, ...]:
        points = [self.sums["measured"] * (part.stop - part.start) for part in PARTS.values()]
        columns = zip(PARTS, self.score_sums.tolist(), self.seen.tolist(), points, strict=True)
        return tuple(PartScores(part, _share(total, all_), _share(seen, all_)) for part, total, seen, all_ in columns)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _hash(clip: Clip) -> int:
    """64 bits of both arrays, never 0."""
    digest = blake2b(np.ascontiguousarray(clip.keypoints).data, digest_size=8)
    digest.update(np.ascontiguousarray(clip.scores).data)
    return int.from_bytes(digest.digest(), "little") or 1


def _duplicates(split: Clips, hashes: np.ndarray) -> tuple[tuple[str, ...], ...]:
    values, counts = np.unique(hashes[hashes > 0], return_counts=True)
    groups = [np.flatnonzero(hashes == value).tolist() for value in values[counts > 1]]
    return tuple(tuple(split[index].id for index in group) for group in sorted(groups))


def by_reason(errors: Iterable[tuple[str, str]]) -> tuple[Reason, ...]:
    """Group messages that differ in id, path and numbers only, the largest group first."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for clip_id, message in errors:
        bare = re.sub(r"\d+", "#", re.sub(r"\S*[/\\]\S*", "…", message).replace(clip_id, "…"))
        groups.setdefault(bare, []).append((clip_id, message))
    ordered = sorted(groups.values(), key=len, reverse=True)
    return tuple(Reason(group[0][1], tuple(clip_id for clip_id, _ in group)) for group in ordered)


def _compare(split: Clips, videos: VideoFolder, name: str) -> VideoReport:
    """Numbers of frames of the clips that are whole recordings."""
    rows = [row for row in (split[index] for index in range(len(split))) if row.error is None]
    clips_of = Counter(row.source or row.id for row in rows)
    whole = [row for row in rows if clips_of[row.source or row.id] == 1]
    absent: list[str] = []
    errors: list[tuple[str, str]] = []
    mismatches: list[Mismatch] = []
    for row in whole:
        try:
            frames = _frames(videos, row, name)
        except ClipError as error:
            errors.append((row.id, str(error)))
            continue
        if frames is None:
            absent.append(row.id)
        elif frames != row.frames:
            mismatches.append(Mismatch(row.id, row.frames, frames))
    compared = len(whole) - len(absent) - len(errors)
    return VideoReport(compared, tuple(mismatches), tuple(absent), by_reason(errors), len(rows) - len(whole))


def _frames(videos: VideoFolder, row: ClipRow, name: str) -> int | None:
    for recording in dict.fromkeys((row.source, row.id)):
        frames = videos.frames(recording, name)
        if frames is not None:
            return frames
    return None
