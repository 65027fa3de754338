"""The one place that knows where cards live.

Cards come from `tasks/` and `models/` of, in this order: slbench itself (inside an installed
wheel, beside the package in a checkout), and every package that offers an entry point in the group
`slbench.catalog`, whose value is the package that holds the two folders. Nothing of a
plug-in is imported to find its cards; a card is checked, and the code that it names imported, when
it is asked for. So a broken plug-in harms nobody who does not use it.
"""

import importlib
import importlib.util
import re
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from slbench.cards import CARD_TYPES, Card, CardT, DatasetCard, Family, ModelCard, TaskCard, read_card
from slbench.errors import CardError, SlbenchError, near

GROUP = "slbench.catalog"
OWN = "slbench"
"""Owner of the cards that come with slbench."""
PATTERNS = ("tasks/*/*.toml", "models/*.toml")
_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Listing:
    """A card that was found: what it calls itself, where it is, and whose it is."""

    name: str
    path: Path
    owner: str
    card_type: type[Card]

    @property
    def plugin(self) -> str | None:
        """Its owner, unless that is slbench itself."""
        return None if self.owner == OWN else self.owner


def builtin_root() -> Path:
    """The folder that holds slbench's own `tasks/` and `models/`."""
    packed = _PACKAGE / "_catalog"
    return packed if packed.is_dir() else _PACKAGE.parent


def _plugin_root(entry_point: EntryPoint) -> Path | None:
    """The plug-in's package folder, found without running its code; None if it is not there or holds no card."""
    try:
        top, *inner = entry_point.module.split(".")
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):  # the last: a value that cannot name a module
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations))).joinpath(*inner)
    return root if any(_card_paths(root)) else None


def _card_paths(root: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        yield from root.glob(pattern)


def roots() -> Iterator[tuple[str, Path]]:
    """(owner, folder) of slbench and of every plug-in whose folder can be found."""
    yield OWN, builtin_root()
    for entry_point in _plugins():
        root = _plugin_root(entry_point)
        if root is not None:
            yield entry_point.name, root


def broken_plugins() -> list[str]:
    """A line for every plug-in whose cards cannot be found; it offers nothing and harms nothing."""
    return [
        f"plug-in {entry_point.name!r}: there is no package {entry_point.value!r} with cards "
        f"({' or '.join(PATTERNS)}); reinstall or remove it"
        for entry_point in _plugins()
        if _plugin_root(entry_point) is None
    ]


def _plugins() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def card_type_of(path: Path) -> type[Card]:
    """By place: `models/*.toml`, `tasks/<corpus>/dataset.toml`, `tasks/<corpus>/<task>.toml`."""
    if path.parent.name == "models":
        return ModelCard
    return DatasetCard if path.stem == "dataset" else TaskCard


def _own_name(path: Path) -> str:
    """The card's `name`, or the file's own where the card cannot be read (reading it then says why)."""
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["name"])
    except (OSError, KeyError, ValueError):
        return path.stem if path.parent.name == "models" else f"{path.parent.name}-{path.stem}"


@cache
def listings() -> tuple[Listing, ...]:
    """Every card found, sorted by name; a name may occur twice (asking for it is then an error)."""
    found = [
        Listing(_own_name(path), path, owner, card_type_of(path))
        for owner, root in roots()
        for path in _card_paths(root)
    ]
    return tuple(sorted(found, key=lambda listing: (listing.name, listing.owner, listing.path)))


def names(card_type: type[Card]) -> list[str]:
    """Names of all cards of a kind."""
    return sorted({listing.name for listing in listings() if listing.card_type is card_type})


def get(name: str, card_type: type[CardT]) -> CardT:
    """The card with this name, or in the file of this path (`./mine.toml`).

    Raises:
        CardError: unknown (near names are given), defined twice (both owners are named), or faulty; a plug-in's
            is named.
    """
    if name.endswith(".toml"):
        return read_card(Path(name), card_type)
    owners = [listing for listing in listings() if listing.name == name and listing.card_type is card_type]
    if not owners:
        raise CardError(_unknown(name, card_type))
    if len(owners) > 1:
        places = " and ".join(f"{listing.owner} ({listing.path})" for listing in owners)
        raise CardError(
            f"{card_type.kind} {name!r} is defined twice: by {places}; "
            "rename one of them, or give the file instead of the name"
        )
    try:
        return read_card(owners[0].path, card_type)
    except CardError as error:
        raise CardError(f"{_prefix(owners[0].plugin)}{error}") from error


