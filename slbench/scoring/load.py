"""A file of predictions, matched with its references, and all that is known of it before it is scored."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from slbench.cards import DatasetCard, TaskCard, TextUnit
from slbench.data.listing import check_listing, source_of_count
from slbench.errors import DataError
from slbench.files import file_digest
from slbench.metrics.protocols import Protocol
from slbench.records import PREDICTIONS
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.matching import Matched, match
from slbench.scoring.plain import PREDICTED, TRUTH
from slbench.scoring.plan import Asked, Plan, plan, record_of, unit_of
from slbench.scoring.source import Sample, Table

UNSPACED = ("Chinese", "Japanese")
"""Languages, as cards name them, that are written without spaces between words."""


@dataclass(frozen=True)
class Request:
    """What to score, against what."""

    predictions: Path
    """A file of them, or the record of a run."""
    references: Path | None = None
    asked: Asked = field(default_factory=Asked)
    allow_missing: bool = False
    bleurt: str | None = None
    """Folder or hub name of BLEURT-20's weights."""
    overlap: Path | None = None
    """Training texts: scores are also given without the references that are repeated in them."""


@dataclass(frozen=True)
class Loaded:
    """Predictions matched with their references, and how they are to be scored."""

    request: Request
    plan: Plan
    unit: TextUnit
    matched: Matched
    """In the order of ids, so that intervals do not depend on that of a file."""
    protocols: tuple[Protocol, ...]
    predictions_sha256: str | None
    """None: read from a pipe."""


def load(request: Request) -> Loaded:
    """Read and match the files, and find the protocols.

    Raises:
        SlbenchError: with the file, the line or the ids, and what to do.
    """
    request = of_run(request)
    check_there(request.predictions)
    planned = plan(request.asked, request.predictions, request.references)
    predictions = read_predictions(request.predictions, planned.family)
    references = _references(request, planned, predictions)
    _check_roles(predictions, references)
    matched = _sorted(match(predictions, references, request.allow_missing))
    unit = planned.unit or unit_of(answer.reference for answer in matched.answers)
    digest = file_digest(request.predictions) if request.predictions.is_file() else None
    return Loaded(request, planned, unit, matched, tuple(planned.protocols(unit)), digest)


def check_there(path: Path) -> None:
    """Raise DataError where there is no such file of predictions."""
    if not path.exists() or path.is_dir():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise DataError(f"{path}: {what}; name a file of predictions, or the record of a run")


def of_run(request: Request) -> Request:
    """For a record the predictions beside it."""
    if record_of(request.predictions) is None:
        return request
    return replace(request, predictions=request.predictions.with_suffix(PREDICTIONS))


def _check_roles(predictions: Table, references: Table | None) -> None:
    """Raise DataError where formats say that the files are swapped: a CTM holds hypotheses, an STM references."""
    for table, wrong, right in ((predictions, "STM", "CTM"), (references, "CTM", "STM")):
        if table is not None and table.format == wrong:
            raise DataError(f"{table.path}: is a {wrong} where a {right} belongs; are the two files swapped?")
    if references is not None and (predictions.format, references.format) == (TRUTH, PREDICTED):
        raise DataError(
            f"{predictions.path} holds lines of ground-truth and {references.path} lines of predictions; swap the two"
        )


def _sorted(matched: Matched) -> Matched:
    pairs = sorted(zip(matched.ids, matched.answers, strict=True), key=lambda pair: pair[0])
    ids, answers = zip(*pairs, strict=True)
    return replace(matched, ids=ids, answers=answers)


def _references(request: Request, planned: Plan, predictions: Table) -> Table | None:
    """From the file that was named, or the task's corpus where slbench can read it, or the predictions' own (None)."""
    if request.references is not None:
        return read_references(request.references, planned.family)
    if planned.task is None or planned.dataset is None:
        return None
    if is_readable(planned.dataset, planned.split):
        return corpus_references(planned.task, planned.dataset, planned.split)
    if any(sample.reference is None for sample in predictions.samples):
        raise DataError(
            f"--references FILE is needed: {planned.split} of {planned.dataset.name} is not prepared here "
            f"(slbench data prepare {planned.dataset.name} --source FOLDER)"
        )
    return None


def is_readable(dataset: DatasetCard, split: str) -> bool:
    """Whether slbench has the references of a split itself: it finds the corpus, or a user has prepared it."""
    if dataset.reader is None or not dataset.needs_source:
        return dataset.reader is not None
    from slbench.data.store import prepared_splits  # imports pyarrow

    return split in prepared_splits(dataset)


