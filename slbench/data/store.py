"""Prepared corpora: memory-mapped Arrow, opened and read. `slbench.data.prepare` makes them.

A store is a folder a corpus with a folder a split: shards in Arrow's stream format, the two files that make them a
dataset of the library `datasets` (`load_from_disk` opens it), and a manifest that says what they were made from.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import platformdirs
import pyarrow as pa
from pydantic import ValidationError

from slbench import catalog
from slbench.cards import DatasetCard, Frozen
from slbench.data.clip import POINTS, Clip
from slbench.errors import ClipError, DataError
from slbench.files import ids_digest, text_digest

SCHEMA_VERSION: Literal[4] = 4
MANIFEST = "manifest.json"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "text", "gloss", "signer", "source", "error", "sha256")),
        ("fps", pa.float32()),
        ("frames", pa.int32()),
        ("people", pa.int32()),
        ("first", pa.int32()),
        ("keypoints", pa.list_(pa.float32())),
        ("scores", pa.list_(pa.float32())),
    ]
)
"""Keypoints are (frames, 133, 2) and scores (frames, 133), both written row after row; `first` as in `Clip`."""


def home() -> Path:
    """Where prepared corpora live: `SLBENCH_HOME`, or the platform's cache folder."""
    return Path(os.environ.get("SLBENCH_HOME") or platformdirs.user_cache_dir("slbench")).expanduser()


def folder_of(card: DatasetCard) -> Path:
    """Where the card's store is, or would be. Cards of the same name from elsewhere get a folder of their own.

    A corpus that takes hours is not prepared again because its card in the catalog has another note, so there only what
    decides the clips counts.
    """
    if not card.needs_source:
        return home() / "stores" / f"{card.name}-{card.digest()[:12]}"
    own = card.name in catalog.names(DatasetCard) and catalog.get(card.name, DatasetCard).path == card.path
    decides = [card.reader, card.subset] if own else [card.reader, card.subset, str(card.path.absolute())]
    return home() / "stores" / f"{card.name}-{text_digest(json.dumps(decides))[:12]}"


def clip_digest(clip: Clip) -> str:
    """sha256 over all that a clip is: id, text, gloss, frame rate, place in its recording and both arrays."""
    said = json.dumps([clip.id, clip.text, clip.gloss, float(np.float32(clip.fps)), clip.first], ensure_ascii=False)
    digest = sha256(said.encode())
    for array in (clip.keypoints, clip.scores):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def content_digest(clips: Iterable[tuple[str, str]]) -> str:
    """sha256 over id and digest of all clips of a split, in any order."""
    return ids_digest(f"{clip_id} {digest}" for clip_id, digest in clips)


def references_digest(rows: "Iterable[ClipRow]", vocabulary: Sequence[str] = ()) -> str:
    """sha256 over id, text and gloss of all clips of a split: what answers are compared with, whatever the poses.

    Args:
        vocabulary: what they are chosen from, where that is in the corpus.
    """
    lines = [json.dumps([row.id, row.text, row.gloss], ensure_ascii=False) for row in rows]
    return ids_digest([*lines, *(json.dumps(gloss, ensure_ascii=False) for gloss in vocabulary)])


class Manifest(Frozen):
    """What a prepared split was made from, and what is in it."""

    schema_version: Literal[4] = SCHEMA_VERSION
    dataset: str
    split: str
    made_from: str
    """sha256 over all that decided the clips, as it was when they were read."""
    slbench: str
    """Version that read them."""
    layout: str = ""
    """Whose lists: `official` or `uni-sign`; empty for a corpus that slbench finds itself."""
    listing: str | None = None
    """Which of the counts on the dataset card the lists have; None: none of them, so it is no known split."""
    pose_source: str
    """Who made the keypoints."""
    sources: dict[str, str]
    """Name -> sha256 of the files that the lists were read from; the poses are in `content_sha256`."""
    vocabulary: tuple[str, ...] = ()
    """Isolated signs: every gloss of the corpus."""
    clips: int
    readable: int
    """Clips whose frames are there."""
    frames: int
    ids_sha256: str
    """Of the sorted ids, one a line."""
    references_sha256: str
    """See `references_digest`."""
    content_sha256: str
    """See `content_digest`."""
    data_digest: str
    """What records name as the data: of the source files where slbench finds them itself, or else of the content."""

    def text(self) -> str:
        """As it is written."""
        return self.model_dump_json(indent=1) + "\n"

    def digest(self) -> str:
        """sha256 of what is written."""
        return text_digest(self.text())


