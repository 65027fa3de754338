"""What a score is asked of: family, unit and protocols, from a task, a record or the command line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from slbench import catalog
from slbench.cards import Family, TaskCard, TextUnit
from slbench.errors import OptionError
from slbench.metrics.protocols import PROTOCOLS, Protocol, get_protocol, protocols_for
from slbench.records import RunRecord, parse_record

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


@dataclass(frozen=True)
class Plan:
    """Family, and the names of protocols that are known before any text is read."""

    family: Family
    unit: TextUnit | None
    """None: from the references, see `unit_of`."""
    protocol: str
    """One name, or `ALL`."""
    named: tuple[str, ...]
    """What `ALL` stands for; empty: all that there are."""
    task: TaskCard | None
    record: RunRecord | None

    def protocols(self, unit: TextUnit) -> list[Protocol]:
        """The protocols to score under.

        Raises:
            CardError: there is none of this name, or it does not score this.
        """
        if self.protocol != ALL:
            return [get_protocol(self.protocol, self.family, unit)]
        if self.named:
            return [get_protocol(name, self.family, unit) for name in self.named]
        return protocols_for(self.family, unit)


def plan(asked: Asked, predictions: Path) -> Plan:
    """Put together what was asked, the task's card, and the record that lies beside a prediction file.

    Raises:
        OptionError: something is missing, or two of them contradict each other.
    """
    record = record_beside(predictions)
    card = catalog.get_task(asked.task) if asked.task else None
    family: Family
    unit: TextUnit | None
    named: tuple[str, ...]
    if card is not None:
        family, unit, named = card.family, card.unit, (card.protocol, *card.also)
    elif record is not None:
        family, unit, named = record.task.family, record.task.unit, (record.protocol, *record.also)
    else:
        family, unit, named = _family(asked), asked.unit, ()
    _agree(asked, family, unit)
    protocol = asked.protocol or (named[0] if named else None)
    if protocol is None:
        raise OptionError("--protocol: name one, or `all`; `--task` would name it too")
    return Plan(family, unit, protocol, named, card, record)


def record_beside(predictions: Path) -> RunRecord | None:
    """The record of a run, if the file is its predictions."""
    stem = predictions.name.removesuffix(".predictions.jsonl")
    path = predictions.with_name(f"{stem}.json")
    if stem == predictions.name or not path.is_file():
        return None
    return parse_record(path.read_text(encoding="utf-8"), str(path))


def _family(asked: Asked) -> Family:
    """The family that was named, or the only one that the protocol scores."""
    scored = {protocol.family for protocol in PROTOCOLS if protocol.name == asked.protocol}
    if asked.family is not None:
        return asked.family
    if len(scored) == 1:
        return scored.pop()
    if asked.protocol not in (None, ALL) and not scored:
        get_protocol(str(asked.protocol), "slt")  # says that there is none
    known = [family for family in get_args(Family) if family in scored] or list(get_args(Family))
    what = f"--protocol {asked.protocol} scores several" if scored else "without --task it is not known what is scored"
    raise OptionError(f"--family: {what}; name one of {', '.join(known)}, or give --task")


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
