"""What `slbench data verify` found, for a terminal."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from slbench.data.store import Manifest
from slbench.data.verify import Reason, Report, VideoReport
from slbench.errors import some
from slbench.report.tables import simple_table

SHOWN = 5
"""Ids of one finding."""
BAR = 30
"""Characters of the longest bar of the histogram."""


def facts_table(data: Manifest, report: Report) -> Table:
    """What is in a split, and what stands out in it."""
    table = simple_table(f"{data.dataset}, {data.split}", ("finding", "clips", "which, or how much"), ("clips",))
    for finding, clips, said in (*_counts(data, report), *_oddities(report), *_videos(report.videos)):
        table.add_row(finding, clips, said)
    return table


Line = tuple[str, str, str]
"""Finding, number of clips, which or how much."""


def _counts(data: Manifest, report: Report) -> Iterator[Line]:
    listing = f"{data.layout or 'found by slbench'}: {data.listing or 'no published version of the corpus'}"
    yield "listed", f"{report.clips:,}", listing
    yield "readable", f"{report.readable:,}", f"{report.frames:,} frames; poses: {data.pose_source}"
    for reason in report.errors:
        yield "cannot be read", f"{len(reason.ids):,}", _reason(reason)
    same = {
        True: "as when it was prepared",
        False: "NOT as when it was prepared; the same `slbench data prepare` mends it",
        None: "nothing to compare with",
    }
    yield "content", f"{len(report.changed):,} changed", f"{same[report.content_matches]}{_which(report.changed)}"


def _oddities(report: Report) -> Iterator[Line]:
    """What stands out, where anything does."""
    for finding, ids in (
        ("NaN or infinite", report.not_finite),
        ("signer tiny: wrong scale?", report.tiny),
        ("signer huge: wrong scale?", report.huge),
        ("no hand is ever seen", report.no_hands),
        ("more than one person", report.several_people),
        ("most frames repeat the one before", report.frozen),
        ("same poses as another clip", tuple(one for group in report.duplicates for one in group)),
    ):
        if ids:
            yield finding, f"{len(ids):,}", some(ids, SHOWN)
    yield "frames", "", f"{report.empty_frames:,} show nothing, {report.repeated_frames:,} repeat the one before"
    yield "points seen", "", f"{report.outside:.2%} outside the image"
    for part in report.scores:
        yield f"scores of {part.part}", "", f"mean {part.mean:.2f}, {part.seen:.0%} above 0.3"
    yield "scores above 1", "", f"{report.scores_above_one:.2%}, highest {report.highest_score:.2f}"


def _videos(videos: VideoReport | None) -> Iterator[Line]:
    if videos is None:
        return
    yield "as many frames as the video", f"{videos.compared - len(videos.mismatches):,}", ""
    differ = [f"{one.id} ({one.poses} poses, {one.video} frames)" for one in videos.mismatches]
    yield "another number of frames", f"{len(differ):,}", some(differ, SHOWN)
    yield "without a video", f"{len(videos.absent):,}", some(videos.absent, SHOWN)
    yield "parts of a longer video", f"{videos.parts:,}", "not compared"
    for reason in videos.unreadable:
        yield "video cannot be counted", f"{len(reason.ids):,}", _reason(reason)


def _reason(reason: Reason) -> str:
    more = f", and so {some(reason.ids[1:], SHOWN)}" if len(reason.ids) > 1 else ""
    return f"{reason.example}{more}"


def _which(ids: Sequence[str]) -> str:
    return f": {some(ids, SHOWN)}" if ids else ""


def lengths_table(report: Report) -> Table:
    """A histogram of frames a clip."""
    table = simple_table(None, ("frames", "clips", ""), ("frames", "clips"))
    most = max(one.clips for one in report.lengths) or 1
    last = max((number for number, one in enumerate(report.lengths) if one.clips), default=0)
    for one in report.lengths[: last + 1]:
        span = f"{one.first} – {one.last}" if one.last is not None else f"{one.first} and more"
        table.add_row(span, f"{one.clips:,}", "█" * round(BAR * one.clips / most))
    return table
