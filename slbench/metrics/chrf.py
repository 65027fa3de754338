"""chrF (Popović, WMT 2015) as sacrebleu computes it."""

from collections.abc import Sequence

import numpy as np
from sacrebleu import CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from slbench.metrics.base import Answer, Better, Statistics, Unit

ORDERS = 6
BETA = 2


class Chrf:
    """`chrF2`: F-score of character n-grams of order 1 to 6, recall counting twice as much, in points.

    The value is that of `sacrebleu.corpus_chrf`: white space is left out; precision and recall are means over the
    orders that occur on both sides. sacrebleu keeps its counts to itself, so only its n-grams and its signature are
    used here. A failed clip counts as an empty answer.

    Statistics, for each order: n-grams of the hypothesis (0 where the reference has none), of the reference, of both.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(self) -> None:
        # A made-up reference: sacrebleu knows its signature only after it has seen how many there are a sample.
        scorer = CHRF(char_order=ORDERS, word_order=0, beta=BETA, references=[[""]])
        rules = scorer.get_signature().format().replace("version:", "sacrebleu:")
        self.signatures = {f"chrF{BETA}": f"chrf:{BETA}|{rules}|failed:empty"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 18)."""
        return np.array([_counts(answer) for answer in answers], np.float64)

    def reduce(self, totals: Statistics) -> Statistics:
        """F-score of the mean precision and the mean recall."""
        hypothesis, reference, both = np.moveaxis(totals.reshape(*totals.shape[:-1], ORDERS, 3), -1, 0)
        used = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(used.sum(-1), 1)
        precision = np.divide(both, hypothesis, out=np.zeros_like(both), where=used).sum(-1) / orders
        recall = np.divide(both, reference, out=np.zeros_like(both), where=used).sum(-1) / orders
        weighted = np.maximum(BETA**2 * precision + recall, np.finfo(float).tiny)
        scores: Statistics = 100 * (1 + BETA**2) * precision * recall / weighted
        return scores[..., None]

    def parts(self, totals: Statistics) -> dict[str, float]:
        """N-grams of all orders: of the hypotheses, of the references, of both."""
        hypothesis, reference, both = totals.reshape(ORDERS, 3).sum(0)
        return {"hypothesis n-grams": float(hypothesis), "reference n-grams": float(reference), "both": float(both)}


def _counts(answer: Answer) -> list[int]:
    hypothesis = extract_all_char_ngrams(answer.hypothesis or "", ORDERS)
    reference = extract_all_char_ngrams(answer.reference, ORDERS)
    return [
        count
        for ours, theirs in zip(hypothesis, reference, strict=True)
        for count in (ours.total() if theirs else 0, theirs.total(), (ours & theirs).total())
    ]
