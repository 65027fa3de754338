"""Two systems on the same samples: is the difference real, and where does it come from?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slbench.errors import DataError
from slbench.metrics.base import RESAMPLES, Answer, Better, Metric, Statistics, Unit, interval, resampled_totals
from slbench.version import __version__

TRIALS = 10_000
TIE = 1e-9
"""Differences this close are equal: rounding must not decide whether a trial is as large as what was observed."""
NUMBERS_AT_ONCE = 2**22
"""In each table that is held for the trials (32 MB), so that their memory does not grow with the corpus."""
WORD = 32
"""Bits that numpy draws at once: trials in multiples of it are the same however they are cut into tables."""


@dataclass(frozen=True)
class Comparison:
    """One score of two systems on the same samples.

    A p-value says how often a difference as large would arise if the two systems were equally good. There are two:

    - `p_randomisation`: approximate randomisation (Riezler and Maxwell, 2005), two-sided. In each of 10,000 trials a
      coin decides for every sample whether the two systems swap their answers; counted are the trials whose
      difference is at least as large as the observed one, either way. It is exact: without a difference it is below
      0.05 in at most 5 % of experiments. sacrebleu counts only larger ones, so that identical systems differ there.
    - `p_bootstrap`: paired bootstrap (Koehn, EMNLP 2004) as sacrebleu computes it. The absolute differences on
      resampled corpora, less their mean, stand for what chance does; counted are those larger than the observed
      difference. That is one tail of them: without a difference it is below 0.05 in 10 to 12 % of experiments, so
      prefer `p_randomisation`. Unlike sacrebleu's, which is then 1 / 1,001, it is 1 where no resampled corpus tells
      the systems apart, and on a single sample.

    Both are (counted + 1) / (trials + 1), so neither is 0.
    """

    name: str
    a: float
    b: float
    difference: float
    """b - a."""
    low: float
    """Lower end of the 95 % interval of the difference: percentiles over resampled corpora, the same for a and b."""
    high: float
    p_bootstrap: float
    p_randomisation: float
    samples: int
    signature: str
    """The metric's own, then `bs` resamples, `ar` trials, `seed` and `version` of slbench."""
    better: Better
    unit: Unit


@dataclass(frozen=True)
class Change:
    """One sample that two systems answer differently."""

    id: str
    reference: str
    hypothesis_a: str | None
    hypothesis_b: str | None
    a: float
    """Score of the first system's answer as a corpus of its own; BLEU-4 is 0 below four words."""
    b: float
    influence: float
    """What the sample adds to the corpus difference b - a: half of what is lost when the systems swap this answer.

    Where the corpus score is a mean over samples it is (b - a) / samples; for others, such as BLEU, it is what the
    sample does beside all others, which its own scores do not tell.
    """


@dataclass(frozen=True)
class Changes:
    """The samples that changed a score most: those that the second system improved, and those that it spoilt."""

    name: str
    gains: tuple[Change, ...]
    losses: tuple[Change, ...]


def compare(
    metric: Metric, answers_a: Sequence[Answer], answers_b: Sequence[Answer], seed: int = 0
) -> list[Comparison]:
    """Every score of the metric for two systems on the same samples, with interval and tests of the difference.

    Args:
        answers_a: of the first system, at least one.
        answers_b: of the second, in the same order.
        seed: of resampling (the corpora are those of `slbench.metrics.base.scores`) and of the trials (with 12345
            those of sacrebleu 2 by default).

    Raises:
        DataError: the answers are not to the same references in the same order, or there are none.
    """
    a, b = _statistics(metric, answers_a, answers_b)
    values = np.stack([metric.reduce(a.sum(axis=0)), metric.reduce(b.sum(axis=0))])
    observed = values[1] - values[0]
    resampled = _resampled_differences(metric, a, b, seed)
    tests = _p_bootstrap(resampled, observed, len(a)), _p_randomisation(metric, a, b, seed, observed)
    columns = np.stack([*values, observed, *interval(resampled), *tests])
    drawing = f"bs:{RESAMPLES}|ar:{TRIALS}|seed:{seed}|version:{__version__}"
    comparison = partial(Comparison, samples=len(a), better=metric.better, unit=metric.unit)
    return [
        comparison(name, *map(float, column), signature=f"{signature}|{drawing}")
        for (name, signature), column in zip(metric.signatures.items(), columns.T, strict=True)
    ]


