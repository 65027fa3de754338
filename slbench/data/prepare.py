"""The store that a run needs: made where slbench finds the corpus itself, or else prepared before (`ingest`)."""

import inspect
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from slbench.cards import DatasetCard
from slbench.catalog import blamed, resolve
from slbench.data.listing import OWNERS, check_listing
from slbench.data.readers import Reader
from slbench.data.shards import shards_of
from slbench.data.splits import (
    Made,
    build_split,
    check_ids,
    entries_of,
    ids_of,
    is_made_from,
    work_folder,
    writing,
)
from slbench.data.store import SCHEMA_VERSION, Store, folder_of
from slbench.errors import CardError, DataError
from slbench.files import file_digest, text_digest

_FOLDER = Path(__file__).parent
WITHOUT_EFFECT = (
    "augment", "batching", "crops", "cropping", "download", "draw", "estimator", "export", "extract", "hands", "hub",
    "ingest", "joining", "listing", "mock", "noting", "persons", "picking", "pictured", "pictures", "prepare",
    "rendered", "splits", "status", "store", "verify", "videos", "wholebody",
)  # fmt: skip
"""Modules here that do not decide what is in a clip once its files are there; a store outlives their changes."""


def reader_reference(card: DatasetCard) -> str:
    """The class that the card names to read the corpus.

    Raises:
        CardError: it names none.
    """
    if card.reader is None:
        raise CardError(
            f"slbench cannot read the corpus {card.name} yet: {card.path} names no reader; "
            "predictions that were made elsewhere can be scored with `slbench score`"
        )
    return card.reader


def prepare(card: DatasetCard, splits: Sequence[str] = ()) -> Store:
    """The corpus's store with these splits (none named: all).

    Where slbench finds the corpus itself, each split is made when it is first asked for, and again when anything
    that it was made from has changed. A corpus that it must be told the place of was prepared before.

    Raises:
        MissingExtraError, DataError: the corpus is absent, not prepared, or not what its card says.
        OutputError: the cache folder cannot be written.
    """
    reference = reader_reference(card)
    if card.needs_source:
        return _prepared_before(card, splits or list(card.splits))
    reader_class = resolve(reference, card)
    with blamed(card, reference, "built"):
        reader: Reader = reader_class()
    sources = source_digests(card, reader)
    made_from = _made_from(card, reader, sources)
    with writing(card, wait=True) as folder:
        missing = [split for split in splits or card.splits if not is_made_from(folder / split, made_from)]
        if missing:
            _remove_outdated(card, folder, made_from)
            _build_found(card, reader, folder, missing, made_from, sources)
    return Store(folder)


def _prepared_before(card: DatasetCard, splits: Sequence[str]) -> Store:
    store = Store(folder_of(card))
    if any(store.folder.glob(".*.old")):
        with writing(card, wait=True):  # which puts back what a killed process was about to replace
            pass
    missing = [split for split in splits if split not in store.splits()]
    if missing:
        begun = any(store.folder.glob(".*.work"))
        how = "was interrupted, and goes on with the same" if begun else "do it once with"
        raise DataError(
            f"{card.name}: {', '.join(missing)} is not prepared; {how}: "
            f"slbench data prepare {card.name} --source FOLDER (`slbench show {card.name}` says how to get the corpus)"
        )
    for split in splits:
        _ = store.split(split).manifest  # which says so where another slbench has written it
    return store


def source_digests(card: DatasetCard, reader: Reader) -> dict[str, str]:
    """Name -> sha256 of every source file; `absent` for one that the corpus lists and lacks.

    Raises:
        MissingExtraError, DataError: the corpus is not here.
    """
    try:
        sources = sorted(reader.sources().items())
        if not sources:
            raise DataError(f"{card.name}: there are no files; get the corpus as its card says: {card.obtain}")
        return {name: file_digest(path) if path.is_file() else "absent" for name, path in sources}
    except OSError as error:
        raise DataError(f"{card.name}: {error.filename}: cannot be read ({error.strerror})") from error


def code_digests() -> dict[str, str]:
    """File -> sha256 of all code that turns files into clips."""
    files = [path for path in sorted(_FOLDER.rglob("*.py")) if path.stem not in WITHOUT_EFFECT]
    return {path.relative_to(_FOLDER).as_posix(): file_digest(path) for path in files}


def _made_from(card: DatasetCard, reader: Reader, sources: Mapping[str, str]) -> str:
    """Everything that decides the content of a store that slbench makes by itself."""
    code = code_digests() | {"reader": file_digest(Path(inspect.getfile(type(reader))))}
    values = [SCHEMA_VERSION, card.name, card.digest(), code, dict(sources)]
    return text_digest(json.dumps(values, sort_keys=True))


def _remove_outdated(card: DatasetCard, folder: Path, made_from: str) -> None:
    for split in card.splits:
        if not is_made_from(folder / split, made_from):
            shutil.rmtree(folder / split, ignore_errors=True)


def _build_found(
    card: DatasetCard, reader: Reader, folder: Path, splits: Sequence[str], made_from: str, sources: dict[str, str]
) -> None:
    entries = {split: entries_of(card, reader, split) for split in card.splits}
    ids = ids_of(entries)
    check_ids(card, ids)
    for split in card.splits:
        check_listing(card, split, ids[split], exact=True)
    digest = text_digest(json.dumps([card.name, sources], sort_keys=True))
    for split in splits:
        made = Made(card, split, made_from, "", OWNERS, card.pose_source, sources, (), digest)
        shards = shards_of(entries[split], work_folder(folder, split), made_from)
        build_split(made, shards, folder, 1, lambda _: None)
