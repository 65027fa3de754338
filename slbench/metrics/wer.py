"""Word error rate and character error rate, with their three parts."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import jiwer
import numpy as np

from slbench.cards import TextUnit
from slbench.metrics.alignment import weighted_edits
from slbench.metrics.base import Answer, Better, Statistics, Unit

Costs = Literal["1-1-1", "3-3-4"]
"""What an insertion, a deletion and a substitution cost in the search for the alignment whose errors are counted."""

NAMES: dict[TextUnit, str] = {"words": "WER", "characters": "CER"}
PARTS = {"sub": "substitutions", "del": "deletions", "ins": "insertions"}
COLUMNS = {"substitute": 0, "delete": 1, "insert": 2, "equal": 3}
"""jiwer's name of a part of an alignment -> its column in the statistics."""


class ErrorRate:
    """Errors over the length of the reference, in percent: `WER`, and its shares `WER-sub`, `WER-del`, `WER-ins`.

    The costs decide the alignment; every error on it counts one. At 1-1-1 (jiwer) there are as few errors as can be,
    and where several alignments have as few, jiwer's choice decides the parts, not the whole. At 3-3-4, sclite's costs
    and those of the labs' Python code, there may be more: see `slbench.metrics.alignment`. sclite also matches ASCII
    letters whatever their case; for that, fold both sides before.

    A failed clip counts as all deleted. As in jiwer, words lie between spaces, spaces between words are characters,
    those at the ends are not, case matters, and errors on references that are all empty are divided by one.

    Statistics: substitutions, deletions, insertions, hits.
    """

    better: Better = "lower"
    unit: Unit = "%"

    def __init__(self, unit: TextUnit, costs: Costs = "1-1-1") -> None:
        self.counted = unit
        self.costs = costs
        name = NAMES[unit]
        self.signatures = {name: _signature(name, "all", unit, costs)} | {
            f"{name}-{short}": _signature(name, part, unit, costs) for short, part in PARTS.items()
        }

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 4)."""
        references = [answer.reference for answer in answers]
        hypotheses = [answer.hypothesis or "" for answer in answers]
        if self.costs == "1-1-1":
            return _fewest_edits(references, hypotheses, self.counted)
        sides = [[_tokens(text, self.counted) for text in side] for side in (references, hypotheses)]
        return weighted_edits(*sides).astype(np.float64)

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


def _fewest_edits(references: list[str], hypotheses: list[str], unit: TextUnit) -> Statistics:
    align = jiwer.process_words if unit == "words" else jiwer.process_characters
    return np.array([_counts(parts) for parts in align(references, hypotheses).alignments], np.float64)


def _counts(alignment: list[jiwer.AlignmentChunk]) -> list[int]:
    counts = [0, 0, 0, 0]
    for part in alignment:
        length = max(part.ref_end_idx - part.ref_start_idx, part.hyp_end_idx - part.hyp_start_idx)
        counts[COLUMNS[part.type]] += length
    return counts


def _tokens(text: str, unit: TextUnit) -> Sequence[str]:
    return text.split() if unit == "words" else text.strip()


def _signature(name: str, part: str, unit: TextUnit, costs: Costs) -> str:
    spaces = "separate" if unit == "words" else "inner-count"
    rules = f"{name.lower()}:{part}|unit:{unit}|spaces:{spaces}|case:mixed|costs:{costs}|failed:empty"
    if costs == "3-3-4":
        return f"{rules}|ties:hit-sub-ins-del"
    return rules + "".join(f"|{package}:{version(package)}" for package in ("jiwer", "rapidfuzz"))
