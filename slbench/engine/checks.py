"""What is checked before a run or a training starts, and who may write."""

import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from slbench import catalog
from slbench.cards import DatasetCard, ModelCard, TaskCard
from slbench.data.prepare import prepare
from slbench.data.store import SplitClips
from slbench.errors import CardError, DataError, ModelError, OptionError, OutputError, some
from slbench.files import text_digest, write_text
from slbench.modeling.base import Decoding, Model
from slbench.modeling.baselines.texts import Texts
from slbench.records import Prediction


def check_seed(seed: int) -> None:
    """Raise OptionError for a seed that a generator cannot take."""
    if seed < 0:
        raise OptionError(f"--seed {seed}: must be at least 0")
    if seed >= 1 << 63:
        raise OptionError(f"--seed {seed}: must be below 2^63")


def check_pictures(card: ModelCard, videos: Path) -> None:
    """Raise OptionError where --videos names no folder, or one for a model that looks at poses alone."""
    if card.inputs == "pose":
        more = " here; add --modality rgb+pose" if "rgb+pose" in card.modalities else ""
        raise OptionError(f"--videos {videos}: {card.name} looks at poses alone{more}")
    if not videos.is_dir():
        raise OptionError(f"--videos {videos}: there is no such folder; name the one that holds the corpus's videos")


def task_dataset(task: TaskCard) -> DatasetCard:
    """The task's dataset card.

    Raises:
        CardError: it is unknown, or lacks a split that the task names.
    """
    dataset = catalog.get_dataset(task.dataset, task)
    missing = [split for split in task.splits if split not in dataset.splits]
    if missing:
        raise CardError(
            f"{task.path}: splits: {dataset.name} has no {', '.join(missing)}; it has {', '.join(dataset.splits)}"
        )
    return dataset


def with_vocabulary(task: TaskCard, split: SplitClips, train: SplitClips | None = None) -> TaskCard:
    """The task with its closed vocabulary, which may stand in the corpus itself instead of on the card.

    Its digest is another one than that of the card.

    Args:
        train: see `closed_sentences`.
    """
    if train is not None:
        return with_sentence_glosses(task, train)
    if task.family != "islr" or task.glosses:
        return task
    return task.model_copy(update={"glosses": split.manifest.vocabulary})


def closed_sentences(
    task: TaskCard, dataset: DatasetCard, decoding: Decoding, made_up: SplitClips | None = None
) -> SplitClips | None:
    """The split train, where nothing but its glosses is to come out: closed decoding of sentences; otherwise None.

    Args:
        made_up: what is there in its place in a mock run.

    Raises:
        DataError: it is not prepared.
    """
    if decoding == "open" or task.family != "cslr":
        return None
    return prepare(dataset, ["train"]).split("train") if made_up is None else made_up


def check_closed(task: TaskCard, dataset: DatasetCard, decoding: Decoding) -> None:
    """Raise OptionError where `--decoding closed` has no glosses to hold to."""
    if decoding == "open":
        return
    if task.family == "slt":
        raise OptionError(f"--decoding closed: {task.name} is translation, which has no glosses; use --decoding open")
    if task.family == "cslr" and "train" not in dataset.splits:
        raise OptionError(
            f"--decoding closed: {dataset.name} has no split train, whose glosses could come out; use --decoding open"
        )


def with_sentence_glosses(task: TaskCard, train: SplitClips) -> TaskCard:
    """A task of continuous recognition with all glosses of the training split, in order.

    Only these can come out of closed decoding, so a gloss of the test that training lacks is always missed: the
    vocabulary must not be taken from what is to be recognised.

    Raises:
        DataError: there are none.
    """
    glosses = sorted({gloss for index in range(len(train)) for gloss in train[index].gloss.split()})
    if not glosses:
        raise DataError(f"--decoding closed: no clip of {train.manifest.dataset}'s train has glosses")
    return task.model_copy(update={"glosses": tuple(glosses)})


def vocabulary_note(asked: TaskCard, train: SplitClips | None) -> str:
    """Which glosses could come out, for a record, where no card says it: those of `closed_sentences`."""
    if train is None:
        return ""
    digest = text_digest("\n".join(asked.glosses))
    return f"{len(asked.glosses)} glosses, sha256 {digest}, of train's data {train.manifest.data_digest}"


