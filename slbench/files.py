"""Files that appear whole or not at all, and digests."""

import hashlib
import os
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slbench.errors import OutputError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it when the block ends well, and vanishes when it does not.

    Raises:
        OutputError: the folder cannot be written or the disk is full; `target` is as it was.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error


def remove_leftovers(folder: Path, names: Container[str] | None = None) -> None:
    """Delete what `atomic_path` left in a folder when it was killed; only for the one who may write there.

    Args:
        folder: to clean, without those in it.
        names: of the files that were to be written, where others may be writing the rest; None: all.
    """
    for path in folder.glob(".*.tmp"):
        name = path.name[1:].rpartition(".tmp")[0].rpartition(".")[0]
        if path.is_file() and (names is None or name in names):
            path.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power loss, where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(target: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8; raises OutputError as `atomic_path` does."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """sha256 of a text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def ids_digest(ids: Iterable[str]) -> str:
    """sha256 of sorted ids, one a line."""
    return text_digest("".join(f"{one}\n" for one in sorted(ids)))
