"""A corpus that slbench is told the place of, read into its store."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slbench.cards import DatasetCard
from slbench.data.building import Built
from slbench.data.corpus import UNSTATED, CorpusReader, Source, find_lists, find_poses, other_layout
from slbench.data.listing import check_listing, unknown_listing
from slbench.data.poses import PoseFolder
from slbench.data.prepare import code_digests, source_digests
from slbench.data.readers import Entry, Lists
from slbench.data.shards import plan_digest, shards_of
from slbench.data.splits import (
    Made,
    build_split,
    check_ids,
    entries_of,
    ids_of,
    is_built,
    is_damaged,
    work_folder,
    writing,
)
from slbench.data.store import Manifest, Split, prepared_splits
from slbench.errors import DataError
from slbench.files import text_digest

Listed = Mapping[str, Sequence[Entry]]
"""Split -> what its list has."""


@dataclass(frozen=True)
class Prepared:
    """What became of a split: prepared now or before, or why not."""

    split: str
    clips: Split | None
    """None: its list is not there."""
    wanted: str = ""
    """Which list that would be."""
    before: bool = False
    """Whether it was prepared already."""


@dataclass(frozen=True)
class Choices:
    """What the user allows.

    Attributes:
        any_version: lists that are no published version; runs on them are barred from leaderboards.
        replace: that clips go which are prepared and are not in the source any more.
    """

    any_version: bool = False
    replace: bool = False


def ingest(
    card: DatasetCard,
    source: Source,
    jobs: int = 1,
    choices: Choices = Choices(),
    report: Callable[[str, Built], None] = lambda _split, _built: None,
) -> list[Prepared]:
    """Read a corpus from where its files are, once; every split whose list is there.

    A clip whose frames cannot be read is kept with the reason. An interrupted call is continued by the next one, and
    after a change only what has changed is read again.

    Args:
        jobs: processes that read clips.
        report: is told of each split's progress.

    Raises:
        DataError: lists or poses are absent or damaged, or are not what the user allows.
        OutputError: the store cannot be written, or another process writes it.
    """
    if not card.needs_source:
        raise DataError(
            f"{card.name}: slbench finds this corpus itself ({card.obtain}), and prepares it when a run asks for it"
        )
    lists = find_lists(card, source)
    poses = find_poses(card, source)
    reader = CorpusReader(lists, poses, card.fps)
    entries = {split: entries_of(card, reader, split) for split in card.splits if lists.files(split)}
    ids = ids_of(entries)
    listings = {split: _listing(card, source, lists, split, listed, choices) for split, listed in ids.items()}
    check_ids(card, ids)
    _check_found(card, poses, entries)
    vocabulary = _vocabulary(card, entries, choices)
    code = text_digest(json.dumps(code_digests(), sort_keys=True))
    about = _About(card, lists, _pose_source(source, poses), source_digests(card, reader), vocabulary, code)
    with writing(card, wait=False) as folder:
        kept = {split: Split(folder / split) for split in prepared_splits(card)}
        _check_kept(about, entries, kept, choices)
        return [
            _prepared(about, split, entries[split], listings[split], folder, jobs, report)
            if split in entries
            else Prepared(split, None if choices.replace else kept.get(split), lists.wanted(split), before=True)
            for split in card.splits
        ]


@dataclass(frozen=True)
class _About:
    """What the manifests of all splits say."""

    card: DatasetCard
    lists: Lists
    pose_source: str
    sources: dict[str, str]
    vocabulary: tuple[str, ...]
    code: str
    """Digest of the code that makes clips of them."""


def _prepared(
    about: _About,
    split: str,
    entries: Sequence[Entry],
    listing: str | None,
    folder: Path,
    jobs: int,
    report: Callable[[str, Built], None],
) -> Prepared:
    work = work_folder(folder, split)
    shards = shards_of(entries, work, about.code)
    made_from = text_digest(json.dumps([plan_digest(shards), listing, about.pose_source, about.sources]))
    made = Made(
        about.card, split, made_from, about.lists.layout, listing, about.pose_source, about.sources, about.vocabulary,
        data_digest=None,
    )  # fmt: skip
    if is_built(made, shards, folder):
        shutil.rmtree(work, ignore_errors=True)  # of a call with another source that was interrupted
        return Prepared(split, Split(folder / split), before=True)
    return Prepared(split, build_split(made, shards, folder, jobs, partial(report, split)))


def _listing(
    card: DatasetCard, source: Source, lists: Lists, split: str, ids: Sequence[str], choices: Choices
) -> str | None:
    """Whose list it is; raises DataError where it is nobody's and must not be."""
    if not ids:
        raise DataError(f"{card.name}: the list of {split} has no clips; get it again: {card.obtain}")
    found = check_listing(card, split, ids)
    if found is None and not choices.any_version:
        raise DataError(
            f"{unknown_listing(card, split, ids)}; get the published lists, or take these with --any-version: "
            f"runs on them are then barred from leaderboards{other_layout(card, source, lists, split)}"
        )
    return found


