"""Texts as numbers of words or of characters, for decoders that learn their vocabulary from the training texts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TextUnit = Literal["words", "characters"]
"""Words stand between white space; of characters, every one counts, spaces too."""
PADDING, BEGIN, END, UNKNOWN = range(4)
"""Tokens before those of the vocabulary."""
SPECIAL = 4


def pieces_of(text: str, unit: TextUnit) -> list[str]:
    """The words or characters of a text."""
    return text.split() if unit == "words" else list(text)


def learned_pieces(texts: Sequence[str], unit: TextUnit, min_frequency: int) -> list[str]:
    """The pieces that occur so often, the most frequent first."""
    seen = Counter(piece for text in texts for piece in pieces_of(text, unit))
    frequent = [piece for piece, count in seen.items() if count >= min_frequency]
    return sorted(frequent, key=lambda piece: (-seen[piece], piece))


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in order; the token of the first is `SPECIAL`."""

    pieces: Sequence[str]
    unit: TextUnit

    def tokens(self, text: str) -> list[int]:
        """Of a text, between begin and end; a piece that the vocabulary lacks is `UNKNOWN`."""
        places = {piece: place + SPECIAL for place, piece in enumerate(self.pieces)}
        return [BEGIN, *(places.get(piece, UNKNOWN) for piece in pieces_of(text, self.unit)), END]

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens of the vocabulary, without begin and end, spell."""
        return (" " if self.unit == "words" else "").join(self.pieces[token - SPECIAL] for token in tokens)
