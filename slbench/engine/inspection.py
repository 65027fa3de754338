"""One checkpoint and the network of a card: what it is, and the same as safetensors."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from slbench.cards import Modality, ModelCard
from slbench.catalog import resolve
from slbench.engine.fitting import fitted, modality_of, picture_names
from slbench.engine.gate import gate_of
from slbench.engine.models import build_model, count_parameters, looking_at, make_room, save_tensors
from slbench.engine.released import own_checkpoint
from slbench.engine.weights import Tensors, read_tensors
from slbench.errors import ModelError, OptionError
from slbench.files import file_digest
from slbench.modeling.base import Model, Setting

Precision = Literal["bfloat16", "float32"]
"""That converted weights can be written in."""
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Inspected:
    """A checkpoint that fits the network of its card.

    Attributes:
        sha256: of the file.
        modality: what a network with these weights looks at.
        parameters: trainable values, shared ones once.
        precisions: of the file -> tensors that have it.
        gate: how far the gate before the pictures is open in the mean, 0 to 1; None: there is none.
    """

    sha256: str
    modality: Modality
    parameters: int
    precisions: dict[str, int]
    gate: float | None


def inspected(card: ModelCard, path: Path) -> Inspected:
    """What a checkpoint is; the card's network is built for the modality that the names in the file show.

    Raises:
        ModelError: it cannot be read, or does not fit.
    """
    card, model, found = _opened(card, path, None)
    state = model.network.state_dict()
    for name, value in found.items():
        state[name].copy_(value)
    precisions = Counter(str(value.dtype).removeprefix("torch.") for value in found.values())
    count = count_parameters(model.network)
    return Inspected(file_digest(path), card.inputs, count, dict(precisions), gate_of(model))


@dataclass(frozen=True)
class Converted:
    """What was written: its sha256, and what a network with these weights looks at."""

    sha256: str
    modality: Modality


def converted(
    card: ModelCard, path: Path, target: Path, modality: Modality | None = None, precision: Precision | None = None
) -> Converted:
    """Write a checkpoint as safetensors, each tensor once, after it was found to fit the network.

    Args:
        modality: None: what the names in the file show.
        precision: None: that of the file, tensor by tensor.

    Raises:
        OptionError: the target is no .safetensors, or the checkpoint itself.
        ModelError: the checkpoint cannot be read, or does not fit.
        OutputError: the target cannot be written; what was there is as it was.
    """
    if target.suffix != SUFFIX:
        raise OptionError(f"--output {target}: must end in {SUFFIX}")
    if target.exists() and path.exists() and target.samefile(path):
        raise OptionError(f"--output {target}: is the checkpoint itself; name another file")
    selected_on = own_checkpoint(path, card).selected_on
    card, model, found = _opened(card, path, modality)
    own = model.network.state_dict()
    wanted = None if precision is None else getattr(torch, precision)
    tensors = {
        name: value.to(wanted if own[name].is_floating_point() else own[name].dtype) for name, value in found.items()
    }
    return Converted(save_tensors(tensors, target, selected_on), card.inputs)


def _opened(card: ModelCard, path: Path, modality: Modality | None) -> tuple[ModelCard, Model, Tensors]:
    """The card as it looks at what the file is for, its network, and the file's tensors by the network's names."""
    tensors = read_tensors(path)
    names = picture_names(resolve(card.implementation, card))
    card = looking_at(card, modality or _shown(card, tensors, names))
    model = _with_room(card, tensors, path)
    return card, model, fitted(model, tensors, path)


def _with_room(card: ModelCard, tensors: Tensors, path: Path) -> Model:
    """The model as it does the first family that these weights are for.

    Raises:
        ModelError: they are for none; what is wrong for the last one.
    """
    for family in card.families:
        model = build_model(card, Setting(family, "English", inputs=card.inputs))
        try:
            make_room(model, tensors, path)
        except ModelError:
            if family == card.families[-1]:
                raise
        else:
            break
    return model


def _shown(card: ModelCard, tensors: Tensors, names: tuple[str, ...]) -> Modality:
    """What the file's names show; the card's own modality where the model does not say which are for pictures."""
    shown = modality_of(tensors, names) if names else card.inputs
    return shown if shown in (card.modalities or (card.inputs,)) else card.inputs
