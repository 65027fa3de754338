"""Prepared corpora: read once from the official layout, then memory-mapped Arrow.

A store is a folder with one Arrow dataset a split and a manifest that says what it was made
from. It is made anew when its sources, its dataset card, the code that reads them or the
schema change.
"""

import inspect
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import datasets
import numpy as np
import platformdirs
import pyarrow as pa
from filelock import FileLock

from slbench.cards import DatasetCard
from slbench.catalog import blamed, resolve
from slbench.data.clip import POINTS, Clip
from slbench.data.readers import Entry, Reader
from slbench.errors import CardError, ClipError, DataError, OutputError
from slbench.files import file_digest, text_digest, write_text

SCHEMA_VERSION = 1
_FOLDER = Path(__file__).parent
_FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "text": datasets.Value("string"),
        "gloss": datasets.Value("string"),
        "fps": datasets.Value("float32"),
        "frames": datasets.Value("int32"),
        "keypoints": datasets.List(datasets.Value("float32")),
        "scores": datasets.List(datasets.Value("float32")),
        "error": datasets.Value("string"),
    }
)


def home() -> Path:
    """Where prepared corpora live: `SLBENCH_HOME`, or the platform's cache folder."""
    return Path(os.environ.get("SLBENCH_HOME") or platformdirs.user_cache_dir("slbench")).expanduser()


@dataclass(frozen=True)
class ClipRow:
    """What is known of a clip without reading its frames."""

    id: str
    text: str
    gloss: str
    frames: int
    error: str | None
    """Why it could not be read when the corpus was prepared."""


class Clips(Protocol):
    """Clips by number: a split of a prepared corpus, or made-up ones."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> ClipRow: ...

    def clip(self, index: int) -> Clip:
        """Read one clip; raises ClipError where it cannot be used."""


class Split(Sequence[ClipRow]):
    """One split of a prepared corpus, in the order of its reader; frames are read on demand.

    Raises:
        DataError: on use, if the folder is not a whole split.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getstate__(self) -> dict[str, Any]:
        """Only the folder goes to a loader worker, which maps the files itself."""
        return {"folder": self.folder}

    @cached_property
    def _table(self) -> pa.Table:
        try:
            return datasets.load_from_disk(str(self.folder)).data.table
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise DataError(
                f"{self.folder.parent}: the prepared corpus is damaged ({error}); delete this folder, "
                "the next run prepares it again"
            ) from error

    @cached_property
    def _rows(self) -> list[ClipRow]:
        columns = [self._table.column(name).to_pylist() for name in ("id", "text", "gloss", "frames", "error")]
        return [ClipRow(*row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def clip(self, index: int) -> Clip:
        """Read one clip from the mapped file.

        Raises:
            ClipError: it could not be read when the corpus was prepared, or its arrays are unusable.
        """
        row = self._rows[index]
        if row.error is not None:
            raise ClipError(row.error)
        keypoints = self._floats("keypoints", index).reshape(row.frames, POINTS, 2)
        scores = self._floats("scores", index).reshape(row.frames, POINTS)
        clip = Clip(row.id, keypoints, scores, self._table.column("fps")[index].as_py(), row.text, row.gloss)
        clip.check()
        return clip

    def _floats(self, column: str, index: int) -> np.ndarray:
        values: np.ndarray = self._table.column(column)[index].values.to_numpy(zero_copy_only=True)
        return values


@dataclass(frozen=True)
class Store:
    """A prepared corpus on disk."""

    folder: Path
    data_digest: str
    """sha256 over names and digests of all source files."""
    manifest_digest: str
    """sha256 over everything that decides the clips: sources, dataset card, and the code that reads them."""

    def split(self, name: str) -> Split:
        """A split; its frames stay on disk until they are asked for."""
        return Split(self.folder / name)


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


def _manifest(card: DatasetCard, reader: Reader, sources: dict[str, str]) -> str:
    """Everything that decides the store's content, as JSON."""
    ours = {path.relative_to(_FOLDER).as_posix(): file_digest(path) for path in _FOLDER.rglob("*.py")}
    code = ours | {"reader": file_digest(_source_of(reader))}
    values = {"schema": SCHEMA_VERSION, "dataset": card.name, "card": card.digest(), "code": code, "sources": sources}
    return json.dumps(values, indent=1, sort_keys=True)


def _source_of(reader: Reader) -> Path:
    return Path(inspect.getfile(type(reader)))


def folder_of(card: DatasetCard) -> Path:
    """Where the card's store is, or would be. Cards of the same name from elsewhere get a folder of their own."""
    return home() / "stores" / f"{card.name}-{card.digest()[:12]}"


def prepared_splits(card: DatasetCard) -> list[str]:
    """Splits whose store is there; `prepare` also checks that its sources are unchanged."""
    return [split for split in card.splits if (folder_of(card) / split).is_dir()]


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
    """The corpus's store with these splits (none named: all); each is made when it is first asked for.

    Everything is made again when anything that it was made from has changed.

    Raises:
        MissingExtraError, DataError: the corpus is absent or is not what its card says.
        OutputError: the cache folder cannot be written.
    """
    reference = reader_reference(card)
    reader_class = resolve(reference, card)
    with blamed(card, reference, "built"):
        reader: Reader = reader_class()
    sources = source_digests(card, reader)
    manifest = _manifest(card, reader, sources)
    folder = folder_of(card)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if folder.exists() and not _matches(folder, manifest):
                shutil.rmtree(folder)
            missing = [split for split in splits or card.splits if not (folder / split).is_dir()]
            if missing:
                _build(card, reader, folder, missing)
                write_text(folder / "manifest.json", manifest)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); set SLBENCH_HOME to a folder with room"
        ) from error
    return Store(folder, text_digest(json.dumps([card.name, sources], sort_keys=True)), text_digest(manifest))


