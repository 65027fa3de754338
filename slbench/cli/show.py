"""`slbench show`: one card."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slbench.cards import DatasetCard


def show(
    name: Annotated[str, typer.Argument(help="A task, model or dataset, or a card's .toml file.")],
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
