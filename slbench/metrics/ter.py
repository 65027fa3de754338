"""Translation edit rate (Snover et al., AMTA 2006) as sacrebleu computes it."""

from collections.abc import Sequence

import numpy as np
from sacrebleu import TER

from slbench.metrics.base import Answer, Better, Statistics, Unit


class Ter:
    """`TER`: edits over the length of the reference, in percent; to move a run of words costs as much as one word.

    The value is that of `sacrebleu.corpus_ter` with its defaults: words lie between white space, case does not
    matter, punctuation does; edits on references that are all empty are divided by their own number. A failed clip
    counts as an empty answer.

    sacrebleu looks for the moves in plain Python, a few milliseconds a sentence. Answers of thousands of words that
    repeat themselves stay quick; one of 1,000 words that are all right but all in the wrong place takes half a minute.

    Statistics: edits, words of the reference.
    """

    better: Better = "lower"
    unit: Unit = "%"

    def __init__(self) -> None:
        # A made-up reference: sacrebleu knows its signature only after it has seen how many there are a sample.
        self.scorer = TER(references=[[""]])
        rules = self.scorer.get_signature().format().replace("version:", "sacrebleu:")
        self.signatures = {"TER": f"ter:all|{rules}|failed:empty"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 2)."""
        return np.array([self._edits(answer) for answer in answers], np.float64)

    def _edits(self, answer: Answer) -> tuple[float, float]:
        found = self.scorer.sentence_score(answer.hypothesis or "", [answer.reference])
        return found.num_edits, found.ref_length

    def reduce(self, totals: Statistics) -> Statistics:
        """Edits over words."""
        edits, words = totals[..., :1], totals[..., 1:]
        rates: Statistics = 100 * np.divide(edits, words, out=np.sign(edits), where=words > 0)
        return rates

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Edits, and words of the references."""
        return {"edits": float(totals[0]), "references": float(totals[1])}
