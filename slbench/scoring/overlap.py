"""Contamination: test references that a training list holds, or that the test holds twice."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from slbench.errors import DataError

LEFT_OUT = ("P", "Z", "Cc", "Cf")
"""Unicode's general categories of punctuation, separators, and control and format characters, by their beginning."""


@dataclass(frozen=True)
class Overlap:
    """Ids of the references that occur elsewhere, in the order of the references.

    `exact` means the same text, character by character, as published counts of repeats have it. `normalised` repeats
    have the same `normalised` text; each exact repeat is one of them. Repeats `inside` the references are all but the
    first of those with the same text.
    """

    ids: tuple[str, ...]
    """Of all references."""
    exact: tuple[str, ...]
    normalised: tuple[str, ...]
    inside: tuple[str, ...]
    inside_normalised: tuple[str, ...]

    def share(self, repeats: tuple[str, ...]) -> float:
        """In percent of all references, for example `overlap.share(overlap.exact)`."""
        return 100 * len(repeats) / len(self.ids)

    def rest(self, repeats: tuple[str, ...]) -> tuple[str, ...]:
        """Ids of the references that are not among the repeats, in order."""
        out = set(repeats)
        return tuple(id_ for id_ in self.ids if id_ not in out)


def overlap(references: Mapping[str, str], train: Iterable[str]) -> Overlap:
    """Look for every reference in a training list and among the references before it.

    Args:
        references: id of each test sample -> its text, in the order of the test.
        train: texts of the training samples, read once.

    Raises:
        DataError: there are no references or no training texts, so that nothing could be found.
    """
    texts = frozenset(train)
    if not references or not texts:
        raise DataError(
            f"repeats are looked for in training texts, but there are {len(references)} references and {len(texts)} "
            "different training texts; give a file with at least one of each"
        )
    exact, inside = _repeats(references, texts, str)
    folded, inside_folded = _repeats(references, texts, normalised)
    return Overlap(tuple(references), exact, folded, inside, inside_folded)


def normalised(text: str) -> str:
    """The text in NFKC, case-folded, without punctuation, white space and invisible characters.

    A text of nothing else, such as `?!`, keeps them, or all such texts would be repeats of each other.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(letter for letter in folded if not unicodedata.category(letter).startswith(LEFT_OUT))
    # Without what stood between, a letter and its accent may become one.
    return unicodedata.normalize("NFKC", kept) or folded


def _repeats(
    references: Mapping[str, str], texts: frozenset[str], form: Callable[[str], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the references whose form a training text has, and of those whose form an earlier reference has."""
    forms = {id_: form(text) for id_, text in references.items()}
    known = {form(text) for text in texts}
    first: dict[str, str] = {}
    for id_, found in forms.items():
        first.setdefault(found, id_)
    return (
        tuple(id_ for id_, found in forms.items() if found in known),
        tuple(id_ for id_, found in forms.items() if first[found] != id_),
    )
