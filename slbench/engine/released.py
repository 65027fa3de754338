"""The weights that a paper's authors released: which one a run wants, and fetching it once.

They lie below `home()/weights`, each with a note of what it is, so that a second run needs no network.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from slbench.cards import Digest, Frozen, Hub, ModelCard, Released, Stage, TaskCard
from slbench.data.hub import SHA256_LENGTH, HubFile, HubUnreachableError, digest_like, fetch, list_files, page
from slbench.data.store import home
from slbench.engine.models import Checkpoint, find_checkpoint
from slbench.engine.weights import noted_selection
from slbench.errors import ModelError, OutputError, some
from slbench.files import file_digest, write_text
from slbench.records import USERS_FILE

Report = Callable[[str], None]
"""Is told what is being done, a line at a time."""


class Fetched(Frozen):
    """What a fetched file is."""

    repository: str
    commit: str
    file: str
    size: int
    sha256: Digest

    @property
    def origin(self) -> str:
        """As records name it."""
        return f"{self.repository}@{self.commit}/{self.file}"


def weights_of(card: ModelCard, task: TaskCard, own: Path | None) -> Checkpoint | Released:
    """The weights for a task: the user's own, those beside the card, or released ones that may have to be fetched.

    Raises:
        ModelError: there are none, or the file is not the one that the card describes.
    """
    if own is not None:
        return own_checkpoint(own, card)
    return released_for(card, task) if card.weights is None and card.released else find_checkpoint(card)


def own_checkpoint(path: Path, card: ModelCard) -> Checkpoint:
    """A file that the user names; raises ModelError where it cannot be read.

    Which split its epoch was chosen on is known of the files that the card names, and of those that say it themselves.
    """
    try:
        digest = file_digest(path)
    except OSError as error:
        raise ModelError(f"--checkpoint {path}: cannot be read ({error.strerror}); name a file of weights") from error
    known = [one.selected_on for one in card.released if one.file == path.name]
    selected_on = known[0] if known else noted_selection(path)
    return Checkpoint(path, digest, f"{path.name}, {USERS_FILE}", selected_on)


def released_for(card: ModelCard, task: TaskCard) -> Released:
    """The released weights for this task and what the card looks at.

    Raises:
        ModelError: there are none, with those that there are.
    """
    for released in card.released:
        if task.name in released.tasks and released.inputs == card.inputs:
            return released
    there = [f"{task} with --modality {one.inputs}" for one in card.released for task in one.tasks]
    raise ModelError(
        f"{card.name}: no weights were released for {task.name} with --modality {card.inputs}; there are some for "
        f"{some(there)}. Name weights of your own with --checkpoint FILE, or train: {_training(card, task)}"
    )


def _training(card: ModelCard, task: TaskCard) -> str:
    """The command that makes weights for a task; in stages, the last one of those that begin with trained weights."""
    command = f"slbench train --model {card.name} --task {task.name} --output FOLDER"
    fit = [name for name, stage in card.stages.items() if stage.after and card.inputs in stage.inputs]
    if not fit:
        return command
    return f"{command} --stage {fit[-1]} --modality {card.inputs} --init FILE{starts_for(card, card.stages[fit[-1]])}"


def starts_for(card: ModelCard, stage: Stage) -> str:
    """Which of the authors' files a stage may begin with, as the end of a message; empty where there are none."""
    would_do = [one for one in card.released if one.stage in stage.after]
    alike = [one for one in would_do if one.inputs == card.inputs]
    files = [f"{one.file} of {one.repository}" for one in alike or would_do]
    return f"; released are {some(files)} (Hugging Face)" if files else ""


def fetched(released: Released, report: Report = lambda _: None) -> Checkpoint:
    """A released checkpoint, fetched if it is not there; killed at any moment, a second call goes on.

    Args:
        report: is told of the licence before anything is fetched.

    Raises:
        HubUnreachableError: nobody answers, with how to get the file by hand.
        DataError: the hub does not give it.
        ModelError: it is damaged, or no longer published.
        OutputError: it cannot be written.
    """
    target = home() / "weights" / released.repository / released.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(target, report):
            note = _read_note(target) or _fetch(released, target, report)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); see SLBENCH_HOME") from error
    return Checkpoint(target, _checked(target, note), note.origin, released.selected_on)


@contextmanager
def _only_one(target: Path, report: Report) -> Iterator[None]:
    """Hold the lock of a file; a second process waits for it, and says so."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(f"{target}: another process is fetching it; this one waits")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _note_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _read_note(target: Path) -> Fetched | None:
    """What was fetched; None where the file or its note is not there."""
    note = _note_path(target)
    if not (target.is_file() and note.is_file()):
        return None
    try:
        return Fetched.model_validate_json(note.read_text(encoding="utf-8"))
    except (ValueError, ValidationError) as error:
        raise ModelError(
            f"{note}: is damaged; delete it and run this again, the file beside it is then checked"
        ) from error


def _checked(target: Path, note: Fetched) -> str:
    """sha256 of the file; raises ModelError where it is not the one that was fetched."""
    found = file_digest(target)
    if found != note.sha256:
        raise ModelError(
            f"{target}: sha256 is {found}, it was {note.sha256} when it was fetched; delete it and run this again"
        )
    return found


def _fetch(released: Released, target: Path, report: Report) -> Fetched:
    hub = Hub(repository=released.repository, kind="model", files=(released.file,), licence=released.licence)
    report(f"{page(hub)}: {released.file} ({released.size}) is fetched once; its licence is {released.licence}")
    try:
        snapshot = list_files(hub)
    except HubUnreachableError as error:
        raise HubUnreachableError(
            f"{error}. Or get {released.file} ({released.size}) from {page(hub)} on another machine, and name it with "
            "--checkpoint FILE"
        ) from error
    file = next((file for file in snapshot.files if file.name == released.file), None)
    if file is None:
        raise ModelError(
            f"{page(hub)}: {released.file} is not there any more, only {some([file.name for file in snapshot.files])}; "
            "look whether a newer slbench knows another place, or name weights with --checkpoint FILE"
        )
    if not _is(file, target):
        fetch(hub, snapshot.commit, file, target)
    sha256 = file.digest if len(file.digest) == SHA256_LENGTH else file_digest(target)
    note = Fetched(repository=hub.repository, commit=snapshot.commit, file=file.name, size=file.size, sha256=sha256)
    write_text(_note_path(target), note.model_dump_json(indent=1) + "\n")
    return note


def _is(file: HubFile, target: Path) -> bool:
    """Whether it lies there already, whole: a kill between the file and its note, or a user's own copy."""
    return (
        target.is_file()
        and target.stat().st_size == file.size
        and digest_like(file.digest, target, 0, file.size) == file.digest
    )
