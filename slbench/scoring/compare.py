"""Two files of predictions, or two runs, compared on the same samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slbench.errors import DataError, OptionError, near
from slbench.metrics.base import Answer, Metric
from slbench.metrics.paired import Changes, Comparison, changes, compare
from slbench.metrics.protocols import Protocol
from slbench.records import parse_record
from slbench.scoring.score import Loaded, Request, load

ALL = "all"
"""As `--metric`: every score of the protocol."""


@dataclass(frozen=True)
class Compared:
    """The scores of both under one protocol."""

    protocol: Protocol
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class FileComparison:
    """All that a reader of a comparison must know."""

    a: Loaded
    b: Loaded
    compared: tuple[Compared, ...]
    changes: Changes
    """By the first comparison."""
    notes: tuple[str, ...]


def compare_files(a: Request, b: Request, metric: str | None, count: int, seed: int) -> FileComparison:
    """Compare two files or runs.

    Args:
        metric: name of a score, `ALL`, or None: the one that ranks.
        count: of samples in either direction.
        seed: of the resampling.

    Raises:
        SlbenchError: a file is wrong, the two hold different samples, or there is no such score.
    """
    loaded_a, loaded_b = load(_predictions(a)), load(_predictions(b))
    answers_b = _in_order_of(loaded_a, loaded_b)
    notes = tuple(dict.fromkeys((*loaded_a.matched.notes, *loaded_b.matched.notes)))
    pairs = {
        protocol: (
            [protocol.normalised(x) for x in loaded_a.matched.answers],
            [protocol.normalised(x) for x in answers_b],
        )
        for protocol in loaded_a.protocols
    }
    compared = tuple(Compared(protocol, _compare(protocol, *pair, metric, seed)) for protocol, pair in pairs.items())
    first = compared[0]
    name = first.comparisons[0].name
    of_metric = _metrics(first.protocol, *pairs[first.protocol], name)[0]
    found = changes(of_metric, *pairs[first.protocol], loaded_a.matched.ids, count)
    return FileComparison(loaded_a, loaded_b, compared, next(c for c in found if c.name == name), notes)


def _predictions(request: Request) -> Request:
    """For a record the predictions beside it, after a look at whether it is one."""
    path = request.predictions
    if path.suffix != ".json" or not path.is_file():
        return request
    parse_record(path.read_text(encoding="utf-8"), str(path))
    return replace(request, predictions=path.with_suffix(".predictions.jsonl"))


def _in_order_of(a: Loaded, b: Loaded) -> list[Answer]:
    """The second's answers in the first's order.

    Raises:
        DataError: they are not of the same samples.
    """
    of_b = dict(zip(b.matched.ids, b.matched.answers, strict=True))
    only = (
        [name for name in a.matched.ids if name not in of_b],
        [name for name in of_b if name not in set(a.matched.ids)],
    )
    if any(only):
        sides = zip((a, b), only, strict=True)
        listed = [f"only in {side.request.predictions}: {_some(names)}" for side, names in sides if names]
        raise DataError(f"the two are not of the same samples; {'; '.join(listed)}. Only the same samples compare")
    return [of_b[name] for name in a.matched.ids]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")


def _compare(
    protocol: Protocol, a: list[Answer], b: list[Answer], metric: str | None, seed: int
) -> tuple[Comparison, ...]:
    name = metric or next(iter(protocol.metrics[0].signatures))
    found = [one for wanted in _metrics(protocol, a, b, name) for one in compare(wanted, a, b, seed)]
    return tuple(one for one in found if name in (ALL, one.name))


def _metrics(protocol: Protocol, a: list[Answer], b: list[Answer], name: str) -> list[Metric]:
    """The protocol's metrics that have this score.

    Raises:
        OptionError: none has it.
    """
    computable = [metric for metric in protocol.computable(a) if metric in protocol.computable(b)]
    known = [score for metric in computable for score in metric.signatures]
    if name != ALL and name not in known:
        raise OptionError(f"--metric {name}: protocol {protocol.name} has no such score here{near(name, known)}")
    return [metric for metric in computable if name in (ALL, *metric.signatures)]
