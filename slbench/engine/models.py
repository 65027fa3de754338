"""From a model card to a model ready to use."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import save_file

from slbench import catalog
from slbench.cards import Modality, ModelCard, TaskCard
from slbench.catalog import blamed, resolve
from slbench.engine.fitting import fitted, shared_names
from slbench.engine.weights import SELECTED_ON, read_tensors
from slbench.errors import CardError, ModelError, OptionError, some
from slbench.files import atomic_path, file_digest
from slbench.modeling.base import Decoding, Fitted, Model, Setting

UNREMARKABLE = ("", "dev", "none")
"""Of the splits that an epoch may be chosen on: these are not noted in a file of weights."""


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
    """Raise CardError, naming models that can, where the model does not do this family of tasks."""
    if task.family not in card.families:
        able = catalog.models_for(task.family)
        raise CardError(
            f"{card.name} does not do {task.family} ({task.name}); its card says families = {list(card.families)}"
            + (f"; {some(able)} can" if able else "")
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
    """A file of weights.

    Attributes:
        path: of the file.
        sha256: of it.
        origin: where it comes from; empty: it lies beside its card.
        selected_on: split that the epoch was chosen on; `none`: it is the last one; empty: not known.
    """

    path: Path
    sha256: str
    origin: str = ""
    selected_on: str = "dev"


def find_checkpoint(card: ModelCard) -> Checkpoint:
    """The checkpoint beside the card.

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
    return Checkpoint(path, digest, selected_on=card.weights.selected_on)


def load_weights(model: Model, checkpoint: Checkpoint, may_lack: Sequence[str] = ()) -> None:
    """Load a checkpoint into the network, in the network's precision; see `fitting.fitted` for what it must have.

    Args:
        may_lack: beginnings of names of which none need be there; these weights then stay as they are.

    Raises:
        ModelError: it cannot be read, or does not fit; the network is as it was.
    """
    tensors, before = read_tensors(checkpoint.path), model.network
    try:
        make_room(model, tensors, checkpoint.path)
        found = fitted(model, tensors, checkpoint.path, may_lack)
    except ModelError:
        model.network = before
        raise
    owners = shared_names(model.network)
    state = {name: found[owner] for name, owner in owners.items() if owner in found}
    model.network.load_state_dict(state, strict=len(state) == len(owners))


def make_room(model: Model, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Bring the network to the sizes of a checkpoint, where these are not known before.

    Raises:
        ModelError: it is for other glosses; the network is as it was.
    """
    if isinstance(model, Fitted):
        with blamed_file(path):
            model.make_room(tensors)


@contextmanager
def blamed_file(path: Path) -> Iterator[None]:
    """Say of which file a ModelError speaks."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def save_weights(network: torch.nn.Module, path: Path, selected_on: str = "dev") -> str:
    """Write a checkpoint as safetensors; see `save_tensors`."""
    state = network.state_dict()
    tensors = {name: state[name] for name in dict.fromkeys(shared_names(network).values())}
    return save_tensors(tensors, path, selected_on)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path, selected_on: str = "dev") -> str:
    """Write tensors, each once, as safetensors; atomically; sha256 of the file.

    Args:
        selected_on: split that the epoch was chosen on; in the file's metadata unless it is `UNREMARKABLE`, so that it
            is not lost where the file goes without its card.

    Raises:
        OutputError: it cannot be written.
    """
    notes = None if selected_on in UNREMARKABLE else {SELECTED_ON: selected_on}
    with atomic_path(path) as temporary:
        try:
            save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, notes)
        except SafetensorError as error:  # a full disk comes as this
            raise OSError(str(error)) from error
    return file_digest(path)


def code_digest(model: Model) -> str:
    """sha256 of the file that defines the model's class."""
    return file_digest(Path(inspect.getfile(type(model))))


def device_of(model: Model) -> torch.device:
    """Where the model's network is; one that holds no tensors is on the CPU."""
    tensors = chain(model.network.parameters(), model.network.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


def autocast(model: Model, precision: torch.dtype) -> AbstractContextManager[object]:
    """What a forward pass of this precision runs in; weights stay as they are."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device_of(model).type, precision)


def count_parameters(network: torch.nn.Module) -> int:
    """Number of trainable values, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())
