"""Pose-TGCN: a graph network whose nodes are the trajectories of keypoints.

Li, Rodriguez Opazo, Yu and Li, Word-level Deep Sign Language Recognition from Video, WACV 2020 (arXiv 1910.11006):
55 points of upper body and hands; the feature of a node is its places in 50 frames; the graph is complete
and learned in each layer; residual blocks of two graph convolutions with batch norm; mean over the nodes. Sizes are
those of the released settings for WLASL2000 (`asl2000.ini`); where batch norm, tanh and dropout stand, and how weights
begin, is as in the released `tgcn_model.py`.

The released code reads 50 frames in a row in training; here 50 are spread over the clip, some twice in short ones.
Bodies are scaled to their box and hands are relative to their wrists, instead of all places being those in the picture.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from slbench.data.clip import Array, Clip
from slbench.modeling.base import Inputs
from slbench.modeling.baselines.classify import Classifier
from slbench.modeling.baselines.groups import in_groups
from slbench.modeling.baselines.temporal import normalised
from slbench.modeling.baselines.upper_body import NECK, upper_body
from slbench.modeling.uni_sign.config import InputConfig, Share, Size
from slbench.modeling.uni_sign.poses import ReadFrames, body_box, clip_inputs, read_frames

NODES = 55
"""13 of the body, 21 of each hand."""


class PoseTgcnConfig(BaseModel):
    """Sizes; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    frames: Size = 50
    """That a trajectory has."""
    hidden: Size = 256
    """Width of a node."""
    stages: Size = 24
    """Residual blocks."""
    dropout: Share = 0.3
    inputs: InputConfig = InputConfig(isolated_max_length=256)


def trajectories(read: ReadFrames, config: InputConfig, frames: int) -> Array:
    """(55, 2 * frames): x, y of each point in frames that are spread evenly over the clip; 0 where it is not seen."""
    points, scores = upper_body(read.keypoints, read.scores)
    seen = scores > config.score_threshold
    corner, side = body_box(points[:, : NECK + 1].transpose(2, 0, 1), seen[:, : NECK + 1])
    body = (points - corner) / (side or 1.0) * 2 - 1
    body *= seen[..., None] & (side > 0)
    parts = clip_inputs(read, config)
    places = np.concatenate([body, parts["left"][..., :2], parts["right"][..., :2]], axis=1)
    spread = np.linspace(0, len(places) - 1, frames).round().astype(int)
    nodes: Array = places[spread].transpose(1, 0, 2).reshape(NODES, 2 * frames).astype(np.float32)
    return nodes


class CompleteGraphConvolution(nn.Module):
    """Every node sees every other as a learned matrix has it; batch norm of each number of each node; tanh."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.adjacency = nn.Parameter(torch.empty(NODES, NODES))
        self.linear = nn.Linear(channels, out)
        self.norm = nn.BatchNorm1d(NODES * out)
        for values in (self.adjacency, self.linear.weight, self.linear.bias):
            nn.init.uniform_(values, -(out**-0.5), out**-0.5)

    def forward(self, x_bvc: Tensor) -> Tensor:
        """x_bvc -> x_bvd."""
        x_bvd = self.linear(self.adjacency.to(x_bvc.dtype) @ x_bvc)
        return normalised(self.norm, x_bvd.flatten(1)).view_as(x_bvd).tanh()


class Block(nn.Module):
    """Two graph convolutions and a residual."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.first = CompleteGraphConvolution(hidden, hidden)
        self.second = CompleteGraphConvolution(hidden, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_bvd: Tensor) -> Tensor:
        """x_bvd -> x_bvd."""
        return x_bvd + cast(Tensor, self.dropout(self.second(self.dropout(self.first(x_bvd)))))


class PoseTgcnNetwork(nn.Module):
    """Trajectories, blocks, mean over the nodes, linear layer."""

    def __init__(self, config: PoseTgcnConfig, classes: int) -> None:
        super().__init__()
        blocks = [Block(config.hidden, config.dropout) for _ in range(config.stages)]
        first = CompleteGraphConvolution(2 * config.frames, config.hidden)
        self.body = nn.Sequential(first, nn.Dropout(config.dropout), *blocks)
        self.head = nn.Linear(config.hidden, classes)

    def forward(self, places_bvc: Tensor) -> Tensor:
        """(B, 55, 2 * frames) -> scores_bg."""
        scores_bg: Tensor = self.head(self.body(places_bvc).mean(dim=1))
        return scores_bg


class PoseTgcn(Classifier):
    """ISLR by a graph network of trajectories."""

    Config = PoseTgcnConfig

    def build(self, classes: int) -> nn.Module:
        """The network."""
        return PoseTgcnNetwork(self.config, classes)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """(55, 2 * frames)."""
        read = read_frames(clip, self.config.inputs, True, self.setting.seed, draw)
        return {"places": trajectories(read, self.config.inputs, self.config.frames)}

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg, before the softmax."""
        places = torch.from_numpy(np.stack([inputs["places"] for inputs in batch]))
        return in_groups(self.network, places.to(self.device))
