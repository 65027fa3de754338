"""What a training tells while it runs; `Step` and `Epoch` are also the lines of its log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from slbench.metrics.base import Score


@dataclass(frozen=True)
class Step:
    """An optimisation step was made."""

    epoch: int
    step: int
    """Counted from 1 in its epoch."""
    steps: int
    """Of an epoch."""
    loss: float | None
    """Mean over the step's batches that have clips to learn from; None: there is none, and no weight changed."""
    learning_rate: float
    gradient_norm: float
    """Before it was clipped."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Clip that the model cannot learn from -> why."""
    event: Literal["step"] = "step"


@dataclass(frozen=True)
class Epoch:
    """An epoch has ended, and its weights were scored."""

    epoch: int
    loss: float | None
    """Mean over the epoch's steps; None: the model learns in none."""
    scores: dict[str, tuple[Score, ...]]
    """Task -> scores of its protocol; the first of each decides. Tasks without a split for it have none."""
    best: bool
    """Whether it is the best epoch so far; the newest, where nothing is scored."""
    seconds: float
    """Of steps and scoring; what an interruption threw away does not count."""
    scored_on: str = "dev"
    """Split of the scores."""
    event: Literal["epoch"] = "epoch"

    @property
    def deciding(self) -> dict[str, Score]:
        """Task -> the score that decides."""
        return {task: scores[0] for task, scores in self.scores.items()}


@dataclass(frozen=True)
class Resumed:
    """An interrupted training continues, or had ended already."""

    epoch: int
    """The one in work."""
    step: int
    """Steps of it that are done."""
    steps: int
    """Of an epoch."""
    ended: bool = False
    damaged: tuple[str, ...] = ()
    """A line for each newer checkpoint that could not be used."""


Event = Step | Epoch | Resumed


def merit_of(scores: Mapping[str, Sequence[Score]]) -> float:
    """What decides between epochs: the mean over tasks of their first score, errors counting as negative."""
    firsts = [task_scores[0] for task_scores in scores.values()]
    return sum(score.value if score.better == "higher" else -score.value for score in firsts) / len(firsts)