def _check_found(card: DatasetCard, poses: PoseFolder, entries: Listed) -> None:
    """Raise DataError where no clip at all has a pose file: the folder is another one."""
    listed = [entry for split in entries.values() for entry in split]
    if not any(entry.state for entry in listed):
        example = f", such as {listed[0].source}.*" if listed else ""
        raise DataError(
            f"{poses.place}: of the {len(listed):,} clips of {card.name} not one has a pose file there{example} "
            f"({len(poses):,} pose files are there); name the right folder with --poses"
        )


def _pose_source(source: Source, poses: PoseFolder) -> str:
    """Who made the poses; raises DataError where the user and `extractor.json` do not agree."""
    extractor = poses.extractor()
    if extractor is None:
        return source.pose_source or UNSTATED
    if source.pose_source not in (None, extractor.label()):
        raise DataError(
            f"--pose-source {source.pose_source!r}: the extractor.json of {poses.place} says {extractor.label()!r}; "
            "leave the option out, or name other poses"
        )
    return extractor.label()


def _vocabulary(card: DatasetCard, entries: Listed, choices: Choices) -> tuple[str, ...]:
    """Every gloss of a corpus of isolated signs.

    Raises:
        DataError: they are not as many as the subset has, which changes what answers are chosen from.
    """
    if card.subset is None:
        return ()
    glosses = tuple(sorted({entry.gloss for listed in entries.values() for entry in listed}))
    if len(glosses) != card.subset and not choices.any_version:
        absent = [split for split in card.splits if split not in entries]
        which = f"the lists of {', '.join(absent)} are absent" if absent else "get the lists again"
        raise DataError(
            f"{card.name}: the lists have {len(glosses)} glosses of {card.subset}, from which answers would be chosen: "
            f"{which}, or take them as they are with --any-version"
        )
    return glosses


def _check_kept(about: _About, entries: Listed, kept: Mapping[str, Split], choices: Choices) -> None:
    """Raise DataError where clips that are prepared would be lost, or splits of two sources would be mixed."""
    if choices.replace:
        return
    for split, there in kept.items():
        if split in entries and is_damaged(there):  # it is made again
            continue
        fault = _fault(about, entries.get(split), there.manifest)
        if fault:
            raise DataError(f"{about.card.name}: {split}: {fault}, or let what is prepared go with --replace")
    absent = {split: [row.id for row in there] for split, there in kept.items() if split not in entries}
    check_ids(about.card, ids_of(entries) | absent)


def _fault(about: _About, listed: Sequence[Entry] | None, data: Manifest) -> str:
    """What is wrong with this source for a split that is prepared."""
    if listed is None and (data.pose_source, data.layout) != (about.pose_source, about.lists.layout):
        return (
            f"is prepared from {data.layout} lists with poses by {data.pose_source}, and its list is not in this "
            "source; name a source with all splits"
        )
    if listed is not None and (found := sum(bool(entry.state) for entry in listed)) < data.readable:
        return (
            f"{data.readable:,} clips are prepared, and this source has {found:,} of them; name all pose files at once"
        )
    if about.pose_source == UNSTATED != data.pose_source:
        return f"was prepared with poses by {data.pose_source}; say so again with --pose-source"
    return ""
