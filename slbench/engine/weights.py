"""Files of weights, wherever they come from: read without running anything in them.

Known are safetensors and what `torch.save` writes, of `{"model": {name: tensor}}`, as Uni-Sign's authors release it, or
of the plain dictionary. Which of them a file is, its first bytes say; its name does not matter.
"""

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from slbench.errors import ModelError, some

Tensors = dict[str, Tensor]
WRAPPED = "model"
"""Under which the released files hold their tensors."""
DISTRIBUTED = "module."
"""What DistributedDataParallel and DeepSpeed put before every name."""
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of `torch.save` began before it wrote archives."""
SELECTED_ON = "selected_on"
"""Key in the metadata of a safetensors file: the split that its epoch was chosen on, where that is no dev."""
AGAIN = "get the file again"
FOREIGN = {
    b"version https://git-lfs": "a pointer of git LFS instead of the file; `git lfs pull` gets the file",
    b"<": "a web page instead of the file; get the file itself, not the page about it",
    b"\x80": "a pickle that torch.save has not written",
}
"""First bytes -> what such a file is."""


def read_tensors(path: Path) -> Tensors:
    """The tensors of a checkpoint by name, in the precision of the file, and mapped from it where that is possible.

    So they take no memory of their own until they are used. A `module.` before every name is taken off.

    Raises:
        ModelError: the file is absent, damaged, of another kind, or asks for code to be run.
    """
    kind = _kind(path)
    with _understood(path):
        held = load_file(path) if kind == "safetensors" else _load(path, mapped=kind == "archive")
    return _without_prefix(_tensors(held, path))


def noted_selection(path: Path) -> str:
    """The split that the epoch was chosen on, if a safetensors file says so; otherwise empty.

    Raises:
        ModelError: as `read_tensors`.
    """
    if _kind(path) != "safetensors":
        return ""
    with _understood(path), safe_open(path, framework="pt") as file:
        notes: dict[str, str] = file.metadata() or {}
    return notes.get(SELECTED_ON, "")


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Say what is wrong with a file that a library cannot read."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: {_not_loaded(str(error))}") from error
    except Exception as error:  # what the libraries raise on damaged files has no common kind
        reason = (str(error) or type(error).__name__).split(". ")[0].splitlines()[0]
        raise ModelError(f"{path}: cannot be read as weights ({reason}); it is damaged or of another kind") from error


def _load(path: Path, mapped: bool) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _kind(path: Path) -> str:
    """`safetensors`, `archive` of torch.save, or its `old` form."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); name a file of weights") from error
    if not start:
        raise ModelError(f"{path}: is empty; {AGAIN}")
    if start.startswith(b"PK\x03\x04"):
        if not zipfile.is_zipfile(path):
            raise ModelError(f"{path}: is cut off; {AGAIN}")
        return "archive"
    if start[8:9] == b"{":
        return "safetensors"
    if start.startswith(OLD_TORCH):
        return "old"
    kinds = (what for first, what in FOREIGN.items() if start.lstrip().startswith(first))
    raise ModelError(f"{path}: is {next(kinds, 'no file of weights (.safetensors, or .pth and .pt of torch.save)')}")


def _not_loaded(reason: str) -> str:
    """Why torch refuses a pickle."""
    wanted = re.search(r"GLOBAL ([\w.]+)", reason)
    if wanted is None:
        return f"cannot be read; it is damaged, or no file of torch.save; {AGAIN}"
    return (
        f"asks for {wanted[1]}, which is code and no tensor; nothing of it was run. If you trust its makers, have them "
        'save the tensors alone: torch.save({"model": network.state_dict()}, FILE)'
    )


def _tensors(held: Any, path: Path) -> Tensors:
    """What is in the file, out of its wrapping."""
    inner = held[WRAPPED] if isinstance(held, Mapping) and isinstance(held.get(WRAPPED), Mapping) else held
    if not isinstance(inner, Mapping):
        raise ModelError(f"{path}: holds a {type(inner).__name__} instead of tensors by name")
    others = [str(name) for name, value in inner.items() if not isinstance(value, Tensor)]
    if others or not inner:
        there = f"holds {some(others)}, no tensors" if others else "holds no tensors"
        raise ModelError(
            f'{path}: {there}; weights are a dictionary of tensors by name, or {{"{WRAPPED}": that dictionary}}'
        )
    return {str(name): value for name, value in inner.items()}


def _without_prefix(tensors: Tensors) -> Tensors:
    if all(name.startswith(DISTRIBUTED) for name in tensors):
        return {name.removeprefix(DISTRIBUTED): value for name, value in tensors.items()}
    return tensors
