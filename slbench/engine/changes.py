"""`--set`: a model card with changed keys."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from slbench.cards import ModelCard, Recipe
from slbench.errors import OptionError, near


def changed_card(card: ModelCard, changes: Sequence[str]) -> ModelCard:
    """The card with `--set recipe.key=value` and `--set config.key=value` applied; values are JSON, or bare text.

    Raises:
        OptionError: a change names no such key or has a value of the wrong type.
    """
    values = card.model_dump(mode="json")
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or key.partition(".")[0] not in ("recipe", "config"):
            raise OptionError(f"--set {change}: write recipe.KEY=VALUE or config.KEY=VALUE")
        *path, last = key.split(".")
        table = values
        for name in path:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise OptionError(f"--set {change}: {name} has no keys")
        table[last] = _value(text)
    try:
        changed = ModelCard.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise OptionError("\n".join(_fault(e["loc"], e["type"], e["msg"]) for e in error.errors())) from error
    changed._path = card.path  # noqa: SLF001 - a copy of the card keeps its place
    return changed


def _fault(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """What is wrong with one key; an unknown one of the recipe is told from those that there are."""
    key = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"--set {key}: {message}"
    known = [f"recipe.{name}" for name in Recipe.model_fields] if len(place) == 2 else []
    return f"--set {key}: unknown key{near(key, known)}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
