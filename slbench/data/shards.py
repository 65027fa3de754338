"""Shards: neighbouring clips of a split in one Arrow file, named by all that decides it, whole or not there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from slbench.data.clip import Clip
from slbench.data.readers import Entry
from slbench.data.store import SCHEMA, SCHEMA_VERSION, ClipRow, StoredRows, clip_digest, open_shards
from slbench.errors import ClipError
from slbench.files import atomic_path, text_digest

SHARD_CLIPS = 128
BATCH_CLIPS = 8
"""Clips whose frames are in memory at once."""


@dataclass(frozen=True)
class Shard:
    """Neighbouring clips of a split."""

    path: Path
    entries: tuple[Entry, ...]


def shards_of(entries: Sequence[Entry], folder: Path, made_from: str) -> list[Shard]:
    """The shards of a split, to be written into a folder.

    Args:
        made_from: digest of what decides a clip besides its entry: code, sources.
    """
    groups = [tuple(entries[start : start + SHARD_CLIPS]) for start in range(0, len(entries), SHARD_CLIPS)]
    return [
        Shard(folder / f"{number:05}-{_name(group, made_from)}.arrow", group) for number, group in enumerate(groups)
    ]


def _name(entries: Sequence[Entry], made_from: str) -> str:
    lines = [[e.id, e.text, e.gloss, e.signer, e.source, e.state] for e in entries]
    return text_digest(json.dumps([SCHEMA_VERSION, made_from, lines]))[:16]


def plan_digest(shards: Sequence[Shard]) -> str:
    """sha256 over the names of all shards: all that decides the clips."""
    return text_digest("".join(f"{shard.path.name}\n" for shard in shards))


def is_whole(shard: Shard) -> bool:
    """Whether the shard is there, every clip of it as it was when it was read.

    Where a file was there and could not be read, that may have had a reason that is gone, so it is read again.
    """
    try:
        rows = StoredRows(open_shards([shard.path]))
        return len(rows) == len(shard.entries) and all(
            _stands(entry, rows, index) for index, entry in enumerate(shard.entries)
        )
    except (OSError, ValueError, pa.ArrowException):
        return False


def _stands(entry: Entry, rows: StoredRows, index: int) -> bool:
    row: ClipRow = rows[index]
    if row.error is not None:
        return not entry.state
    return row.sha256 == clip_digest(rows.clip(index))


Read = tuple[Entry, Clip | str]
"""A clip, or why it could not be read."""


def write_shard(shard: Shard) -> tuple[str, ...]:
    """Read the clips and write them; a clip that cannot be read keeps its place, with its error.

    Returns:
        The errors.
    """
    errors: list[str] = []
    with (
        atomic_path(shard.path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_stream(file, SCHEMA) as writer,
    ):
        for start in range(0, len(shard.entries), BATCH_CLIPS):
            clips = [_read(entry) for entry in shard.entries[start : start + BATCH_CLIPS]]
            errors += [clip for _, clip in clips if isinstance(clip, str)]
            _write(writer, clips)
    return tuple(errors)


def _read(entry: Entry) -> Read:
    try:
        clip = replace(entry.load(), id=entry.id, text=entry.text, gloss=entry.gloss)
        clip.check()
    except (ClipError, OSError) as error:
        return entry, str(error)
    return entry, clip


def _write(writer: pa.RecordBatchStreamWriter, clips: Sequence[Read]) -> None:
    rows = [_row(entry, clip) for entry, clip in clips]
    columns = [_column([row[field.name] for row in rows], field.type) for field in SCHEMA]
    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))


def _row(entry: Entry, clip: Clip | str) -> dict[str, Any]:
    row = {"id": entry.id, "text": entry.text, "gloss": entry.gloss, "signer": entry.signer, "source": entry.source}
    if isinstance(clip, str):
        nothing = np.empty(0, np.float32)
        unread = {
            "sha256": "",
            "fps": 0.0,
            "frames": 0,
            "people": 0,
            "first": 0,
            "keypoints": nothing,
            "scores": nothing,
        }
        return row | {"error": clip} | unread
    return row | {
        "error": None, "sha256": clip_digest(clip), "fps": clip.fps, "frames": clip.frames, "people": clip.people,
        "first": clip.first,
        "keypoints": clip.keypoints.ravel(), "scores": clip.scores.ravel(),
    }  # fmt: skip


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(values), pa.float32()), type=kind)


def describe(shards: Sequence[Shard]) -> None:
    """Write the two files that make the folder of the shards a dataset which `datasets.load_from_disk` opens."""
    import datasets

    folder = shards[0].path.parent
    features = datasets.Features.from_arrow_schema(SCHEMA)
    datasets.DatasetInfo(features=features).write_to_directory(str(folder))
    state: dict[str, Any] = {
        "_data_files": [{"filename": shard.path.name} for shard in shards],
        "_fingerprint": plan_digest(shards)[:16],
        "_format_columns": None, "_format_kwargs": {}, "_format_type": None, "_output_all_columns": False,
        "_split": None,
    }  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
