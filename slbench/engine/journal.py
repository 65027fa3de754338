"""Predictions on disk while they are made, so that a killed run continues where it stopped."""

import json
import os
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from slbench.engine.predict import BatchResult
from slbench.errors import OutputError
from slbench.files import write_text
from slbench.records import Prediction

Fingerprint = dict[str, str | int | None]
"""Everything that decides a prediction; runs that differ in it are not mixed."""

_BATCH = TypeAdapter(BatchResult)
_FINGERPRINT = TypeAdapter(Fingerprint)


class Journal:
    """An append-only file: a line with the fingerprint, then a line a batch."""

    def __init__(self, path: Path, fingerprint: Fingerprint) -> None:
        self.path = path
        self.fingerprint = fingerprint

    def resume(self) -> list[BatchResult]:
        """Batches of an interrupted run with the same fingerprint; a last line cut short is dropped."""
        header, lines = self._read()
        if header != self.fingerprint:
            return []
        try:
            return [_BATCH.validate_json(line) for line in lines]
        except ValidationError as error:
            raise OutputError(f"{self.path}: is damaged; delete it to start again") from error

    def differences(self) -> list[str]:
        """How an interrupted run that is there differs from this one, as `key: its value -> this value`."""
        header, _ = self._read()
        if header is None:
            return []
        keys = [key for key in self.fingerprint if header.get(key) != self.fingerprint[key]]
        return [f"{key}: {header.get(key)} -> {self.fingerprint[key]}" for key in keys]

    def open(self, results: list[BatchResult]) -> None:
        """Begin or continue: the file then holds exactly the fingerprint and these batches."""
        lines = [json.dumps(self.fingerprint), *(_BATCH.dump_json(result).decode() for result in results)]
        write_text(self.path, "".join(f"{line}\n" for line in lines))

    def append(self, result: BatchResult) -> None:
        """Add a batch; it is on disk when this returns."""
        try:
            with self.path.open("ab") as file:
                file.write(_BATCH.dump_json(result) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); what it holds is kept, the same command continues"
            ) from error

    def remove(self) -> None:
        """The run is finished; its journal goes."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[Fingerprint | None, list[bytes]]:
        """The fingerprint and the batch lines that are whole; None where no run was begun."""
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
        if not lines:
            return None, []
        try:
            return _FINGERPRINT.validate_json(lines[0]), lines[1:]
        except ValidationError as error:
            raise OutputError(f"{self.path}: is damaged; delete it to start again") from error


def predictions_text(predictions: list[Prediction]) -> str:
    """A prediction file: one JSON object a line, absent fields left out."""
    lines = [json.dumps(p.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False) for p in predictions]
    return "".join(f"{line}\n" for line in lines)
