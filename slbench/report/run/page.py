"""What was found in a run, put into words."""

from collections.abc import Iterator, Sequence

from slbench.cards import TextUnit
from slbench.metrics.base import CONFIDENCE
from slbench.records import RunRecord, ScoreStamp
from slbench.report.entries import settings
from slbench.report.run.analysis import Analysis, unit_of
from slbench.report.run.blocks import Cell, Marked, Page, Picture, Section, Table
from slbench.report.run.charts import bin_names, confusion_chart, errors_chart, groups_chart, ratio_chart
from slbench.report.run.confusion import MOST as MOST_GLOSSES
from slbench.report.run.confusion import Confusion
from slbench.report.run.facts import facts
from slbench.report.run.glosses import Glosses
from slbench.report.run.groups import FEWEST, Grouping
from slbench.report.run.sentences import Lengths, Piece, Sentence, Sentences
from slbench.report.run.text import LONGEST, closed, named, plural
from slbench.report.tables import interval, label, value

SHOWN = 20
"""Rows of a list that has no end of its own."""
FEW, BARS = 10, 15
INTERVAL = f"{CONFIDENCE:.0%} interval".replace("%", " %")
ALIGNED = (
    "Aligned as sclite does: an insertion and a deletion cost 3 each, a substitution 4, "
    "and every error on the cheapest alignment counts."
)


def page_of(found: Analysis) -> Page:
    """The page of a run."""
    record = found.run.record
    labels = settings(record)
    subtitle = [f"run {record.run}", record.created, f"task version {record.task.version}", *labels]
    return Page(
        title=f"{record.model.name} on {record.task.name}, {record.task.split}",
        subtitle=", ".join(subtitle),
        warnings=tuple(_warnings(found)),
        notes=record.notes,
        sections=tuple(_sections(found)),
    )


def _warnings(found: Analysis) -> Iterator[str]:
    record = found.run.record
    if record.options.mock:
        yield "Mock run: the clips were made up, so the scores say nothing about signing."
    if record.task.composed:
        yield "Composed clips: they were put together from recordings of parts and are not real continuous signing."
    if record.failed:
        yield f"{plural(len(record.failed), 'clip')} of {record.task.clips:,} failed and count as wrong."
    if found.unlike:
        yield f"The predictions, scored again, do not give what the record says in {', '.join(found.unlike)}."
    if record.barred:
        yield closed(f"Not for a leaderboard: {'; '.join(record.barred)}")


def _sections(found: Analysis) -> Iterator[Section]:
    yield _scores(found.run.record)
    yield _by_length(found)
    for grouping, name in ((found.by_language, "language"), (found.by_signer, "signer")):
        if grouping is not None:
            yield Section(f"By {grouping.by}", (), _groups_picture(grouping, name), (_groups_table(grouping),))
    if found.confusion is not None:
        yield _confusion(found.confusion)
    if found.glosses is not None:
        yield _glosses(found.glosses, found.run.record.scores[0])
    if found.sentences is not None:
        yield _best_and_worst(found.sentences, _unit(found))
        if found.sentences.lengths is not None:
            yield _lengths(found.sentences.lengths, _unit(found))
    if found.run.record.failed:
        yield _failed(found.run.record)
    yield Section("Where it comes from", tables=(Table("", ("what", "value"), tuple(facts(found.run))),))


def _scores(record: RunRecord) -> Section:
    protocols = {record.protocol: record.scores, **record.also}
    rows = [
        (label(score, with_unit=True), value(score), interval(score), f"{score.samples:,}", name)
        for name, scores in protocols.items()
        for score in scores
    ]
    arrow = " ↓: lower is better." if any(score.better == "lower" for score in record.scores) else ""
    text = f"The first row ranks, under protocol {record.protocol}. Intervals: bootstrap over clips.{arrow}"
    columns = ("score", "value", INTERVAL, "clips", "protocol")
    return Section("Scores", (text,), None, (Table("", columns, tuple(rows), columns[1:4]),))


