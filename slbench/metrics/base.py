"""How a metric is built: statistics a sample, one reduction, and everything else follows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from slbench.version import __version__

Statistics = NDArray[np.float64]
Better = Literal["higher", "lower"]
"""Which of two scores of a metric is the better one."""
Unit = Literal["%", "points"]
"""What a score is measured in: shares and error rates in percent, an error rate may exceed 100; others in points."""
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
    """A value on a corpus, with a bootstrap interval, its parts and its signature."""

    name: str
    value: float
    low: float
    high: float
    samples: int
    signature: str
    better: Better = "higher"
    unit: Unit = "%"
    parts: dict[str, float] = field(default_factory=dict)
    """What the value was made of, by the names that the metric's docstring gives."""


class Metric(Protocol):
    """One table of statistics, one or more scores of it.

    Statistics are summed over samples and reduced, so a resampled corpus is only another sum.
    """

    better: Better
    unit: Unit
    signatures: dict[str, str]
    """Name of each score, in order -> everything that changes its value, as `key:value` joined by `|`."""

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, k): sufficient statistics of each sample."""

    def reduce(self, totals: Statistics) -> Statistics:
        """(..., k) sums over samples -> (..., scores)."""

    def parts(self, totals: Statistics) -> dict[str, float]:
        """(k,) sums over samples -> counts and ratios that the scores were made of."""


def scores(metric: Metric, answers: Sequence[Answer], seed: int = 0) -> list[Score]:
    """The metric's scores with their percentile bootstrap intervals, all over the same resampled corpora.

    Args:
        answers: at least one.
        seed: of the resampling.
    """
    statistics = metric.statistics(answers)
    totals = statistics.sum(axis=0)
    values = metric.reduce(totals)
    lows, highs = interval(metric.reduce(resampled_totals(statistics, seed)))
    drawing = f"ci:bootstrap-{RESAMPLES}|seed:{seed}|version:{__version__}"
    score = partial(Score, samples=len(answers), better=metric.better, unit=metric.unit, parts=metric.parts(totals))
    return [
        score(name, float(value), float(low), float(high), signature=f"{signature}|{drawing}")
        for (name, signature), value, low, high in zip(metric.signatures.items(), values, lows, highs, strict=True)
    ]


def resampled_totals(statistics: Statistics, seed: int, resamples: int = RESAMPLES) -> Statistics:
    """(resamples, k): sums over corpora drawn with replacement from the n samples."""
    totals: Statistics = _draws(len(statistics), seed, resamples).astype(np.float64) @ statistics
    return totals


@lru_cache(maxsize=1)
def _draws(n: int, seed: int, resamples: int) -> NDArray[np.uint16]:
    """(resamples, n): how often each sample is drawn. Kept, since all metrics of a file are asked of the same draws."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return counts.astype(np.uint16)


def interval(resampled: Statistics) -> tuple[Statistics, Statistics]:
    """Lowest and highest of the central `CONFIDENCE` interval of bootstrap scores (resamples, scores).

    Those that could not be computed are left out.
    """
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(resampled, [tail, 100 - tail], axis=0)
    return low, high
