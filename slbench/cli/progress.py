"""Progress bars."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from slbench.cli.console import errors

if TYPE_CHECKING:
    from slbench.data import extract
    from slbench.data.building import Built
    from slbench.engine import evaluate
    from slbench.engine.events import Epoch, Event, Resumed, Step


class Rate(ProgressColumn):
    """Clips a second."""

    def render(self, task: Task) -> Text:
        """The recent speed."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} clips/s", style="progress.data.speed")


@contextmanager
def clip_progress() -> "Iterator[Callable[[evaluate.Progress], None]]":
    """A bar over the clips of a run, with clips a second and the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=errors(), transient=True) as bar:
        row = bar.add_task("clips", total=None)

        def report(progress: "evaluate.Progress") -> None:
            if progress.resumed and progress.done == progress.resumed:
                errors().print(f"continuing: {progress.resumed} of {progress.total} clips are already answered")
            bar.update(row, total=progress.total, completed=progress.done)

        yield report


@contextmanager
def preparing_progress() -> "Iterator[Callable[[str, Built], None]]":
    """A bar a split over its clips, with clips a second, the time left, and how many could not be read."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    # No thread that refreshes it: `slbench.data.building` copies processes that have none.
    with Progress(*columns, console=errors(), transient=True, auto_refresh=False) as bar:
        rows: dict[str, TaskID] = {}
        unread = Counter[str]()

        def report(split: str, built: "Built") -> None:
            if split not in rows:
                rows[split] = bar.add_task(split)
                if built.reused:
                    errors().print(f"{split}: {built.reused:,} of {built.total:,} clips are prepared already")
            unread[split] += len(built.errors)
            said = f"{split} ({unread[split]:,} unreadable)" if unread[split] else split
            bar.update(rows[split], total=built.total, completed=built.done, description=said, refresh=True)

        yield report


@contextmanager
def extracting_progress() -> "Iterator[Callable[[extract.Progress], None]]":
    """A bar over videos whose poses are read, with frames a second."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    start = time.perf_counter()
    with Progress(*columns, console=errors(), transient=True) as bar:
        row = bar.add_task("videos", total=None)

        def report(progress: "extract.Progress") -> None:
            speed = progress.frames / (time.perf_counter() - start)
            bar.update(row, total=progress.total, completed=progress.done, description=f"videos, {speed:.0f} frames/s")

        yield report


@contextmanager
def reading_progress(videos: int) -> Iterator[Callable[[int], None]]:
    """A bar over a few videos whose poses are read."""
    with Progress(console=errors(), transient=True) as bar:
        row = bar.add_task("reading poses", total=videos)
        yield lambda done: bar.update(row, completed=done)


@contextmanager
def counting_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each of several splits whose clips are gone through; it is told name, total and done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=errors(), transient=True) as bar:
        rows: dict[str, TaskID] = {}

        def report(name: str, total: int, done: int) -> None:
            if name not in rows:
                rows[name] = bar.add_task(f"{name} clips", total=total)
            bar.update(rows[name], completed=done)

        yield report


@contextmanager
def training_progress(epochs: int) -> "Iterator[Callable[[Event], None]]":
    """A bar over the steps of a training with its loss and the time left, and a line an epoch."""
    from slbench.engine.events import Epoch, Resumed, Step

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors(), transient=True) as bar:
        row, told = bar.add_task("steps", total=None), set[str]()

        def report(event: "Event") -> None:
            if isinstance(event, Epoch):
                _print_epoch(event, epochs)
                return
            if isinstance(event, Step):
                _print_left_out(event, told)
            done = (event.epoch - 1) * event.steps + event.step
            if isinstance(event, Resumed):
                _print_resumed(event, epochs)
                bar.reset(row, total=epochs * event.steps, completed=done)
            else:
                said = "nothing to learn from" if event.loss is None else f"loss {event.loss:.3f}"
                bar.update(row, total=epochs * event.steps, completed=done, description=said)

        yield report


def _print_epoch(event: "Epoch", epochs: int) -> None:
    star = "  best" if event.best else ""
    several = len(event.scores) > 1
    scores = "  ".join(
        f"{f'{task} ' * several}{score.name} {score.value:.1f}" for task, score in event.deciding.items()
    )
    scored = f"  {event.scored_on} {scores}" if scores else ""
    loss = "fitted" if event.loss is None else f"loss {event.loss:.3f}"
    errors().print(f"epoch {event.epoch:>3}/{epochs}  {loss}{scored}{star * bool(scores)}")


def _print_left_out(event: "Step", told: set[str]) -> None:
    """Each clip once, though it may be left out of every epoch."""
    for clip, why in event.left_out.items():
        if clip not in told:
            told.add(clip)
            errors().print(f"left out: clip {clip}: {why}", style="yellow", soft_wrap=True)


def _print_resumed(event: "Resumed", epochs: int) -> None:
    for line in event.damaged:
        errors().print(f"{line}; the one before it is taken", style="yellow", soft_wrap=True)
    if event.ended or event.epoch > epochs:
        errors().print("this training has ended already")
    else:
        errors().print(f"continuing: epoch {event.epoch} of {epochs}, {event.step} of {event.steps} steps are done")
