"""The ranking score on parts of a split: by length, by signed language, by signer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slbench.metrics.base import Better, Metric, Statistics, Unit, interval, resampled_totals

FEWEST = 20
"""Clips of a group that has an interval; of fewer, a bootstrap says less than it seems to."""
MOST = 24
"""Groups that are shown one by one."""


@dataclass(frozen=True)
class Group:
    """Some clips, and their score."""

    name: str
    clips: int
    value: float
    low: float | None
    """Of the 95 % bootstrap interval; None of fewer than `FEWEST` clips."""
    high: float | None


@dataclass(frozen=True)
class Grouping:
    """A score by group."""

    by: str
    """What the groups differ in, such as `frames`."""
    score: str
    better: Better
    unit: Unit
    groups: tuple[Group, ...]
    """At least two."""
    left_out: int
    """Clips of which it is not known."""


@dataclass(frozen=True)
class Scored:
    """The statistics of a metric for each clip, from which any group's score is another sum."""

    ids: tuple[str, ...]
    metric: Metric
    statistics: Statistics
    """(n, k)."""

    def group(self, name: str, members: Sequence[int]) -> Group:
        """The metric's first score on the clips of these numbers."""
        own = self.statistics[list(members)]
        value = float(self.metric.reduce(own.sum(axis=0))[0])
        if len(members) < FEWEST:
            return Group(name, len(members), value, None, None)
        lows, highs = interval(self.metric.reduce(resampled_totals(own, seed=0)))
        return Group(name, len(members), value, float(lows[0]), float(highs[0]))

    def by_name(self, by: str, names: Mapping[str, str]) -> Grouping | None:
        """Groups of clips with the same name, the largest first where there are more than `MOST`, else by name.

        Args:
            names: id -> name; clips without one are left out.

        Returns:
            None where there are fewer than two.
        """
        members: dict[str, list[int]] = {}
        for number, clip_id in enumerate(self.ids):
            if clip_id in names:
                members.setdefault(names[clip_id], []).append(number)
        shown = sorted(members)
        if len(members) > MOST:
            shown = sorted(members, key=lambda name: (-len(members[name]), name))[: MOST - 1]
            rest = sorted(number for name in set(members) - set(shown) for number in members[name])
            others = f"{len(members) - len(shown)} others"
            return self._grouping(by, {**{name: members[name] for name in shown}, others: rest})
        return self._grouping(by, {name: members[name] for name in shown})

    def by_length(self, by: str, lengths: Mapping[str, int]) -> Grouping | None:
        """Quarters of the clips by length, the shortest first; clips of one length stay together.

        Args:
            by: what the length is counted in.
            lengths: id -> length; clips without one are left out.

        Returns:
            None where there are fewer than two groups.
        """
        numbers = [number for number, clip_id in enumerate(self.ids) if clip_id in lengths]
        if not numbers:
            return None
        sizes = np.array([lengths[self.ids[number]] for number in numbers])
        edges = np.unique(np.quantile(sizes, (0.25, 0.5, 0.75, 1), method="inverted_cdf"))
        places = np.searchsorted(edges, sizes)
        parts = [np.flatnonzero(places == place) for place in range(len(edges))]
        return self._grouping(by, {_span(sizes[part]): [numbers[at] for at in part] for part in parts})

    def _grouping(self, by: str, members: Mapping[str, Sequence[int]]) -> Grouping | None:
        if len(members) < 2:
            return None
        groups = tuple(self.group(name, numbers) for name, numbers in members.items())
        left_out = len(self.ids) - sum(group.clips for group in groups)
        return Grouping(by, next(iter(self.metric.signatures)), self.metric.better, self.metric.unit, groups, left_out)


def _span(sizes: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return f"{low}" if low == high else f"{low} – {high}"
