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
    """A value on a corpus, with a bootstrap interval and its signature.

    Shares and error rates are in percent, an error rate may exceed 100; BLEU and chrF are in points from 0 to 100.
    """

    name: str
    value: float
    low: float
    high: float
    samples: int
    signature: str
    better: Better = "higher"


class Metric(Protocol):
    """One table of statistics, one or more scores of it.

    Statistics are summed over samples and reduced, so a resampled corpus is only another sum.
    """

    better: Better
    signatures: dict[str, str]
    """Name of each score, in order -> everything that changes its value, as `key:value` joined by `|`."""

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, k): sufficient statistics of each sample."""

    def reduce(self, totals: Statistics) -> Statistics:
        """(..., k) sums over samples -> (..., scores)."""


def scores(metric: Metric, answers: Sequence[Answer], seed: int = 0) -> list[Score]:
    """The metric's scores with their percentile bootstrap intervals, all over the same resampled corpora.

    Args:
        answers: at least one.
        seed: of the resampling.
    """
    statistics = metric.statistics(answers)
    values = metric.reduce(statistics.sum(axis=0))
    lows, highs = interval(metric.reduce(resampled_totals(statistics, seed)))
    drawing = f"ci:bootstrap-{RESAMPLES}|seed:{seed}|version:{__version__}"
    return [
        Score(name, float(value), float(low), float(high), len(answers), f"{signature}|{drawing}", metric.better)
        for (name, signature), value, low, high in zip(metric.signatures.items(), values, lows, highs, strict=True)
    ]


def resampled_totals(statistics: Statistics, seed: int, resamples: int = RESAMPLES) -> Statistics:
    """(resamples, k): sums over corpora drawn with replacement from the n samples."""
    n = len(statistics)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    totals: Statistics = counts @ statistics
    return totals


def interval(resampled: Statistics) -> tuple[Statistics, Statistics]:
    """Lowest and highest of the central `CONFIDENCE` interval of bootstrap scores (resamples, scores).

    Those that could not be computed are left out.
    """
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(resampled, [tail, 100 - tail], axis=0)
    return low, high
