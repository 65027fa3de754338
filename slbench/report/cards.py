"""Cards as people read them."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from slbench import catalog
from slbench.cards import Card, DatasetCard, ModelCard, TaskCard
from slbench.errors import CardError
from slbench.report.tables import COMPOSED, simple_table


def card_values(card: Card) -> dict[str, Any]:
    """A card as JSON holds it, with its kind and digest; for a task also its dataset's `composed` (null: unknown)."""
    return {"kind": card.kind, "digest": card.digest(), **_values(card)}


def _values(card: Card) -> dict[str, Any]:
    values = card.model_dump(mode="json")
    return values | {"composed": is_composed(card)} if isinstance(card, TaskCard) else values


def is_composed(card: TaskCard | DatasetCard) -> bool | None:
    """Whether the clips are put together from recordings of parts.

    A list of tasks must not end at one faulty dataset card, so None says that a task's cannot be read;
    `slbench list datasets` and `slbench show` say why.
    """
    dataset = _dataset(card)
    return None if dataset is None else dataset.composed


def _dataset(card: TaskCard | DatasetCard) -> DatasetCard | None:
    if isinstance(card, DatasetCard):
        return card
    try:
        return catalog.get_dataset(card.dataset, card)
    except CardError:
        return None


def card_table(cards: Sequence[Card]) -> Table:
    """One row a card; all cards are of one kind."""
    rows = [_row(card) for card in cards]
    table = simple_table(None, tuple(rows[0]) if rows else ("name",))
    for row in rows:
        table.add_row(*row.values())
    return table


def _row(card: Card) -> dict[str, str]:
    match card:
        case TaskCard():
            about = {"family": card.family, "dataset": card.dataset}
        case ModelCard():
            weights = "yes" if card.weights else "to be trained"
            about = {"families": " ".join(card.families), "inputs": card.inputs, "weights": weights}
        case DatasetCard():
            about = {"splits": ", ".join(f"{name} {clips:,}" for name, clips in card.splits.items())}
        case _:
            about = {}
    return {"name": card.name, **about, "title": f"{_note(card)}{card.title}"}


def _note(card: Card) -> str:
    """What a reader of a list must know before the title."""
    if not isinstance(card, TaskCard | DatasetCard):
        return ""
    dataset = _dataset(card)
    if dataset is None:
        return "(dataset card cannot be read) "
    scored = "" if dataset.reader else "(scored only) "
    return f"{scored}{COMPOSED}: " if dataset.composed else scored


def detail_table(card: Card, extra: dict[str, str]) -> Table:
    """Everything on one card, key by key, and what else is known about it."""
    table = simple_table(f"{card.kind} {card.name}", ("key", "value"))
    for key, value in (*_values(card).items(), *extra.items()):
        if value not in (None, [], {}):
            table.add_row(key, _readable(value))
    return table


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key} = {_inline(item)}" for key, item in value.items())
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return "\n".join(map(_one_line, value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value) if any(" " in item for item in value) else " ".join(value)
    return _inline(value)


def _one_line(table: dict[str, Any]) -> str:
    """One of several tables; digests are left to the card itself."""
    return "; ".join(f"{key} {_inline(item)}" for key, item in table.items() if item and key != "ids")


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return str(value).lower()  # as TOML writes it
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
