"""A corpus that slbench is told the place of, read into its store."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slbench.cards import DatasetCard
from slbench.data.building import Built
from slbench.data.corpus import UNSTATED, CorpusReader, Source, find_lists, find_poses
from slbench.data.listing import check_listing, unknown_listing
from slbench.data.poses import PoseFolder
from slbench.data.prepare import code_digests, source_digests
from slbench.data.readers import Entry, Lists
from slbench.data.shards import plan_digest, shards_of
from slbench.data.splits import Made, build_split, check_ids, entries_of, is_built, work_folder, writing
from slbench.data.store import Split
from slbench.errors import DataError
from slbench.files import text_digest


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


def ingest(
    card: DatasetCard,
    source: Source,
    jobs: int = 1,
    any_version: bool = False,
    report: Callable[[str, Built], None] = lambda _split, _built: None,
) -> list[Prepared]:
    """Read a corpus from where its files are, once; every split whose list is there.

    A clip whose frames cannot be read is kept with the reason. An interrupted call is continued by the next one, and
    after a change only what has changed is read again.

    Args:
        jobs: processes that read clips.
        any_version: take lists that are no published version too; runs on them are barred from leaderboards.
        report: is told of each split's progress.

    Raises:
        DataError: lists or poses are absent or damaged, or the lists are no published version.
        OutputError: the store cannot be written.
    """
    if not card.needs_source:
        raise DataError(f"{card.name}: slbench finds this corpus itself, and prepares it when a run asks for it")
    lists = find_lists(card, source)
    poses = find_poses(card, source)
    reader = CorpusReader(lists, poses, source.poses or source.folder, card.fps)
    entries = {split: entries_of(card, reader, split) for split in card.splits if lists.files(split)}
    listings = {split: _listing(card, split, listed, any_version) for split, listed in entries.items()}
    check_ids(card, entries)
    _check_found(card, reader, entries)
    about = _About(card, lists, _pose_source(source, poses), source_digests(card, reader), _vocabulary(card, entries))
    with writing(card) as folder:
        return [
            _prepared(about, split, entries[split], listings[split], folder, jobs, report)
            if split in entries
            else Prepared(split, None, lists.wanted(split))
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


def _prepared(
    about: _About,
    split: str,
    entries: Sequence[Entry],
    listing: str | None,
    folder: Path,
    jobs: int,
    report: Callable[[str, Built], None],
) -> Prepared:
    code = text_digest(json.dumps(code_digests(), sort_keys=True))
    shards = shards_of(entries, work_folder(folder, split), code)
    made_from = text_digest(json.dumps([plan_digest(shards), listing, about.pose_source, about.sources]))
    made = Made(
        about.card, split, made_from, about.lists.layout, listing, about.pose_source, about.sources, about.vocabulary,
        data_digest=None,
    )  # fmt: skip
    if is_built(made, shards, folder):
        return Prepared(split, Split(folder / split), before=True)
    return Prepared(split, build_split(made, shards, folder, jobs, partial(report, split)))


def _listing(card: DatasetCard, split: str, entries: Sequence[Entry], any_version: bool) -> str | None:
    """Whose list it is; raises DataError where it is nobody's and must not be."""
    ids = [entry.id for entry in entries]
    if not ids:
        raise DataError(f"{card.name}: the list of {split} has no clips; get it again: {card.obtain}")
    found = check_listing(card, split, ids)
    if found is None and not any_version:
        raise DataError(
            f"{unknown_listing(card, split, ids)}; get the published lists, or take these with --any-version: "
            "runs on them are then barred from leaderboards"
        )
    return found


def _check_found(card: DatasetCard, reader: CorpusReader, entries: Mapping[str, Sequence[Entry]]) -> None:
    """Raise DataError where no clip at all has a pose file: the folder is another one."""
    listed = [entry for split in entries.values() for entry in split]
    if not any(entry.state for entry in listed):
        example = f", such as {listed[0].source}.*" if listed else ""
        raise DataError(
            f"{reader.place}: of the {len(listed):,} clips of {card.name} not one has a pose file there{example} "
            f"({len(reader.poses):,} pose files are there); name the right folder with --poses"
        )


def _pose_source(source: Source, poses: PoseFolder) -> str:
    if source.pose_source:
        return source.pose_source
    extractor = poses.extractor()
    return UNSTATED if extractor is None else extractor.label()


def _vocabulary(card: DatasetCard, entries: Mapping[str, Sequence[Entry]]) -> tuple[str, ...]:
    """Every gloss of a corpus of isolated signs."""
    if card.subset is None:
        return ()
    return tuple(sorted({entry.gloss for listed in entries.values() for entry in listed}))
