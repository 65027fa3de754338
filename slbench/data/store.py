"""Prepared corpora: read once from the official layout, then memory-mapped Arrow.

A store is a folder with one Arrow dataset a split and a manifest that says what it was made
from. It is made anew when its sources, its dataset card or the schema change.
"""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import platformdirs
import pyarrow as pa

from slbench.cards import DatasetCard, resolve
from slbench.data.clip import POINTS, Clip
from slbench.data.readers import Entry, Reader
from slbench.errors import ClipError, DataError, OutputError
from slbench.files import file_digest, text_digest

SCHEMA_VERSION = 1
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


class Split(Sequence[ClipRow]):
    """One split of a prepared corpus, in the order of its reader; frames are read on demand."""

    def __init__(self, table: datasets.Dataset) -> None:
        self._table: pa.Table = table.data.table
        columns = [self._table.column(name).to_pylist() for name in ("id", "text", "gloss", "frames")]
        self._rows = [ClipRow(*row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def clip(self, index: int) -> Clip:
        """Read one clip from the mapped file.

        Raises:
            ClipError: it could not be read when the corpus was prepared, or its arrays are unusable.
        """
        error = self._table.column("error")[index].as_py()
        if error is not None:
            raise ClipError(error)
        row = self._rows[index]
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
    digest: str
    """Of the manifest: sources, dataset card, schema."""

    def split(self, name: str) -> Split:
        """Open a split; its frames stay on disk until they are asked for."""
        return Split(datasets.load_from_disk(str(self.folder / name)))


def manifest_of(card: DatasetCard, reader: Reader) -> dict[str, Any]:
    """What a store is made from: digests of every source file, the card, the schema.

    Raises:
        MissingExtraError, DataError: the corpus is not here.
    """
    sources = sorted(reader.sources())
    base = Path(os.path.commonpath([source.parent for source in sources]))
    digests = {
        source.relative_to(base).as_posix(): file_digest(source) if source.is_file() else "absent" for source in sources
    }
    return {"schema": SCHEMA_VERSION, "dataset": card.name, "card": card.digest(), "sources": digests}


def folder_of(card: DatasetCard) -> Path:
    """Where the card's store is, or would be. Cards of the same name from elsewhere get a folder of their own."""
    return home() / "stores" / f"{card.name}-{card.digest()[:12]}"


def is_prepared(card: DatasetCard) -> bool:
    """Whether a store is there; `prepare` also checks that its sources are unchanged."""
    return (folder_of(card) / "manifest.json").is_file()


def prepare(card: DatasetCard) -> Store:
    """The corpus's store, made if it is absent or its sources have changed.

    Raises:
        MissingExtraError, DataError: the corpus is absent or is not what its card says.
        OutputError: the cache folder cannot be written.
    """
    reader: Reader = resolve(card.reader, card)()
    manifest = json.dumps(manifest_of(card, reader), indent=1, sort_keys=True)
    folder = folder_of(card)
    try:
        if not _matches(folder, manifest):
            _build(card, reader, folder, manifest)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); set SLBENCH_HOME to a folder with room"
        ) from error
    return Store(folder, text_digest(manifest))


def _matches(folder: Path, manifest: str) -> bool:
    path = folder / "manifest.json"
    return path.is_file() and path.read_text(encoding="utf-8") == manifest


def _build(card: DatasetCard, reader: Reader, folder: Path, manifest: str) -> None:
    """Write the store beside its place, then move it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        seen: set[str] = set()
        for split, expected in card.splits.items():
            entries = list(reader.entries(split))
            _check_entries(card, split, entries, expected, seen)
            table = datasets.Dataset.from_list([_row(entry) for entry in entries], features=_FEATURES)
            table.save_to_disk(str(temporary / split))
        (temporary / "manifest.json").write_text(manifest, encoding="utf-8")
        _move(temporary, folder, manifest)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(temporary: Path, folder: Path, manifest: str) -> None:
    """Into place. A folder that is there is either stale or what another process made in the meantime."""
    try:
        temporary.rename(folder)
    except OSError:
        if not _matches(folder, manifest):
            shutil.rmtree(folder)
            temporary.rename(folder)


def _check_entries(card: DatasetCard, split: str, entries: list[Entry], expected: int, seen: set[str]) -> None:
    counts = Counter(entry.id for entry in entries)
    duplicates = sorted(clip_id for clip_id, count in counts.items() if count > 1 or clip_id in seen)
    seen.update(counts)
    if duplicates:
        raise DataError(f"{card.name}: ids occur more than once, in {split}: {', '.join(duplicates[:10])}")
    if len(entries) != expected:
        raise DataError(
            f"{card.name}: {split} has {len(entries)} clips, its card ({card.path}) says {expected}; "
            f"get the corpus as the card says: {card.obtain}"
        )


def _row(entry: Entry) -> dict[str, Any]:
    """One row; a clip that cannot be read keeps its place, with its error."""
    row: dict[str, Any] = {"id": entry.id, "text": entry.text, "gloss": entry.gloss, "error": None}
    try:
        clip = entry.load()
    except ClipError as error:
        return row | {"fps": 0.0, "frames": 0, "keypoints": [], "scores": [], "error": str(error)}
    arrays = {"keypoints": clip.keypoints.ravel(), "scores": clip.scores.ravel()}
    return row | {"fps": clip.fps, "frames": clip.frames} | arrays
