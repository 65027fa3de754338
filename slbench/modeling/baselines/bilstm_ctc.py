"""Temporal convolutions, a BiLSTM and CTC on poses: the classic network for continuous recognition.

It is the baseline of VAC (Min, Hao, Chai and Chen, "Visual Alignment Constraint for Continuous Sign Language
Recognition", ICCV 2021, arXiv 2104.02330) with poses in place of its ResNet-18. Sizes are those of its code
(github.com/VIPL-SLP/VAC_CSLR, `slr_network.py`, `configs/baseline.yaml`): two convolutions over 5 frames with a maximum
over 2 after each, 1024 hidden values, two BiLSTM layers.

Otherwise than there: the coordinates of all points go straight into the first convolution; clips have zeros around them
instead of repeated frames; there is dropout before the last layer too; glosses are found by prefix beam search.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from slbench.modeling.baselines.recognise import Recogniser
from slbench.modeling.baselines.temporal import RecogniserConfig, Steps, Temporal
from slbench.modeling.uni_sign.config import PartName
from slbench.modeling.uni_sign.poses import PARTS


class BiLSTMConfig(RecogniserConfig):
    """What may differ between cards."""

    parts: Annotated[tuple[PartName, ...], Field(min_length=1)] = ("body", "left", "right", "face_all")
    """Parts that are looked at."""


class BiLSTMNetwork(nn.Module):
    """Coordinates and scores of all points of a frame side by side -> `Temporal`."""

    def __init__(self, config: BiLSTMConfig, classes: int) -> None:
        super().__init__()
        self.parts = config.parts
        points = sum(len(PARTS[name].points) for name in self.parts)
        self.temporal = Temporal(3 * points, classes, config)

    def forward(self, parts: Mapping[str, Tensor], lengths: Sequence[int]) -> Steps:
        """Parts, each (n, V, 3) packed."""
        x_nc = torch.cat([parts[name].flatten(1) for name in self.parts], dim=1)
        steps: Steps = self.temporal(x_nc, lengths)
        return steps


class BiLSTMCTC(Recogniser):
    """The classic: see the module."""

    Config = BiLSTMConfig

    def build(self, classes: int) -> nn.Module:
        """A fresh network."""
        return BiLSTMNetwork(self.config, classes)
