"""What a training learns from: the clips of each task, and those that its epochs are scored on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slbench.cards import TaskCard
from slbench.data.pictured import PicturedSplit, with_pictures
from slbench.data.prepare import prepare
from slbench.data.store import ReadableClips, SplitClips, Store, prepared_splits
from slbench.engine.checks import check_readable, check_references, task_dataset
from slbench.errors import ClipError, DataError, ModelError, OptionError
from slbench.modeling.base import Examples, Fitted, Inputs, Model

UNSCORED = "none"
"""In place of a split, where a training has nothing to choose an epoch on and keeps the last."""
REFUSED = (
    "choosing the epoch on test is refused, since the score on it is then too good; with --select-on-test it is done "
    "all the same (as Uni-Sign's code does for How2Sign), and card and records say so"
)


@dataclass(frozen=True)
class Course:
    """One task of a training.

    Attributes:
        model: the network as this task sees it; all courses of a training share one network. Without a `loss` it is
            trained by `fit` alone.
        train: clips to learn from.
        scored: clips to score on after each epoch, which decides the one that is kept; None: the task has none.
    """

    task: TaskCard
    model: Model
    train: SplitClips
    scored: SplitClips | None


@dataclass(frozen=True)
class PreparedInputs:
    """The train clips of a course as its model wants them, one after another, each time anew."""

    model: Model
    clips: SplitClips

    def __iter__(self) -> Iterator[Inputs]:
        for index in range(len(self.clips)):
            try:
                yield self.model.prepare(self.clips.clip(index))
            except ClipError as error:
                raise DataError(f"training stops, a clip cannot be used: {error}; mend it, or take it away") from error


def examples_of(course: Course) -> Examples:
    """What a model can take from the course at once."""
    rows = [course.train[index] for index in range(len(course.train))]
    targets = [course.task.target(row.text, row.gloss) for row in rows]
    return Examples(course.task.family, targets, PreparedInputs(course.model, course.train))


def fit(courses: Sequence[Course]) -> None:
    """Let the network that the courses will share take from their train clips what it takes at once.

    Raises:
        ModelError: nothing can be learned from them.
    """
    model = courses[0].model
    if not isinstance(model, Fitted):
        return
    try:
        model.fit([examples_of(course) for course in courses])
    except ModelError as error:
        tasks = ", ".join(course.task.name for course in courses)
        raise ModelError(f"{type(model).__name__} cannot be trained on {tasks}: {error}") from error


@dataclass(frozen=True)
class Batch:
    """Clips of one course, by index."""

    course: Course
    clips: list[int]

    @property
    def ids(self) -> list[str]:
        """For messages."""
        return [self.course.train[index].id for index in self.clips]


def scored_split(task: TaskCard, on_test: bool) -> str | None:
    """The split that a training's epochs are scored on; None for a task that has train alone.

    Args:
        on_test: whether the user wants test.

    Raises:
        OptionError: there is no such split, or no train split.
    """
    wanted = "test" if on_test else "dev"
    if "train" not in task.splits:
        raise OptionError(f"{task.name} has no train split to train with")
    if wanted in task.splits:
        return wanted
    if on_test:
        raise OptionError(f"--select-on-test: {task.name} has no test split; it has {', '.join(task.splits)}")
    if "test" in task.splits:
        raise OptionError(f"{task.name} has no dev split: {REFUSED}")
    return None


def scored_on(courses: Sequence[Course]) -> str:
    """The split that decides between epochs."""
    return next((course.scored.manifest.split for course in courses if course.scored is not None), UNSCORED)


def open_store(task: TaskCard, scored: str | None) -> Store:
    """The task's corpus with the splits of a training.

    Raises:
        OptionError: of a corpus that the user prepared there is test, but no dev.
        DataError: a split is not there.
    """
    dataset = task_dataset(task)
    if scored == "dev" and dataset.needs_source:
        there = prepared_splits(dataset)
        if {"train", "test"} <= set(there) and scored not in there:
            raise OptionError(
                f"{task.name}: {dataset.name} is prepared without dev; prepare it again from lists that have dev "
                f"(the owners' do, `slbench show {dataset.name}`). {REFUSED[0].upper()}{REFUSED[1:]}"
            )
    return prepare(dataset, [split for split in ("train", scored) if split is not None])


@dataclass(frozen=True)
class Pictured:
    """Which pictures a training needs.

    Attributes:
        wanted: whether the model looks at any.
        videos: folder that the user names; None: where `data prepare` found them.
    """

    wanted: bool
    videos: Path | None = None


def open_course(task: TaskCard, model: Model, store: Store, scored: str | None, pictures: Pictured) -> Course:
    """The task's clips.

    Of a corpus that the user prepared, those whose frames and, where they are wanted, pictures are there: videos vanish
    from the web. Anywhere else a clip that is not there is damage.

    Raises:
        DataError: a clip cannot be read, its gloss is not in the vocabulary, or there are no pictures where some are
            wanted.
    """
    names = [split for split in ("train", scored) if split is not None]
    train, *others = (_clips(task, store.split(split), pictures) for split in names)
    return Course(task, model, train, others[0] if others else None)


def _clips(task: TaskCard, split: SplitClips, pictures: Pictured) -> SplitClips:
    check_references(task, split)
    dataset = task_dataset(task)
    clips = with_pictures(split, dataset, pictures.videos) if pictures.wanted else split
    if dataset.needs_source:
        readable = ReadableClips(clips)
        if isinstance(clips, PicturedSplit):
            readable.indices = [index for index in readable.indices if clips.shows(index)]
        clips = readable
    check_readable(task, clips)
    return clips


def incomplete(course: Course) -> Iterator[SplitClips]:
    """The splits of which clips are left out."""
    for split in (course.train, course.scored):
        if split is not None and len(split) < split.manifest.clips:
            yield split


def used(course: Course) -> list[str]:
    """How much of each such split is used, for the card of the weights."""
    name = course.task.name
    return [f"{len(one)} of {one.manifest.clips} clips of {name}'s {one.manifest.split}" for one in incomplete(course)]


def missing(course: Course) -> Iterator[str]:
    """What a user must know of clips that are left out."""
    for split in incomplete(course):
        data = split.manifest
        yield (
            f"{data.dataset}, {data.split}: {data.clips - len(split):,} of {data.clips:,} clips are left out, "
            f"since their frames could not be read or, where they are wanted, there are no pictures of them "
            f"(`slbench data verify {data.dataset}` says why)"
        )
