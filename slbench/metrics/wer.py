"""Word error rate and character error rate, with their three parts."""

from collections.abc import Sequence
from importlib.metadata import version

import jiwer
import numpy as np

from slbench.cards import TextUnit
from slbench.metrics.base import Answer, Better, Statistics, Unit

NAMES: dict[TextUnit, str] = {"words": "WER", "characters": "CER"}
PARTS = {"sub": "substitutions", "del": "deletions", "ins": "insertions"}


class ErrorRate:
    """Errors over the length of the reference, in percent: `WER`, and its shares `WER-sub`, `WER-del`, `WER-ins`.

    Errors are counted by jiwer along an alignment with the fewest of them, each costing one. Where several alignments
    have as few, jiwer's choice decides the parts, not the whole. A failed clip counts as all deleted. As in jiwer,
    words lie between spaces, spaces between words are characters, those at the ends are not, case matters, and
    errors on references that are all empty are divided by one.

    Statistics: substitutions, deletions, insertions, hits.
    """

    better: Better = "lower"
    unit: Unit = "%"

    def __init__(self, unit: TextUnit) -> None:
        self.counted = unit
        name = NAMES[unit]
        self.signatures = {name: _signature(name, "all", unit)} | {
            f"{name}-{short}": _signature(name, part, unit) for short, part in PARTS.items()
        }

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 4)."""
        return np.array([self._edits(answer) for answer in answers], np.float64)

    def _edits(self, answer: Answer) -> tuple[int, int, int, int]:
        align = jiwer.process_words if self.counted == "words" else jiwer.process_characters
        found = align(answer.reference, answer.hypothesis or "")
        return found.substitutions, found.deletions, found.insertions, found.hits

    def reduce(self, totals: Statistics) -> Statistics:
        """The whole, then its three parts."""
        parts = totals[..., :3]
        errors = np.concatenate([parts.sum(-1, keepdims=True), parts], axis=-1)
        length = totals[..., [0, 1, 3]].sum(-1, keepdims=True)
        rates: Statistics = 100 * errors / np.maximum(length, 1)
        return rates

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Counts of errors, hits and reference units."""
        subs, dels, ins, hits = map(float, totals)
        return {"sub": subs, "del": dels, "ins": ins, "hits": hits, "references": subs + dels + hits}


def _signature(name: str, part: str, unit: TextUnit) -> str:
    spaces = "separate" if unit == "words" else "inner-count"
    libraries = "|".join(f"{package}:{version(package)}" for package in ("jiwer", "rapidfuzz"))
    return f"{name.lower()}:{part}|unit:{unit}|spaces:{spaces}|case:mixed|costs:1-1-1|failed:empty|{libraries}"