def _matches(folder: Path, manifest: str) -> bool:
    path = folder / "manifest.json"
    return path.is_file() and path.read_text(encoding="utf-8") == manifest


def _build(card: DatasetCard, reader: Reader, folder: Path, splits: Sequence[str]) -> None:
    """Write each split beside its place, then move it there; called under the store's lock."""
    entries = {split: _entries(card, reader, split) for split in card.splits}
    _check_entries(card, entries)
    folder.mkdir(exist_ok=True)
    for split in splits:
        temporary = Path(tempfile.mkdtemp(prefix=f".{split}.", dir=folder))
        try:
            table = datasets.Dataset.from_list([_row(entry) for entry in entries[split]], features=_FEATURES)
            table.save_to_disk(str(temporary))
            temporary.rename(folder / split)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _entries(card: DatasetCard, reader: Reader, split: str) -> list[Entry]:
    try:
        return list(reader.entries(split))
    except OSError as error:
        raise DataError(f"{card.name}: {error.filename}: cannot be read ({error.strerror})") from error


def _check_entries(card: DatasetCard, entries: Mapping[str, list[Entry]]) -> None:
    seen: set[str] = set()
    for split, expected in card.splits.items():
        counts = Counter(entry.id for entry in entries[split])
        duplicates = sorted(clip_id for clip_id, count in counts.items() if count > 1 or clip_id in seen)
        seen.update(counts)
        if duplicates:
            raise DataError(f"{card.name}: ids occur more than once, in {split}: {', '.join(duplicates[:10])}")
        if len(entries[split]) != expected:
            raise DataError(
                f"{card.name}: {split} has {len(entries[split])} clips, its card ({card.path}) says {expected}; "
                f"get the corpus as the card says: {card.obtain}"
            )


def _row(entry: Entry) -> dict[str, Any]:
    """One row; a clip that cannot be read keeps its place, with its error."""
    row: dict[str, Any] = {"id": entry.id, "text": entry.text, "gloss": entry.gloss, "error": None}
    try:
        clip = entry.load()
    except (ClipError, OSError) as error:
        return row | {"fps": 0.0, "frames": 0, "keypoints": [], "scores": [], "error": str(error)}
    arrays = {"keypoints": clip.keypoints.ravel(), "scores": clip.scores.ravel()}
    return row | {"fps": clip.fps, "frames": clip.frames} | arrays
