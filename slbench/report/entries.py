"""Lines of a board, whatever they come from: a score of a system on a split, and all that a reader must know of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from slbench.metrics.base import Better, Unit
from slbench.metrics.protocols import Protocol, get_protocol
from slbench.records import RunRecord, ScoreStamp
from slbench.report.leaderboard import Board, board_heading, run_id
from slbench.report.published import POSED, UNKNOWN, Published, score_names, task_card
from slbench.report.rows import Row, unlike_the_card
from slbench.report.rules import Rules
from slbench.report.tables import looks, unlike_the_paper
from slbench.scored import ScoredRecord

Kind = Literal["measured", "scored", "published"]
"""`scored`: from released predictions, without running the model."""
NO_POSES = "none"
POINTS = ("BLEU", "chrF", "ROUGE")
"""How the names of scores begin that are no percents."""


@dataclass(frozen=True)
class Answered:
    """Predictions, and what they are scored under."""

    predictions: Path
    protocol: Protocol


@dataclass(frozen=True)
class Entry:
    """One score of one system on one split of a task."""

    kind: Kind
    model: str
    settings: tuple[str, ...]
    """What makes it another system than the one that the name alone says."""
    task: str
    split: str
    metric: str
    better: Better
    unit: Unit
    protocol: str
    modality: str
    poses: str
    """Who made them, `none`, or empty where nobody says."""
    data: str
    """Version of the task, and a digest of what was asked where versions alone don't tell; empty where nobody says: the
    corpus as it is distributed."""
    value: float
    deviation: float | None = None
    """Over seeds."""
    low: float | None = None
    """Lower end of the 95 % interval; of one seed."""
    high: float | None = None
    clips: int | None = None
    seeds: int | None = None
    hardware: str = ""
    clips_per_second: float | None = None
    year: int | None = None
    by: str = ""
    marks: tuple[str, ...] = ()
    source: str = ""
    """Where the figure is from: the runs' records, or what was read."""
    note: str = ""
    own: bool = True
    """Whether the protocol is the task's own, or the only one that the figure is told under."""
    ranks: bool = False
    """Whether the metric is the one that ranks systems on this task."""
    task_notes: tuple[str, ...] = ()
    """What a reader must know of the task."""
    composed: bool = False
    answered: Answered | None = None
    """By the run with the smallest seed, where its predictions are at hand."""


def why_apart(entry: Entry, rules: Rules) -> str:
    """Why the line is comparable with no other; empty if it may be."""
    marked = [mark for mark in entry.marks if mark in rules.marks and rules.marks[mark].apart]
    if marked:
        return rules.marks[marked[0]].text
    if entry.protocol == UNKNOWN:
        return "protocol unknown"
    return "" if entry.poses else "poses not stated"


def published_entries(lines: Iterable[Published]) -> Iterator[Entry]:
    """A line each; lines of unknown tasks, which `--validate` finds, are left out."""
    for line in lines:
        card = task_card(line.task)
        known = {} if card is None else score_names(card.family)
        if line.metric in known:
            poses = line.poses or ("" if line.modality in POSED else NO_POSES)
            yield Entry(
                "published", line.model, (), line.task, line.split, line.metric, known[line.metric],
                _unit(line.metric), line.protocol, line.modality, poses, "", line.value, year=line.year, by=line.by,
                marks=line.marks, source=line.source, note=_joined(line.paper, line.venue, line.note),
                ranks=line.metric == next(iter(known)),
            )  # fmt: skip


def _unit(metric: str) -> Unit:
    return "points" if metric.startswith(POINTS) or metric == "BLEURT" else "%"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def scored_entries(records: Iterable[ScoredRecord]) -> Iterator[Entry]:
    """Every score of every released file, under every protocol."""
    for record in records:
        for protocol, scores in record.scores.items():
            yield from (_scored(record, protocol, score, ranks=score is scores[0]) for score in scores)


def _scored(record: ScoredRecord, protocol: str, score: ScoreStamp, ranks: bool) -> Entry:
    release = record.release
    source = f"{release.repository}@{release.commit} {release.file}"
    against = f"scored from the released predictions, against {release.references}"
    return Entry(
        "scored", release.model, (), release.task, release.split, score.name, score.better, score.unit, protocol,
        release.inputs, release.poses, "", score.value, None, score.low, score.high, score.samples,
        year=release.year, marks=release.marks, source=source, note=_joined(against, *release.notes), ranks=ranks,
    )  # fmt: skip


def measured_entries(board: Board, ranking: bool = False) -> Iterator[Entry]:
    """The scores of every row, under every protocol of its task; or of each protocol only the one that ranks."""
    for heading, rows in board.groups():
        data = rows[0].first.task.version + heading.removeprefix(board_heading(rows[0].first))
        for row in rows:
            plain = _plain(row, data)
            for protocol in (row.first.protocol, *row.first.also):
                yield from _under(board, row, protocol, plain, ranking)


def _plain(row: Row, data: str) -> Entry:
    """What all scores of a row share."""
    record = row.first
    return Entry(
        "measured", record.model.name, tuple(settings(record)), record.task.name, record.task.split, "", "higher", "%",
        "", record.model.inputs, record.task.pose_source.split(", mapped to ")[0], data, 0.0,
        seeds=len(row.samples), hardware=_hardware(record), clips_per_second=_speed(row),
        year=int(record.created[:4]), marks=tuple(_marks(record)), source=" | ".join(map(run_id, row.records)),
        note=_trained(record), task_notes=record.notes, composed=record.task.composed,
    )  # fmt: skip


def _under(board: Board, row: Row, protocol: str, plain: Entry, ranking: bool) -> Iterator[Entry]:
    record, one = row.first, len(row.samples) == 1
    answered = _answered(board, record, protocol)
    for number, score in enumerate(record.scores_under(protocol)[: 1 if ranking else None]):
        spread = row.spread_under(protocol, number)
        yield replace(
            plain, metric=score.name, better=score.better, unit=score.unit, protocol=protocol, value=spread.mean,
            deviation=spread.deviation, low=score.low if one else None, high=score.high if one else None,
            clips=score.samples, own=protocol == record.protocol, ranks=number == 0, answered=answered,
        )  # fmt: skip


def _answered(board: Board, record: RunRecord, protocol: str) -> Answered | None:
    predictions = board.predictions_of(record)
    if predictions is None:
        return None
    return Answered(predictions, get_protocol(protocol, record.task.family, record.task.unit))


def settings(record: RunRecord) -> list[str]:
    """What it looks at if not poses alone, what was chosen otherwise than in the paper or on the card."""
    return [*looks(record), *unlike_the_paper(record), *unlike_the_card(record)]


def _hardware(record: RunRecord) -> str:
    machine = record.environment
    return machine.accelerator or f"{machine.processor}, {machine.threads} thread{'s' * (machine.threads > 1)}"


def _speed(row: Row) -> float:
    """Clips a second, in the median of the runs."""
    speeds = sorted(record.cost.clips_per_second for record in row.records)
    return speeds[len(speeds) // 2]


def _marks(record: RunRecord) -> Iterator[str]:
    if record.model.selected_on == record.task.split != "dev":
        yield "chosen-on-test"


def _trained(record: RunRecord) -> str:
    model = record.model
    weights = f"weights {model.weights_sha256[:8]}" + (f" from {model.weights_from}" if model.weights_from else "")
    return _joined(weights, model.trained_on and f"trained on {model.trained_on}", *model.deviations)