def _by_length(found: Analysis) -> Section:
    why = "" if found.clips.frames else closed(f"How many frames a clip has is not known here: {found.clips.why_not}")
    grouping, title = found.by_length, "By clip length" if found.clips.frames else "By length of the reference"
    if grouping is None:
        what = "frames" if found.clips.frames else f"{_unit(found)} in the reference"
        return Section(title, tuple(filter(None, (why, f"All clips have as many {what}."))))
    texts = filter(None, (why, f"Quarters of the clips by {grouping.by}; those of one length stay together."))
    return Section(title, tuple(texts), _groups_picture(grouping, "length"), (_groups_table(grouping),))


def _unit(found: Analysis) -> str:
    return "glosses" if found.run.record.task.family != "slt" else unit_of(found.run)


def _groups_picture(found: Grouping, name: str) -> Picture:
    """With what it shows in words: the best and the worst."""
    ordered = sorted(found.groups, key=lambda group: group.value, reverse=found.better == "higher")
    first, last = ordered[0], ordered[-1]
    says = (
        f"{found.score} by {found.by}, a dot and its {INTERVAL} for each of {len(found.groups)} groups; best "
        f"{first.value:.1f} ({first.name}), worst {last.value:.1f} ({last.name}). The table has all."
    )
    return Picture(name, says, lambda: groups_chart(found))


def _groups_table(found: Grouping) -> Table:
    arrow, unit = " ↓" * (found.better == "lower"), " %" * (found.unit == "%")
    score = f"{found.score}{unit}{arrow}"
    rows: list[tuple[Cell, ...]] = [
        (
            group.name,
            f"{group.value:.1f}",
            f"fewer than {FEWEST} clips" if group.low is None else f"{group.low:.1f} – {group.high:.1f}",
            f"{group.clips:,}",
        )
        for group in found.groups
    ]
    if found.left_out:
        rows.append(("not known", "", "", f"{found.left_out:,}"))
    return Table("", (found.by, score, INTERVAL, "clips"), tuple(rows), (score, INTERVAL, "clips"))


def _confusion(found: Confusion) -> Section:
    wrong = found.total - found.right
    texts = [f"{found.right:,} of {found.total:,} answers are right. Colour: share of the clips of a row."]
    if found.known > MOST_GLOSSES:
        texts.append(f"The picture has {MOST_GLOSSES} of {found.known:,} glosses, those with the most errors.")
    says = (
        f"Matrix of {len(found.glosses)} glosses against answers: {found.right:,} of {found.total:,} on the diagonal. "
        "The table has the most frequent of the others."
    )
    rows = [(one.reference, named(one.hypothesis), f"{one.clips:,}", f"{one.of:,}") for one in found.pairs[:SHOWN]]
    columns = ("reference", "answer", "clips", "of")
    title = _title("Most confused", len(rows), len(found.pairs))
    tables = (Table(title, columns, tuple(rows), columns[2:]),) if wrong else ()
    return Section("Confusions", tuple(texts), Picture("confusion", says, lambda: confusion_chart(found)), tables)


def _title(what: str, shown: int, known: int) -> str:
    return f"{what}, {shown} of {known:,}" if shown < known else what


def _glosses(found: Glosses, score: ScoreStamp) -> Section:
    counted = (
        f"Of {found.asked:,} glosses that are asked for, {found.substituted:,} are substituted and {found.deleted:,} "
        f"deleted; {found.inserted:,} are inserted. {ALIGNED}"
    )
    texts = [counted]
    if "costs:3-3-4" not in score.signature:
        texts.append(f"{score.name} above counts the fewest errors that there can be, so its counts may be smaller.")
    if not found.errors:
        return Section("Gloss errors", tuple(texts))
    bars = found.errors[:BARS]
    says = (
        f"Bars of substitutions, deletions and insertions of the {len(bars)} glosses with the most errors; "
        f"first {bars[0].gloss} with {bars[0].total:,}. The tables have the figures."
    )
    deleted = [(one.gloss, one.deleted, one.asked) for one in found.errors]
    inserted = [(one.gloss, one.inserted, one.asked) for one in found.errors]
    lists = _confused(found), _most("deleted", deleted), _most("inserted", inserted)
    tables = (_per_gloss(found), *filter(None, lists))
    return Section("Gloss errors", tuple(texts), Picture("glosses", says, lambda: errors_chart(bars)), tables)


