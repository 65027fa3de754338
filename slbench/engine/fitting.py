"""Whether the tensors of a checkpoint are those of a network, name by name; nothing is skipped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from slbench.cards import Modality
from slbench.engine.weights import Tensors
from slbench.errors import ModelError, some
from slbench.modeling.base import Model, Seeing

SAVED_AS = (torch.float32, torch.bfloat16, torch.float16)
"""Precisions that weights come in; they are loaded into the network's own."""
ANOTHER_MODEL = 0.1
"""With a smaller share of the network's tensors a file is said to be of another model."""


def shared_names(network: nn.Module) -> dict[str, str]:
    """Name of each tensor of the state dict -> the first name of the same tensor; checkpoints hold each once."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(value), name) for name, value in network.state_dict(keep_vars=True).items()}


def picture_names(model: Model | type[Model]) -> tuple[str, ...]:
    """How the names of the weights begin that a model has for pictures alone, if it says so (`rgb_names`)."""
    return model.rgb_names if isinstance(model, Seeing) else ()


def modality_of(tensors: Tensors, names: Sequence[str]) -> Modality:
    """What a network with these tensors looks at, given the `picture_names` of its model."""
    return "rgb+pose" if any(name.startswith(tuple(names)) for name in tensors) else "pose"


@dataclass
class _Faults:
    """What differs, by name or with it."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One for each kind of fault that there is."""
        groups = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": self.shapes,
            "not usable as weights": self.kinds,
            "that hold different values, though they are names of one tensor in the network": self.torn,
        }
        return [f"{len(names)} {title}: {some(names, 3)}" for title, names in groups.items() if names]


def fitted(model: Model, tensors: Tensors, path: Path, may_lack: Sequence[str] = ()) -> Tensors:
    """The first name of each tensor of the network -> what the file has for it, in the file's precision.

    A tensor of several names (both hands share theirs, encoder and decoder their embeddings) may be there under any of
    them, or under several with the same values.

    Args:
        path: of the file, for messages.
        may_lack: beginnings of names that need not be there; if any of them is, all must be.

    Raises:
        ModelError: something is missing, unexpected, of another shape, not a number, or saved twice with different
            values. Each kind is counted, with its first names.
    """
    owners = shared_names(model.network)
    own = model.network.state_dict()
    if any(name.startswith(tuple(may_lack)) for name in tensors):
        may_lack = ()
    faults = _Faults(unexpected=[name for name in tensors if name not in owners])
    found: Tensors = {}
    for first in dict.fromkeys(owners.values()):
        names = [name for name, owner in owners.items() if owner == first]
        there = [name for name in names if name in tensors]
        if there:
            found[first] = tensors[there[0]]
            _compare(there, tensors, own[first], faults)
        elif not any(name.startswith(tuple(may_lack)) for name in names):
            faults.missing.append(first)
    lines = faults.lines()
    if lines:
        title = _title(model, tensors, len(found), path, _hint(model, faults, path))
        raise ModelError("\n".join([title, *lines]))
    return found


def _compare(names: Sequence[str], tensors: Tensors, own: Tensor, faults: _Faults) -> None:
    """Note what is wrong with one tensor, which the file has under these names."""
    saved = tensors[names[0]]
    if any(not _same(saved, tensors[name]) for name in names[1:]):
        faults.torn.append(" and ".join(names))
    elif saved.shape != own.shape:
        faults.shapes.append(f"{names[0]} {tuple(saved.shape)} there, {tuple(own.shape)} in the network")
    elif (why := _unusable(saved, own)) is not None:
        faults.kinds.append(f"{names[0]} ({why})")


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two saved tensors hold the same; mostly they are one, and nothing is read."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.data_ptr() == other.data_ptr() or torch.equal(one, other)


def _unusable(saved: Tensor, own: Tensor) -> str | None:
    """Why the values cannot be the network's; None: they can."""
    if saved.layout != torch.strided or saved.is_quantized:
        return "sparse or quantised"
    if own.is_floating_point():
        if saved.dtype not in (*SAVED_AS, own.dtype):
            return f"{saved.dtype} there, {own.dtype} in the network"
        return "not a number" if _has_nan(saved) else None
    if saved.is_floating_point():  # a count of batches that was cast with all the rest
        return None if bool((saved == saved.round()).all()) else f"fractions there, {own.dtype} in the network"
    return None if saved.dtype == own.dtype else f"{saved.dtype} there, {own.dtype} in the network"


def _has_nan(values: Tensor) -> bool:
    """In one pass, without a copy."""
    return values.numel() > 0 and bool(torch.isnan(torch.aminmax(values).min))


def _title(model: Model, tensors: Tensors, found: int, path: Path, hint: str) -> str:
    name, total = type(model).__name__, len(set(shared_names(model.network).values()))
    if found < ANOTHER_MODEL * total:
        return f"{path}: is not a checkpoint of {name}: has {some(list(tensors), 3)}"
    return f"{path}: does not fit the network ({name}): {hint}"


def _hint(model: Model, faults: _Faults, path: Path) -> str:
    """What to do; where weights for pictures are all that is wrong in names, the --modality that the file is for."""
    pictures = picture_names(model)
    names = [*faults.missing, *faults.unexpected]
    if not pictures or not names or not all(name.startswith(pictures) for name in names):
        cards = [card for card in sorted(path.parent.glob("*.toml")) if path.name.encode() in card.read_bytes()]
        own = f"; {cards[0]} is a card that names this file: --model {cards[0]}" if cards else ""
        return f"name weights of a network with the [config] on the card, whole and of numbers{own}"
    if faults.missing:
        return "it lacks the weights for pictures, as a pose-only checkpoint does: use --modality pose"
    return "it has weights for pictures, so it is a checkpoint for --modality rgb+pose"
