"""Where do the arms point?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from slbench import Clip, Output, Setting

SHOULDERS, WRISTS = [6, 5], [10, 9]
"""Right and left, in COCO-WholeBody."""
Inputs = Mapping[str, np.ndarray]


class Config(BaseModel, extra="forbid"):
    """Nothing can be chosen."""


class ArmDirections:
    """A linear layer over the mean directions of both arms."""

    Config = Config

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        Config.model_validate(config)
        self.glosses = setting.glosses
        self.network = nn.Linear(4, len(self.glosses))

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """(4,): unit vectors from shoulder to wrist, averaged over the frames."""
        arms = clip.keypoints[:, WRISTS] - clip.keypoints[:, SHOULDERS]  # (T, 2, 2)
        directions = arms / np.maximum(np.linalg.norm(arms, axis=-1, keepdims=True), 1e-6)
        return {"directions": directions.mean(axis=0).ravel()}

    def encode(self, batch: Sequence[Inputs]) -> Tensor:
        """(clips, glosses): log-likelihoods."""
        directions = torch.tensor(np.stack([inputs["directions"] for inputs in batch]))
        scores: Tensor = self.network(directions.to(self.network.weight.device))
        return scores.float().log_softmax(-1)

    def decode(self, encoded: Tensor) -> list[Output]:
        """The most likely gloss and the log-likelihood of each."""
        return [Output(self.glosses[int(row.argmax())], tuple(row.tolist())) for row in encoded]

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Mean negative log-likelihood of the targets."""
        encoded = self.encode(batch)
        wanted = torch.tensor([self.glosses.index(target) for target in targets], device=encoded.device)
        return nn.functional.nll_loss(encoded, wanted)
