"""`slbench list`: what is in the catalog."""

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be listed."""

    tasks = "tasks"
    models = "models"
    datasets = "datasets"


class Format(StrEnum):
    """How."""

    table = "table"
    json = "json"


def list_cards(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    output_format: Annotated[
        Format, typer.Option("--format", help="Table for people, JSON for programs.")
    ] = Format.table,
) -> None:
    """List the tasks, models or datasets that slbench and its plug-ins offer."""
    import json

    from slbench import catalog
    from slbench.cards import Card, DatasetCard, ModelCard, TaskCard
    from slbench.cli.console import errors, out
    from slbench.errors import CardError
    from slbench.report.cards import card_table, card_values

    types: dict[Kind, type[Card]] = {Kind.tasks: TaskCard, Kind.models: ModelCard, Kind.datasets: DatasetCard}
    card_type = types[kind]
    cards: list[Card] = []
    faults: list[str] = []
    for name in catalog.names(card_type):
        try:
            cards.append(catalog.get(name, card_type))
        except CardError as error:
            faults.append(str(error))
    if output_format is Format.json:
        typer.echo(json.dumps([card_values(card) for card in cards], indent=1, ensure_ascii=False))
    else:
        out().print(card_table(cards))
    for plugin in catalog.broken_plugins():
        errors().print(plugin, style="yellow", soft_wrap=True)
    if faults:
        errors().print("\n".join(faults), style="red", soft_wrap=True)
        raise typer.Exit(2)
