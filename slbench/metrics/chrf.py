"""chrF (Popović, WMT 2015) and chrF++ (Popović, WMT 2017) as sacrebleu computes them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sacrebleu import CHRF

from slbench.metrics.base import Answer, Better, Statistics, Unit

ORDERS = 6
BETA = 2


class Chrf:
    """`chrF2`: F-score of character n-grams of order 1 to 6, recall counting twice as much, in points.

    `chrF2++` takes word n-grams of order 1 and 2 in as well; a punctuation mark at the beginning or end of a word is
    a word of its own. The value is that of `sacrebleu.corpus_chrf`: white space is left out of character n-grams;
    precision and recall are means over the orders that occur on both sides. A failed clip counts as an empty answer.

    Statistics, for each order: n-grams of the hypothesis (0 where the reference has none), of the reference, of both.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(self, word_order: Literal[0, 2] = 0, *, lowercase: bool = False) -> None:
        """Take a setting: 0 for `chrF2`, 2 for `chrF2++`; both sides may be lower-cased first."""
        self.orders = ORDERS + word_order
        # A made-up reference: sacrebleu knows its signature only after it has seen how many there are a sample.
        self.scorer = CHRF(
            char_order=ORDERS, word_order=word_order, beta=BETA, lowercase=lowercase, references=[[""]]
        )  # fmt: skip
        rules = self.scorer.get_signature().format().replace("version:", "sacrebleu:")
        self.signatures = {f"chrF{BETA}{'+' * word_order}": f"chrf:{BETA}|{rules}|failed:empty"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 3 * orders)."""
        hypotheses = [answer.hypothesis or "" for answer in answers]
        references = [answer.reference for answer in answers]
        # Nothing public of sacrebleu gives chrF's counts; a test compares these with n-grams counted by hand.
        counts = self.scorer._extract_corpus_statistics(hypotheses, [references])  # noqa: SLF001
        return np.array(counts, np.float64)

    def reduce(self, totals: Statistics) -> Statistics:
        """F-score of the mean precision and the mean recall."""
        hypothesis, reference, both = np.moveaxis(totals.reshape(*totals.shape[:-1], self.orders, 3), -1, 0)
        used = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(used.sum(-1), 1)
        precision = np.divide(both, hypothesis, out=np.zeros_like(both), where=used).sum(-1) / orders
        recall = np.divide(both, reference, out=np.zeros_like(both), where=used).sum(-1) / orders
        weighted = np.maximum(BETA**2 * precision + recall, np.finfo(float).tiny)
        scores: Statistics = 100 * (1 + BETA**2) * precision * recall / weighted
        return scores[..., None]

    def parts(self, totals: Statistics) -> dict[str, float]:
        """N-grams of all orders: of the hypotheses, of the references, of both."""
        hypothesis, reference, both = totals.reshape(self.orders, 3).sum(0)
        return {"hypothesis n-grams": float(hypothesis), "reference n-grams": float(reference), "both": float(both)}