def plugin_of(card: Card) -> str | None:
    """The plug-in that offers the card; None for slbench's own, and for one that was given as a file."""
    return next((listing.plugin for listing in listings() if listing.path == card.path), None)


def _prefix(plugin: str | None) -> str:
    """How an error message begins that is about a card of this plug-in."""
    return "" if plugin is None else f"plug-in {plugin!r}: "


@contextmanager
def blamed(card: Card, reference: str, doing: str) -> Iterator[None]:
    """Turn whatever the code that a card names raises, SystemExit too, into one message that names card and plug-in.

    Args:
        doing: what cannot be done with it: `imported`, `built`.

    Raises:
        CardError: in place of all but slbench's own errors and Ctrl-C.
    """
    try:
        yield
    except (KeyboardInterrupt, SlbenchError):
        raise
    except BaseException as error:
        raised = "".join(traceback.format_exception_only(error)).strip()
        if isinstance(error, ModuleNotFoundError) and error.name == re.split("[.:]", reference)[0]:
            raised += "; install it, or run `python -m slbench` in the folder that holds it"
        raise CardError(f"{_prefix(plugin_of(card))}{card.path}: {reference!r} cannot be {doing}: {raised}") from error


def resolve(reference: str, card: Card) -> Any:
    """The class that a "module:Class" string on a card names.

    Raises:
        CardError: the module cannot be imported or has no such class.
    """
    module, _, name = reference.partition(":")
    with blamed(card, reference, "imported"):
        return getattr(importlib.import_module(module), name)


def get_task(name: str) -> TaskCard:
    """A task card; raises CardError as `get` does."""
    return get(name, TaskCard)


def get_model(name: str) -> ModelCard:
    """A model card; raises CardError as `get` does."""
    return get(name, ModelCard)


def models_for(family: Family) -> list[str]:
    """Names of the models that do this family of tasks; a card with faults does none, and says so when it is used."""
    found = []
    for name in names(ModelCard):
        with suppress(SlbenchError):
            if family in get_model(name).families:
                found.append(name)
    return found


def get_dataset(name: str, task: TaskCard | None = None) -> DatasetCard:
    """A dataset card; for a task given as a file, one in a `dataset.toml` beside it is found as well."""
    if task is not None:
        beside = task.path.parent / "dataset.toml"
        if beside.is_file() and _own_name(beside) == name:
            return read_card(beside, DatasetCard)
    return get(name, DatasetCard)


def find(name: str) -> Card:
    """The card of any kind with this name, or in the file of this path.

    Raises:
        CardError: no kind has it, or several have.
    """
    if name.endswith(".toml"):
        return read_card(Path(name), _kind_of_values(Path(name)))
    kinds = [card_type for card_type in CARD_TYPES if name in names(card_type)]
    if len(kinds) > 1:
        places = " and ".join(
            f"a {listing.card_type.kind} ({listing.path})" for listing in listings() if listing.name == name
        )
        raise CardError(f"{name!r} is {places}; give the file instead of the name")
    if kinds:
        return get(name, kinds[0])
    everything = sorted({listing.name for listing in listings()})
    raise CardError(f"there is no task, model or dataset {name!r}{_near(name, everything)}")


def _kind_of_values(path: Path) -> type[Card]:
    """What a file of any name is a card of: only models have an implementation and only datasets a reader."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return TaskCard  # reading it says what is wrong
    return ModelCard if "implementation" in values else DatasetCard if "reader" in values else TaskCard


def _unknown(name: str, card_type: type[Card]) -> str:
    return f"there is no {card_type.kind} {name!r}{_near(name, names(card_type))}"


def _near(name: str, known: list[str]) -> str:
    return "\n".join([near(name, known) or "; the catalog is empty", *broken_plugins()])
