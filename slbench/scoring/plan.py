"""What a score is asked of: family, unit and protocols, from a task, a record or the command line."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from slbench import catalog
from slbench.cards import DatasetCard, Family, TaskCard, TextUnit
from slbench.errors import OptionError
from slbench.metrics.protocols import PROTOCOLS, Protocol, get_protocol, protocols_for
from slbench.records import PREDICTIONS, RunRecord, read_record
from slbench.scoring.guess import family_of

ALL = "all"
"""As `--protocol`: every protocol that the task card names, or else every one that scores the family."""
WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
"""Han, Hiragana and Katakana: scripts that put no spaces between words."""
LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Asked:
    """What decides how a file is scored, as far as it was given."""

    task: str | None = None
    protocol: str | None = None
    family: Family | None = None
    unit: TextUnit | None = None
    split: str | None = None


@dataclass(frozen=True)
class Plan:
    """What is known before any text is read."""

    family: Family
    unit: TextUnit | None
    """None: from the references, see `unit_of`."""
    protocol: str
    """One name, or `ALL`, or empty: none."""
    named: tuple[str, ...]
    """What `ALL` stands for; empty: all that there are."""
    split: str
    task: TaskCard | None
    dataset: DatasetCard | None
    """The task's."""
    record: RunRecord | None
    guessed: bool
    """Whether the family is what the texts look like."""

    def protocols(self, unit: TextUnit) -> list[Protocol]:
        """The protocols to score under.

        Raises:
            CardError: there is none of this name, or it does not score this.
        """
        if not self.protocol:
            return []
        if self.protocol != ALL:
            return [get_protocol(self.protocol, self.family, unit)]
        if self.named:
            return [get_protocol(name, self.family, unit) for name in self.named]
        return protocols_for(self.family, unit)

    @property
    def title(self) -> str | None:
        """The task's name, if there is one."""
        if self.task is not None:
            return self.task.name
        return self.record.task.name if self.record else None

    @property
    def composed(self) -> bool:
        """Whether the clips are known to be put together from recordings of parts."""
        if self.dataset is not None:
            return self.dataset.composed
        return self.record is not None and self.record.task.composed

    @property
    def samples(self) -> int | None:
        """How many the whole split has, if that is known."""
        if self.dataset is not None:
            return self.dataset.splits[self.split]
        return self.record.task.clips if self.record else None


def plan(asked: Asked, predictions: Path, references: Path | None = None, scoring: bool = True) -> Plan:
    """Put together what was asked, the task's card, and the record that lies beside a prediction file.

    Args:
        scoring: whether there must be a protocol.

    Raises:
        OptionError: something is missing, or two of them contradict each other.
        DataError: a file cannot be read to see what family it is of.
        OutputError: there is a file in the record's place that is none.
    """
    record = record_beside(predictions)
    card = catalog.get_task(asked.task) if asked.task else None
    if card is not None and record is not None and card.name != record.task.name:
        raise OptionError(
            f"--task {card.name}: {predictions} are predictions of a run on {record.task.name}; leave --task out"
        )
    texts = references or predictions
    family, unit, named = _scope(asked, card, record, texts)
    _agree(asked, family, unit)
    protocol = asked.protocol or (named[0] if named else "")
    if not protocol and scoring:
        raise OptionError("--protocol: name one, or `all`; `--task` would name it too")
    guessed = not (asked.family or card or record) and len(_scored(protocol)) != 1
    dataset = None if card is None else catalog.get_dataset(card.dataset, card)
    return Plan(family, unit, protocol, named, _split(asked, card, record), card, dataset, record, guessed)


def _scope(
    asked: Asked, card: TaskCard | None, record: RunRecord | None, texts: Path
) -> tuple[Family, TextUnit | None, tuple[str, ...]]:
    """Family, unit and protocols, from the card, else the record, else the command line."""
    if card is not None:
        return card.family, card.unit, (card.protocol, *card.also)
    if record is not None:
        return record.task.family, record.task.unit, (record.protocol, *record.also)
    return _family(asked, texts), asked.unit, ()


def _split(asked: Asked, card: TaskCard | None, record: RunRecord | None) -> str:
    """The split that was asked for, or that of the run, or `test`."""
    split = asked.split or (record.task.split if record else "test")
    if record is not None and split != record.task.split:
        raise OptionError(f"--split {split}: the run was on {record.task.split}; leave --split out")
    if card is not None and split not in card.splits:
        raise OptionError(f"--split {split}: {card.name} has the splits {', '.join(card.splits)}")
    return split


def record_of(path: Path) -> RunRecord | None:
    """The record that a file is, if it is one or tries to be: a whole JSON object with one of a record's keys."""
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        values = json.loads(path.read_bytes())
    except ValueError:
        return None  # JSON lines, or no JSON: whoever reads it as predictions says what is wrong
    is_record = isinstance(values, dict) and {"schema_version", "task", "scores"} & set(values)
    return read_record(path) if is_record else None


def record_beside(predictions: Path) -> RunRecord | None:
    """The record of a run, if the file is its predictions."""
    stem = predictions.name.removesuffix(PREDICTIONS)
    path = predictions.with_name(f"{stem}.json")
    return None if stem == predictions.name or not path.is_file() else read_record(path)


def _family(asked: Asked, texts: Path) -> Family:
    """The family that was named, or the only one that the protocol scores, or the one that the texts look like."""
    scored = _scored(asked.protocol)
    if asked.family is not None:
        return asked.family
    if len(scored) == 1:
        return scored.pop()
    if asked.protocol not in (None, ALL) and not scored:
        get_protocol(str(asked.protocol), "slt")  # says that there is none
    looks = family_of(texts) if asked.protocol is not None else None
    if looks is not None and (looks in scored or asked.protocol == ALL):
        return looks
    known = [family for family in get_args(Family) if family in scored] or list(get_args(Family))
    what = f"--protocol {asked.protocol} scores several" if scored else "without --task it is not known what is scored"
    raise OptionError(f"--family: {what}; name one of {', '.join(known)}, or give --task")


def _scored(protocol: str | None) -> set[Family]:
    return {one.family for one in PROTOCOLS if one.name == protocol}


def _agree(asked: Asked, family: Family, unit: TextUnit | None) -> None:
    """Raise OptionError where the command line contradicts the task."""
    if asked.family not in (None, family):
        raise OptionError(f"--family {asked.family}: the task is {family}; leave --family out")
    if asked.unit not in (None, unit):
        raise OptionError(f"--unit {asked.unit}: the task counts {unit}; leave --unit out")


def unit_of(references: Iterable[str]) -> TextUnit:
    """Characters where most letters are of a script without spaces between words, else words."""
    text = "".join(references)
    return "characters" if 2 * len(WITHOUT_SPACES.findall(text)) > len(LETTER.findall(text)) else "words"
