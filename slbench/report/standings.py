"""Standings: all lines of one score of one split, the best first, with places among those that may be compared."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, combinations
from math import comb
from string import ascii_uppercase
from typing import get_args

from slbench.cards import Family
from slbench.metrics.base import Answer, Better, Unit
from slbench.metrics.paired import randomisation
from slbench.records import answers_of, parse_predictions
from slbench.report.entries import Answered, Entry, why_apart
from slbench.report.rules import Rules

FAMILIES: tuple[str, ...] = get_args(Family)


@dataclass(frozen=True)
class Group:
    """Lines that may be compared: same task, version, split, protocol and poses."""

    letter: str
    protocol: str
    poses: str
    data: str
    """Version of the task and what was asked; empty of published figures, which say no more than the corpus."""
    tested: bool
    """Whether measured lines share a place unless a paired test tells them apart; else places go by value."""


@dataclass(frozen=True)
class Placed:
    """A line and its place."""

    entry: Entry
    group: Group | None
    rank: int | None
    """Within the group; lines that no test tells apart from the best of them share one."""
    apart: str
    """Why it has no place."""


@dataclass(frozen=True)
class Standing:
    """One score of one split of a task."""

    task: str
    split: str
    metric: str
    better: Better
    unit: Unit
    composed: bool
    lines: tuple[Placed, ...]
    """The best value first."""
    groups: tuple[Group, ...]


def standings(entries: Iterable[Entry], rules: Rules) -> list[Standing]:
    """A standing for every task, split and score that the lines have, in order of these."""
    found: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.task, entry.split, entry.metric].append(entry)
    ordered = sorted(found.items(), key=lambda item: (*_by_family(item[0][0]), *item[0][1:]))
    return [_standing(lines, rules) for _, lines in ordered]


def _by_family(task: str) -> tuple[int, str]:
    """Tasks are called <corpus>-<family>; those of users may be called anything, and come last."""
    family = task.rpartition("-")[2]
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), task


def _standing(entries: Sequence[Entry], rules: Rules) -> Standing:
    first = entries[0]
    lines = sorted(entries, key=lambda one: (_worth(one), one.model.casefold(), one.kind, one.source))
    keyed = _keyed(lines, rules)
    groups = {
        key: _group(letter, key, lines, rules) for letter, (key, lines) in zip(_letters(), keyed.items(), strict=False)
    }
    places = {
        id(one): (groups[key], rank) for key, of in keyed.items() for one, rank in _ranked(groups[key], of, rules)
    }
    placed = [_placed(one, places.get(id(one)), rules) for one in lines]
    return Standing(
        first.task, first.split, first.metric, first.better, first.unit, any(one.composed for one in entries),
        tuple(placed), tuple(groups.values()),
    )  # fmt: skip


def _placed(entry: Entry, place: tuple[Group, int] | None, rules: Rules) -> Placed:
    return Placed(entry, *place, apart="") if place else Placed(entry, None, None, why_apart(entry, rules))


def _worth(entry: Entry) -> float:
    return entry.value if entry.better == "lower" else -entry.value


def _letters() -> Iterable[str]:
    yield from ascii_uppercase
    yield from (first + second for first in ascii_uppercase for second in ascii_uppercase)


Key = tuple[str, str, str]
"""Protocol, poses, data."""


def _keyed(lines: Sequence[Entry], rules: Rules) -> dict[Key, list[Entry]]:
    """The lines of each group, in their order.

    A figure that does not say what exactly was asked stands beside measured ones where these leave no choice.
    """
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in lines:
        if one.data:
            known[one.protocol, one.poses].add(one.data)
    found: dict[Key, list[Entry]] = defaultdict(list)
    for one in lines:
        if not why_apart(one, rules):
            asked = known[one.protocol, one.poses]
            data = one.data or (next(iter(asked)) if len(asked) == 1 else "")
            found[one.protocol, one.poses, data].append(one)
    return dict(found)


def _group(letter: str, key: Key, lines: Sequence[Entry], rules: Rules) -> Group:
    with_predictions = sum(one.answered is not None for one in lines)
    return Group(letter, *key, tested=with_predictions > 1 and comb(with_predictions, 2) <= rules.most_tests)


def _ranked(group: Group, lines: Sequence[Entry], rules: Rules) -> list[tuple[Entry, int]]:
    """Each line and its place: one more than the lines that are better and told apart from it.

    A line never has a better place than one of a better value.
    """
    if not group.tested:
        values = [one.value for one in lines]
        first = {value: place for place, value in reversed(list(enumerate(values, 1)))}
        return [(one, first[one.value]) for one in lines]
    ahead = [0] * len(lines)
    for better, worse in combinations(range(len(lines)), 2):
        ahead[worse] += _told_apart(lines[better], lines[worse], rules)
    return list(zip(lines, accumulate((1 + count for count in ahead), max), strict=True))


def _told_apart(better: Entry, worse: Entry, rules: Rules) -> bool:
    if better.value == worse.value:
        return False
    if better.answered is None or worse.answered is None:
        return True
    if not _same_samples(better.answered, worse.answered):
        return True
    difference, p = _tested(better.metric, better.answered, worse.answered)
    agrees = difference > 0 if better.better == "lower" else difference < 0
    return agrees and p < rules.significance


def _same_samples(first: Answered, second: Answered) -> bool:
    """Records of one data hold the same samples, unless somebody wrote them otherwise; then values must do."""
    one, other = ([answer.reference for answer in _answers(side)] for side in (first, second))
    return one == other


@cache
def _tested(metric: str, first: Answered, second: Answered) -> tuple[float, float]:
    """Second less first, and p of the paired randomisation."""
    of = next(one for one in first.protocol.metrics if metric in one.signatures)
    return randomisation(of, _answers(first), _answers(second))[metric]


@cache
def _answers(answered: Answered) -> list[Answer]:
    """As the metrics see them, in the order of ids."""
    text = answered.predictions.read_text(encoding="utf-8")
    found = answers_of(parse_predictions(text, str(answered.predictions)))
    return [answered.protocol.normalised(one) for one in found]
