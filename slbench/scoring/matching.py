"""Predictions and references brought together by id."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slbench.errors import DataError, some
from slbench.metrics.base import Answer
from slbench.scoring.source import Sample, Table

VIDEO = re.compile(r"\.(mp4|avi|mov|mkv|webm)$", re.IGNORECASE)


@dataclass(frozen=True)
class Matched:
    """What is scored, in the order of the references."""

    ids: tuple[str, ...]
    """As the references have them; `line N` for plain lines."""
    answers: tuple[Answer, ...]
    """One an id."""
    missing: tuple[str, ...]
    """References without a prediction, left out."""
    extra: tuple[str, ...]
    """Predictions without a reference, ignored."""
    silent: tuple[str, ...]
    """References without a line in a CTM, which are scored as empty."""
    notes: tuple[str, ...]
    """Those of both files, and what a reader of the score must know about the matching."""


Pair = tuple[Sample, Sample]
"""A reference and its prediction."""


def match(predictions: Table, references: Table | None, allow_missing: bool = False) -> Matched:
    """Each reference with its prediction.

    Ids that differ only by the suffix of a video, or by a folder in front, are the same sample, unless that would
    make two samples of a file the same. Plain lines are matched by their number. A sample without words has no line
    in a CTM, so there a missing id is an empty hypothesis, as for sclite.

    Args:
        predictions: of `read_predictions`.
        references: of `read_references`; None takes those in the file of predictions.
        allow_missing: score what both files hold.

    Raises:
        DataError: no references; ids are missing, extra or there twice; nothing in common; an empty reference.
    """
    notes = predictions.notes
    if references is None:
        references = _own_references(predictions)
    else:
        notes += references.notes
    if _has_ids(predictions) and _has_ids(references):
        found = _by_id(predictions, references, allow_missing)
    else:
        found = _by_line(predictions, references)
    return replace(found, notes=tuple(dict.fromkeys((*notes, *found.notes))))


def _own_references(table: Table) -> Table:
    without = [sample.id or "" for sample in table.samples if sample.reference is None]
    if len(without) == len(table.samples):
        raise DataError(f"{table.path}: holds no references; give them with --references FILE")
    if without:
        raise DataError(f"{table.path}: {_listing('without a reference', without)}; give all with --references FILE")
    return replace(table, samples=tuple(Sample(sample.id, sample.reference) for sample in table.samples))


def _has_ids(table: Table) -> bool:
    return table.samples[0].id is not None


def _by_line(predictions: Table, references: Table) -> Matched:
    _check_lines(predictions, references)
    pairs = zip(numbered(references).samples, predictions.samples, strict=True)
    return _matched(list(pairs), predictions, references)


def _check_lines(predictions: Table, references: Table) -> None:
    """Raise DataError where samples cannot be matched by their lines."""
    for plain, other in ((predictions, references), (references, predictions)):
        if _has_ids(other):
            raise DataError(
                f"{plain.path} was read as plain lines, without ids, but {other.path} has ids ({other.format}); "
                f"give {plain.path} the same ids, for example as a table with a header 'id<tab>text'"
            )
    counts = len(predictions.samples), len(references.samples)
    if counts[0] != counts[1]:
        raise DataError(
            f"plain lines are matched by their number, but {predictions.path} has {counts[0]} "
            f"and {references.path} has {counts[1]}; an empty hypothesis needs an empty line"
        )


def _by_id(predictions: Table, references: Table, allow_missing: bool) -> Matched:
    found, wanted = by_name(predictions), by_name(references)
    same = _same_samples(list(found), list(wanted))
    if not same:
        raise _nothing_in_common(predictions, references)
    notes = _notes_on_ids(same)
    silent = [name for name in wanted if name not in same] if predictions.format == "CTM" else []
    found |= {name: Sample(name, "") for name in silent}
    same |= {name: name for name in silent}
    taken = set(same.values())
    missing = tuple(name for name in wanted if name not in same)
    extra = tuple(name for name in found if name not in taken)
    _check_ids(predictions, references, missing, extra, allow_missing)
    pairs = [(sample, found[same[name]]) for name, sample in wanted.items() if name in same]
    matched = _matched(pairs, predictions, references)
    notes += _notes_on_absence(silent, missing, extra)
    return replace(matched, missing=missing, extra=extra, silent=tuple(silent), notes=(*notes, *matched.notes))


def common_ids(table: Table, other: Table) -> dict[str, str]:
    """Id of each sample that both have -> its id in the other table; ids are compared as `match` does.

    Plain lines have the ids that `numbered` gives them.

    Raises:
        DataError: nothing in common, an id twice in a table, or ids in one and plain lines in the other.
    """
    if not (_has_ids(table) and _has_ids(other)):
        _check_lines(table, other)
    ours, theirs = numbered(table), numbered(other)
    same = _same_samples(list(by_name(theirs)), list(by_name(ours)))
    if not same:
        raise _nothing_in_common(ours, theirs)
    for one in (ours, theirs):
        if twice := _repeated(one, but_for_suffix=False):
            raise DataError(f"{one.path}: {_listing('ids more than once', twice)}; remove what is there twice")
    return same


def numbered(table: Table) -> Table:
    """The table with ids; plain lines get `line N`."""
    if _has_ids(table):
        return table
    samples = [replace(sample, id=f"line {number}") for number, sample in enumerate(table.samples, 1)]
    return replace(table, samples=tuple(samples))


def by_name(table: Table) -> dict[str, Sample]:
    """Samples by their ids."""
    return {_name(sample): sample for sample in table.samples}


def _name(sample: Sample) -> str:
    if sample.id is None:
        raise TypeError("a table has ids for all of its samples or for none")
    return sample.id


def _same_samples(found: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Reference id -> prediction id, for those in both."""
    for key in (_base, _stem):
        ours, theirs = {key(name): name for name in found}, {key(name): name for name in wanted}
        if len(ours) == len(found) and len(theirs) == len(wanted):
            return {name: ours[k] for k, name in theirs.items() if k in ours and _nested(ours[k], name)}
    exact = set(found)
    return {name: name for name in wanted if name in exact}


