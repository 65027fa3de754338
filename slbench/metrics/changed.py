"""A metric on answers that are changed first, or left out."""

from collections.abc import Callable, Sequence

import numpy as np

from slbench.metrics.base import Answer, Metric, Statistics


class Changed:
    """A metric that sees other texts than the rest of its protocol.

    An answer that is changed to None is left out: its statistics are zero, so it adds nothing to any sum.
    """

    def __init__(self, metric: Metric, change: Callable[[Answer], Answer | None], key: str, prefix: str = "") -> None:
        """Take the metric, the change, how signatures name it (`key:value`), and what score names begin with."""
        self.metric, self.change = metric, change
        self.better, self.unit = metric.better, metric.unit
        self.signatures = {f"{prefix}{name}": f"{rules}|{key}" for name, rules in metric.signatures.items()}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, k) of the metric."""
        seen = [self.change(answer) for answer in answers]
        found = self.metric.statistics([answer or Answer("", "") for answer in seen])
        kept = np.array([answer is not None for answer in seen], np.float64)
        return found * kept[:, None]

    def left_out(self, answers: Sequence[Answer]) -> int:
        """How many answers add nothing."""
        return sum(self.change(answer) is None for answer in answers)

    def reduce(self, totals: Statistics) -> Statistics:
        """As the metric does."""
        return self.metric.reduce(totals)

    def parts(self, totals: Statistics) -> dict[str, float]:
        """As the metric has them."""
        return self.metric.parts(totals)
