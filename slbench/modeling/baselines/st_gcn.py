"""ST-GCN: graph convolutions over joints and convolutions along time, then the mean over time and a linear layer.

Yan, Xiong and Lin, Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition, AAAI 2018
(arXiv 1801.07455): nine blocks of 64, 64, 64, 128, 128, 128, 256, 256, 256
channels, each along 9 frames.

The blocks are those of Uni-Sign's `PoseEncoder`, which gives body, hands and face a graph each, where the paper has one
graph of the whole figure. Neighbours are told apart by distance (the paper's "distance partitioning"), and a learned
adjacency stands for the paper's fixed one times a learned mask. No block halves the frames, and dropout is before the
linear layer alone instead of after each block.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from slbench.modeling.base import Inputs
from slbench.modeling.baselines.classify import Classifier
from slbench.modeling.baselines.groups import in_groups
from slbench.modeling.baselines.poses import lengths_of, packed
from slbench.modeling.uni_sign.config import InputConfig, Kernel, PoseConfig, Share, Widths
from slbench.modeling.uni_sign.encoder import PoseEncoder


class StGcnConfig(PoseConfig):
    """Sizes; the defaults are the paper's, behind one block that looks at single frames."""

    spatial_dims: Widths = (64,)
    temporal_dims: Widths = (64, 64, 64, 128, 128, 128, 256, 256, 256)
    temporal_kernel: Kernel = 9
    pose_dropout: Share = 0.5
    inputs: InputConfig = InputConfig()


class StGcnNetwork(nn.Module):
    """Part encoders, mean over the frames of a clip, linear layer."""

    def __init__(self, config: PoseConfig, classes: int) -> None:
        super().__init__()
        self.encoder = PoseEncoder(config)
        self.head = nn.Linear(self.encoder.joined, classes)

    def forward(self, parts: dict[str, Tensor], lengths: Sequence[int]) -> Tensor:
        """Parts, each (n, V, 3) packed -> scores_bg."""
        joined_nd = self.encoder(parts, self.encoder.packing(lengths))
        # Clip by clip: with padding the order of the sum would depend on the longest clip of the batch.
        means_bd = torch.stack([clip_td.mean(dim=0) for clip_td in joined_nd.split(list(lengths))])
        return in_groups(self.head, means_bd)


class StGcn(Classifier):
    """ISLR by a part-wise ST-GCN."""

    Config = StGcnConfig

    def build(self, classes: int) -> nn.Module:
        """Encoder and head."""
        return StGcnNetwork(self.config, classes)

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg, before the softmax."""
        parts = {name: packed(batch, name, self.device) for name in self.config.parts}
        scores_bg: Tensor = self.network(parts, lengths_of(batch))
        return scores_bg
