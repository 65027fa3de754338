"""What is prepared and what is not, for a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from slbench.data.crops import CropsManifest
from slbench.data.ingest import Prepared
from slbench.data.status import CorpusStatus
from slbench.data.verify import by_reason
from slbench.report.tables import simple_table

SHOWN = 10
"""Reasons that are printed, the most frequent first."""
UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def size(count: int) -> str:
    """Bytes as people read them."""
    unit, name = next(((unit, name) for unit, name in UNITS if count >= unit), (1, "B"))
    return f"{count / unit:.1f} {name}" if unit > 1 else f"{count} {name}"


def reasons(errors: Iterable[tuple[str, str]]) -> list[str]:
    """Why clips could not be read, a line for all that differ in id, path and numbers only.

    Args:
        errors: id and message of each.
    """
    groups = by_reason(errors)
    lines = [
        f"{len(one.ids):,} clips, such as this: {one.example}" if len(one.ids) > 1 else one.example
        for one in groups[:SHOWN]
    ]
    more = sum(len(one.ids) for one in groups[SHOWN:])
    return [*lines, f"and {more:,} more clips"] if more else lines


def status_table(statuses: Sequence[CorpusStatus]) -> Table:
    """A row a corpus."""
    table = simple_table(None, ("name", "state", "clips", "on disk", "poses", "pictures"), ("on disk",))
    for status in statuses:
        table.add_row(status.card.name, status.state, _clips(status), _size(status), _poses(status), _pictures(status))
    return table


def _clips(status: CorpusStatus) -> str:
    if not status.splits:
        return f"0 of {status.clips:,}" if status.state == "partial" else f"{status.clips:,}"
    return f"{status.readable:,} of {status.clips:,}" if status.readable < status.clips else f"{status.clips:,}"


def _size(status: CorpusStatus) -> str:
    return size(status.size) if status.size else ""


def _poses(status: CorpusStatus) -> str:
    if status.problem:
        return status.problem
    if status.state == "partial" and not status.splits:
        return "(interrupted; the same prepare goes on)"
    if status.splits:
        return "; ".join(status.pose_sources)
    return "" if status.card.needs_source else "(made by the first run)"


def _pictures(status: CorpusStatus) -> str:
    crops = f"crops of {', '.join(status.crops)}" if status.crops else ""
    old = f"out of date for {_outdated(status)}" if status.outdated else ""
    gone = "" if status.videos is None or status.videos.is_dir() else " (not there now)"
    videos = "" if status.videos is None else f"videos in {status.videos}{gone}"
    return "; ".join(filter(None, (crops, old, videos)))


def _outdated(status: CorpusStatus) -> str:
    return ", ".join(f"{clips:,} clips of {split}" for split, clips in status.outdated)


def status_values(status: CorpusStatus) -> dict[str, object]:
    """The same as JSON holds it, with the manifest of every split."""
    return {
        "name": status.card.name,
        "state": status.state,
        "clips": status.clips,
        "readable": status.readable if status.splits else None,
        "bytes": status.size,
        "problem": status.problem or None,
        "videos": None if status.videos is None else str(status.videos),
        "crops": list(status.crops),
        "crops_out_of_date": dict(status.outdated),
        "splits": [split.model_dump(mode="json", exclude={"vocabulary"}) for split in status.splits],
    }


def crops_table(crops: Mapping[str, CropsManifest]) -> Table:
    """What was cut out of the videos of each split."""
    table = simple_table(None, ("split", "clips", "without crops", "crops", "on disk"), ("crops", "on disk"))
    for split, data in crops.items():
        without = f"{data.clips - data.readable:,}"
        table.add_row(split, f"{data.clips:,}", without, f"{data.pictures:,}", size(data.size))
    return table


def prepared_table(name: str, splits: Sequence[Prepared]) -> Table:
    """What became of each split."""
    table = simple_table(name, ("split", "clips", "clips unread", "frames", "list", "poses"), ("frames",))
    for prepared in splits:
        if prepared.clips is None:
            table.add_row(prepared.split, "", "", "", f"absent: {prepared.wanted}", "")
            continue
        data = prepared.clips.manifest
        unread = f"{data.clips - data.readable:,}" if data.readable < data.clips else "0"
        kept = " (kept; its list is not in this source)" if prepared.wanted else ""
        listing = f"{data.layout}, {data.listing or 'no published version'}{kept}"
        table.add_row(prepared.split, f"{data.clips:,}", unread, f"{data.frames:,}", listing, data.pose_source)
    return table
