"""A file of predictions, scored under one protocol or several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slbench import catalog
from slbench.cards import TextUnit
from slbench.errors import DataError, ModelError
from slbench.files import file_digest
from slbench.metrics.base import Answer, Metric, Score
from slbench.metrics.protocols import Protocol
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.matching import Matched, match
from slbench.scoring.overlap import Overlap, overlap
from slbench.scoring.plan import Asked, Plan, plan, unit_of
from slbench.scoring.source import Sample, Table


@dataclass(frozen=True)
class Request:
    """What to score, against what."""

    predictions: Path
    references: Path | None = None
    asked: Asked = field(default_factory=Asked)
    split: str = "test"
    """Of the task, for its references and its size."""
    allow_missing: bool = False
    bleurt: str | None = None
    """Folder or hub name of BLEURT-20's weights."""
    overlap: Path | None = None
    """Training texts: scores are also given without the references that are repeated in them."""


@dataclass(frozen=True)
class Result:
    """The scores under one protocol."""

    protocol: Protocol
    scores: tuple[Score, ...]
    without: str = ""
    """How many repeats were left out, and of which kind; empty if none."""


@dataclass(frozen=True)
class Report:
    """All that a reader of the scores must know."""

    request: Request
    plan: Plan
    unit: TextUnit
    matched: Matched
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    barred: tuple[str, ...]
    """Why these scores may not stand on a leaderboard."""
    predictions_sha256: str
    overlap: Overlap | None


@dataclass(frozen=True)
class Loaded:
    """Predictions matched with their references, and how they are to be scored."""

    request: Request
    plan: Plan
    unit: TextUnit
    matched: Matched
    protocols: tuple[Protocol, ...]


def load(request: Request) -> Loaded:
    """Read and match the files, and find the protocols.

    Raises:
        SlbenchError: with the file, the line or the ids, and what to do.
    """
    planned = plan(request.asked, request.predictions)
    predictions = read_predictions(request.predictions, planned.family)
    matched = match(predictions, _references(request, planned, predictions), request.allow_missing)
    unit = planned.unit or unit_of(answer.reference for answer in matched.answers)
    return Loaded(request, planned, unit, matched, tuple(planned.protocols(unit)))


def _references(request: Request, planned: Plan, predictions: Table) -> Table | None:
    """From the file that was named, or the predictions' own (None), or the prepared corpus."""
    if request.references is not None:
        return read_references(request.references, planned.family)
    if planned.task is None or all(sample.reference is not None for sample in predictions.samples):
        return None
    return corpus_references(planned, request.split)


def corpus_references(planned: Plan, split: str) -> Table:
    """The references of a task's split, from the corpus itself.

    Raises:
        DataError: slbench cannot read it.
    """
    task = planned.task
    assert task is not None  # the caller asks only then
    dataset = catalog.get_dataset(task.dataset, task)
    if dataset.reader is None:
        raise DataError(f"--references FILE is needed: slbench cannot read the corpus {dataset.name} itself yet")
    from slbench.data.store import prepare  # imports datasets and pyarrow

    if split not in task.splits:
        raise DataError(f"--split {split}: {task.name} has the splits {', '.join(task.splits)}")
    clips = prepare(dataset, [split]).split(split)
    samples = tuple(Sample(row.id, task.target(row.text, row.gloss)) for row in clips)
    return Table(Path(f"{task.name}:{split}"), "corpus", samples, ())


def score(request: Request) -> Report:
    """Score a file.

    Raises:
        SlbenchError: with the file, the line or the ids, and what to do.
    """
    loaded = load(request)
    matched = loaded.matched
    extra, skipped = _bleurt(request.bleurt, loaded.protocols)
    repeated = None if request.overlap is None else _overlap(loaded, request.overlap)
    results = tuple(
        Result(protocol, tuple(protocol.score(answers, extra if protocol.bleurt else ())), without)
        for protocol in loaded.protocols
        for without, answers in _subsets(matched, repeated)
    )
    notes = (*matched.notes, *_unit_note(loaded), *_size_note(loaded), *skipped, *_lacking(loaded))
    barred = _barred(matched)
    digest = file_digest(request.predictions)
    return Report(request, loaded.plan, loaded.unit, matched, results, notes, barred, digest, repeated)


def _overlap(loaded: Loaded, train: Path) -> Overlap:
    """Which references are repeated in a file of training texts."""
    texts = (sample.text or "" for sample in read_references(train, loaded.plan.family).samples)
    references = (answer.reference for answer in loaded.matched.answers)
    return overlap(dict(zip(loaded.matched.ids, references, strict=True)), texts)


def _subsets(matched: Matched, repeated: Overlap | None) -> Iterator[tuple[str, Sequence[Answer]]]:
    """All answers; then those that are left without repeats, by what is left out."""
    yield "", matched.answers
    if repeated is None:
        return
    answers = dict(zip(matched.ids, matched.answers, strict=True))
    kinds = {f"{len(repeated.exact)} exact": repeated.exact}
    if len(repeated.normalised) > len(repeated.exact):
        kinds[f"{len(repeated.normalised)} normalised"] = repeated.normalised
    for without, repeats in kinds.items():
        rest = [answers[name] for name in repeated.rest(repeats)]
        if repeats and rest:
            yield without, rest


def _bleurt(weights: str | None, protocols: Sequence[Protocol]) -> tuple[list[Metric], list[str]]:
    """BLEURT where it was asked for; else, where a protocol has it, a note that it is left out."""
    wanting = [protocol.name for protocol in protocols if protocol.bleurt]
    if not wanting:
        return [], []
    if weights is None:
        return [], [f"BLEURT-20 of {', '.join(wanting)} is left out; --bleurt FOLDER names its weights."]
    from slbench.metrics.bleurt import Bleurt

    try:
        return [Bleurt(weights)], []
    except ModelError as error:
        return [], [f"BLEURT-20 is left out: {error}"]


def _unit_note(loaded: Loaded) -> list[str]:
    if loaded.plan.family != "slt" or loaded.plan.unit is not None:
        return []
    return [f"A token is one of {loaded.unit}, by the script of the references; --unit says otherwise."]


def _size_note(loaded: Loaded) -> list[str]:
    """Where the task's card counts other samples."""
    task, count = loaded.plan.task, len(loaded.matched.answers)
    if task is None or loaded.request.split not in task.splits:
        return []
    expected = catalog.get_dataset(task.dataset, task).splits[loaded.request.split]
    return [] if count == expected else [f"The card of {task.name} counts {expected:,} in {loaded.request.split}."]


def _lacking(loaded: Loaded) -> list[str]:
    """Accuracies that need a ranking which the file does not have."""
    lacking = sum(len(p.metrics) - len(p.computable(loaded.matched.answers)) for p in loaded.protocols)
    return (
        [f"{lacking} accuracies at top k are left out: the predictions have no rankings that long."] if lacking else []
    )


def _barred(matched: Matched) -> tuple[str, ...]:
    reasons = []
    if matched.missing:
        reasons.append(f"--allow-missing: {len(matched.missing)} samples are missing")
    if matched.extra:
        reasons.append(f"--allow-missing: {len(matched.extra)} samples are not in the references")
    return tuple(reasons)
