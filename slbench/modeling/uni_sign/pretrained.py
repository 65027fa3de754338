"""Weights of parts before any training on signs: mT5-base, and EfficientNet-B0 from ImageNet."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MT5ForConditionalGeneration

from slbench.data.store import home
from slbench.errors import ModelError, near, some
from slbench.modeling.pretrained import Tensors, load_into, of_transformers, reason

ADDRESS = ("https://", "http://")
FEATURES, CLASSIFIER = "features.", "classifier."
"""How names of torchvision's EfficientNet begin; what classifies ImageNet's objects is left out."""
BACKBONE = "0."
"""What stands in place of `features.` in the released checkpoints."""


def load_pretrained(network: nn.Module, part: str, source: str) -> None:
    """Load a part's weights, each of its tensors.

    Args:
        part: `mt5_model`, with a folder or a name on the Hugging Face hub as its source; or `rgb_support_backbone`,
            with a file or an address of torchvision's weights.

    Raises:
        ModelError: the part is unknown, its weights cannot be had, or they do not fit.
    """
    if part not in PARTS:
        raise ModelError(f"--pretrained {part}: weights can be had for parts of another name{near(part, list(PARTS))}")
    module = getattr(network, part, None)
    if not isinstance(module, nn.Module):
        raise ModelError(f"--pretrained {part}: this network has no such part; with pictures it is --modality rgb+pose")
    load_into(module, PARTS[part](source), f"{part} from {source}")


def _mt5(source: str) -> Tensors:
    """An mT5's tensors. Input embedding and `lm_head` are two, and nothing here ties them."""
    tensors: Tensors = of_transformers(MT5ForConditionalGeneration, "mt5_model", source).state_dict()
    return tensors


def _efficientnet(source: str) -> Tensors:
    """EfficientNet-B0 of torchvision without its classifier, under the released names."""
    part = "rgb_support_backbone"
    try:
        held = _downloaded(source) if source.startswith(ADDRESS) else _file(Path(source))
    except Exception as error:  # what libraries raise on absent and damaged weights has no common kind
        where = f"download {source} on a machine that can" if source.startswith(ADDRESS) else "get the file again"
        raise ModelError(
            f"{part} from {source}: cannot be loaded ({reason(error)}); {where}, and name it: --pretrained {part}=FILE"
        ) from error
    others = sorted(name for name in held if not name.startswith((FEATURES, CLASSIFIER)))
    if others:
        raise ModelError(f"{part} from {source}: is no EfficientNet of torchvision: it has {some(others)}")
    return {BACKBONE + name.removeprefix(FEATURES): held[name] for name in held if name.startswith(FEATURES)}


def _downloaded(address: str) -> Tensors:
    """Fetched once; the name of the file has the beginning of its digest, which is checked."""
    place = str(home() / "weights")
    return _named(
        torch.hub.load_state_dict_from_url(
            address, place, map_location="cpu", check_hash=True, weights_only=True, progress=False
        )
    )


def _file(path: Path) -> Tensors:
    return _named(torch.load(path, map_location="cpu", weights_only=True))


def _named(held: Any) -> Tensors:
    """What a file holds, if it is tensors by name and nothing around them; otherwise ValueError."""
    if not isinstance(held, Mapping):
        raise ValueError(f"it holds a {type(held).__name__} instead of tensors by name")
    others = [str(name) for name, value in held.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if others:
        raise ValueError(f"it holds {some(others, 3)}, which is no tensor with a name; it must hold such alone")
    return held


PARTS: Mapping[str, Callable[[str], Tensors]] = {"mt5_model": _mt5, "rgb_support_backbone": _efficientnet}
"""Part -> its tensors by name, from a source."""
