"""Two files of predictions, or two runs, compared on the same samples."""

from dataclasses import dataclass, replace

from slbench.errors import DataError, OptionError, near, some
from slbench.metrics.accuracy import can_rank
from slbench.metrics.base import Answer, Metric
from slbench.metrics.paired import Changes, Comparison, changes, compare
from slbench.metrics.protocols import Protocol
from slbench.scoring.load import Loaded, Request, bars_of, load, notes_of
from slbench.scoring.plan import ALL
from slbench.scoring.score import bleurt

Sides = tuple[list[Answer], list[Answer]]
"""Answers of both to the same samples."""


@dataclass(frozen=True)
class Compared:
    """The scores of both under one protocol."""

    protocol: Protocol
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class FileComparison:
    """All that a reader of a comparison must know."""

    a: Loaded
    b: Loaded
    compared: tuple[Compared, ...]
    changes: Changes
    """By the first comparison."""
    notes: tuple[str, ...]


def compare_files(a: Request, b: Request, metric: str | None, count: int, seed: int) -> FileComparison:
    """Compare two files or runs.

    Args:
        metric: name of a score, `ALL`, or None: the one that ranks.
        count: of samples in either direction.
        seed: of the resampling.

    Raises:
        SlbenchError: a file is wrong, the two hold different samples, or there is no such score.
    """
    loaded_a, loaded_b = load(a), load(b)
    ids = _common(loaded_a, loaded_b)
    sides = _answers(loaded_a, ids), _answers(loaded_b, ids)
    extra, left_out = bleurt(a.bleurt, loaded_a.protocols)
    found = [
        _compared(protocol, sides, [*extra] if protocol.bleurt else [], metric, seed) for protocol in loaded_a.protocols
    ]
    compared = [one for one in found if one is not None]
    if not compared:
        known = dict.fromkeys(
            name for protocol in loaded_a.protocols for m in protocol.metrics for name in m.signatures
        )
        names = ", ".join(protocol.name for protocol in loaded_a.protocols)
        raise OptionError(f"--metric {metric}: no such score here under {names}{near(str(metric), list(known))}")
    first = compared[0]
    name = first.comparisons[0].name
    of_metric = next(m for m in (*first.protocol.metrics, *extra) if name in m.signatures)
    every = changes(of_metric, *_normalised(first.protocol, sides), ids=ids, count=count)
    notes = (*_notes(loaded_a, loaded_b), *left_out)
    return FileComparison(loaded_a, loaded_b, tuple(compared), next(c for c in every if c.name == name), notes)


def _notes(a: Loaded, b: Loaded) -> list[str]:
    """What holds for both, then what holds for one, and why either may not stand on a leaderboard."""
    of_a, of_b = ([*notes_of(one), *(f"not for a leaderboard: {bar}" for bar in bars_of(one))] for one in (a, b))
    both = [note for note in of_a if note in of_b]
    sides = (("A", of_a), ("B", of_b))
    return [*both, *(f"{side}: {note}" for side, notes in sides for note in notes if note not in both)]


def _answers(loaded: Loaded, ids: list[str]) -> list[Answer]:
    of = dict(zip(loaded.matched.ids, loaded.matched.answers, strict=True))
    return [of[name] for name in ids]


def _common(a: Loaded, b: Loaded) -> list[str]:
    """Ids of both.

    Raises:
        DataError: one has others, and that was not allowed, or they have none in common.
    """
    ours, theirs = set(a.matched.ids), set(b.matched.ids)
    common = [name for name in a.matched.ids if name in theirs]
    only = {a.request.predictions: sorted(ours - theirs), b.request.predictions: sorted(theirs - ours)}
    if not common or (any(only.values()) and not a.request.allow_missing):
        listed = "; ".join(f"only in {path}: {some(names)}" for path, names in only.items() if names)
        remedy = "; --allow-missing compares those in both" if common else ""
        raise DataError(f"the two are not of the same samples: {listed}{remedy}")
    return common


def _compared(protocol: Protocol, sides: Sides, extra: list[Metric], metric: str | None, seed: int) -> Compared | None:
    """The protocol's scores that were asked for; None where it has none of this name."""
    computable = [m for m in (*protocol.metrics, *extra) if all(can_rank(m, side) for side in sides)]
    name = metric or next(iter(protocol.metrics[0].signatures))
    pair = _normalised(protocol, sides)
    found = [one for m in computable if name in (ALL, *m.signatures) for one in compare(m, *pair, seed=seed)]
    signed = [replace(one, signature=f"{protocol.rules}|{one.signature}") for one in found]
    wanted = tuple(one for one in signed if name in (ALL, one.name))
    return Compared(protocol, wanted) if wanted else None


def _normalised(protocol: Protocol, sides: Sides) -> Sides:
    a, b = ([protocol.normalised(answer) for answer in side] for side in sides)
    return a, b
