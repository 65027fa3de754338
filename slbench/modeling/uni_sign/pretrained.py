"""Weights of parts before any training on signs: mT5-base, and EfficientNet-B0 from ImageNet."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MT5ForConditionalGeneration

from slbench.data.store import home
from slbench.errors import ModelError, near, some

ADDRESS = ("https://", "http://")
FEATURES, CLASSIFIER = "features.", "classifier."
"""How names of torchvision's EfficientNet begin; what classifies ImageNet's objects is left out."""
BACKBONE = "0."
"""What stands in place of `features.` in the released checkpoints."""
Tensors = Mapping[str, Tensor]


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
    _load(module, PARTS[part](source), f"{part} from {source}")


def _load(module: nn.Module, tensors: Tensors, what: str) -> None:
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


def _mt5(source: str) -> Tensors:
    """An mT5's tensors. Input embedding and `lm_head` are two, and nothing here ties them."""
    try:
        loaded: Any = MT5ForConditionalGeneration.from_pretrained(source, dtype=torch.float32, output_loading_info=True)
        model, info = loaded
    except Exception as error:  # what libraries raise on absent and damaged weights has no common kind
        raise ModelError(
            f"mt5_model from {source}: cannot be loaded, from a folder or the hub ({_reason(error)}); download it once "
            f"with `hf download {source}`, or name a folder: --pretrained mt5_model=FOLDER"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(f"mt5_model from {source}: lacks {some(missing)}; it is no whole mT5")
    tensors: dict[str, Tensor] = model.state_dict()
    return tensors


def _efficientnet(source: str) -> Tensors:
    """EfficientNet-B0 of torchvision without its classifier, under the released names."""
    part = "rgb_support_backbone"
    try:
        held = _downloaded(source) if source.startswith(ADDRESS) else _file(Path(source))
    except Exception as error:  # what libraries raise on absent and damaged weights has no common kind
        where = f"download {source} on a machine that can" if source.startswith(ADDRESS) else "get the file again"
        raise ModelError(
            f"{part} from {source}: cannot be loaded ({_reason(error)}); {where}, and name it: --pretrained {part}=FILE"
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


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


PARTS: Mapping[str, Callable[[str], Tensors]] = {"mt5_model": _mt5, "rgb_support_backbone": _efficientnet}
"""Part -> its tensors by name, from a source."""
