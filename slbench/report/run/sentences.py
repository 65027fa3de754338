"""Sentences: the best and the worst answers with a diff, and how long answers are by their references."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from slbench.cards import TextUnit
from slbench.metrics.alignment import align, weighted_edits
from slbench.records import Prediction

SHOWN = 10
"""Sentences of either kind."""
BINS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0, 4.0, float("inf"))
"""Edges of the length ratio's bins; each holds its lower edge. In the middle: within 10 % of the reference."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a text that the other one has too, or has not."""

    text: str
    same: bool


@dataclass(frozen=True)
class Sentence:
    """One answer beside its reference."""

    id: str
    errors: float
    """In percent of the reference's tokens."""
    reference: tuple[Piece, ...]
    hypothesis: tuple[Piece, ...]


@dataclass(frozen=True)
class Lengths:
    """Tokens of answers by those of their references."""

    clips: int
    """Those that have an answer."""
    ratio: float
    """Of all answers to all references."""
    quartiles: tuple[float, float, float]
    """Of the clips."""
    bins: tuple[int, ...]
    """Clips between the edges `BINS`."""


@dataclass(frozen=True)
class Sentences:
    """What to look at."""

    unit: TextUnit
    best: tuple[Sentence, ...]
    """Fewest errors; of as many, the longest reference first."""
    worst: tuple[Sentence, ...]
    """Most errors, at least one; none that is among the best."""
    exact: int
    """Answers without an error."""
    lengths: Lengths | None
    """None where no clip has an answer."""


def sentences(predictions: Sequence[Prediction], unit: TextUnit) -> Sentences:
    """Sort the answers by their errors along the alignments of `slbench.metrics.alignment`; clips that failed are out.

    Texts are compared as they were written. Of characters, spaces do not count, but are shown.
    """
    answered = [prediction for prediction in predictions if prediction.hypothesis is not None]
    references = [_tokens(prediction.reference, unit) for prediction in answered]
    hypotheses = [_tokens(prediction.hypothesis or "", unit) for prediction in answered]
    if not answered:
        return Sentences(unit, (), (), 0, None)
    edits = weighted_edits(references, hypotheses)[:, :3].sum(axis=1)
    asked = np.array([max(len(reference), 1) for reference in references])
    rates = 100 * edits / asked
    order = sorted(range(len(answered)), key=lambda at: (rates[at], -asked[at], answered[at].id))
    best = order[: min(SHOWN, (len(order) + 1) // 2)]
    worst = [at for at in order[::-1][:SHOWN] if at not in best and rates[at]]
    found = [[_sentence(answered[at], float(rates[at]), unit) for at in part] for part in (best, worst)]
    exact = int((edits == 0).sum())
    return Sentences(unit, tuple(found[0]), tuple(found[1]), exact, _lengths(hypotheses, asked))


def _tokens(text: str, unit: TextUnit) -> Sequence[str]:
    return text.split() if unit == "words" else "".join(text.split())


def _sentence(prediction: Prediction, errors: float, unit: TextUnit) -> Sentence:
    sides = [text.split() if unit == "words" else text for text in (prediction.reference, prediction.hypothesis or "")]
    pairs = align(*sides)
    joint = " " if unit == "words" else ""
    reference = _pieces(((asked, asked == answered) for asked, answered in pairs), joint)
    hypothesis = _pieces(((answered, asked == answered) for asked, answered in pairs), joint)
    return Sentence(prediction.id, errors, reference, hypothesis)


def _pieces(tokens: Iterator[tuple[str | None, bool]], joint: str) -> tuple[Piece, ...]:
    """Neighbours of one kind together; between words the space belongs to no piece."""
    there = [(token, same) for token, same in tokens if token is not None]
    return tuple(
        Piece(joint.join(token for token, _ in run), same) for same, run in groupby(there, key=lambda pair: pair[1])
    )


def _lengths(hypotheses: Sequence[Sequence[str]], asked: NDArray[np.int64]) -> Lengths:
    answered = np.array([len(hypothesis) for hypothesis in hypotheses])
    ratios = answered / asked
    low, middle, high = map(float, np.quantile(ratios, (0.25, 0.5, 0.75)))
    bins = np.bincount(np.searchsorted(BINS, ratios, side="right") - 1, minlength=len(BINS) - 1)
    return Lengths(len(ratios), float(answered.sum() / asked.sum()), (low, middle, high), tuple(map(int, bins)))
