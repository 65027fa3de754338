"""Continuous recognition: which glosses are taken for others, left out, or put in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from slbench.metrics.alignment import align
from slbench.metrics.base import Answer


@dataclass(frozen=True)
class GlossErrors:
    """The errors of one gloss."""

    gloss: str
    asked: int
    """How often it is in the references."""
    substituted: int
    """How often another stands in its place."""
    deleted: int
    inserted: int
    """How often it is answered where nothing is asked for."""

    @property
    def total(self) -> int:
        """All three."""
        return self.substituted + self.deleted + self.inserted


@dataclass(frozen=True)
class Substitution:
    """A gloss that stands in the place of another."""

    reference: str
    hypothesis: str
    times: int
    of: int
    """How often the reference is asked for."""


@dataclass(frozen=True)
class Glosses:
    """All errors of a run by gloss, along the alignments of `slbench.metrics.alignment`."""

    errors: tuple[GlossErrors, ...]
    """Glosses with errors, those with the most first."""
    confused: tuple[Substitution, ...]
    """The most frequent first."""
    asked: int
    """Glosses of all references."""

    @property
    def substituted(self) -> int:
        """In all."""
        return sum(one.substituted for one in self.errors)

    @property
    def deleted(self) -> int:
        """In all."""
        return sum(one.deleted for one in self.errors)

    @property
    def inserted(self) -> int:
        """In all."""
        return sum(one.inserted for one in self.errors)


def gloss_errors(answers: Sequence[Answer]) -> Glosses:
    """Align every answer with its reference and count; a failed clip counts as all deleted.

    Args:
        answers: as the protocol sees them.
    """
    pairs = Counter(
        pair for answer in answers for pair in align(answer.reference.split(), (answer.hypothesis or "").split())
    )
    asked, substituted, deleted, inserted = (Counter[str]() for _ in range(4))
    for (reference, hypothesis), times in pairs.items():
        if reference is None:
            inserted[str(hypothesis)] += times
            continue
        asked[reference] += times
        if hypothesis is None:
            deleted[reference] += times
        elif reference != hypothesis:
            substituted[reference] += times
    errors = [
        GlossErrors(gloss, asked[gloss], substituted[gloss], deleted[gloss], inserted[gloss])
        for gloss in {*substituted, *deleted, *inserted}
    ]
    errors.sort(key=lambda one: (-one.total, one.gloss))
    return Glosses(tuple(errors), _confused(pairs, asked), asked.total())


def _confused(pairs: Counter[tuple[str | None, str | None]], asked: Counter[str]) -> tuple[Substitution, ...]:
    found = [
        Substitution(reference, hypothesis, times, asked[reference])
        for (reference, hypothesis), times in pairs.items()
        if reference is not None and hypothesis is not None and reference != hypothesis
    ]
    return tuple(sorted(found, key=lambda one: (-one.times, one.of, one.reference, one.hypothesis)))