def _per_gloss(found: Glosses) -> Table:
    rows = [
        (one.gloss, f"{one.asked:,}", f"{one.substituted:,}", f"{one.deleted:,}", f"{one.inserted:,}")
        for one in found.errors[:SHOWN]
    ]
    columns = ("gloss", "asked for", "substituted", "deleted", "inserted")
    title = _title("Glosses with the most errors", len(rows), len(found.errors))
    return Table(title, columns, tuple(rows), columns[1:])


def _most(kind: str, counts: Sequence[tuple[str, int, int]]) -> Table | None:
    """Glosses with the most errors of a kind, from (gloss, times, asked for)."""
    found = sorted((one for one in counts if one[1]), key=lambda one: (-one[1], one[0]))
    rows = [(gloss, f"{times:,}", f"{asked:,}") for gloss, times, asked in found[:FEW]]
    columns = ("gloss", kind, "asked for")
    return Table(_title(f"Most {kind}", len(rows), len(found)), columns, tuple(rows), columns[1:]) if rows else None


def _confused(found: Glosses) -> Table | None:
    rows = [(one.reference, one.hypothesis, f"{one.times:,}", f"{one.of:,}") for one in found.confused[:SHOWN]]
    columns = ("reference", "answer", "times", "of")
    title = _title("Most confused", len(rows), len(found.confused))
    return Table(title, columns, tuple(rows), columns[2:]) if rows else None


def _best_and_worst(found: Sentences, unit: str) -> Section:
    errors = "errors %"
    spaces = " Spaces do not count." if found.unit == "characters" else ""
    texts = (
        (
            f"{found.exact:,} answers are the reference. Sorted by errors, in percent of the reference's {unit}; of as "
            "many, the best have the longest reference first."
        ),
        (
            "Marked in the reference: what the answer lacks. Marked in the answer: what the reference lacks. "
            f"{ALIGNED}{spaces}"
        ),
    )
    columns = ("clip", errors, "reference", "answer")
    tables = [
        Table(title, columns, tuple(_sentence(one, found.unit) for one in part), (errors,))
        for title, part in (("Best", found.best), ("Worst", found.worst))
        if part
    ]
    return Section("Best and worst answers", texts, None, tuple(tables))


def _sentence(one: Sentence, unit: TextUnit) -> tuple[Cell, ...]:
    joint = " " if unit == "words" else ""
    reference, hypothesis = (_short(pieces) for pieces in (one.reference, one.hypothesis))
    answer = Marked(hypothesis, "ins", joint) if hypothesis else named("")
    return one.id, f"{one.errors:.1f}", Marked(reference, "del", joint), answer


def _short(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Not longer than a text may be."""
    kept: list[Piece] = []
    room = LONGEST
    for piece in pieces:
        kept.append(Piece(piece.text if len(piece.text) <= room else f"{piece.text[:room]}…", piece.same))
        room -= len(piece.text)
        if room <= 0:
            break
    return tuple(kept)


def _lengths(found: Lengths, unit: str) -> Section:
    low, middle, high = found.quartiles
    text = (
        f"Answers have {found.ratio:.2f} times as many {unit} as their references, over {plural(found.clips, 'clip')} "
        f"with an answer; quartiles of the clips {low:.2f}, {middle:.2f} and {high:.2f}."
    )
    rows = [(name, f"{clips:,}") for name, clips in zip(bin_names(), found.bins, strict=True)]
    says = "Bars: clips by the length of the answer divided by that of the reference. The table has the figures."
    table = Table("", ("length ratio", "clips"), tuple(rows), ("clips",))
    return Section("Length of answers", (text,), Picture("ratio", says, lambda: ratio_chart(found)), (table,))


def _failed(record: RunRecord) -> Section:
    rows = [(name, named(why)) for name, why in sorted(record.failed.items())[:SHOWN]]
    title = _title("Errors", len(rows), len(record.failed))
    return Section("Clips that failed", tables=(Table(title, ("clip", "why"), tuple(rows)),))
