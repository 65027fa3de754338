"""The log of a training: one JSON object a line, each step and each epoch exactly once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from slbench.engine.events import Epoch, Step
from slbench.errors import OutputError

Line = Annotated[Step | Epoch, Field(discriminator="event")]
# A score that is not a number is still valid JSON this way, and comes back as what it was.
_LINE: TypeAdapter[Step | Epoch] = TypeAdapter(Line, config=ConfigDict(ser_json_inf_nan="strings"))


class TrainingLog:
    """An append-only file, `metrics.jsonl`.

    Raises:
        OutputError: from every method, where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def cut(self, epoch: int, step: int) -> None:
        """Drop everything after `step` of `epoch`: the training goes on from there and writes it again."""
        end = 0
        for event, after in _lines(self.path) if self.path.is_file() else ():
            at = (event.epoch, event.step) if isinstance(event, Step) else (event.epoch + 1, 0)
            if at > (epoch, step):
                break
            end = after
        with _writable(self.path), self.path.open("ab") as file:
            file.truncate(end)

    def append(self, event: Step | Epoch) -> None:
        """Add a line; a kill of this process cannot take it back, a power loss can until `sync`."""
        with _writable(self.path), self.path.open("ab") as file:
            file.write(_LINE.dump_json(event) + b"\n")

    def sync(self) -> None:
        """Everything so far is on disk when this returns."""
        with _writable(self.path), self.path.open("ab") as file:
            os.fsync(file.fileno())


def read_log(path: Path) -> list[Step | Epoch]:
    """Every whole line of a log.

    Raises:
        OutputError: there is none.
    """
    try:
        return [event for event, _ in _lines(path)]
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror})") from error


def _lines(path: Path) -> Iterator[tuple[Step | Epoch, int]]:
    """(event, offset after its line), up to the first line that is cut short."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            offset += len(line)
            try:
                event = _LINE.validate_json(line)
            except ValidationError:
                return
            if line.endswith(b"\n"):
                yield event, offset


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Turn a failure to write into a message."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
