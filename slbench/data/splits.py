"""One split of a store: built beside its place, moved there when it is whole, and said what it is."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from slbench.cards import DatasetCard
from slbench.data.building import Report, build
from slbench.data.readers import Entry, Reader
from slbench.data.shards import Shard, describe, is_whole, write_shard
from slbench.data.store import MANIFEST, Manifest, Split, content_digest, folder_of, references_digest
from slbench.errors import DataError, OutputError, some
from slbench.files import ids_digest, write_text
from slbench.version import __version__


@contextmanager
def writing(card: DatasetCard, wait: bool) -> Iterator[Path]:
    """Hold the corpus's folder against other processes.

    Args:
        wait: for another process to end; otherwise it is an error.

    Raises:
        OutputError: the folder cannot be written, or is held.
    """
    folder = folder_of(card)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=-1 if wait else 0):
            recover(folder)
            yield folder
    except Timeout as error:
        raise OutputError(f"{folder}: another process prepares {card.name} just now; wait for it to end") from error
    except (OSError, OutputError) as error:
        why = f"{folder}: cannot be written ({error.strerror or error})" if isinstance(error, OSError) else error
        raise OutputError(
            f"{why}; what is prepared stays; make room and call again, or set SLBENCH_HOME to a folder with room"
        ) from error


def recover(folder: Path) -> None:
    """Put a split back that a process was about to replace when it was killed, and clear away what it left."""
    for old in folder.glob(".*.old"):
        place = folder / old.name.removeprefix(".").removesuffix(".old")
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(place)


def entries_of(card: DatasetCard, reader: Reader, split: str) -> list[Entry]:
    """What the reader lists; raises DataError where that cannot be read."""
    try:
        return list(reader.entries(split))
    except OSError as error:
        raise DataError(f"{card.name}: {error.filename}: cannot be read ({error.strerror})") from error


def ids_of(entries: Mapping[str, Sequence[Entry]]) -> dict[str, list[str]]:
    """Split -> ids of its clips."""
    return {split: [entry.id for entry in listed] for split, listed in entries.items()}


def check_ids(card: DatasetCard, ids: Mapping[str, Sequence[str]]) -> None:
    """Raise DataError where an id occurs more than once in the corpus.

    Args:
        ids: of every split.
    """
    seen: set[str] = set()
    for split, listed in ids.items():
        counts = Counter(listed)
        duplicates = sorted(clip_id for clip_id, count in counts.items() if count > 1 or clip_id in seen)
        seen.update(counts)
        if duplicates:
            raise DataError(
                f"{card.name}: ids occur more than once, in {split}: {some(duplicates)}; "
                f"get the lists again: {card.obtain}"
            )


@dataclass(frozen=True)
class Made:
    """What the manifest of a split says besides what is counted; see `Manifest`."""

    card: DatasetCard
    split: str
    made_from: str
    layout: str
    listing: str | None
    pose_source: str
    sources: dict[str, str]
    vocabulary: tuple[str, ...]
    data_digest: str | None
    """None: the digest of the content."""


def work_folder(folder: Path, split: str) -> Path:
    """Where the shards of a split are until all of them are there."""
    return folder / f".{split}.work"


def is_built(made: Made, shards: Sequence[Shard], folder: Path) -> bool:
    """Whether the split is there as it would be built, to the last number."""
    place = folder / made.split
    if not is_made_from(place, made.made_from):
        return False
    if is_damaged(Split(place)):
        return False
    return all(is_whole(Shard(place / shard.path.name, shard.entries)) for shard in shards)


def is_damaged(split: Split) -> bool:
    """Whether its manifest or its rows cannot be read."""
    try:
        len(split), split.manifest
    except DataError:
        return True
    return False


def is_made_from(place: Path, made_from: str) -> bool:
    """Whether a split's folder says that it was made from this."""
    if not (place / MANIFEST).is_file():
        return False
    try:
        return Split(place).manifest.made_from == made_from
    except DataError:  # of an older schema, or damaged: it is made again
        return False


def build_split(made: Made, shards: Sequence[Shard], folder: Path, jobs: int, report: Report) -> Split:
    """Build a split, then move it to its place; called while the corpus's folder is held.

    Shards of an interrupted call, and those of the split as it is now that are still right, are taken over.

    Args:
        shards: in `work_folder`.
    """
    place, work = folder / made.split, work_folder(folder, made.split)
    build(shards, place, jobs, report, write_shard, is_whole)
    describe(shards)
    write_text(work / MANIFEST, _manifest(made, Split(work)).text())
    put_in_place(work, place)
    return Split(place)


def put_in_place(work: Path, place: Path) -> None:
    """Let a folder that is whole take the place of an earlier one; `recover` mends it where that is cut short."""
    old = place.with_name(f".{place.name}.old")
    if place.exists():
        place.rename(old)
    work.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _manifest(made: Made, rows: Split) -> Manifest:
    content = content_digest((row.id, row.sha256) for row in rows)
    return Manifest(
        dataset=made.card.name,
        split=made.split,
        made_from=made.made_from,
        slbench=__version__,
        layout=made.layout,
        listing=made.listing,
        pose_source=made.pose_source,
        sources=made.sources,
        vocabulary=made.vocabulary,
        clips=len(rows),
        readable=sum(row.error is None for row in rows),
        frames=sum(row.frames for row in rows),
        ids_sha256=ids_digest(row.id for row in rows),
        references_sha256=references_digest(rows, made.vocabulary),
        content_sha256=content,
        data_digest=made.data_digest or content,
    )
