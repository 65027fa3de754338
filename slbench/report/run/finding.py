"""Which run is meant, and its record and predictions."""

from dataclasses import dataclass
from pathlib import Path

from slbench.errors import OutputError, near
from slbench.records import PREDICTIONS, Prediction, RunRecord, read_run

RESULTS = Path("results")
"""Where `slbench run` puts records by default: <task>/<model>/<run>.json."""
LEVELS = ("task", "model", "run")


@dataclass(frozen=True)
class LoadedRun:
    """A record, and the predictions that it was computed from."""

    path: Path
    """Of the record."""
    record: RunRecord
    predictions: tuple[Prediction, ...]
    """At least one, in the order of ids."""


def load_run(name: str, results: Path = RESULTS) -> LoadedRun:
    """The run that is meant by a record, its file of predictions, or `<task>/<model>/<run>` below `results`.

    Raises:
        OutputError: there is no such run (near names are given); its predictions are absent, empty, or not those that
            were scored.
    """
    path = find_record(name, results)
    record, predictions = read_run(path)
    if not predictions:
        raise OutputError(f"{path.with_suffix(PREDICTIONS)}: holds no predictions; run it again")
    return LoadedRun(path, record, tuple(sorted(predictions, key=lambda prediction: prediction.id)))


def find_record(name: str, results: Path = RESULTS) -> Path:
    """The record that is meant, as in `load_run`; raises OutputError where there is none."""
    given = Path(name)
    if name.endswith(PREDICTIONS):
        given = given.with_name(f"{given.name.removesuffix(PREDICTIONS)}.json")
    if given.suffix == ".json" and given.is_file():
        return given
    named = results / given.with_suffix("") if given.suffix == ".json" else results / given
    path = named.with_name(f"{named.name}.json")
    if path.is_file():
        return path
    if given.suffix == ".json" and given.parent.is_dir():
        known = sorted(one.stem for one in given.parent.glob("*.json"))
        raise OutputError(f"{name}: there is no record {given}{near(given.stem, known)}")
    raise OutputError(f"{name}: there is no such run; {_missing(given, results)}")


def _missing(given: Path, results: Path) -> str:
    """At which level a run is not found, and what is there."""
    folder = results
    for level, part in zip(LEVELS, given.parts, strict=False):
        known = sorted(_known(folder, level))
        if part not in known:
            return f"no {level} {part!r} in {folder}{near(part, known)}"
        folder /= part
    if len(given.parts) < len(LEVELS):
        level = LEVELS[len(given.parts)]
        return f"name a {level} as well, {'/'.join(LEVELS)}{near('', sorted(_known(folder, level)))}"
    return f"a run is a record, its predictions, or {'/'.join(LEVELS)} below {results}"


def _known(folder: Path, level: str) -> list[str]:
    if not folder.is_dir():
        return []
    if level == LEVELS[-1]:
        return [path.stem for path in folder.glob("*.json")]
    return [path.name for path in folder.iterdir() if path.is_dir()]