def check_said(task: TaskCard, predictions: Sequence[Prediction]) -> None:
    """Raise ModelError where a model that was held to the glosses says something else."""
    glosses = set(task.glosses)
    for one in predictions:
        said = (one.hypothesis or "").split() if task.family == "cslr" else [one.hypothesis]
        if one.error is None and not glosses.issuperset(said):
            raise ModelError(
                f"clip {one.id}: the model says {one.hypothesis!r}, which is not of the task's glosses: it does not do "
                "--decoding closed; use --decoding open"
            )


def check_references(task: TaskCard, split: SplitClips) -> None:
    """See whether every clip's gloss is in the closed vocabulary of an ISLR task.

    Raises:
        CardError: neither the card nor the corpus has a vocabulary.
        DataError: a gloss is not in it.
    """
    if task.family != "islr":
        return
    if not task.glosses:
        raise CardError(f"{task.path}: glosses: isolated recognition (islr) needs its vocabulary here")
    unknown = sorted({split[index].gloss for index in range(len(split))} - set(task.glosses))
    if unknown:
        shown = ", ".join(map(repr, unknown[:10])) + (", ..." if len(unknown) > 10 else "")
        raise DataError(
            f"{task.path}: glosses: {split.manifest.split} also has {shown} ({len(unknown)} in all); "
            "a task's vocabulary must hold every gloss of its splits"
        )


def check_vocabulary(model: Model, task: TaskCard, split: SplitClips) -> None:
    """See whether a recogniser of sentences was trained on this language: it knows one gloss of the split at least.

    Its network has them as `vocabulary`; one that has none may answer anything.

    Raises:
        ModelError: it knows none.
    """
    vocabulary = getattr(model.network, "vocabulary", None)
    if task.family != "cslr" or not isinstance(vocabulary, Texts) or not len(vocabulary):
        return
    wanted = sorted({gloss for index in range(len(split)) for gloss in split[index].gloss.split()})
    if wanted and set(vocabulary.texts).isdisjoint(wanted):
        raise ModelError(
            f"{type(model).__name__}: these weights answer with {len(vocabulary)} glosses "
            f"({some(vocabulary.texts, 5)}), and none of them is among the {len(wanted)} of {task.name}'s "
            f"{split.manifest.split} ({some(wanted, 5)}). "
            "Name weights that were trained on this task, or train some: slbench train"
        )


def check_readable(task: TaskCard, split: SplitClips) -> None:
    """Raise DataError where clips of a split that is trained on could not be read."""
    errors = [error for index in range(len(split)) if (error := split[index].error) is not None]
    if not len(split):
        raise DataError(f"{task.name}: of {split.manifest.split} no clip can be read; prepare the corpus again")
    if errors:
        raise DataError(
            f"{task.name}: {len(errors)} clips of {split.manifest.split} cannot be read:\n" + "\n".join(errors[:10])
        )


def check_writable(folder: Path) -> None:
    """See whether the folder, or the nearest one above it that is there, can be written; nothing is left behind.

    Raises:
        OutputError: it cannot.
    """
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OutputError(f"--output {folder}: cannot be written ({error.strerror}); name another folder") from error


@contextmanager
def only_writer(lock: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; it is gone afterwards, and a killed process holds nothing.

    Who holds it stands in a file beside it, which only the message of the next one reads: it decides nothing.

    Raises:
        OutputError: another process holds it (its id is in the message), or it cannot be made.
    """
    holder = FileLock(lock, timeout=0)
    owner = lock.with_suffix(".owner")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        holder.acquire()
    except Timeout as error:
        raise OutputError(
            f"{lock.parent}: another process is writing this very run{_owner(owner)}; wait for it to end"
        ) from error
    except OSError as error:
        raise OutputError(f"{lock.parent}: cannot be written ({error.strerror}); name another --output") from error
    try:
        write_text(owner, f"process {os.getpid()} on {platform.node()}")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
        holder.release()


def _owner(path: Path) -> str:
    """Who holds a lock, if that can be read: its first moments are without it."""
    try:
        return f" ({path.read_text(encoding='utf-8')})"
    except OSError:
        return ""
