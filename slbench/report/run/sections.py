"""The page as sections, before any format: notes, a picture, a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slbench.records import Prediction
from slbench.report.run import charts
from slbench.report.run.analysis import (
    GlossErrors,
    Part,
    Piece,
    by_group,
    by_length,
    confusions,
    difference,
    gloss_errors,
    length_ratio,
    ordered_by_likeness,
)
from slbench.report.run.loaded import LoadedRun
from slbench.report.tables import composed, interval, label

SHOWN = 15
"""Rows of a table of errors."""
EXAMPLES = 8
"""Best and worst translations, each."""
Cell = str | tuple[Piece, ...]
"""Text of data or of ours; or a reference turned into an answer."""


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    title: str
    notes: tuple[str, ...] = ()
    picture: str = ""
    """SVG."""
    told: str = ""
    """What the picture shows, for those who cannot see it."""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    numbers: tuple[str, ...] = ()
    """Columns that are set to the right."""


def title_of(run: LoadedRun) -> str:
    """Model, task, split, and what a reader must not miss."""
    record = run.record
    return ", ".join([f"{record.model.name} on {record.task.name}", record.task.split, *composed(record)])


def sections(run: LoadedRun) -> list[Section]:
    """Everything there is to say, in order."""
    return [*_always(run), *{"islr": _islr, "cslr": _cslr, "slt": _slt}[run.record.task.family](run), _made(run)]


def _always(run: LoadedRun) -> Iterator[Section]:
    record = run.record
    barred = [f"Not for a leaderboard: {reason}." for reason in record.barred]
    rows = [
        (label(score), f"{score.value:.2f}", interval(score), score.unit, protocol)
        for protocol, scores in {record.protocol: record.scores, **record.also}.items()
        for score in scores
    ]
    columns = ("score", "value", "95 % interval", "unit", "protocol")
    yield Section("Scores", (*barred, *record.notes), columns=columns, rows=tuple(rows), numbers=("value",))
    unit, parts = by_length(run)
    yield _parts("Score by length", parts, unit, run.notes)
    if groups := by_group(run):
        yield _parts(f"Score by {run.grouped_by}", groups, run.grouped_by, ())
    if record.failed:
        yield Section("Failed clips", (), columns=("clip", "why"), rows=tuple(record.failed.items()))


def _parts(title: str, parts: Sequence[Part], label_text: str, notes: tuple[str, ...]) -> Section:
    rows = [
        (part.name, str(part.score.samples), f"{part.score.value:.2f}", f"{part.score.low:.1f} – {part.score.high:.1f}")
        for part in parts
    ]
    told = f"{title}, as in the table"
    columns = (label_text, "clips", label(parts[0].score), "95 % interval")
    picture = charts.parts_chart(parts, label_text)
    return Section(title, notes, picture, told, columns, tuple(rows), columns[1:3])


def _islr(run: LoadedRun) -> Iterator[Section]:
    found = confusions(run)
    wrong = sorted(
        ((count, *pair) for pair, count in found.items() if pair[0] != pair[1]), key=lambda x: (-x[0], *x[1:])
    )
    asked = {there: sum(n for (one, _), n in found.items() if one == there) for _, there, _ in wrong}
    rows = [(there, here or "(nothing)", str(count), str(asked[there])) for count, there, here in wrong[:SHOWN]]
    of = len({there for there, _ in found})
    shown = len(charts.matrix_glosses(found))
    note = [f"Of {of} glosses, the {shown} with the most errors."] * (shown < of)
    yield Section(
        "Confusions", (*note, *_more(len(wrong), "pairs")), charts.confusion_chart(found),
        "Confusion matrix: references down, answers across; the table holds the most frequent pairs off the diagonal",
        ("reference", "answered as", "clips", "of clips"), tuple(rows), ("clips", "of clips"),
    )  # fmt: skip


def _more(count: int, what: str) -> list[str]:
    return [f"The {SHOWN} most frequent of {count} {what}."] if count > SHOWN else []


def _cslr(run: LoadedRun) -> Iterator[Section]:
    found = gloss_errors(run)
    aligned = "Aligned by jiwer: each error costs one."
    confused = [(*pair, str(count), str(found.asked[pair[0]])) for pair, count in found.confused[:SHOWN]]
    yield Section(
        "Most confused glosses", (aligned, *_more(len(found.confused), "pairs")),
        columns=("reference", "answered as", "times", "of"), rows=tuple(confused), numbers=("times", "of"),
    )  # fmt: skip
    yield _single("Most deleted glosses", found.deleted, found)
    yield _single("Most inserted glosses", found.inserted, found)
    yield _ratio(run)
    yield from _examples(run)


def _single(title: str, counts: Sequence[tuple[str, int]], found: GlossErrors) -> Section:
    rows = [(gloss, str(count), str(found.asked.get(gloss, 0))) for gloss, count in counts[:SHOWN]]
    columns = ("gloss", "times", "in references")
    return Section(title, tuple(_more(len(counts), "glosses")), columns=columns, rows=tuple(rows), numbers=columns[1:])


def _slt(run: LoadedRun) -> Iterator[Section]:
    yield _ratio(run)
    yield from _examples(run)


def _ratio(run: LoadedRun) -> Section:
    found = length_ratio(run)
    notes = (f"All answers together are {found.whole:.2f} times as long as the references; {found.empty} are empty.",)
    rows = [(what, f"{value:.2f}") for what, value in _quartiles(found.each)]
    return Section(
        "Length of answers", notes, charts.ratio_chart(found.each), "Histogram of the length ratio",
        ("clips, by length ratio", "ratio"), tuple(rows), ("ratio",),
    )  # fmt: skip


def _quartiles(values: Sequence[float]) -> Iterator[tuple[str, float]]:
    import numpy as np

    if values:
        names = ("shortest", "first quarter", "median", "third quarter", "longest")
        yield from zip(names, map(float, np.quantile(values, [0, 0.25, 0.5, 0.75, 1])), strict=True)


def _examples(run: LoadedRun) -> Iterator[Section]:
    ordered = ordered_by_likeness(run)
    count = min(EXAMPLES, len(ordered) // 2 or 1)
    note = ("Ordered by chrF of the sentence. What is missing is struck through, what was added is underlined.",)
    columns = ("clip", "chrF", "reference", "answer", "difference")
    for title, chosen in (("Best answers", ordered[:count]), ("Worst answers", ordered[::-1][:count])):
        rows = tuple(_example(run, value, one) for value, one in chosen)
        yield Section(title, note, columns=columns, rows=rows, numbers=("chrF",))


def _example(run: LoadedRun, value: float, one: Prediction) -> tuple[Cell, ...]:
    return one.id, f"{value:.0f}", one.reference, _answer(one), tuple(difference(run, one))


def _answer(one: Prediction) -> str:
    return "(failed)" if one.hypothesis is None else one.hypothesis or "(empty)"


def _made(run: LoadedRun) -> Section:
    record = run.record
    options, machine = record.options, record.environment
    rows = (
        ("run", record.run), ("made", record.created), ("task", f"{record.task.name} {record.task.version}"),
        ("poses", record.task.pose_source), ("model", record.model.name), ("looks at", record.model.inputs),
        ("weights", f"{record.model.weights_sha256[:8]} {record.model.weights_from}".strip()),
        ("trained on", record.model.trained_on), ("decoding", f"{options.decoding}, {options.num_beams} beams"),
        ("precision", options.precision), ("seed", str(options.seed)), ("slbench", machine.slbench),
        ("commit", machine.commit or ""),
        ("hardware", machine.accelerator or f"{machine.processor}, threads: {machine.threads}"),
        ("clips a second", f"{record.cost.clips_per_second:.1f}"), ("predictions sha256", record.predictions_sha256),
    )  # fmt: skip
    return Section("How it was made", (), columns=("", "value"), rows=tuple(row for row in rows if row[1]))
