"""Clips into Arrow shards: in parallel, in little memory, and never half-written.

A split is cut into shards of neighbouring clips. A shard is named by all that decides it, so one that is there
already, from an interrupted call or from an earlier state of the corpus, is taken as it is.
"""

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa

from slbench.data.clip import Clip
from slbench.data.readers import Entry
from slbench.data.store import FEATURES, SCHEMA_VERSION, clip_digest
from slbench.errors import ClipError, DataError
from slbench.files import atomic_path, remove_leftovers, text_digest

SHARD_CLIPS = 128
BATCH_CLIPS = 16
"""Clips whose frames are in memory at once."""


@dataclass(frozen=True)
class Built:
    """So many of so many clips are prepared; of some the frames could not be read."""

    done: int
    total: int
    reused: int
    """Clips taken over from an earlier call."""
    errors: tuple[str, ...] = ()
    """Of the clips that were added since the last report."""


Report = Callable[[Built], None]


@dataclass(frozen=True)
class Shard:
    """Neighbouring clips of a split."""

    path: Path
    entries: tuple[Entry, ...]


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    """Whether the shard is there, to its last row."""
    try:
        with pa.memory_map(str(shard.path)) as file:
            return bool(pa.ipc.open_stream(file).read_all().num_rows == len(shard.entries))
    except (OSError, pa.ArrowException):
        return False


def build(shards: Sequence[Shard], earlier: Path, jobs: int, report: Report) -> None:
    """Write the shards that are not there yet.

    Args:
        earlier: a folder that may hold some of them.
        jobs: processes; 1: this one.

    Raises:
        DataError: a process died.
        OSError: the folder cannot be written. Whole shards stay, the next call goes on from them.
    """
    folder = shards[0].path.parent
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    _keep_only(folder, shards)
    for shard in shards:
        _take_over(shard, earlier)
    missing = [shard for shard in shards if not is_whole(shard)]
    total = sum(len(shard.entries) for shard in shards)
    done = reused = total - sum(len(shard.entries) for shard in missing)
    report(Built(done, total, reused))
    for shard, errors in _written(missing, jobs):
        done += len(shard.entries)
        report(Built(done, total, reused, errors))


def _keep_only(folder: Path, shards: Sequence[Shard]) -> None:
    wanted = {shard.path.name for shard in shards}
    for path in folder.iterdir():
        if path.name not in wanted and path.is_file():
            path.unlink()


def _take_over(shard: Shard, earlier: Path) -> None:
    """Link a shard of an earlier state; where links are impossible it is simply made again."""
    there = earlier / shard.path.name
    if there.is_file() and not shard.path.exists():
        try:
            os.link(there, shard.path)
        except OSError:
            shutil.copyfile(there, shard.path)


def _written(shards: Sequence[Shard], jobs: int) -> Iterator[tuple[Shard, tuple[str, ...]]]:
    """Write shards; gives each with the errors of its clips when it is done."""
    if jobs == 1 or len(shards) < 2:
        yield from ((shard, write_shard(shard)) for shard in shards)
        return
    context = multiprocessing.get_context("spawn")  # a forked process would inherit Arrow's threads in mid-air
    with ProcessPoolExecutor(min(jobs, len(shards)), context) as pool:
        try:
            yield from _in_flight(pool, shards, 2 * jobs)
        except BrokenProcessPool as error:
            raise DataError(
                "a process ended while it read clips, perhaps for lack of memory; what is prepared is kept: "
                "the same command goes on, with a smaller --jobs in less memory"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _in_flight(
    pool: ProcessPoolExecutor, shards: Sequence[Shard], most: int
) -> Iterator[tuple[Shard, tuple[str, ...]]]:
    """Hand out a few shards at a time, so that the queue does not grow with the corpus."""
    waiting: dict[Future[tuple[str, ...]], Shard] = {}
    for shard in shards:
        with _interrupts_ignored():  # in a process that this starts, from its first moment
            waiting[pool.submit(write_shard, shard)] = shard
        if len(waiting) >= most:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    for future in list(waiting):
        yield waiting.pop(future), future.result()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; the first one alone decides what happens."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def write_shard(shard: Shard) -> tuple[str, ...]:
    """Read the clips and write them; a clip that cannot be read keeps its place, with its error.

    Returns:
        The errors.
    """
    errors: list[str] = []
    with (
        atomic_path(shard.path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_stream(file, FEATURES.arrow_schema) as writer,
    ):
        for start in range(0, len(shard.entries), BATCH_CLIPS):
            rows = [_row(entry) for entry in shard.entries[start : start + BATCH_CLIPS]]
            errors += [row["error"] for row in rows if row["error"] is not None]
            writer.write_batch(_batch(rows))
    return tuple(errors)


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": entry.id, "text": entry.text, "gloss": entry.gloss, "signer": entry.signer, "source": entry.source,
    }  # fmt: skip
    try:
        clip = replace(entry.load(), id=entry.id, text=entry.text, gloss=entry.gloss)
        clip.check()
    except (ClipError, OSError) as error:
        nothing = np.empty(0, np.float32)
        return row | {
            "error": str(error), "sha256": "", "fps": 0.0, "frames": 0, "people": 0,
            "keypoints": nothing, "scores": nothing,
        }  # fmt: skip
    return row | _arrays(clip)


def _arrays(clip: Clip) -> dict[str, Any]:
    return {
        "error": None, "sha256": clip_digest(clip), "fps": clip.fps, "frames": clip.frames, "people": clip.people,
        "keypoints": clip.keypoints.ravel(), "scores": clip.scores.ravel(),
    }  # fmt: skip


def _batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    schema = FEATURES.arrow_schema
    columns = [_column([row[field.name] for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(values), pa.float32()), type=kind)


def describe(shards: Sequence[Shard]) -> None:
    """Write what makes the folder of the shards a dataset that `datasets.load_from_disk` opens.

    The library writes the two files for a dataset without rows; then they are told of ours.
    """
    folder = shards[0].path.parent
    empty = folder / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES).save_to_disk(str(empty))
    state = json.loads((empty / "state.json").read_text(encoding="utf-8"))
    state["_data_files"] = [{"filename": shard.path.name} for shard in shards]
    state["_fingerprint"] = plan_digest(shards)[:16]
    (folder / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
    shutil.copyfile(empty / "dataset_info.json", folder / "dataset_info.json")
    shutil.rmtree(empty)
