"""The shards of a split, in parallel and in little memory.

A shard is named by all that decides it, so one that is there already, from an interrupted call or from an earlier
state of the corpus, is taken as it is.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from slbench.errors import DataError
from slbench.files import remove_leftovers

WORTH_A_PROCESS = 8
"""Shards; a process that has to import everything takes about as long to start as to write these."""


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


class Part(Protocol):
    """A file of several clips."""

    @property
    def path(self) -> Path:
        """Where it is, or will be; its name says all that decides it."""

    @property
    def entries(self) -> Sequence[object]:
        """Its clips."""


P = TypeVar("P", bound=Part)
Errors = tuple[str, ...]
"""Of clips that could not be read."""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def build(
    shards: Sequence[P],
    earlier: Path,
    jobs: int,
    report: Report,
    write: Callable[[P], Errors],
    whole: Callable[[P], bool],
) -> None:
    """Write the shards that are not there yet.

    Args:
        earlier: a folder that may hold some of them.
        jobs: processes at most; 1: all is done in this thread, as readers that know of no other expect.
        write: makes a file; called in other processes.
        whole: whether it is there.

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
    missing = [shard for shard in shards if not whole(shard)]
    total = sum(len(shard.entries) for shard in shards)
    done = reused = total - sum(len(shard.entries) for shard in missing)
    report(Built(done, total, reused))
    for shard, errors in _written(missing, jobs, write):
        done += len(shard.entries)
        report(Built(done, total, reused, errors))


def _keep_only(folder: Path, shards: Sequence[Part]) -> None:
    wanted = {shard.path.name for shard in shards}
    for path in folder.iterdir():
        if path.name not in wanted and path.is_file():
            path.unlink()


def _take_over(shard: Part, earlier: Path) -> None:
    """Link a shard of an earlier state; where links are impossible it is simply made again."""
    there = earlier / shard.path.name
    if there.is_file() and not shard.path.exists():
        try:
            os.link(there, shard.path)
        except OSError:
            shutil.copyfile(there, shard.path)


def _written(shards: Sequence[P], jobs: int, write: Callable[[P], Errors]) -> Iterator[tuple[P, Errors]]:
    """Write shards; gives each with the errors of its clips when it is done."""
    forks = _may_fork()
    processes = min(jobs, len(shards) if forks else len(shards) // WORTH_A_PROCESS)
    if processes < 2:
        yield from ((shard, write(shard)) for shard in shards)
        return
    context = multiprocessing.get_context("fork" if forks else "spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        try:
            yield from _in_flight(pool, shards, 2 * jobs, write)
        except BrokenProcessPool as error:
            raise DataError(
                "a process ended while it read clips, perhaps for lack of memory; what is prepared is kept: "
                "the same command goes on, with a smaller --jobs in less memory"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _may_fork() -> bool:
    """Whether processes can be copies of this one, which start at once.

    Not where another thread of Python might hold a lock that nobody would release in the copy. (Those of BLAS and Arrow
    look after themselves.)
    """
    return sys.platform == "linux" and threading.active_count() == 1


def _in_flight(
    pool: ProcessPoolExecutor, shards: Sequence[P], most: int, write: Callable[[P], Errors]
) -> Iterator[tuple[P, Errors]]:
    """Hand out a few shards at a time, so that the queue does not grow with the corpus."""
    waiting: dict[Future[Errors], P] = {}
    for shard in shards:
        with _undisturbed():
            waiting[pool.submit(write, shard)] = shard
        if len(waiting) >= most:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    for future in list(waiting):
        yield waiting.pop(future), future.result()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What a process that is started here begins with: no Ctrl-C, since the first process alone decides what happens.

    Newer Pythons warn of a fork beside threads of any kind, also those that look after themselves.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            yield
    finally:
        signal.signal(signal.SIGINT, before)
