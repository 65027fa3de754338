"""From a model card to a model ready to use."""

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from slbench.cards import Modality, ModelCard, TaskCard
from slbench.catalog import blamed, resolve
from slbench.errors import CardError, ModelError, OptionError
from slbench.files import atomic_path, file_digest
from slbench.modeling.base import Decoding, Model, Setting


def setting_of(
    task: TaskCard, num_beams: int = 4, seed: int = 0, inputs: Modality = "pose", decoding: Decoding = "open"
) -> Setting:
    """How a model is used on this task."""
    return Setting(task.family, task.language, task.glosses, num_beams, seed, inputs, decoding)


def looking_at(card: ModelCard, modality: Modality | None) -> ModelCard:
    """The card of the model as it looks at this; None: as its card says.

    Raises:
        OptionError: it can't.
    """
    known = card.modalities or (card.inputs,)
    if modality is not None and modality not in known:
        raise OptionError(f"--modality {modality}: {card.name} looks at {' or '.join(known)}")
    return card.model_copy(update={"inputs": modality or card.inputs})


def check_fit(card: ModelCard, task: TaskCard) -> None:
    """Raise CardError where the model does not do this family of tasks."""
    if task.family not in card.families:
        raise CardError(
            f"{card.name} does not do {task.family} ({task.name}); its card says families = {list(card.families)}"
        )


def build_model(card: ModelCard, setting: Setting) -> Model:
    """A freshly initialised model.

    Raises:
        CardError: the class cannot be imported or built, or rejects the card's [config].
        ModelError: something it needs, such as a tokenizer, is absent.
    """
    implementation = resolve(card.implementation, card)
    lacking = [name for name in ("Config", "prepare", "encode", "decode") if not hasattr(implementation, name)]
    if lacking:
        raise CardError(f"{card.path}: {card.implementation} is not a model: it has no {', '.join(lacking)}")
    with blamed(card, card.implementation, "built"):
        try:
            model: Model = implementation(card.config, setting)
        except ValidationError as error:
            faults = [f"{card.path}: config.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise CardError("\n".join(faults)) from error
    return model


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights that is the one its card describes."""

    path: Path
    sha256: str


def find_checkpoint(card: ModelCard) -> Checkpoint:
    """The card's checkpoint.

    Raises:
        ModelError: the card names none, or the file is not the one the card describes.
    """
    path = card.weights_path
    if card.weights is None or path is None:
        raise ModelError(
            f"{card.name} has no weights: {card.path} has no [weights]. "
            f"Train it first: slbench train --model {card.name} --task TASK --output FOLDER "
            "(or try it untrained on made-up clips with --mock)"
        )
    digest = file_digest(path)
    if digest != card.weights.sha256:
        raise ModelError(
            f"{path}: sha256 is {digest}, {card.path} says {card.weights.sha256}: the file is damaged or another one"
        )
    return Checkpoint(path, digest)


def load_weights(model: Model, checkpoint: Checkpoint, may_lack: Sequence[str] = ()) -> None:
    """Load a checkpoint, strictly; raises ModelError where it does not fit the network.

    Args:
        may_lack: beginnings of names that need not be there; these weights stay as they are.
    """
    own = model.network.state_dict()
    kept = {name: value for name, value in own.items() if name.startswith(tuple(may_lack))}
    try:
        tensors = load_file(checkpoint.path)
        names = shared_names(model.network)
        expanded = {name: tensors[owner] for name, owner in names.items() if owner in tensors}
        unknown = {name: tensor for name, tensor in tensors.items() if name not in expanded}
        model.network.load_state_dict(kept | expanded | unknown, strict=True)
    except (RuntimeError, SafetensorError) as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]] or [str(error)]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise ModelError(
            f"{checkpoint.path}: does not fit the network of its card: {lines[0]}{more}; "
            "undo the change of [config], or train again"
        ) from error


def shared_names(network: torch.nn.Module) -> dict[str, str]:
    """Name of each tensor of the state dict -> the first name of the same tensor; checkpoints hold each once."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(value), name) for name, value in network.state_dict(keep_vars=True).items()}


def save_weights(network: torch.nn.Module, path: Path) -> str:
    """Write a checkpoint as safetensors, atomically; its sha256. Raises OutputError where that is impossible."""
    state = network.state_dict()
    tensors = {name: state[name].contiguous() for name in dict.fromkeys(shared_names(network).values())}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary)
        except SafetensorError as error:  # a full disk comes as this
            raise OSError(str(error)) from error
    return file_digest(path)


def code_digest(model: Model) -> str:
    """sha256 of the file that defines the model's class."""
    return file_digest(Path(inspect.getfile(type(model))))


def device_of(model: Model) -> torch.device:
    """Where the model's network is."""
    return next(model.network.parameters()).device


def autocast(model: Model, precision: torch.dtype) -> AbstractContextManager[object]:
    """What a forward pass of this precision runs in; weights stay as they are."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device_of(model).type, precision)


def count_parameters(network: torch.nn.Module) -> int:
    """Number of trainable values, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())
