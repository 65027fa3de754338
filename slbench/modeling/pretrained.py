"""Weights that others have trained, for parts of networks: read by transformers, taken whole or not at all."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from slbench.errors import ModelError, some

Tensors = Mapping[str, Tensor]


def of_transformers(kind: type[PreTrainedModel], part: str, source: str, **config: Any) -> PreTrainedModel:
    """A network of transformers with its weights, in float32.

    Args:
        kind: its class.
        part: of ours that it is for, for messages.
        source: a folder, or a name on the Hugging Face hub.
        config: keys of its configuration that are to be others than there.

    Raises:
        ModelError: the weights cannot be had, or are not all there.
    """
    try:
        loaded: Any = kind.from_pretrained(source, dtype=torch.float32, output_loading_info=True, **config)
        model, info = loaded
    except Exception as error:  # what libraries raise on absent and damaged weights has no common kind
        raise ModelError(
            f"{part} from {source}: cannot be loaded, from a folder or the hub ({reason(error)}); download it once "
            f"with `hf download {source}`, or name a folder: --pretrained {part}=FOLDER"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(f"{part} from {source}: lacks {some(missing)}; it is no whole {kind.__name__}")
    whole: PreTrainedModel = model
    return whole


def load_into(module: nn.Module, tensors: Tensors, what: str) -> None:
    """Copy tensors into a module that has exactly these; raises ModelError where it has others."""
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    shapes = [
        f"{name} {tuple(tensors[name].shape)} there, {tuple(value.shape)} in the network"
        for name, value in own.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    listed = [f"{len(names)} {title}: {some(names, 3)}" for title, names in faults.items() if names]
    if listed:
        advice = "the sizes under [config] must be its sizes" if shapes else "name other weights, or as many layers"
        raise ModelError(f"{what}: does not fit the network: {'; '.join(listed)}; {advice}")
    module.load_state_dict(dict(tensors))


def reason(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0]
