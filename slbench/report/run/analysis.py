"""What there is to say of a run's answers, as numbers."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from slbench.metrics.base import Score
from slbench.records import Prediction
from slbench.report.run.loaded import LoadedRun

T = TypeVar("T", str, tuple[str, str])


@dataclass(frozen=True)
class Part:
    """Some of the clips, and their score."""

    name: str
    score: Score


def by_length(run: LoadedRun) -> tuple[str, list[Part]]:
    """What lengths are counted in, and the score of each quarter of the clips, the shortest first.

    Without the clips themselves, the length is that of the reference.
    """
    if all(one.id in run.clips for one in run.predictions):
        unit, lengths = "frames", [run.clips[one.id].frames for one in run.predictions]
    else:
        unit = "characters of the reference" if _by_character(run) else "words of the reference"
        lengths = [len(tokens(run, one.reference)) for one in run.predictions]
    return unit, list(_quarters(run, lengths))


def _quarters(run: LoadedRun, lengths: Sequence[int]) -> Iterator[Part]:
    """Clips of one length are in one quarter, so quarters may differ in size, and there may be fewer."""
    edges = sorted({int(edge) for edge in np.quantile(lengths, [0.25, 0.5, 0.75, 1], method="higher")})
    below = min(lengths)
    for edge in edges:
        chosen = [one for one, length in zip(run.predictions, lengths, strict=True) if below <= length <= edge]
        if chosen:
            yield _part(run, f"{below} – {edge}" if below < edge else str(edge), chosen)
        below = edge + 1


def by_group(run: LoadedRun) -> list[Part]:
    """The score of each signer or signed language, in order of their names."""
    found: dict[str, list[Prediction]] = {}
    for one in run.predictions:
        if one.id in run.groups:
            found.setdefault(run.groups[one.id], []).append(one)
    return [_part(run, name, chosen) for name, chosen in sorted(found.items())]


def _part(run: LoadedRun, name: str, chosen: Sequence[Prediction]) -> Part:
    return Part(name, run.protocol.score([one.answer() for one in chosen])[0])


def _by_character(run: LoadedRun) -> bool:
    return run.record.task.family == "slt" and run.record.task.unit == "characters"


def tokens(run: LoadedRun, text: str) -> list[str]:
    """Characters without spaces where the task counts those, else words or glosses."""
    return list("".join(text.split())) if _by_character(run) else text.split()


Confusions = Mapping[tuple[str, str], int]
"""(reference, answer) -> clips."""


def confusions(run: LoadedRun) -> Confusions:
    """Of isolated signs; a failed clip is answered with nothing."""
    return Counter((one.reference, one.hypothesis or "") for one in run.predictions)


@dataclass(frozen=True)
class GlossErrors:
    """Errors of continuous recognition by gloss, the most frequent first."""

    confused: list[tuple[tuple[str, str], int]]
    """(reference, answer) and how often."""
    deleted: list[tuple[str, int]]
    inserted: list[tuple[str, int]]
    asked: Mapping[str, int]
    """How often each gloss is in the references."""


def gloss_errors(run: LoadedRun) -> GlossErrors:
    """Along jiwer's alignments, where each error costs one; of several such it takes one."""
    import jiwer

    pairs = [(one.reference.split(), (one.hypothesis or "").split()) for one in run.predictions]
    sides = zip(*((" ".join(there), " ".join(here)) for there, here in pairs if there), strict=True)
    references, hypotheses = map(list, sides)
    found = jiwer.process_words(references, hypotheses)
    confused: Counter[tuple[str, str]] = Counter()
    deleted: Counter[str] = Counter()
    inserted = Counter(gloss for there, here in pairs if not there for gloss in here)
    for reference, hypothesis, chunks in zip(found.references, found.hypotheses, found.alignments, strict=True):
        for chunk in chunks:
            there = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            here = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
            if chunk.type == "substitute":
                confused.update(zip(there, here, strict=True))
            elif chunk.type == "delete":
                deleted.update(there)
            elif chunk.type == "insert":
                inserted.update(here)
    asked = Counter(gloss for reference in found.references for gloss in reference)
    return GlossErrors(_ordered(confused), _ordered(deleted), _ordered(inserted), asked)


def _ordered(counts: "Counter[T]") -> "list[tuple[T, int]]":
    """The most frequent first, those of equal counts by name, so that a page is the same twice."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True)
class Piece:
    """A run of tokens of a reference and an answer."""

    kind: Literal["same", "missing", "added"]
    text: str


def difference(run: LoadedRun, one: Prediction) -> list[Piece]:
    """The reference turned into the answer: what both have, what is missing, what was added."""
    there, here = tokens(run, one.reference), tokens(run, one.hypothesis or "")
    between = "" if _by_character(run) else " "
    pieces = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, there, here, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", between.join(there[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("missing", between.join(there[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", between.join(here[j1:j2])))
    return pieces


def ordered_by_likeness(run: LoadedRun) -> list[tuple[float, Prediction]]:
    """(chrF of the sentence, prediction), the best first; the longer first among equals, since it is harder."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF(eps_smoothing=True)
    scored = [(metric.sentence_score(one.hypothesis or "", [one.reference]).score, one) for one in run.predictions]
    return sorted(scored, key=lambda pair: (-pair[0], -len(pair[1].reference), pair[1].id))


@dataclass(frozen=True)
class Ratio:
    """Lengths of answers against those of references, in tokens."""

    whole: float
    """Of all tokens together."""
    each: list[float]
    """Of every clip whose reference is not empty."""
    empty: int
    """Answers without a token."""


def length_ratio(run: LoadedRun) -> Ratio:
    """1 where answers are as long as references."""
    pairs = [(len(tokens(run, one.reference)), len(tokens(run, one.hypothesis or ""))) for one in run.predictions]
    asked = sum(there for there, _ in pairs)
    each = [here / there for there, here in pairs if there]
    return Ratio(sum(here for _, here in pairs) / asked if asked else 0.0, each, sum(not here for _, here in pairs))
