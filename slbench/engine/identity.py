"""What decides the weights that a training ends with, and where two trainings differ in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from slbench.cards import ModelCard
from slbench.data.pictured import pictures_digest
from slbench.engine import provenance
from slbench.engine.courses import Course
from slbench.engine.models import code_digest, device_of
from slbench.errors import OutputError
from slbench.files import ids_digest
from slbench.version import __version__

Identity = dict[str, Any]
"""Key, as in `--set` -> JSON value."""
WITHOUT_EFFECT = ("cli", "report")
"""Folders of slbench whose code cannot change a weight."""


def training_identity(card: ModelCard, courses: Sequence[Course], decided: Mapping[str, Any]) -> Identity:
    """Everything that decides the weights, on one machine; PyTorch's threads must have been set.

    Args:
        decided: what was asked for besides: seed, stage, sha256 of the weights to begin with.
    """
    values = card.model_dump(mode="json", include={"implementation", "inputs", "config", "recipe"})
    model, tasks = courses[0].model, [course.task for course in courses]
    versions = {f"package.{name}": found for name, found in provenance.package_versions().items()}
    return {
        "model": card.name,
        **dict(_flat(values)),
        "model source": code_digest(model),
        "tasks": ", ".join(f"{task.name} {task.version}" for task in tasks),
        **{f"task digest of {task.name}": task.digest() for task in tasks},
        **dict(data for course in courses for data in _data(course)),
        **decided,
        "device": device_of(model).type,
        "threads": torch.get_num_threads(),
        "slbench": __version__,
        "slbench source": provenance.source_digest(WITHOUT_EFFECT),
        **versions,
    }


def _data(course: Course) -> Iterator[tuple[str, str]]:
    """The data of the splits that decide, and which clips of them are used; the reader's code, too, decides them."""
    for clips in (course.train, course.scored):
        if clips is not None:
            name, task = clips.manifest.split, course.task.name
            yield f"{name} data of {task}", clips.manifest.data_digest
            yield f"{name} of {task} made from", clips.manifest.made_from
            yield f"{name} clips of {task}", ids_digest(clips[index].id for index in range(len(clips)))
            if pictures := pictures_digest(clips):
                yield f"{name} pictures of {task}", pictures


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