def corpus_references(task: TaskCard, dataset: DatasetCard, split: str) -> Table:
    """The references of a task's split, from the corpus itself."""
    from slbench.data.prepare import prepare  # imports pyarrow

    clips = prepare(dataset, [split]).split(split)
    samples = tuple(Sample(row.id, task.target(row.text, row.gloss)) for row in clips)
    return Table(Path(f"{task.name}:{split}"), "corpus", samples, ())


def notes_of(loaded: Loaded) -> tuple[str, ...]:
    """What a reader of the scores must know of the files."""
    return (*loaded.matched.notes, *_doubts(loaded), *_size(loaded.plan, len(loaded.matched.answers)), *_gaps(loaded))


def _doubts(loaded: Loaded) -> Iterator[str]:
    """What looks as if the files were not what they are given as."""
    answers, planned = loaded.matched.answers, loaded.plan
    references = [answer.reference for answer in answers]
    if planned.guessed:
        yield f"scored as {planned.family}, by the look of the references; --family says otherwise"
    if planned.family == "slt" and planned.unit is None:
        yield f"a token is one of {loaded.unit}, by the script of the references; --unit says otherwise"
    elif planned.task is not None and (planned.task.language in UNSPACED) != (unit_of(references) == "characters"):
        yield f"the references are not written in {planned.task.language}, the language of {planned.title}"
    if planned.family == "cslr" and not any(" " in reference.strip() for reference in references):
        yield "every reference is a single word; glosses have spaces between them"
    if not any(_tokens(loaded, answer.hypothesis or "") & _tokens(loaded, answer.reference) for answer in answers):
        yield "nothing of any prediction is in its reference; are they of the same samples, language and spacing?"
    if all(answer.hypothesis == answer.reference for answer in answers):
        yield "every prediction equals its reference"
    if all(answer.ranking and answer.hypothesis != answer.ranking[0] for answer in answers):
        yield "no prediction is the first of its ranking; is one of them in another spelling?"


def _is_published(loaded: Loaded) -> bool:
    """Whether there are as many samples as in a published version of the split; of a prepared corpus, the very ones."""
    dataset, split, ids = loaded.plan.dataset, loaded.plan.split, loaded.matched.ids
    if dataset is None:
        return len(ids) == loaded.plan.samples
    if dataset.needs_source and is_readable(dataset, split) and loaded.request.references is None:
        return check_listing(dataset, split, ids) is not None
    return source_of_count(dataset, split, len(ids)) is not None


def _tokens(loaded: Loaded, text: str) -> set[str]:
    return set(text if loaded.plan.family == "slt" and loaded.unit == "characters" else text.split())


def _size(planned: Plan, count: int) -> Iterator[str]:
    if planned.samples in (None, count):
        return
    source = source_of_count(planned.dataset, planned.split, count) if planned.dataset else None
    like = f", as many as in {source}" if source else ""
    yield f"{planned.split} of {planned.title} has {planned.samples:,} samples; here are {count:,}{like}"
    splits = planned.dataset.splits if planned.dataset else {}
    fitting = [split for split, samples in splits.items() if samples == count]
    if fitting:
        yield f"{fitting[0]} has as many: --split {fitting[0]}?"


def _gaps(loaded: Loaded) -> Iterator[str]:
    """What the protocols do not compute, or leave out."""
    answers = loaded.matched.answers
    lacking = sum(len(p.metrics) - len(p.computable(answers)) for p in loaded.protocols)
    if lacking:
        yield f"{lacking} accuracies at top k are left out: not every prediction has a ranking that long"
    for protocol in loaded.protocols:
        if out := protocol.left_out(answers):
            yield f"{protocol.name}, as its code does, leaves out {out:,} of {len(answers):,} samples (docs/score.md)"


def bars_of(loaded: Loaded) -> tuple[str, ...]:
    """Why scores of these files may not stand on a leaderboard."""
    matched, record = loaded.matched, loaded.plan.record
    failed = sum(answer.hypothesis is None for answer in matched.answers)
    whole, dataset = loaded.plan.samples, loaded.plan.dataset
    reasons = {
        f"--allow-missing: {len(matched.missing)} samples are missing": matched.missing,
        f"--allow-missing: {len(matched.extra)} samples are not in the references": matched.extra,
        f"{len(matched.silent)} samples have no line in the CTM": matched.silent,
        f"{failed} samples failed": failed,
        f"{len(matched.answers):,} of {whole or 0:,} samples": whole is not None and not _is_published(loaded),
        "the references are of --references, not the corpus's": dataset
        and loaded.request.references
        and is_readable(dataset, loaded.plan.split),
        "the predictions are not those of the record": record
        and record.predictions_sha256 != loaded.predictions_sha256,
    }
    return (*(record.barred if record else ()), *(reason for reason, holds in reasons.items() if holds))
