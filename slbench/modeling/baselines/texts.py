"""Texts that a network keeps among its weights: the vocabulary it answers in, or the answers it has seen."""

import json
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from slbench.cards import Family
from slbench.errors import ModelError, some
from slbench.modeling.base import Examples, Setting

KEY = "_extra_state"
"""PyTorch's name, after that of the module, for what `get_extra_state` gives."""


class Texts(nn.Module):
    """Strings in order. In a file of weights they are one tensor of bytes, JSON in UTF-8."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        super().__init__()
        self.texts = tuple(texts)

    def get_extra_state(self) -> Tensor:
        """(n,) uint8."""
        return torch.tensor(list(json.dumps(self.texts, ensure_ascii=False).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Take what `get_extra_state` gave."""
        self.texts = _decoded(state)

    def __len__(self) -> int:
        return len(self.texts)


def saved_texts(tensors: Mapping[str, Tensor], name: str) -> tuple[str, ...]:
    """The strings of the module `name` of a network, from saved weights.

    Raises:
        ModelError: there are none.
    """
    key = f"{name}.{KEY}"
    if key not in tensors:
        raise ModelError(f"holds no {name}, so it is not of this model; has {some(list(tensors), 3)}")
    try:
        return _decoded(tensors[key])
    except (ValueError, TypeError) as error:  # not bytes, not UTF-8, not JSON
        raise ModelError(f"{key} is damaged; get the file again") from error


def _decoded(state: Tensor) -> tuple[str, ...]:
    texts = json.loads(bytes(state.cpu().tolist()).decode())
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("no list of strings")
    return tuple(texts)


def glosses_of(task: Examples, setting: Setting) -> tuple[str, ...]:
    """What answers are made of: the task's glosses, of sentences those of their train clips; none in translation."""
    if task.family == "islr":
        return setting.glosses
    sentences = task.targets if task.family == "cslr" else ()
    return tuple(sorted({gloss for target in sentences for gloss in target.split()}))


def check_family(tensors: Mapping[str, Tensor], family: Family) -> None:
    """Raise ModelError where saved answers are those of another family; they stand beside the module `family`."""
    saved = saved_texts(tensors, "family")
    if saved != (family,):
        raise ModelError(
            f"has the answers of {' '.join(saved)} training clips, and the task is {family}. "
            "Name weights that were trained on this task, or train some: slbench train"
        )


def check_glosses(saved: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ModelError where weights answer with other glosses than a task; nothing wanted: any will do."""
    if not wanted or set(saved) == set(wanted):
        return
    lacking, foreign = sorted(set(wanted) - set(saved)), sorted(set(saved) - set(wanted))
    differences = [f"lacks {some(lacking, 5)}"] * bool(lacking) + [f"has {some(foreign, 5)} besides"] * bool(foreign)
    raise ModelError(
        f"answers with {len(saved)} glosses, the task has {len(wanted)}; it {' and '.join(differences)}. "
        "Name weights that were trained on this task, or train some: slbench train"
    )
