"""Accuracy of isolated sign recognition, per instance and per class, at top 1 and top k."""

from collections.abc import Sequence

import numpy as np

from slbench.metrics.base import Answer, Better, Metric, Statistics, Unit


def hits(answers: Sequence[Answer], top: int) -> Statistics:
    """(n,): 1 where the answer is right.

    At top 1 the hypothesis must equal the reference exactly, as Uni-Sign scores it; at top k
    the reference must be among the k best of the ranking.
    """
    if top == 1:
        right = [answer.hypothesis == answer.reference for answer in answers]
    else:
        right = [answer.reference in answer.ranking[:top] for answer in answers]
    return np.array(right, np.float64)


class InstanceAccuracy:
    """Share of clips that are right. Statistics: hit, count."""

    better: Better = "higher"
    unit: Unit = "%"

    def __init__(self, top: int = 1) -> None:
        self.top = top
        self.signatures = {f"top{top}-instance": f"acc:instance|{_matching(top)}"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 2)."""
        return np.stack([hits(answers, self.top), np.ones(len(answers))], axis=1)

    def reduce(self, totals: Statistics) -> Statistics:
        """Hits over count."""
        scores: Statistics = 100 * totals[..., :1] / totals[..., 1:]
        return scores

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Right clips, and all."""
        return {"right": float(totals[0]), "clips": float(totals[1])}


class ClassAccuracy:
    """Mean over the classes present in the references of their share of right clips.

    Statistics: for each class (sorted) its hits, then for each class its count.
    """

    better: Better = "higher"
    unit: Unit = "%"

    def __init__(self, top: int = 1) -> None:
        self.top = top
        self.signatures = {f"top{top}-class": f"acc:class|{_matching(top)}"}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 2 * classes)."""
        classes, index = np.unique([answer.reference for answer in answers], return_inverse=True)
        member = np.eye(len(classes))[index]
        return np.concatenate([member * hits(answers, self.top)[:, None], member], axis=1)

    def reduce(self, totals: Statistics) -> Statistics:
        """Mean over classes that occur; a resampled corpus may lack some."""
        right, count = np.split(totals, 2, axis=-1)
        present = count > 0
        shares = np.divide(right, count, out=np.zeros_like(right), where=present)
        scores: Statistics = 100 * shares.sum(-1, keepdims=True) / present.sum(-1, keepdims=True)
        return scores

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Classes that occur in the references, and those of them with at least one right clip."""
        right, count = np.split(totals, 2)
        return {"classes": float((count > 0).sum()), "classes found": float((right > 0).sum())}


def can_rank(metric: Metric, answers: Sequence[Answer]) -> bool:
    """Whether every answer has a ranking that is long enough for an accuracy at top k; other metrics need none.

    Failed clips need none either: they are wrong at any k.
    """
    if not isinstance(metric, InstanceAccuracy | ClassAccuracy) or metric.top == 1:
        return True
    lengths = [len(answer.ranking) for answer in answers if answer.hypothesis is not None]
    return min(lengths, default=0) >= metric.top


def _matching(top: int) -> str:
    return "top:1|match:exact-text" if top == 1 else f"top:{top}|match:log-likelihood-rank"
