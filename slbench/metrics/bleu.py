"""BLEU (Papineni et al., ACL 2002) as sacrebleu computes it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sacrebleu import BLEU

from slbench.metrics.base import Answer, Better, Statistics, Unit

ORDERS = (1, 2, 3, 4)
FLOOR = 0.1
Tokenizer = Literal["13a", "none", "zh", "char", "intl"]
"""sacrebleu's names: mteval's rules, white space only, Chinese characters apart, every character apart, Unicode."""
Smoothing = Literal["exp", "floor", "none"]
"""What an order without a right n-gram counts as: 1/2, 1/4, ... of one for the first, second, ...; a fixed part; 0."""


class Bleu:
    """`BLEU-1` to `BLEU-4`: n-gram precisions up to that order with a brevity penalty, in points.

    The value is that of `sacrebleu.corpus_bleu` with `max_ngram_order` set to the order, whose rules hold: a corpus
    without an n-gram of the highest order scores 0, however right it is, unless the order is effective; the tokenizer
    `char` takes every character but white space as a token. A failed clip counts as an empty answer.

    Settings of others (orders 1 to 4 in all):
        sacrebleu's default: `Bleu("13a")`.
        `raw_corpus_bleu` of neccam/slt and what grew from it:
            `Bleu("none", smoothing="floor", floor=0.0, effective_order=True)`. That floor is of their copies of
            sacrebleu 1.4; sacrebleu 2 has 0.1, which matters only where an order has no right n-gram at all.
        coco-caption and nlg-eval: `Bleu("none", smoothing="none")`. Their constants (1e-15 above, 1e-9 below the
            fraction) move the value by less than 1e-6 points on any corpus with a right n-gram of every order. Where
            this gives 0, they give up to 0.02 points if no 4-gram is right, and 3.2 if the answers have none at all.

    Statistics: length of the hypothesis, length of the reference, right n-grams of order 1 to 4, n-grams of the
    hypothesis of order 1 to 4.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(
        self,
        tokenizer: Tokenizer,
        orders: Sequence[int] = ORDERS,
        *,
        lowercase: bool = False,
        smoothing: Smoothing = "exp",
        floor: float = FLOOR,
        effective_order: bool = False,
    ) -> None:
        """Take a setting.

        Args:
            tokenizer: applied to both sides.
            orders: of the scores, each from 1 to 4.
            lowercase: both sides, before they are tokenized.
            smoothing: of orders without a right n-gram.
            floor: right n-grams of such an order, where the smoothing is `floor`.
            effective_order: orders that are longer than every hypothesis are left out.
        """
        self.orders = tuple(orders)
        self.smoothing = smoothing
        self.floor = floor
        self.effective_order = effective_order
        # A made-up reference: sacrebleu knows its signature only after it has seen how many there are a sample.
        self.scorer = BLEU(
            tokenize=tokenizer,
            lowercase=lowercase,
            smooth_method=smoothing,
            smooth_value=floor if smoothing == "floor" else None,
            effective_order=effective_order,
            references=[[""]],
        )
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
        right, all_ = totals[..., 2:6], totals[..., 6:]
        with np.errstate(divide="ignore"):  # the log of no precision at all is -inf, and its score 0
            logs = np.log(self._precisions(right, all_))
        used = (all_ > 0) | (not self.effective_order)
        means = np.where(used, logs, 0).cumsum(-1) / np.maximum(used.cumsum(-1), 1)
        # Smoothing applies to a corpus with one right word at least.
        values = 100 * _brevity(totals)[..., None] * np.exp(means) * (right[..., :1] > 0)
        scores: Statistics = values[..., [order - 1 for order in self.orders]]
        return scores

    def _precisions(self, right: Statistics, all_: Statistics) -> Statistics:
        missed = (right == 0) & (all_ > 0)
        if self.smoothing == "exp":
            right = np.where(missed, 0.5 ** missed.cumsum(-1), right)
        elif self.smoothing == "floor":
            right = np.where(missed, self.floor, right)
        return _share(right, all_)

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Lengths in tokens, brevity penalty, and precision of each order in percent, before smoothing."""
        precisions = 100 * _share(totals[2:6], totals[6:])
        lengths = {"hyp_len": float(totals[0]), "ref_len": float(totals[1]), "bp": float(_brevity(totals))}
        return lengths | {f"p{order}": float(p) for order, p in zip(ORDERS, precisions, strict=True)}


def _brevity(totals: Statistics) -> Statistics:
    """(..., 10) -> (...): 1 for hypotheses that are as long as the references, less for shorter, 0 for empty ones."""
    hypothesis, reference = totals[..., 0], totals[..., 1]
    ratio = np.divide(reference, hypothesis, out=np.full_like(reference, np.inf), where=hypothesis > 0)
    penalty: Statistics = np.where(hypothesis < reference, np.exp(1 - np.maximum(ratio, 1)), 1.0)
    return penalty


def _share(part: Statistics, whole: Statistics) -> Statistics:
    share: Statistics = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return share
