"""What a training tells while it runs; `Step` and `Epoch` are also the lines of its log."""

from dataclasses import dataclass
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
    loss: float
    learning_rate: float
    gradient_norm: float
    """Before it was clipped."""
    event: Literal["step"] = "step"


@dataclass(frozen=True)
class Epoch:
    """An epoch has ended, and its weights were scored on dev."""

    epoch: int
    loss: float
    """Mean over the epoch's steps."""
    scores: tuple[Score, ...]
    """Of the protocol, on dev; the first decides."""
    best: bool
    """Whether it is the best epoch so far."""
    seconds: float
    """Of steps and scoring; what an interruption threw away does not count."""
    event: Literal["epoch"] = "epoch"

    @property
    def score(self) -> Score:
        """The one that decides."""
        return self.scores[0]


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
