"""Scores of a file of predictions, under one protocol or several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slbench.errors import ModelError
from slbench.metrics.base import Answer, Metric, Score
from slbench.metrics.protocols import Protocol
from slbench.scoring.files import read_references
from slbench.scoring.load import Loaded, Request, bars_of, load, notes_of
from slbench.scoring.matching import Matched
from slbench.scoring.overlap import Overlap, overlap


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

    loaded: Loaded
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    barred: tuple[str, ...]
    """Why these scores may not stand on a leaderboard."""
    overlap: Overlap | None


def score(request: Request) -> Report:
    """Score a file.

    Raises:
        SlbenchError: with the file, the line or the ids, and what to do.
    """
    loaded = load(request)
    extra, left_out = bleurt(request.bleurt, loaded.protocols)
    repeated, read = _overlap(loaded)
    subsets = list(_subsets(loaded.matched, repeated))
    results = tuple(
        Result(protocol, tuple(protocol.score(answers, extra if protocol.bleurt else ())), without)
        for protocol in loaded.protocols
        for without, answers in subsets
        if answers
    )
    empty = [f"less {without}: nothing is left to score" for without, answers in subsets if not answers]
    notes = (*notes_of(loaded), *read, *left_out, *empty)
    return Report(loaded, results, notes, bars_of(loaded), repeated)


def bleurt(weights: str | None, protocols: Sequence[Protocol]) -> tuple[list[Metric], list[str]]:
    """BLEURT where it was asked for and is there, and a note where a protocol has it and it is left out."""
    wanting = [protocol.name for protocol in protocols if protocol.bleurt]
    if not wanting:
        return [], [] if weights is None else [f"--bleurt {weights}: no protocol here has BLEURT"]
    if weights is None:
        return [], [f"BLEURT-20 of {', '.join(wanting)} is left out; --bleurt FOLDER names its weights"]
    from slbench.metrics.bleurt import Bleurt

    try:
        return [Bleurt(weights)], []
    except ModelError as error:
        return [], [f"BLEURT-20 is left out: {error}"]


def _overlap(loaded: Loaded) -> tuple[Overlap | None, tuple[str, ...]]:
    """Which references are repeated in the training texts, if there are any, and the notes on those."""
    if loaded.request.overlap is None:
        return None, ()
    train = read_references(loaded.request.overlap, loaded.plan.family)
    references = (answer.reference for answer in loaded.matched.answers)
    texts = (sample.text or "" for sample in train.samples)
    return overlap(dict(zip(loaded.matched.ids, references, strict=True)), texts), train.notes


def _subsets(matched: Matched, repeated: Overlap | None) -> Iterator[tuple[str, Sequence[Answer]]]:
    """All answers; then those that are left without repeats, by what is left out."""
    yield "", matched.answers
    if repeated is None:
        return
    answers = dict(zip(matched.ids, matched.answers, strict=True))
    kinds = {"exact": repeated.exact, "normalised": repeated.normalised}
    if repeated.exact == repeated.normalised:
        del kinds["normalised"]
    for kind, repeats in kinds.items():
        if repeats:
            yield f"{len(repeats)} {kind}", [answers[name] for name in repeated.rest(repeats)]
