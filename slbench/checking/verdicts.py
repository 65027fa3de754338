"""A run against its baseline: what is looked at, what fails, and which clips moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slbench.checking.differences import claims, hardware, settings, surroundings
from slbench.errors import OutputError
from slbench.metrics.paired import Change, Comparison
from slbench.records import RunRecord, read_run
from slbench.scoring.compare import FileComparison, compare_files
from slbench.scoring.load import Request

Status = Literal["passed", "failed", "not compared"]


@dataclass(frozen=True)
class Limits:
    """What counts as broken."""

    significance: float = 0.05
    """Of the paired test."""
    tolerance: float | None = None
    """Largest drop, in the points of the score, that passes whatever the test says; None: any."""
    exact: bool = False
    """Whether no prediction may change where card, weights and code claim to be the same."""
    slower: float | None = None
    """Least speed, as a share of the baseline's; None: any."""
    calibrated: bool = False
    """Whether speeds are always divided by that of the calibration."""


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at."""

    name: Literal["quality", "tolerance", "predictions", "throughput"]
    status: Status
    told: str


@dataclass(frozen=True)
class Moved:
    """One clip that is answered otherwise than before."""

    id: str
    reference: str
    before: str | None
    after: str | None
    influence: float
    """What the change adds to the score; 0 where it adds nothing."""


@dataclass(frozen=True)
class Checked:
    """A baseline, a run, and all that was found."""

    baseline_path: Path
    baseline: RunRecord
    run: RunRecord
    verdicts: tuple[Verdict, ...]
    moved: tuple[Moved, ...]
    """The worst first, then what got better, then what changed nothing of the score."""
    comparison: Comparison

    @property
    def changed(self) -> list[str]:
        """What the records say is not the same, so what a difference may be from."""
        return [*claims(self.baseline, self.run), *surroundings(self.baseline, self.run)]

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return any(verdict.status == "failed" for verdict in self.verdicts)

    @property
    def name(self) -> str:
        """Task, split and model."""
        task = self.baseline.task
        return f"{task.name}, {task.split}: {self.baseline.model.name}"


def checked(baseline: Path, run: Path, limits: Limits) -> Checked:
    """Compare two records, whose predictions lie beside them.

    Raises:
        OutputError: a record cannot be read, is the baseline, is of another task or version, or its predictions
            are not those that it was made from.
        DataError: the two are not of the same samples.
    """
    (before, _), (after, _) = read_run(baseline), read_run(run)
    if baseline.resolve() == run.resolve():
        raise OutputError(f"{run}: is the baseline itself; name the record of another run")
    _check_task(baseline, before, run, after)
    found = compare_files(Request(baseline), Request(run), None, before.task.clips, seed=0)
    comparison = found.compared[0].comparisons[0]
    moved = tuple(_moved(found))
    verdicts = (
        _quality(comparison, limits.significance),
        *([] if limits.tolerance is None else [_tolerance(comparison, limits.tolerance)]),
        _predictions(before, after, moved, limits.exact),
        *([] if limits.slower is None else [_throughput(before, after, limits.slower, limits.calibrated)]),
    )
    return Checked(baseline, before, after, verdicts, moved, comparison)


def _check_task(baseline: Path, before: RunRecord, run: Path, after: RunRecord) -> None:
    """Raise OutputError where scores of the two mean different things."""
    one, other = (f"{task.name} {task.version}, {task.split}" for task in (before.task, after.task))
    if one != other:
        raise OutputError(f"{run}: is of {other}; the baseline {baseline} is of {one}; compare runs of one task")


def _drop(comparison: Comparison) -> float:
    """How much worse the run is, in points; negative where it is better."""
    return comparison.difference if comparison.better == "lower" else -comparison.difference


def scores(comparison: Comparison) -> str:
    """Name, before and after."""
    c = comparison
    return f"{c.name} {c.a:.2f} → {c.b:.2f} ({c.difference:+.2f})"


def _quality(comparison: Comparison, significance: float) -> Verdict:
    p = comparison.p_randomisation
    worse = _drop(comparison) > 0 and p < significance
    told = f"{scores(comparison)}, p {p:.4f}: {'worse beyond chance' if worse else 'not worse beyond chance'}"
    return Verdict("quality", "failed" if worse else "passed", told)


def _tolerance(comparison: Comparison, tolerance: float) -> Verdict:
    drop = _drop(comparison)
    told = f"{drop:.2f} worse, {tolerance:g} allowed" if drop > 0 else "not worse"
    return Verdict("tolerance", "failed" if drop > tolerance else "passed", told)


def _predictions(before: RunRecord, after: RunRecord, moved: tuple[Moved, ...], exact: bool) -> Verdict:
    told = f"{len(moved)} of {after.scores[0].samples} clips are answered otherwise"
    if failed := len(after.failed.keys() - before.failed.keys()):
        told += f", {failed} of them not at all"
    if before.predictions_sha256 == after.predictions_sha256:
        return Verdict("predictions", "passed", "the same bytes")
    if not moved:
        told = "all texts are the same, but rankings or measures beside them differ"
    if not exact:
        return Verdict("predictions", "passed", told)
    if other := claims(before, after):
        return Verdict("predictions", "not compared", f"{told}; not the same either: {', '.join(other)}")
    around = surroundings(before, after)
    return Verdict(
        "predictions", "failed",
        f"{told}, though card, weights, code, task and options are the same"
        + (f"; what differs around them: {', '.join(around)}" if around else ""),
    )  # fmt: skip


def _throughput(before: RunRecord, after: RunRecord, slower: float, calibrated: bool) -> Verdict:
    one, two = before.cost, after.cost
    speeds = f"{one.clips_per_second:.1f} → {two.clips_per_second:.1f} clips/s"
    machine, why, times_as_long = hardware(before, after), settings(before, after), 1.0
    if machine or calibrated:
        if one.calibration_seconds and two.calibration_seconds:
            times_as_long = two.calibration_seconds / one.calibration_seconds
            speeds += f", calibration {1000 * one.calibration_seconds:.1f} → {1000 * two.calibration_seconds:.1f} ms"
        else:
            why += [*machine, "no calibration in both records"]
    if not one.clips_per_second:
        why += ["the baseline is too slow for its speed to be told"]
    if why:
        return Verdict("throughput", "not compared", f"{speeds}; {', '.join(why)}")
    ratio = two.clips_per_second / one.clips_per_second * times_as_long
    told = f"{speeds}: {ratio:.2f} of the baseline's speed, at least {slower:g} asked"
    return Verdict("throughput", "failed" if ratio < slower else "passed", told)


def _moved(found: FileComparison) -> Iterator[Moved]:
    changes = found.changes
    counted = [*changes.losses, *changes.gains]
    yield from map(_of_change, counted)
    answers = zip(found.a.matched.ids, found.a.matched.answers, found.b.matched.answers, strict=True)
    known = {change.id for change in counted}
    for name, a, b in answers:
        if a.hypothesis != b.hypothesis and name not in known:
            yield Moved(name, a.reference, a.hypothesis, b.hypothesis, 0.0)


def _of_change(change: Change) -> Moved:
    return Moved(change.id, change.reference, change.hypothesis_a, change.hypothesis_b, change.influence)
