"""`slbench show`: one card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slbench.cards import Card, DatasetCard


def show(
    name: Annotated[str, typer.Argument(help="A task, model or dataset, or a card's .toml file.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Of a model: look into this file of weights, and see whether they fit.")
    ] = None,
) -> None:
    """Show a card: everything on it, where it is, whether its data is prepared and where to get it."""
    from slbench import catalog
    from slbench.cards import DatasetCard, TaskCard
    from slbench.cli.console import show as shown
    from slbench.report.cards import detail_table

    card = catalog.find(name)
    extra = {"card": str(card.path), "digest": card.digest()}
    plugin = catalog.plugin_of(card)
    if plugin is not None:
        extra["plug-in"] = plugin
    if isinstance(card, TaskCard | DatasetCard):
        dataset = card if isinstance(card, DatasetCard) else catalog.get_dataset(card.dataset, card)
        extra["data"] = _data(dataset)
    if checkpoint is not None:
        extra |= _weights(card, checkpoint)
    shown(detail_table(card, extra))


def _data(dataset: "DatasetCard") -> str:
    from slbench.data.store import folder_of, prepared_splits

    splits = prepared_splits(dataset)
    if splits:
        return f"{', '.join(splits)} prepared in {folder_of(dataset)}"
    if dataset.needs_source:
        return f"not prepared: slbench data prepare {dataset.name} --source FOLDER; get it with: {dataset.obtain}"
    if dataset.reader is None:
        return f"slbench cannot read it yet, only score predictions on it; get it with: {dataset.obtain}"
    return f"not prepared yet (the first run does it); get it with: {dataset.obtain}"


def _weights(card: "Card", checkpoint: Path) -> dict[str, str]:
    """What is in a file of weights, if it fits the model."""
    from slbench.cards import ModelCard
    from slbench.cli.console import quiet_libraries, status
    from slbench.errors import OptionError

    if not isinstance(card, ModelCard):
        raise OptionError(f"--checkpoint {checkpoint}: {card.name} is a {card.kind}; name a model")
    quiet_libraries()
    with status("loading"):
        from slbench.engine.inspection import inspected
        from slbench.report.cards import checkpoint_rows

        return checkpoint_rows(checkpoint, inspected(card, checkpoint))
