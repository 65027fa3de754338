"""The state of a training on disk, so that a killed one goes on where it was."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from slbench.engine.identity import Identity
from slbench.errors import OutputError
from slbench.files import atomic_path, file_digest, sync_folder

KEPT = 2
DIGITS = 16
"""Of a checkpoint's sha256 in its name."""
SHARE = 20
"""Within an epoch at most one part in so many of the time goes into checkpoints."""


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    identity: Identity
    """Of the training that it belongs to."""
    trainer: dict[str, Any]
    """`Trainer.state_dict`."""
    written: dict[str, str]
    """`best` and `last` -> sha256 of the weights that were written so far."""


class Checkpoints:
    """A folder with the last two checkpoints, `epoch-<in work>-step-<done>-<digest>.pt`.

    Args:
        folder: made when the first one is saved.
        seconds: after which `due` asks for one within an epoch; 0: at every step.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._whole: list[Path] = []
        self._next = time.monotonic() + seconds

    def due(self) -> bool:
        """Whether the last one is old enough; where saving is slow, that takes longer than `seconds`."""
        return time.monotonic() >= self._next

    def save(self, saved: Saved) -> None:
        """Write a checkpoint, then drop all but the last two.

        Raises:
            OutputError: it cannot be written; those before it are as they were.
        """
        start = time.monotonic()
        path = self._write(saved)
        self._whole = [*self._whole, path][-KEPT:]
        for old in set(self._files()) - set(self._whole):
            old.unlink()
        ended = time.monotonic()
        self._next = ended + (max(self.seconds, SHARE * (ended - start)) if self.seconds else 0)

    def _write(self, saved: Saved) -> Path:
        """Write a file and name it by its digest, which tells a damaged one before anything reads it."""
        unnamed = self.folder / ".unnamed.pt"
        with atomic_path(unnamed) as temporary, temporary.open("wb") as file:
            _save(vars(saved), file)
        place = saved.trainer["place"]
        digest = file_digest(unnamed)[:DIGITS]
        path = unnamed.replace(self.folder / f"epoch-{place['epoch']:05}-step-{place['step']:08}-{digest}.pt")
        sync_folder(self.folder)
        return path

    def newest(self) -> tuple[Saved | None, tuple[str, ...]]:
        """The newest whole checkpoint, None where there is none, and a line for each newer one that is damaged.

        Raises:
            OutputError: there are some, but none is whole, or a file cannot be read.
        """
        damaged: list[str] = []
        for path in reversed(self._files()):
            if _is_whole(path):
                self._whole = [path]
                # No code runs from the file, and no tensor goes to a device before the network takes it.
                return Saved(**torch.load(path, map_location="cpu", weights_only=True)), tuple(damaged)
            damaged.append(f"{path}: is damaged, it is not what its name says")
        if damaged:
            raise OutputError("\n".join([*damaged, "no checkpoint is whole; start again in another folder"]))
        return None, ()

    def exist(self) -> bool:
        """Whether there are any."""
        return bool(self._files())

    def clear(self) -> None:
        """The training has ended; they go."""
        for path in self._files():
            path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("epoch-*.pt"))


def _is_whole(path: Path) -> bool:
    try:
        return file_digest(path)[:DIGITS] == path.stem.rpartition("-")[-1]
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror})") from error


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # a full disk, which PyTorch covers with an error of its own
            raise error.__context__ from None
        raise
