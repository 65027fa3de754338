"""What a page about a run says, as values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slbench.cards import TextUnit
from slbench.metrics.base import Answer
from slbench.metrics.protocols import Protocol, get_protocol
from slbench.report.run.clips import KnownClips, known_clips
from slbench.report.run.confusion import Confusion, confusion
from slbench.report.run.finding import LoadedRun
from slbench.report.run.glosses import Glosses, gloss_errors
from slbench.report.run.groups import Grouping, Scored
from slbench.report.run.sentences import Sentences, sentences


@dataclass(frozen=True)
class Analysis:
    """A run, looked into."""

    run: LoadedRun
    clips: KnownClips
    unlike: tuple[str, ...]
    """Scores of the record that its predictions do not give."""
    by_length: Grouping | None
    """In frames, or where the corpus is not at hand in tokens of the reference; None where all clips are alike."""
    by_language: Grouping | None
    by_signer: Grouping | None
    confusion: Confusion | None
    """ISLR only."""
    glosses: Glosses | None
    """CSLR only."""
    sentences: Sentences | None
    """CSLR and SLT."""


def analyse(run: LoadedRun) -> Analysis:
    """Look into a run.

    Raises:
        CardError: the record names a protocol that this slbench does not know.
    """
    task = run.record.task
    protocol = get_protocol(run.record.protocol, task.family, task.unit)
    answers = [prediction.answer() for prediction in run.predictions]
    seen = [protocol.normalised(answer) for answer in answers]
    clips, unit = known_clips(run), unit_of(run)
    scored = _scored(run, protocol, seen)
    return Analysis(
        run,
        clips,
        tuple(_unlike(run, answers)),
        _by_length(run, clips, scored),
        scored.by_name("signed language", clips.languages),
        scored.by_name("signer", clips.signers),
        confusion(seen) if task.family == "islr" else None,
        gloss_errors(seen) if task.family == "cslr" else None,
        None if task.family == "islr" else sentences(run.predictions, unit),
    )


def unit_of(run: LoadedRun) -> TextUnit:
    """What a token of an answer is: of glosses always a word."""
    return run.record.task.unit if run.record.task.family == "slt" else "words"


def _scored(run: LoadedRun, protocol: Protocol, seen: Sequence[Answer]) -> Scored:
    metric = protocol.metrics[0]
    return Scored(tuple(prediction.id for prediction in run.predictions), metric, metric.statistics(seen))


def _by_length(run: LoadedRun, clips: KnownClips, scored: Scored) -> Grouping | None:
    if clips.frames:
        return scored.by_length("frames", clips.frames)
    unit = unit_of(run)
    texts = {prediction.id: prediction.reference for prediction in run.predictions}
    lengths = {name: len(text.split() if unit == "words" else "".join(text.split())) for name, text in texts.items()}
    what = "glosses" if run.record.task.family != "slt" else unit
    return scored.by_length(f"{what} of the reference", lengths)


def _unlike(run: LoadedRun, answers: Sequence[Answer]) -> list[str]:
    """Scores that come out otherwise when the predictions are scored again; those that need more are not looked at."""
    record, found = run.record, []
    for name, stamps in {record.protocol: record.scores, **record.also}.items():
        protocol = get_protocol(name, record.task.family, record.task.unit)
        values = {score.name: score.value for score in protocol.score(answers)}
        found += [
            f"{stamp.name} of {name}"
            for stamp in stamps
            if stamp.name in values and not math.isclose(values[stamp.name], stamp.value, abs_tol=1e-6)
        ]
    return found
