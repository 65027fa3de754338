"""Isolated signs: which gloss was taken for which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slbench.metrics.base import Answer

MOST = 30
"""Glosses of a matrix that can still be read."""
OTHER = "other"
"""Column of the answers that no column is of, and of clips without an answer."""


@dataclass(frozen=True)
class Confused:
    """A gloss that was asked for, and another that was answered."""

    reference: str
    hypothesis: str | None
    """None: the clip failed."""
    clips: int
    of: int
    """Clips of the reference."""


@dataclass(frozen=True)
class Confusion:
    """Glosses against answers."""

    glosses: tuple[str, ...]
    """Rows, and columns but for the last; of many those with the most errors, in order of their names."""
    known: int
    """Glosses that are asked for."""
    clips: NDArray[np.int64]
    """(glosses, glosses + 1): the last column is `OTHER`."""
    pairs: tuple[Confused, ...]
    """Every confusion, the most frequent first."""
    right: int
    total: int


def confusion(answers: Sequence[Answer]) -> Confusion:
    """Count answers by gloss.

    Args:
        answers: as the protocol sees them, at least one.
    """
    asked = Counter(answer.reference for answer in answers)
    found = Counter((answer.reference, answer.hypothesis) for answer in answers)
    wrong = {pair: clips for pair, clips in found.items() if pair[0] != pair[1]}
    glosses = _shown(asked, wrong)
    pairs = [Confused(*pair, clips, asked[pair[0]]) for pair, clips in wrong.items()]
    pairs.sort(key=lambda one: (-one.clips, one.of, one.reference, one.hypothesis or ""))
    right = len(answers) - sum(wrong.values())
    return Confusion(glosses, len(asked), _matrix(glosses, found), tuple(pairs), right, len(answers))


def _shown(asked: Counter[str], wrong: dict[tuple[str, str | None], int]) -> tuple[str, ...]:
    if len(asked) <= MOST:
        return tuple(sorted(asked))
    errors: Counter[str] = Counter()
    for (reference, hypothesis), clips in wrong.items():
        errors[reference] += clips
        if hypothesis is not None and hypothesis in asked:
            errors[hypothesis] += clips
    return tuple(sorted(sorted(asked, key=lambda gloss: (-errors[gloss], gloss))[:MOST]))


def _matrix(glosses: Sequence[str], found: Counter[tuple[str, str | None]]) -> NDArray[np.int64]:
    place: dict[str | None, int] = {gloss: number for number, gloss in enumerate(glosses)}
    matrix = np.zeros((len(glosses), len(glosses) + 1), np.int64)
    for (reference, hypothesis), clips in found.items():
        if reference in place:
            matrix[place[reference], place.get(hypothesis, -1)] += clips
    return matrix
