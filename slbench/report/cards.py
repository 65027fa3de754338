"""Cards as people read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from slbench import catalog
from slbench.cards import Card, DatasetCard, ModelCard, TaskCard
from slbench.errors import CardError
from slbench.report.tables import COMPOSED, simple_table

if TYPE_CHECKING:
    from slbench.engine.inspection import Inspected


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
            weights = "yes" if card.weights else "released" if card.released else "to be trained"
            inputs = " ".join(card.modalities or (card.inputs,))
            about = {"families": " ".join(card.families), "inputs": inputs, "weights": weights}
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
    listed = _listed(card) if isinstance(card, ModelCard) else {}
    for key, value in (_values(card) | listed | extra).items():
        if value not in (None, [], {}, ""):
            table.add_row(key, _readable(value))
    return table


def _listed(card: ModelCard) -> dict[str, str]:
    """Key -> value of what is read line by line."""
    return {
        "released": _released(card),
        "deviations": "\n".join(f"- {one}" for one in card.deviations),
        "variants": _variants(card),
        "stages": _stages(card),
        "commands": "\n".join(card.commands),
    }


def _variants(card: ModelCard) -> str:
    """For which corpora, and a line for each key that is another there."""
    lines = []
    for variant in card.variants:
        lines.append(f"trained on {' or '.join(variant.datasets)} alone:")
        changes = {"config": variant.config, "recipe": variant.recipe}
        lines += [f"  {table}.{key} = {_inline(value)}" for table in changes for key, value in changes[table].items()]
    return "\n".join(lines)


def _released(card: ModelCard) -> str:
    """The files of each repository: what each is for, and what a model with it looks at."""
    lines: dict[tuple[str, str], list[str]] = {}
    for one in card.released:
        used = f"for {', '.join(one.tasks)}" if one.tasks else f"from the stage {one.stage}, to begin a training with"
        chosen = "" if one.selected_on == "dev" else f"; epoch chosen on {one.selected_on}"
        place = lines.setdefault((one.repository, one.licence), [])
        place.append(f"  {one.file} ({one.size}, {one.inputs}): {used}{chosen}")
    return "\n".join(
        "\n".join([f"{repository} on the Hugging Face hub, {licence}", *files])
        for (repository, licence), files in lines.items()
    )


def _stages(card: ModelCard) -> str:
    """What each stage looks at, begins with and changes of the recipe."""
    lines = []
    for name, stage in card.stages.items():
        begins = [f"after {' or '.join(stage.after)}"] if stage.after else []
        begins += [f"{part} from {source}" for part, source in stage.pretrained.items()]
        changes = f": {_inline(stage.recipe)}" if stage.recipe else ""
        lines.append(f"{name} ({'; '.join([' or '.join(stage.inputs), *begins])}){changes}")
    return "\n".join(lines)


def checkpoint_rows(path: Path, found: "Inspected") -> dict[str, str]:
    """Key -> value of what a checkpoint is, for `detail_table`."""
    precisions = ", ".join(f"{name} ({tensors:,} tensors)" for name, tensors in found.precisions.items())
    rows = {
        "checkpoint": f"{path}: fits the network, for --modality {found.modality}",
        "sha256": found.sha256,
        "parameters": f"{found.parameters:,}",
        "precision": precisions,
    }
    return rows if found.gate is None else rows | {"gate": _gate_line(found.gate)}


def _gate_line(opening: float) -> str:
    """What the mean opening says."""
    dead = "0: with these weights the RGB branch does nothing, answers are those of the poses alone"
    alive = f"{opening:.4g}; at 0 the RGB branch would do nothing"
    return f"mean opening on made-up features {dead if opening == 0 else alive}"


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key} = {_inline(item)}" for key, item in value.items() if item not in (None, [], {}, ""))
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