def _check_version(text: str, folder: Path) -> None:
    """Raise DataError where a manifest says that another slbench wrote it."""
    values = json.loads(text)
    version = values.get("schema_version") if isinstance(values, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        age = "an older" if version < SCHEMA_VERSION else "a newer"
        raise DataError(
            f"{folder}: was prepared by {age} slbench: prepare it again, by `slbench data prepare` with its --source"
        )


@dataclass(frozen=True)
class ClipRow:
    """What is known of a clip without reading its frames."""

    id: str
    text: str
    gloss: str
    frames: int
    error: str | None
    """Why it could not be read when the corpus was prepared."""
    signer: str = ""
    source: str = ""
    people: int = 1
    sha256: str = ""
    """See `clip_digest`; empty where it could not be read."""
    first: int = 0
    """As in `Clip`."""


MEND = "`slbench data prepare` with its --source mends it; a corpus without --source is made again without this folder"
"""What to do about a damaged store."""
_COLUMNS = ("id", "text", "gloss", "frames", "error", "signer", "source", "people", "sha256", "first")


class Clips(Protocol):
    """Clips by number: a split of a prepared corpus, made-up ones, or a user's own."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> ClipRow: ...

    def clip(self, index: int) -> Clip:
        """Read one clip; raises ClipError where it cannot be used."""


class SplitClips(Clips, Protocol):
    """Clips of a split, of which a record can say where they come from."""

    @property
    def manifest(self) -> Manifest:
        """What they were made from."""


def open_shards(files: Sequence[Path]) -> pa.Table:
    """The rows of shards, mapped as `datasets` maps them, whose import would take longer than all else here.

    Raises:
        OSError, pa.ArrowException: one is absent or cut off.
    """
    return pa.concat_tables([pa.ipc.open_stream(pa.memory_map(str(file))).read_all() for file in files])


class StoredRows(Sequence[ClipRow]):
    """Rows of shards; frames are read when they are asked for, and nothing is copied."""

    def __init__(self, table: pa.Table) -> None:
        columns = [table.column(name).to_pylist() for name in _COLUMNS]
        self.rows = [ClipRow(*row) for row in zip(*columns, strict=True)]
        self.arrays = {name: _Column(table.column(name)) for name in ("keypoints", "scores", "fps", "first")}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def clip(self, index: int) -> Clip:
        """One clip that could be read; raises ValueError where its numbers are not as many as its frames want."""
        row = self.rows[index]
        keypoints = self.arrays["keypoints"].list(index).reshape(row.frames, POINTS, 2)
        scores = self.arrays["scores"].list(index).reshape(row.frames, POINTS)
        fps, first = self.arrays["fps"].number(index), int(self.arrays["first"].number(index))
        return Clip(row.id, keypoints, scores, fps, row.text, row.gloss, row.people, first=first)


class Split(Sequence[ClipRow]):
    """One split of a prepared corpus, in the order of its reader; frames are read on demand.

    Attributes:
        checked: whether each clip is compared with its digest when it is read, which takes as long as reading it.

    Raises:
        DataError: on use, if the folder is not a whole split.
    """

    def __init__(self, folder: Path, checked: bool = False) -> None:
        self.folder, self.checked = folder, checked

    def __getstate__(self) -> dict[str, Any]:
        """Only the folder goes to a loader worker, which maps the files itself."""
        return {"folder": self.folder, "checked": self.checked}

    @cached_property
    def manifest(self) -> Manifest:
        """What it was made from."""
        try:
            text = (self.folder / MANIFEST).read_text(encoding="utf-8")
            _check_version(text, self.folder)
            return Manifest.model_validate_json(text)
        except (OSError, ValueError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise DataError(f"{self.folder}: {MANIFEST}: is damaged ({why}); {MEND}") from error

    @cached_property
    def _stored(self) -> StoredRows:
        try:
            state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            return StoredRows(open_shards([self.folder / file["filename"] for file in state["_data_files"]]))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(f"{self.folder}: the prepared corpus is damaged ({error}); {MEND}") from error

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, index: Any) -> Any:
        return self._stored[index]

    def clip(self, index: int) -> Clip:
        """Read one clip from the mapped file; nothing is copied, and its numbers were checked when it was prepared.

        Raises:
            ClipError: it could not be read when the corpus was prepared, or it is damaged since.
        """
        row = self._stored[index]
        if row.error is not None:
            raise ClipError(row.error)
        try:
            clip = self._stored.clip(index)
        except ValueError as error:
            raise ClipError(f"clip {row.id}: the prepared corpus is damaged ({error}); {MEND}") from error
        if self.checked and clip_digest(clip) != row.sha256:
            raise ClipError(f"clip {row.id}: is not as it was when it was prepared; {MEND}")
        return clip


class ReadableClips:
    """The clips of a split whose frames are there, by numbers of their own."""

    def __init__(self, split: SplitClips) -> None:
        self.split = split
        self.indices = [index for index in range(len(split)) if split[index].error is None]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> ClipRow:
        return self.split[self.indices[index]]

    @property
    def manifest(self) -> Manifest:
        """Of the whole split."""
        return self.split.manifest

    def clip(self, index: int) -> Clip:
        """Read one clip."""
        return self.split.clip(self.indices[index])


class _Column:
    """A column in chunks as numpy sees it, without copies; an order faster than Arrow's own scalars."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.chunks = [chunk for chunk in column.chunks if len(chunk)]
        self.starts = np.cumsum([0, *(len(chunk) for chunk in self.chunks)])
        self.parts: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def _place(self, index: int) -> tuple[int, int]:
        index += int(self.starts[-1]) if index < 0 else 0
        chunk = int(np.searchsorted(self.starts, index, side="right")) - 1
        return chunk, index - int(self.starts[chunk])

    def list(self, index: int) -> np.ndarray:
        """(n,): the values of a list."""
        number, row = self._place(index)
        if number not in self.parts:
            chunk = self.chunks[number]
            self.parts[number] = (chunk.offsets.to_numpy(), chunk.values.to_numpy(zero_copy_only=True))
        offsets, values = self.parts[number]
        return values[offsets[row] : offsets[row + 1]]

    def number(self, index: int) -> float:
        """A single value."""
        number, row = self._place(index)
        return float(self.chunks[number][row].as_py())


@dataclass(frozen=True)
class Store:
    """A prepared corpus on disk."""

    folder: Path

    def split(self, name: str, checked: bool = False) -> Split:
        """A split; its frames stay on disk until they are asked for, and may be compared with their digests then."""
        return Split(self.folder / name, checked)

    def splits(self) -> list[str]:
        """Splits that are there."""
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{MANIFEST}"))


def prepared_splits(card: DatasetCard) -> list[str]:
    """Splits whose store is there; `prepare` also checks that its sources are unchanged."""
    there = Store(folder_of(card)).splits()
    return [split for split in card.splits if split in there]
