"""The part-wise graph encoder of poses: for each part a linear layer, blocks that see one frame, blocks along time.

Uni-Sign's own (paper section 3; released `models.py`), and the encoder of other networks that read poses. Frames of all
clips of a batch are packed; see `graph`.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.modeling.uni_sign.config import PoseConfig
from slbench.modeling.uni_sign.graph import (
    LENGTH_STEP,
    GraphConvolution,
    Packing,
    SpatialChain,
    TemporalChain,
    adjacency,
    no_adjacency,
)
from slbench.modeling.uni_sign.poses import BODY_JOINT, PARTS


class PoseEncoder(nn.Module):
    """Four part encoders whose features are joined.

    Args:
        config: of all parts.
        out: width that `pose_proj` brings the joined features to; None: there is no such layer.
    """

    config: PoseConfig

    def __init__(self, config: PoseConfig, out: int | None = None) -> None:
        super().__init__()
        self.config = config
        spatial, temporal = config.spatial_dims, config.temporal_dims
        self.proj_linear = nn.ModuleDict()
        self.gcn_modules = nn.ModuleDict()
        self.fusion_gcn_modules = nn.ModuleDict()
        for name, part in PARTS.items():
            joints = len(part.points)
            graph = adjacency(joints, part.edges) if config.graph else no_adjacency(joints)
            self.proj_linear[name] = nn.Linear(3, config.point_dim)
            self.gcn_modules[name] = SpatialChain(config.point_dim, spatial, graph)
            self.fusion_gcn_modules[name] = TemporalChain(spatial[-1], temporal, graph, config.temporal_kernel)
        for modules in (self.proj_linear, self.gcn_modules, self.fusion_gcn_modules):
            modules["right"] = modules["left"]  # both hands share all weights
        self.part_para = nn.Parameter(torch.zeros(self.joined))
        self.pose_proj = nn.Linear(self.joined, out) if out else None
        self._start()

    @property
    def joined(self) -> int:
        """Width of the joined features, those of parts that are not looked at included."""
        return len(PARTS) * self.config.temporal_dims[-1]

    def _start(self) -> None:
        for linear in (*self.proj_linear.values(), self.pose_proj):
            if not isinstance(linear, nn.Linear):  # no `pose_proj`
                continue
            nn.init.trunc_normal_(linear.weight, std=self.config.linear_std)
            nn.init.zeros_(linear.bias)
        for module in self.modules():
            if isinstance(module, GraphConvolution) and not self.config.graph:
                module.fix()
            elif isinstance(module, GraphConvolution):
                module.A.data.add_(torch.randn_like(module.A), alpha=self.config.adjacency_noise)

    def packing(self, lengths: Sequence[int]) -> Packing:
        """Where the frames of clips of these lengths lie; in training without padding."""
        return Packing.of(lengths, self.part_para.device, step=1 if self.training else LENGTH_STEP)

    def forward(self, parts: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """Parts, each (n, V, 3) packed, -> x_nd: the joined features, or what `pose_proj` makes of them."""
        return self.joined_features(self.spatial_features(parts, packing), packing)

    def spatial_features(self, parts: Mapping[str, Tensor], packing: Packing) -> dict[str, Tensor]:
        """Parts, each (n, V, 3) packed, -> x_nvc of each frame by itself."""
        points = {name: self.proj_linear[name](parts[name]) for name in self.config.parts}
        return {name: self.gcn_modules[name](x_nvc, packing) for name, x_nvc in points.items()}

    def joined_features(self, spatial: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """x_nvc of the parts -> x_nd with d the width of `pose_proj`, or `joined` without it."""
        features = [self._part_features(name, spatial, packing) for name in PARTS]
        joined_nd = F.dropout(torch.cat(features, dim=-1) + self.part_para, self.config.pose_dropout, self.training)
        return joined_nd if self.pose_proj is None else packing.project(self.pose_proj, joined_nd)

    def _part_features(self, name: str, spatial: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """x_nd of one part, given the body's detached feature at its joint; zeros for a part not looked at."""
        if name not in spatial:
            return self.part_para.new_zeros(len(packing.slots_n), self.config.temporal_dims[-1])
        x_nvc = spatial[name]
        if self.config.body_features and name in BODY_JOINT and "body" in spatial:
            x_nvc = x_nvc + spatial["body"].detach()[:, BODY_JOINT[name], None]
        features: Tensor = self.fusion_gcn_modules[name](x_nvc, packing).mean(dim=1)
        return features
