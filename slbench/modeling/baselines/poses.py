"""Poses as the networks of this folder read them: Uni-Sign's four normalised parts, packed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from slbench.data.clip import Clip
from slbench.modeling.base import Inputs, Setting
from slbench.modeling.uni_sign.config import InputConfig
from slbench.modeling.uni_sign.poses import PARTS, clip_inputs, read_frames

ConfigT = TypeVar("ConfigT", bound=BaseModel)


def checked(config_type: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """The card's [config]; through JSON, so that strict models take TOML's lists for tuples."""
    return config_type.model_validate_json(json.dumps(values))


def pose_inputs(clip: Clip, config: InputConfig, setting: Setting, draw: int) -> Inputs:
    """For each part (T, V, 3): x, y and score, 0 where a point is not seen; see `uni_sign.poses.part_inputs`."""
    read = read_frames(clip, config, setting.family == "islr", setting.seed, draw)
    return clip_inputs(read, config)


def packed(batch: Sequence[Inputs], name: str, device: torch.device) -> Tensor:
    """(n, V, 3): one part, the frames of the batch's clips one after another."""
    return torch.from_numpy(np.concatenate([inputs[name] for inputs in batch])).to(device)


def lengths_of(batch: Sequence[Inputs]) -> list[int]:
    """Frames of each clip."""
    return [len(inputs[next(iter(PARTS))]) for inputs in batch]
