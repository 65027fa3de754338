"""Which column of a table, or key of a JSON object, holds what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slbench.cards import Family
from slbench.scoring.source import Source

IDS = (
    *("id", "sample", "sample_id", "name", "sentence_name", "sentence_id", "clip", "clip_id", "clip_name"),
    *("utterance_id", "utt_id", "key", "video_name", "video_id", "vid", "video", "file", "filename", "file_name"),
)
"""Usual names of ids; the first that a file has is taken (How2Sign has four, its sentences' names are those in use)."""
HYPOTHESES = frozenset(
    {"hypothesis", "hypotheses", "hyp", "hyps", "prediction", "predictions", "predicted", "pred", "preds", "output"}
)
REFERENCES = frozenset(
    {"reference", "references", "ref", "refs", "ground_truth", "groundtruth", "gt", "target", "gold"}
)
GLOSSES = frozenset({"gloss", "glosses", "gloss_sequence", "label_gloss", "orth", "annotation", "annotations"})
TRANSLATIONS = frozenset({"translation", "translations", "sentence", "sentences", "caption", "transcription"})
ANY_TEXT = frozenset({"text", "label"})
NO_TEXT = frozenset({"split", "signer", "speaker", "start", "end", "fps", "frames", "num_frames", "length", "score"})
"""What is never a text, even beside nothing but ids."""
TEXTS: dict[Family, frozenset[str]] = {"islr": GLOSSES, "cslr": GLOSSES, "slt": TRANSLATIONS}
"""Names that corpora give to what a family asks for."""
KNOWN = frozenset(IDS) | HYPOTHESES | REFERENCES | GLOSSES | TRANSLATIONS | ANY_TEXT
SHOWN = 10
"""Names that an error lists."""
PLAINEST = frozenset({"id", "hypothesis", "reference"})


@dataclass(frozen=True)
class Columns:
    """Names of the columns to read."""

    id: str
    text: str
    """Of what the file was given as."""
    reference: str | None
    """Of a reference beside a hypothesis."""
    notes: list[str]


def canonical(name: str) -> str:
    """A name as the lists of this module spell it."""
    return re.sub(r"[\s.-]+", "_", name.strip().casefold())


def choose(source: Source, names: Sequence[str]) -> Columns:
    """The columns with ids and texts, by their usual names.

    A column that a corpus would call so (`gloss`, `translation`) is the reference beside a column of hypotheses, and
    else whatever the file was given as. Of exactly two columns one must have a usual name.

    Raises:
        DataError: there is no such choice, or more than one.
    """
    named = [canonical(name) for name in names if name.strip()]
    if len(set(named)) < len(named):
        raise source.error(f"two columns have the same name; its columns are {listed(names)}")
    ids = _first_id(names) or _partner(names)
    hypothesis = _single(source, names, HYPOTHESES)
    explicit = _single(source, names, REFERENCES)
    if source.role == "references":
        text, reference = explicit or _asked(source, names), None
    elif hypothesis:
        text, reference = hypothesis, explicit or _asked(source, names)
    else:
        text = _asked(source, names)
        reference = explicit if text else None
    text = text or _last(source, names, ids)
    if ids is None or text is None or ids == text:
        raise _no_choice(source, names)
    return Columns(ids, text, reference, _notes(source, ids, text, reference))


def _first_id(names: Sequence[str]) -> str | None:
    by_name = {canonical(name): name for name in names}
    return next((by_name[name] for name in IDS if name in by_name), None)


def _single(source: Source, names: Sequence[str], wanted: frozenset[str]) -> str | None:
    found = [name for name in names if canonical(name) in wanted]
    if len(found) > 1:
        raise source.error(f"{listed(found)} could each be the column to read; leave one of them")
    return found[0] if found else None


def _asked(source: Source, names: Sequence[str]) -> str | None:
    """The column that a corpus would call by what the family asks for."""
    return _single(source, names, TEXTS[source.family]) or _single(source, names, ANY_TEXT)


def _partner(names: Sequence[str]) -> str | None:
    """Of two columns, the unknown one beside a text; a digit in it would rather be a sample's id than a name."""
    unknown = [name for name in names if canonical(name) not in KNOWN and not re.search(r"\d", name)]
    return unknown[0] if len(names) == 2 and len(unknown) == 1 else None


def _last(source: Source, names: Sequence[str], ids: str | None) -> str | None:
    """Of two columns, the one beside the ids, unless it belongs to another family or looks like a sample."""
    others = [name for name in names if name != ids]
    if ids is None or len(others) != 1 or re.search(r"\d", others[0]):
        return None
    foreign = (GLOSSES | TRANSLATIONS) - TEXTS[source.family]
    return None if canonical(others[0]) in foreign | NO_TEXT | set(IDS) else others[0]


def _no_choice(source: Source, names: Sequence[str]) -> Exception:
    return source.error(
        f"its columns are {listed(names)}; it is not clear which hold ids and {source.role} ({source.family}): "
        f"call them 'id' and {_plainest(source)!r}"
    )


def _notes(source: Source, ids: str, text: str, reference: str | None) -> list[str]:
    if {canonical(name) for name in (ids, text, reference or text)} <= PLAINEST and text == _plainest(source):
        return []
    own = f", their references from {reference!r}" if reference else ""
    return [f"ids are from {ids!r}, {source.role} from {text!r}{own}"]


def _plainest(source: Source) -> str:
    return "hypothesis" if source.role == "predictions" else "reference"


def listed(names: Sequence[str]) -> str:
    """The first names in quotes, long ones cut."""
    more = ", …" if len(names) > SHOWN else ""
    return ", ".join(repr(name[:40]) for name in names[:SHOWN]) + more
