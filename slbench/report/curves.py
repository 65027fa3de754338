"""The curves of a training, as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slbench.engine.events import Epoch
from slbench.engine.log import read_log
from slbench.errors import OutputError
from slbench.files import atomic_path

INK = "#767676"
"""The grey whose contrast is 4.5 to 1 on white and on black alike (WCAG AA), so that the ground can stay clear."""
LOSS, SCORE = "#c2571a", "#2f7fc1"
"""Orange and blue, told apart without red and green, at least 4 to 1 on white and on black."""
STYLE: Any = {
    "svg.hashsalt": "slbench",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw_curves(log: Path, target: Path) -> None:
    """Draw training loss and dev score over the epochs of a log; the same log gives the same bytes.

    Raises:
        OutputError: the log cannot be read, or the picture cannot be written.
    """
    epochs = [event for event in read_log(log) if isinstance(event, Epoch)]
    if not any(epoch.best for epoch in epochs):
        raise OutputError(f"{log}: holds no best epoch, so there is nothing to draw; its beginning is lost")
    with mpl.rc_context(STYLE), atomic_path(target) as temporary:
        tasks = sorted(epochs[0].scores)
        figure = Figure(figsize=(4 * (1 + len(tasks)), 3), layout="constrained")
        left, *others = figure.subplots(1, 1 + len(tasks), squeeze=False)[0]
        _draw_loss(left, epochs)
        for axes, task in zip(others, tasks, strict=True):
            _draw_score(axes, epochs, task, several=len(tasks) > 1)
        figure.savefig(temporary, format="svg", transparent=True, metadata={"Date": None})


def _draw_loss(axes: Axes, epochs: Sequence[Epoch]) -> None:
    losses = [math.nan if epoch.loss is None else epoch.loss for epoch in epochs]
    axes.plot([epoch.epoch for epoch in epochs], losses, color=LOSS, marker=_marker(epochs))
    axes.set_ylim(bottom=0)
    _label(axes, "training loss, mean of the epoch")


def _draw_score(axes: Axes, epochs: Sequence[Epoch], task: str, several: bool) -> None:
    """The score that decides, its interval, and the best epoch."""
    at, scores = [epoch.epoch for epoch in epochs], [epoch.deciding[task] for epoch in epochs]
    low, high = [score.low for score in scores], [score.high for score in scores]
    axes.fill_between(at, low, high, color=SCORE, alpha=0.2, linewidth=0, label="95 % interval")
    axes.plot(at, [score.value for score in scores], color=SCORE, marker=_marker(epochs))
    kept = [epoch for epoch in epochs if epoch.best][-1]
    best = kept.deciding[task]
    axes.plot(kept.epoch, best.value, "o", color=SCORE, markersize=7, fillstyle="none")
    kept_at = f"{best.value:.1f} at epoch {kept.epoch} ({best.better} is better)"
    axes.set_title(f"{task}\n{kept_at}" if several else f"best {kept_at}", fontsize="medium")
    axes.legend(frameon=False)
    _label(axes, f"{kept.scored_on} {best.name}{', %' * (best.unit == '%')}")


def _marker(epochs: Sequence[Epoch]) -> str:
    """Dots where there is room for them; a single epoch is nothing but a dot."""
    return "." if len(epochs) <= 40 else ""


def _label(axes: Axes, y: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(y)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=INK, alpha=0.25, linewidth=0.5)
