"""Predictions on disk while they are made, so that a killed run continues where it stopped."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from slbench.engine.predict import BatchResult
from slbench.errors import OutputError
from slbench.files import write_text

Fingerprint = dict[str, str | int | None]
"""Everything that decides a prediction; runs that differ in it are not mixed."""

_BATCH = TypeAdapter(BatchResult)
_FINGERPRINT = TypeAdapter(Fingerprint)


class Journal:
    """An append-only file: a line with the fingerprint, then a line a batch."""

    def __init__(self, path: Path, fingerprint: Fingerprint) -> None:
        self.path = path
        self.fingerprint = fingerprint

    def resume(self, references: Mapping[str, str]) -> list[BatchResult]:
        """Batches of an interrupted run; a last line cut short is dropped.

        Clips that failed are left out, and so tried again: what was wrong may have been mended.

        Args:
            references: clip id -> reference, of every clip of this run.

        Raises:
            OutputError: the journal holds anything that this run cannot have written.
        """
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
        if not lines:
            return []
        try:
            header, results = _FINGERPRINT.validate_json(lines[0]), [_BATCH.validate_json(line) for line in lines[1:]]
        except ValidationError as error:
            raise OutputError(f"{self.path}: is damaged; start again with --fresh") from error
        made = [prediction for result in results for prediction in result.predictions]
        foreign = [prediction.id for prediction in made if references.get(prediction.id) != prediction.reference]
        if header != self.fingerprint or foreign or len({prediction.id for prediction in made}) < len(made):
            raise OutputError(f"{self.path}: is not of this run; start again with --fresh")
        answered = [replace(one, predictions=[p for p in one.predictions if p.error is None]) for one in results]
        return [result for result in answered if result.predictions]

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
