"""Changes to texts before they are scored, each with the name that signatures give it."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One change of a sentence."""

    name: str
    """As in a signature."""
    apply: Callable[[str], str]


Steps = tuple[Step, ...]


def changed(text: str, steps: Sequence[Step]) -> str:
    """The text after every step, in order."""
    for step in steps:
        text = step.apply(text)
    return text


def named(steps: Sequence[Step]) -> str:
    """What a signature says of them: `nfkc+characters`, or `raw`."""
    return "+".join(step.name for step in steps) or "raw"


NFKC = Step("nfkc", lambda text: unicodedata.normalize("NFKC", text))
"""Compatibility forms are one: full-width `？` and `?`, ligatures, half-width kana."""
LOWER = Step("lower", str.lower)
ASCII_UPPER = Step("ascii-upper", lambda text: re.sub("[a-z]+", lambda letters: letters[0].upper(), text))
"""As sclite compares words unless it is told otherwise: case does not count, except beyond ASCII."""
SPACED = Step("characters", lambda text: " ".join(text.replace(" ", "").replace("\n", "")))
"""One space between all characters; those that were there, and line ends, are gone."""
NO_SPACES = Step("no-spaces", lambda text: "".join(text.split()))
"""For text whose unit is the character: no white space, of any kind."""
ASCII_COMMAS = Step("comma-question", lambda text: text.replace("，", ",").replace("？", "?"))
"""Two of the full-width marks, and only they."""
EMPTY_WORD = "␀"


def glofe_words(text: str) -> str:
    """The words of GloFE's code: every `.` is gone, inside numbers too, then cut at single spaces.

    Where that leaves a space at the end, or nothing, there is an empty word, here `␀`.
    """
    words = re.sub("[ \n]+", " ", text.strip().replace(".", "")).split(" ")
    return " ".join(word or EMPTY_WORD for word in words)
