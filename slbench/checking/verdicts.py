"""A run against its baseline: what is looked at, what fails, and which clips moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slbench.errors import OutputError
from slbench.metrics.paired import Change, Comparison
from slbench.records import RunRecord, read_run
from slbench.scoring.compare import FileComparison, compare_files
from slbench.scoring.load import Request

Status = Literal["passed", "failed", "not compared"]
SAME = ("device", "batch_size", "precision", "workers")
"""Options that speeds must share to be compared."""


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
        OutputError: a record cannot be read, or its predictions are not those that it was made from.
        DataError: the two are not of the same samples.
    """
    (before, _), (after, _) = read_run(baseline), read_run(run)
    if (before.task.name, before.task.split) != (after.task.name, after.task.split):
        raise OutputError(
            f"{run}: is of {after.task.name}, {after.task.split}; the baseline {baseline} is of {before.task.name}, "
            f"{before.task.split}"
        )
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
    told = f"{len(moved)} of {before.task.clips} clips are answered otherwise"
    if not exact:
        return Verdict("predictions", "passed", told if moved else "all the same")
    if before.predictions_sha256 == after.predictions_sha256:
        return Verdict("predictions", "passed", "the same bytes")
    if not moved:
        told = "all texts are the same, but rankings or measures beside them differ"
    if claims := _other_claims(before, after):
        return Verdict("predictions", "not compared", f"{told}; so do {', '.join(claims)}, so nothing claims otherwise")
    around = _other_surroundings(before, after)
    return Verdict(
        "predictions", "failed",
        f"{told}, though card, weights, code, task and options are the same"
        + (f"; what differs around them: {', '.join(around)}" if around else ""),
    )  # fmt: skip


def _other_claims(before: RunRecord, after: RunRecord) -> list[str]:
    """Of what decides predictions, what the records themselves say is not the same."""
    exact = before.options.precision == "float32"
    unlike = {"batch_size", "workers"} if exact else {"workers"}
    pairs = {
        "the model card": (before.model.digest, after.model.digest),
        "the model's code": (before.model.code_sha256, after.model.code_sha256),
        "the weights": (before.model.weights_sha256, after.model.weights_sha256),
        "what it looks at": (before.model.inputs, after.model.inputs),
        "the task card": (before.task.digest, after.task.digest),
        "the data": (before.task.data_digest, after.task.data_digest),
        "the options": (before.options.model_dump(exclude=unlike), after.options.model_dump(exclude=unlike)),
    }
    return [name for name, (one, other) in pairs.items() if one != other]


def _other_surroundings(before: RunRecord, after: RunRecord) -> list[str]:
    one, other = before.environment, after.environment
    packages = [
        f"{name} {one.packages[name]} → {other.packages[name]}"
        for name in sorted(one.packages.keys() & other.packages.keys())
        if one.packages[name] != other.packages[name]
    ]
    parts = {"slbench's code elsewhere": "source_sha256", "processor": "processor", "threads": "threads"}
    return [*packages, *(name for name, key in parts.items() if getattr(one, key) != getattr(other, key))]


def _throughput(before: RunRecord, after: RunRecord, slower: float, calibrated: bool) -> Verdict:
    ratio = after.cost.clips_per_second / before.cost.clips_per_second
    speeds = f"{before.cost.clips_per_second:.1f} → {after.cost.clips_per_second:.1f} clips/s"
    other = _other_hardware(before, after)
    if other or calibrated:
        one, two = before.cost.calibration_seconds, after.cost.calibration_seconds
        settings = [name for name in SAME if getattr(before.options, name) != getattr(after.options, name)]
        if one is None or two is None or settings:
            why = f"another {' and '.join(settings)}" if settings else "no calibration in both records"
            return Verdict("throughput", "not compared", f"{speeds}; {', '.join([*other, why])}")
        ratio *= two / one
        speeds += f", calibration {1000 * one:.1f} → {1000 * two:.1f} ms"
    told = f"{speeds}: {ratio:.2f} of the baseline's speed, at least {slower:g} asked"
    return Verdict("throughput", "failed" if ratio < slower else "passed", told)


def _other_hardware(before: RunRecord, after: RunRecord) -> list[str]:
    """What keeps two speeds from being compared as they are."""
    hardware = [
        f"another {name}"
        for name in ("processor", "threads", "accelerator")
        if getattr(before.environment, name) != getattr(after.environment, name)
    ]
    return hardware + [
        f"another {name}" for name in SAME if getattr(before.options, name) != getattr(after.options, name)
    ]


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