def _stem(name: str) -> str:
    return VIDEO.sub("", name.replace("\\", "/"))


def _base(name: str) -> str:
    return _stem(name).rpartition("/")[2]


def _nested(first: str, second: str) -> bool:
    """Whether one path is the end of the other: `test/a` and `a`, but not `test/a` and `dev/a`."""
    short, long = sorted((_stem(first), _stem(second)), key=len)
    return long == short or long.endswith(f"/{short}")


def _check_ids(
    predictions: Table, references: Table, missing: Sequence[str], extra: Sequence[str], allow_missing: bool
) -> None:
    twice = {
        f"more than once in {table.path}": _repeated(table, but_for_suffix=bool(missing or extra))
        for table in (predictions, references)
    }
    if allow_missing:
        missing = extra = ()
    problems = {f"missing in {predictions.path}": missing, f"only in {predictions.path}": extra, **twice}
    lines = [f"  {_listing(problem, ids)}" for problem, ids in problems.items() if ids]
    if lines:
        remedies = ["--allow-missing scores those in both"] if missing or extra else []
        remedies += ["remove what is there more than once"] if len(lines) > bool(missing) + bool(extra) else []
        places = " and ".join(dict.fromkeys((str(predictions.path), str(references.path))))
        raise DataError("\n".join([f"the ids of {places} do not match:", *lines, f"  {'; '.join(remedies)}"]))


def _repeated(table: Table, but_for_suffix: bool) -> list[str]:
    """Ids that a file has more than once; also those that differ only by the suffix of a video."""
    key = _stem if but_for_suffix else str
    return [name for name, count in Counter(key(_name(sample)) for sample in table.samples).items() if count > 1]


def _nothing_in_common(predictions: Table, references: Table) -> DataError:
    first = {
        table.path: ", ".join(_name(sample) for sample in table.samples[:3]) for table in (predictions, references)
    }
    begins = "; ".join(f"{path} begins with {ids}" for path, ids in first.items())
    return DataError(f"no id of {predictions.path} is in {references.path}: {begins}; are they of the same split?")


def _notes_on_ids(same: dict[str, str]) -> list[str]:
    other = [(name, found) for name, found in same.items() if name != found]
    if not other:
        return []
    first = f"first: {other[0][1]} is {other[0][0]}"
    return [f"video suffixes and folders in ids were ignored in {len(other)} of {len(same)} samples ({first})"]


def _notes_on_absence(silent: Sequence[str], missing: Sequence[str], extra: Sequence[str]) -> list[str]:
    kinds = {
        "without a line in the CTM, scored as empty as sclite does": silent,
        "without a prediction, left out": missing,
        "without a reference, ignored": extra,
    }
    return [_listing(what, ids) for what, ids in kinds.items() if ids]


def _matched(pairs: list[Pair], predictions: Table, references: Table) -> Matched:
    empty = [_name(wanted) for wanted, _ in pairs if not (wanted.text or "").strip()]
    if empty:
        raise DataError(
            f"{references.path}: {_listing('empty references', empty)}; nothing can be scored against them, remove "
            f"them (and use --allow-missing) or fill them in"
        )
    answers = tuple(Answer(wanted.text or "", found.text, found.ranking) for wanted, found in pairs)
    notes = (*_notes_on_references(pairs, predictions, references), *_notes_on_texts(answers))
    return Matched(tuple(_name(wanted) for wanted, _ in pairs), answers, (), (), (), notes)


def _notes_on_references(pairs: list[Pair], predictions: Table, references: Table) -> list[str]:
    differ = sum(found.reference is not None and found.reference != wanted.text for wanted, found in pairs)
    if not differ:
        return []
    return [f"references in {predictions.path} differ in {differ} of {len(pairs)} samples; {references.path} counts"]


def _notes_on_texts(answers: Sequence[Answer]) -> list[str]:
    failed = sum(answer.hypothesis is None for answer in answers)
    empty = sum(answer.hypothesis is not None and not answer.hypothesis.strip() for answer in answers)
    notes = {"failed, counted as empty": failed, "empty": empty}
    return [f"hypotheses {what}: {count} of {len(answers)}" for what, count in notes.items() if count]


def _listing(problem: str, ids: Sequence[str]) -> str:
    return f"{len(ids)} {problem}: {some(ids)}"
