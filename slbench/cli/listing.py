"""`slbench list`: what is in the catalog."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from slbench.cards import Card


class Kind(StrEnum):
    """What can be listed."""

    tasks = "tasks"
    models = "models"
    datasets = "datasets"
    protocols = "protocols"


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
    """List the tasks, models, datasets or protocols that there are; what is broken is named on stderr."""
    import json

    from slbench import catalog
    from slbench.cards import Card, DatasetCard, ModelCard, TaskCard
    from slbench.cli.console import errors, show
    from slbench.errors import CardError
    from slbench.report.cards import card_values

    if kind is Kind.protocols:
        _list_protocols(output_format)
        return
    types: dict[Kind, type[Card]] = {Kind.tasks: TaskCard, Kind.models: ModelCard, Kind.datasets: DatasetCard}
    cards: list[tuple[str | None, Card]] = []
    faults = catalog.broken_plugins()
    for name in catalog.names(types[kind]):
        try:
            card = catalog.get(name, types[kind])
            cards.append((catalog.plugin_of(card), card))
        except CardError as error:
            faults.append(str(error))
    if output_format is Format.json:
        values = [{"plugin": plugin, **card_values(card)} for plugin, card in cards]
        typer.echo(json.dumps(values, indent=1, ensure_ascii=False))
    else:
        for table in _tables(cards):
            show(table)
    for fault in faults:
        errors().print(fault, style="yellow", soft_wrap=True)


def _list_protocols(output_format: Format) -> None:
    from slbench.cli.console import show
    from slbench.report.protocols import protocol_table, protocols_json

    if output_format is Format.json:
        typer.echo(protocols_json())
    else:
        show(protocol_table())


def _tables(cards: "list[tuple[str | None, Card]]") -> "Iterator[Table]":
    """One table of slbench's own cards and one a plug-in; they are headed as soon as there is a plug-in's."""
    from slbench.report.cards import card_table

    plugins = sorted({plugin for plugin, _ in cards if plugin is not None})
    for plugin in (None, *plugins):
        table = card_table([card for owner, card in cards if owner == plugin])
        if plugins:
            table.title = f"plug-in {plugin}" if plugin else "slbench"
        yield table
