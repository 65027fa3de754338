"""Do two files of predictions say the same? For those who repeat published predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slbench.errors import OptionError
from slbench.metrics.base import Answer
from slbench.metrics.protocols import Protocol
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.load import Request, check_there, corpus_references, is_readable, of_run
from slbench.scoring.matching import by_name, common_ids, numbered
from slbench.scoring.plan import Plan, plan, record_beside, unit_of
from slbench.scoring.source import Sample, Table

AS_THEY_ARE = "as they are"
"""In place of a protocol's name."""


@dataclass(frozen=True)
class Difference:
    """A sample of which the two files say different things; None where one has failed, or nobody has the reference."""

    id: str
    here: str | None
    there: str | None
    reference: str | None


@dataclass(frozen=True)
class Identical:
    """How many hypotheses are the same, as they are or after what a protocol does to them."""

    texts: str
    """A protocol's name, or `AS_THEY_ARE`."""
    count: int


@dataclass(frozen=True)
class Agreement:
    """All that a reader of the comparison must know."""

    here: Path
    there: Path
    compared: int
    """Samples in both."""
    identical: tuple[Identical, ...]
    """As they are; unless that is all, also under every protocol that was named or is the task's."""
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    differences: tuple[Difference, ...]
    """The first ones in the order of the file; of those that the first protocol leaves, if it leaves any."""
    different: str
    """What of `identical` the differences go by."""
    notes: tuple[str, ...]


def agreement(request: Request, there: Path, count: int) -> Agreement:
    """Compare the hypotheses of two files, sample by sample.

    Args:
        request: the one file, and how it would be scored, which decides what is done to both before a second look.
        there: the other file, or the record of a run.
        count: of differences.

    Raises:
        SlbenchError: a file is wrong, they have no sample in common, or it is not known how to score them.
    """
    if request.overlap is not None or request.bleurt is not None:
        raise OptionError("--against compares texts and scores nothing; leave --overlap and --bleurt out")
    if request.allow_missing:
        raise OptionError("--against compares the samples that both files have, and lists others; drop --allow-missing")
    paths = [of_run(request).predictions, of_run(Request(there)).predictions]
    for path in paths:
        check_there(path)
    planned = plan(request.asked, next(filter(record_beside, paths), paths[0]), request.references, scoring=False)
    tables = [read_predictions(path, planned.family) for path in paths]
    same = common_ids(*tables)
    references = _references(request, planned, tables)
    return _agreement(planned, tables, same, references, count)


def _agreement(
    planned: Plan, tables: Sequence[Table], same: dict[str, str], references: dict[str, str], count: int
) -> Agreement:
    ours, theirs = (by_name(numbered(table)) for table in tables)
    pairs = [(ours[name], theirs[same[name]]) for name in ours if name in same]
    unit = planned.unit or unit_of(sample.text or "" for pair in pairs for sample in pair)
    left = {AS_THEY_ARE: [pair for pair in pairs if pair[0].text != pair[1].text]}
    if left[AS_THEY_ARE]:
        left |= {protocol.name: _left(protocol, pairs) for protocol in planned.protocols(unit)}
    by = next((name for name, found in [*left.items()][1:] if found), AS_THEY_ARE)
    found = [
        Difference(one.id or "", one.text, other.text, references.get(one.id or "")) for one, other in left[by][:count]
    ]
    taken = set(same.values())
    return Agreement(
        here=tables[0].path,
        there=tables[1].path,
        compared=len(pairs),
        identical=tuple(Identical(name, len(pairs) - len(others)) for name, others in left.items()),
        only_here=tuple(name for name in ours if name not in same),
        only_there=tuple(name for name in theirs if name not in taken),
        differences=tuple(found),
        different=by,
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )


def _left(protocol: Protocol, pairs: Sequence[tuple[Sample, Sample]]) -> list[tuple[Sample, Sample]]:
    """Pairs that still differ when the protocol has done to either what it does to hypotheses."""
    return [pair for pair in pairs if len({protocol.normalised(Answer("", one.text)).hypothesis for one in pair}) > 1]


def _references(request: Request, planned: Plan, tables: Sequence[Table]) -> dict[str, str]:
    """Id in the first file -> reference, as far as anybody has it: it is shown, and decides nothing."""
    table = _with_references(request, planned, tables)
    if table is None:
        return {}
    texts = by_name(numbered(table))
    return {name: texts[found].text or "" for name, found in common_ids(tables[0], table).items()}


def _with_references(request: Request, planned: Plan, tables: Sequence[Table]) -> Table | None:
    """Those that were named, or else those in a file of predictions, or else the corpus's."""
    if request.references is not None:
        return read_references(request.references, planned.family)
    for table in tables:
        if all(sample.reference is not None for sample in table.samples):
            return replace(table, samples=tuple(Sample(sample.id, sample.reference) for sample in table.samples))
    if planned.task is not None and planned.dataset is not None and is_readable(planned.dataset, planned.split):
        return corpus_references(planned.task, planned.dataset, planned.split)
    return None
