"""What decides the weights that a training ends with, and where two trainings differ in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from slbench.cards import ModelCard, TaskCard
from slbench.data.store import Store
from slbench.engine import provenance
from slbench.engine.models import code_digest, device_of
from slbench.errors import OutputError
from slbench.modeling.base import Model
from slbench.version import __version__

Identity = dict[str, Any]
"""Key, as in `--set` -> JSON value."""
WITHOUT_EFFECT = ("cli", "report")
"""Folders of slbench whose code cannot change a weight."""


def training_identity(
    card: ModelCard, tasks: Sequence[TaskCard], stores: Sequence[Store], model: Model, seed: int, init: str | None
) -> Identity:
    """Everything that decides the weights, on one machine; PyTorch's threads must have been set.

    Args:
        init: sha256 of the weights to begin with; None: random ones.
    """
    values = card.model_dump(mode="json", include={"implementation", "config", "recipe"})
    versions = {f"package.{name}": found for name, found in provenance.package_versions().items()}
    return {
        "model": card.name,
        **dict(_flat(values)),
        "model source": code_digest(model),
        "tasks": ", ".join(f"{task.name} {task.version}" for task in tasks),
        **{f"task digest of {task.name}": task.digest() for task in tasks},
        **dict(data for task, store in zip(tasks, stores, strict=True) for data in _data(task, store)),
        "init": init,
        "seed": seed,
        "device": device_of(model).type,
        "threads": torch.get_num_threads(),
        "slbench": __version__,
        "slbench source": provenance.source_digest(WITHOUT_EFFECT),
        **versions,
    }


def _data(task: TaskCard, store: Store) -> Iterator[tuple[str, str]]:
    """The data of the splits that decide; the reader's code, too, decides the clips."""
    for name in ("train", "dev"):
        manifest = store.split(name).manifest
        yield f"{name} data of {task.name}", manifest.data_digest
        yield f"{name} of {task.name} made from", manifest.made_from


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as `recipe.augmentation.scale`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def check_same(there: Identity, here: Identity, folder: Path) -> None:
    """Raise OutputError, listing the differences, where a folder holds another training than this one."""
    keys = [key for key in (here | there) if there.get(key) != here.get(key)]
    if keys:
        lines = "\n".join(f"{key}: {_shown(there.get(key))} there, {_shown(here.get(key))} here" for key in keys)
        raise OutputError(
            f"--output {folder}: holds another training, so this one cannot continue it:\n{lines}\n"
            "go back to what is there, or name another folder"
        )


def _shown(value: Any) -> str:
    """A value in a message: digests cut short."""
    if value is None:
        return "absent"
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value
    return json.dumps(value)
