"""How a metric is built: statistics a sample, one reduction, and everything else follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from slbench.version import __version__

Statistics = NDArray[np.float64]
Better = Literal["higher", "lower"]
"""Which of two scores of a metric is the better one."""
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answer:
    """One scored sample: what was asked, what was answered (None: nothing, it failed), and the ranking, best first."""

    reference: str
    hypothesis: str | None
    ranking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A metric's value on a corpus, in percent, with a bootstrap interval and its signature."""

    name: str
    value: float
    low: float
    high: float
    samples: int
    signature: str
    better: Better = "higher"

    def beats(self, other: "Score | None") -> bool:
        """Whether this score is better than another of the same metric, or the first one."""
        if other is None:
            return True
        return self.value > other.value if self.better == "higher" else self.value < other.value


class Metric(Protocol):
    """Statistics are summed over samples and reduced, so a resampled corpus is only another sum."""

    name: str
    better: Better

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, k): sufficient statistics of each sample."""

    def reduce(self, totals: Statistics) -> Statistics:
        """(..., k) sums over samples -> (...) scores in percent."""

    def signature(self) -> str:
        """Everything that changes the number, as `key:value` joined by `|`."""


def score(metric: Metric, answers: Sequence[Answer], seed: int = 0) -> Score:
    """The metric's value with its percentile bootstrap interval.

    Args:
        answers: at least one.
        seed: of the resampling.
    """
    statistics = metric.statistics(answers)
    value = float(metric.reduce(statistics.sum(axis=0)))
    low, high = interval(metric.reduce(resampled_totals(statistics, seed)))
    signature = f"{metric.signature()}|ci:bootstrap-{RESAMPLES}|seed:{seed}|version:{__version__}"
    return Score(metric.name, value, low, high, len(answers), signature, metric.better)


def resampled_totals(statistics: Statistics, seed: int, resamples: int = RESAMPLES) -> Statistics:
    """(resamples, k): sums over corpora drawn with replacement from the n samples."""
    n = len(statistics)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    totals: Statistics = counts @ statistics
    return totals


def interval(scores: Statistics) -> tuple[float, float]:
    """The central `CONFIDENCE` interval of bootstrap scores; those that could not be computed are left out."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(scores, [tail, 100 - tail])
    return float(low), float(high)
