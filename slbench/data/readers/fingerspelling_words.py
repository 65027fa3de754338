"""Fingerspelled words and phrases, composed from the letters of the embedded corpus.

`fingerspelling_words.csv` beside this file says which phrase belongs to which split; no word of one split occurs in
another. Training clips also show made-up strings, so that a model learns to spell rather than to recall.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from string import ascii_lowercase
from typing import ClassVar

import numpy as np

from slbench.data.clip import Clip
from slbench.data.compose import composed
from slbench.data.readers.base import Entry
from slbench.data.readers.fingerspelling import LANGUAGES, FingerspellingReader, read_pose
from slbench.errors import DataError

SEED = 20261123


@dataclass(frozen=True)
class Plan:
    """What a split is made of.

    Attributes:
        words: split of the word list.
        alphabets: split of the letters.
        clips_a_phrase: each in another alphabet where there are as many.
        made_up: further clips, of made-up strings.
    """

    words: str
    alphabets: str
    clips_a_phrase: int
    made_up: int = 0


PLANS: dict[str, Plan] = {
    "train": Plan("train", "train", 2, made_up=1828),
    "dev": Plan("dev", "train", 3),
    "dev-unseen": Plan("dev", "dev", 2),
    "test": Plan("test", "train", 2),
    "test-unseen": Plan("test", "test", 2),
}


class FingerspelledWordsReader:
    """Phrases of the word list, each spelled in one signed language's alphabet."""

    word_list: ClassVar[Path] = Path(__file__).with_suffix(".csv")
    letters = FingerspellingReader()

    def sources(self) -> dict[str, Path]:
        """The word list and the recordings of the letters."""
        letters = {f"letters/{name}": path for name, path in self.letters.sources().items()}
        return {"words.csv": self.word_list, **letters}

    @cached_property
    def alphabets(self) -> dict[str, frozenset[str]]:
        """Signed language -> the letters that are recorded."""
        found = defaultdict(set)
        for language, letter in self.letters.letters:
            found[language].add(letter)
        return {language: frozenset(letters) for language, letters in sorted(found.items())}

    @cached_property
    def phrases(self) -> dict[str, list[str]]:
        """Split of the word list -> its phrases.

        Raises:
            DataError: the list cannot be read, or a phrase cannot be spelled.
        """
        try:
            with self.word_list.open(encoding="utf-8", newline="") as file:
                rows = [(row["split"], row["text"]) for row in csv.DictReader(file)]
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise DataError(
                f"{self.word_list}: cannot be read as a word list with the columns split and text ({error!r})"
            ) from error
        found = defaultdict(list)
        for line, (split, text) in enumerate(rows, 2):
            self._check(text, f"{self.word_list}:{line}")
            found[split].append(text)
        return dict(found)

    def _check(self, text: str, place: str) -> None:
        """Raise DataError for a letter that no alphabet has."""
        letters = set(text.upper()) - {" "}
        unknown = sorted(letters - frozenset.union(*self.alphabets.values()))
        if unknown or not letters:
            what = f"no alphabet has {', '.join(map(repr, unknown))}" if unknown else "there is nothing to spell"
            raise DataError(f"{place}: {text!r}: {what}; write A to Z and spaces")

    def entries(self, split: str) -> Iterator[Entry]:
        """The clips of a split; each is decided by its split and number alone."""
        plan = PLANS[split]
        for number, (text, language) in enumerate(self._assignments(split, plan)):
            gloss = " ".join(text.upper().replace(" ", ""))
            clip_id = f"{split}-{number:04}-{language}-{re.sub(' ', '-', text.lower())}"
            load = partial(self._compose, clip_id, text, gloss, language, (sorted(PLANS).index(split), number))
            yield Entry(clip_id, text, gloss, load)

    def _assignments(self, split: str, plan: Plan) -> Iterator[tuple[str, str]]:
        """(text, signed language) of each clip."""
        chance = np.random.default_rng([SEED, sorted(PLANS).index(split)])
        texts = [(text, plan.clips_a_phrase) for text in self.phrases.get(plan.words, [])]
        texts += [(made_up_text(chance), 1) for _ in range(plan.made_up)]
        for text, clips in texts:
            for language in chance.permutation(self._able(text, LANGUAGES[plan.alphabets]))[:clips]:
                yield text, str(language)

    def _able(self, text: str, languages: tuple[str, ...]) -> list[str]:
        """Those of the languages whose alphabet has every letter."""
        letters = set(text.upper()) - {" "}
        return [language for language in languages if letters <= self.alphabets[language]]

    def _compose(self, clip_id: str, text: str, gloss: str, language: str, seed: tuple[int, int]) -> Clip:
        words = [[self._letter(language, letter) for letter in word] for word in text.upper().split()]
        return composed(clip_id, text, gloss, words, np.random.default_rng([SEED, *seed]))

    @cached_property
    def _read(self) -> dict[tuple[str, str], Clip]:
        return {}

    def _letter(self, language: str, letter: str) -> Clip:
        """A recording, read once."""
        key = (language, letter)
        if key not in self._read:
            self._read[key] = read_pose(self.letters.letters[key], f"{language}-{letter}", letter)
        return self._read[key]


def made_up_text(chance: np.random.Generator) -> str:
    """3 to 9 random letters; one time in eight two such strings."""
    words = 2 if chance.random() < 1 / 8 else 1
    return " ".join("".join(chance.choice(list(ascii_lowercase), chance.integers(3, 10))) for _ in range(words))
