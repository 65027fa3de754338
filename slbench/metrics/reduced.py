"""Reduced BLEU of Tarrés et al. (CVPR workshops 2023): frequent words do not count."""

from functools import cache
from importlib.resources import files

from slbench.metrics.base import Answer

SOURCE = "github.com/imatge-upc/slt_how2sign_wicv2023@3260d05, examples/sign_language/scripts"
PUNCTUATION = str.maketrans("", "", '!"#$%&\\()*+,-./:;<=>?@[]^_`{|}~')
"""What the authors' script takes out: all ASCII punctuation but the apostrophe."""


@cache
def frequent_words() -> frozenset[str]:
    """The 290 words of `blacklisted_words.txt`: 145 in lower case, then the same with a capital.

    The published list has `Cas` where `Was` is meant, so `Was` counts; that is kept.
    """
    words = files("slbench.metrics").joinpath("reduced_words.txt").read_text(encoding="utf-8").split()
    return frozenset(words) | {word[0].upper() + word[1:] for word in words} - {"Was"} | {"Cas"}


def remaining(text: str) -> list[str]:
    """The words between single spaces that are left without punctuation and frequent words."""
    return [word for word in text.translate(PUNCTUATION).split(" ") if word not in frequent_words()]


def reduced(answer: Answer) -> Answer | None:
    """Both sides reduced, or None where the authors' script leaves the sentence out.

    It does so where nothing remains of the reference, or where the hypothesis was empty before; a hypothesis of
    nothing but frequent words stays in, as an empty one.
    """
    reference, hypothesis = remaining(answer.reference), remaining(answer.hypothesis or "")
    if hypothesis == [""] or not any(reference):
        return None
    return Answer(" ".join(reference), " ".join(hypothesis))


def scored(answer: Answer) -> Answer | None:
    """The answer as it is, or None where `reduced` leaves it out: the authors' BLEU goes over the same sentences."""
    return None if reduced(answer) is None else answer
