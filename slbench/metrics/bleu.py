"""BLEU (Papineni et al., ACL 2002) as sacrebleu computes it."""

from collections.abc import Sequence

import numpy as np
from sacrebleu import BLEU

from slbench.metrics.base import Answer, Better, Statistics, Unit

ORDERS = (1, 2, 3, 4)
SMOOTHING = "exp"


class Bleu:
    """`BLEU-1` to `BLEU-4`: n-gram precisions up to that order with a brevity penalty, in points.

    The value is that of `sacrebleu.corpus_bleu`, whose rules hold: a corpus without an n-gram of the highest order
    scores 0, however right it is; the tokenizer `char` takes every character but white space as a token. A failed
    clip counts as an empty answer.

    Statistics: length of the hypothesis, length of the reference, right n-grams of order 1 to 4, n-grams of the
    hypothesis of order 1 to 4.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(self, tokenizer: str, orders: Sequence[int] = ORDERS) -> None:
        """Take a tokenizer by sacrebleu's name for it, and the orders of the scores."""
        self.orders = tuple(orders)
        # A made-up reference: sacrebleu knows its signature only after it has seen how many there are a sample.
        self.scorer = BLEU(tokenize=tokenizer, smooth_method=SMOOTHING, references=[[""]])
        rules = self.scorer.get_signature().format().replace("version:", "sacrebleu:")
        self.signatures = {f"BLEU-{order}": f"bleu:{order}|{rules}|failed:empty" for order in self.orders}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 10)."""
        return np.array([self._counts(answer) for answer in answers], np.float64)

    def _counts(self, answer: Answer) -> list[int]:
        found = self.scorer.corpus_score([answer.hypothesis or ""], [[answer.reference]])
        return [found.sys_len, found.ref_len, *found.counts, *found.totals]

    def reduce(self, totals: Statistics) -> Statistics:
        """A score an order."""
        corpora = totals.reshape(-1, totals.shape[-1]).astype(int).tolist()
        values = [[_bleu(corpus, order) for order in self.orders] for corpus in corpora]
        return np.array(values, np.float64).reshape(*totals.shape[:-1], len(self.orders))

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Lengths in tokens, brevity penalty, and precision of each order in percent."""
        hypothesis, reference = map(float, totals[:2])
        right, all_ = totals[2:6], np.maximum(totals[6:], 1)
        penalty = min(1.0, np.exp(1 - reference / hypothesis)) if hypothesis else 0.0
        precisions = {f"p{order}": float(100 * r / n) for order, r, n in zip(ORDERS, right, all_, strict=True)}
        return {"hyp_len": hypothesis, "ref_len": reference, "bp": float(penalty), **precisions}


def _bleu(totals: list[int], order: int) -> float:
    (hypothesis, reference), right, all_ = totals[:2], totals[2:6], totals[6:]
    return BLEU.compute_bleu(
        right[:order], all_[:order], hypothesis, reference, smooth_method=SMOOTHING, max_ngram_order=order
    ).score
