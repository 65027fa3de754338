"""What a board is made of: a user's records, those that come with slbench, and what was published."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from slbench import catalog
from slbench.errors import OptionError, near
from slbench.report.entries import Entry, measured_entries, published_entries, scored_entries
from slbench.report.leaderboard import Board, read_board, run_id
from slbench.report.published import faults, read_published
from slbench.report.rules import Rules, committed_results, leaderboard_folder, read_rules
from slbench.report.standings import Standing, standings
from slbench.scored import read_scored

ALL = "all"
RELEASED = "released"
"""Folder of the scores of released predictions."""


@dataclass(frozen=True)
class Wanted:
    """Which lines are shown; empty: all."""

    tasks: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    """Empty: the score that ranks; `all`: every one."""
    protocols: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """Standings, the rules they follow, and what was left out and why."""

    standings: tuple[Standing, ...]
    rules: Rules
    runs: int
    """Measured ones."""
    left_out: tuple[tuple[str, str], ...]


def gather(results: Path | None, wanted: Wanted, alone: bool = False) -> Gathered:
    """Read everything and place what is wanted.

    Args:
        results: the user's folder of records, if there is one.
        alone: whether to leave out what comes with slbench.

    Raises:
        OutputError: there is no such folder.
        CardError: there is no such task.
        OptionError: nothing has the split, score, protocol or modality.
        DataError: the published figures cannot be read; `slbench leaderboard --validate` says all that is wrong.
    """
    folder = leaderboard_folder()
    rules = read_rules(folder)
    with _unswept():
        return _gathered(folder, rules, results, wanted, alone)


@contextmanager
def _unswept() -> Iterator[None]:
    """Without looking for garbage: of thousands of records none is, and each look goes through all of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _gathered(folder: Path, rules: Rules, results: Path | None, wanted: Wanted, alone: bool) -> Gathered:
    board = _measured(results, wanted.tasks, alone)
    entries = list(measured_entries(board, ranking=not wanted.metrics))
    if not alone:
        entries += scored_entries(read_scored(folder / RELEASED))
        entries += published_entries(read_published(folder))
    tasks = _tasks(wanted.tasks, entries)
    chosen = _chosen(entries, replace(wanted, tasks=tasks))
    return Gathered(tuple(standings(chosen, rules)), rules, len(board.records), board.left_out)


def _measured(results: Path | None, tasks: Sequence[str], alone: bool) -> Board:
    """The runs of both folders; of two with one id, the user's, and the other is named unless it is the same."""
    own = read_board(results, tasks) if results is not None else Board((), ())
    if alone or (results is not None and results.resolve() == committed_results().resolve()):
        return own
    ours = read_board(committed_results(), tasks)
    there = {run_id(record): record for record in own.records}
    added = [record for record in ours.records if run_id(record) not in there]
    other = [
        (str(ours.places[run_id(record)]), f"another run has its id: {own.places[run_id(record)]}")
        for record in ours.records
        if run_id(record) in there and there[run_id(record)].predictions_sha256 != record.predictions_sha256
    ]
    return Board((*own.records, *added), (*own.left_out, *ours.left_out, *other), {**ours.places, **own.places})


def _tasks(names: Sequence[str], entries: Sequence[Entry]) -> tuple[str, ...]:
    """By name or card."""
    there = {entry.task for entry in entries}
    return tuple(name if name in there else catalog.get_task(name).name for name in names)


def _chosen(entries: Sequence[Entry], wanted: Wanted) -> list[Entry]:
    of_tasks = [entry for entry in entries if not wanted.tasks or entry.task in wanted.tasks]
    found = _kept(of_tasks, "--split", wanted.splits, [entry.split for entry in of_tasks])
    found = _kept(found, "--protocol", wanted.protocols, [entry.protocol for entry in found])
    found = found if wanted.protocols else _without_echoes(found)
    found = _kept(found, "--modality", wanted.modalities, [entry.modality for entry in found])
    if wanted.metrics == (ALL,):
        return found
    if not wanted.metrics:
        return [entry for entry in found if entry.ranks]
    return _kept(found, "--metric", wanted.metrics, [entry.metric for entry in found])


def _without_echoes(entries: Sequence[Entry]) -> list[Entry]:
    """Without scores of runs under protocols that nobody else's score on this split is told under."""
    told = {(entry.task, entry.split, entry.protocol) for entry in entries if entry.own}
    return [entry for entry in entries if (entry.task, entry.split, entry.protocol) in told]


def _kept(entries: Sequence[Entry], option: str, wanted: Sequence[str], values: Sequence[str]) -> list[Entry]:
    """The entries whose value is wanted; where there are entries, one that none has is a mistake."""
    known = sorted(set(values))
    for name in wanted:
        if entries and name not in known:
            raise OptionError(f"{option} {name}: no row here has it{near(name, known)}")
    return [entry for entry, value in zip(entries, values, strict=True) if not wanted or value in wanted]


def validated(results: Path | None) -> tuple[list[str], str]:
    """All that is wrong with the published figures and the records, a line each, and what was looked at."""
    folder = leaderboard_folder()
    rules = read_rules(folder)
    own = [] if results is None or results.resolve() == committed_results().resolve() else [results]
    boards = [read_board(place, validate=True) for place in (committed_results(), *own)]
    wrong = faults(folder, rules)
    wrong += [f"{place}: {reason}" for board in boards for place, reason in board.left_out]
    records = sum(len(board.records) for board in boards)
    scored = len(list(read_scored(folder / RELEASED)))
    published = 0 if wrong else len(read_published(folder))
    return wrong, f"{published:,} published figures, {records:,} records of runs, {scored} of released predictions"