def randomisation(
    metric: Metric, answers_a: Sequence[Answer], answers_b: Sequence[Answer], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Of every score of the metric: b - a and `p_randomisation`, as in `compare`, without what takes longer.

    Raises:
        DataError: as in `compare`.
    """
    a, b = _statistics(metric, answers_a, answers_b)
    observed = metric.reduce(b.sum(axis=0)) - metric.reduce(a.sum(axis=0))
    tests = _p_randomisation(metric, a, b, seed, observed)
    pairs = zip(map(float, observed), map(float, tests), strict=True)
    return dict(zip(metric.signatures, pairs, strict=True))


def changes(
    metric: Metric, answers_a: Sequence[Answer], answers_b: Sequence[Answer], ids: Sequence[str], count: int = 5
) -> list[Changes]:
    """For every score of the metric the samples that moved it most, the largest influence first.

    Samples are ranked by their influence (see `Change`), which every metric has. One without any is in no list, so a
    list may be shorter than `count`; those of equal influence keep their order.

    Args:
        ids: of the samples, in order.
        count: of samples in either direction.

    Raises:
        DataError: as in `compare`, or there are not as many ids as samples.
    """
    if len(ids) != len(answers_a):
        raise DataError(f"{len(ids)} ids for {len(answers_a)} answers; give one id a sample, in the same order")
    a, b = _statistics(metric, answers_a, answers_b)
    sign = 1 if metric.better == "higher" else -1

    def largest(influence: Statistics, score: int, direction: int) -> tuple[Change, ...]:
        towards = np.round(direction * sign * influence / TIE)
        order = np.argsort(-towards, kind="stable")[:count]
        return tuple(change(int(i), score, float(influence[i])) for i in order if towards[i] > 0)

    def change(i: int, score: int, influence: float) -> Change:
        own_a, own_b = (float(metric.reduce(table[i])[score]) for table in (a, b))
        answer_a, answer_b = answers_a[i], answers_b[i]
        return Change(ids[i], answer_a.reference, answer_a.hypothesis, answer_b.hypothesis, own_a, own_b, influence)

    columns = zip(metric.signatures, _influences(metric, a, b).T, strict=True)
    return [Changes(name, largest(of, at, 1), largest(of, at, -1)) for at, (name, of) in enumerate(columns)]


def _statistics(
    metric: Metric, answers_a: Sequence[Answer], answers_b: Sequence[Answer]
) -> tuple[Statistics, Statistics]:
    """Statistics of both systems, (n, k) each, once it is sure that they answer the same samples."""
    if len(answers_a) != len(answers_b) or not answers_a:
        raise DataError(
            f"a comparison needs both systems' answers to the same samples, at least one; there are {len(answers_a)} "
            f"of the first system and {len(answers_b)} of the second"
        )
    pairs = list(zip(answers_a, answers_b, strict=True))
    differ = [at for at, (a, b) in enumerate(pairs) if a.reference != b.reference]
    if differ:
        a, b = pairs[differ[0]]
        raise DataError(
            f"the systems do not answer the same samples: {len(differ)} of {len(pairs)} references differ, first that "
            f"of sample {differ[0] + 1}: {a.reference!r} and {b.reference!r}; bring both into the same order"
        )
    return metric.statistics(answers_a), metric.statistics(answers_b)


def _resampled_differences(metric: Metric, a: Statistics, b: Statistics, seed: int) -> Statistics:
    """(resamples, scores): b - a on the same resampled corpora."""
    # Columns that the systems share, such as lengths of references, are resampled once.
    differ = (a != b).any(axis=0)
    totals_a, moved = np.split(resampled_totals(np.hstack([a, b[:, differ]]), seed), [a.shape[1]], axis=1)
    totals_b = totals_a.copy()
    totals_b[:, differ] = moved
    differences: Statistics = metric.reduce(totals_b) - metric.reduce(totals_a)
    return differences


def _p_bootstrap(resampled: Statistics, observed: Statistics, samples: int) -> Statistics:
    """(scores,), from differences (resamples, scores) on resampled corpora. 1 where one of them is NaN."""
    sizes = np.abs(resampled)
    counted = ~(sizes - sizes.mean(axis=0) <= np.abs(observed))
    alike = (sizes <= TIE).all(axis=0) | (samples == 1)
    return np.where(alike, 1.0, _share(counted))


def _p_randomisation(metric: Metric, a: Statistics, b: Statistics, seed: int, observed: Statistics) -> Statistics:
    """(scores,). A trial whose difference is NaN counts as large."""
    differences = np.concatenate(list(_swapped_differences(metric, a, b, seed)))
    return _share(~(np.abs(differences) < np.abs(observed) - TIE))


def _share(counted: NDArray[np.bool_]) -> Statistics:
    """(scores,): of trials (trials, scores) that count, the observed corpus being one more that does."""
    share: Statistics = (counted.sum(axis=0) + 1) / (len(counted) + 1)
    return share


def _swapped_differences(metric: Metric, a: Statistics, b: Statistics, seed: int) -> Iterator[Statistics]:
    """Tables (some trials, scores) of b - a after a coin has decided for every sample whether its answers swap."""
    from scipy import sparse  # slow to import

    # A swap moves this much from the second total to the first. Most of it is 0 where a class has columns of its own.
    moved = sparse.csr_array((b - a).T)
    total_a, total_b = a.sum(axis=0), b.sum(axis=0)
    chance = np.random.default_rng(seed)
    for part in _slices(TRIALS, max(a.shape)):
        swaps = chance.integers(2, size=(part.stop - part.start, len(a)), dtype=bool)
        shift = (moved @ swaps.T.astype(np.float64, order="C")).T
        yield metric.reduce(total_b - shift) - metric.reduce(total_a + shift)


def _influences(metric: Metric, a: Statistics, b: Statistics) -> Statistics:
    """(n, scores): of every sample on the difference b - a, see `Change`."""
    total_a, total_b = a.sum(axis=0), b.sum(axis=0)
    observed = metric.reduce(total_b) - metric.reduce(total_a)
    found = np.zeros((len(a), len(observed)))
    differ = np.flatnonzero((a != b).any(axis=1))
    for part in _slices(len(differ), a.shape[1]):
        shift = b[differ[part]] - a[differ[part]]
        found[differ[part]] = (observed - metric.reduce(total_b - shift) + metric.reduce(total_a + shift)) / 2
    return found


def _slices(rows: int, columns: int) -> Iterator[slice]:
    """Slices of a table's rows, each of at most `NUMBERS_AT_ONCE` numbers or `WORD` rows."""
    step = max(NUMBERS_AT_ONCE // columns // WORD, 1) * WORD
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))
