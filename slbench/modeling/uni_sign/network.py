"""The network: four pose encoders, pictures that may help those of the hands, and an mT5 that reads after a prompt.

Names of modules and parameters are those of the released checkpoints (`mt5_model.`,
`gcn_modules.`, ...), so that these load strictly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.modeling.uni_sign.config import UniSignConfig
from slbench.modeling.uni_sign.ctc import Heard, compressed, place_codes
from slbench.modeling.uni_sign.fusion import HandFusion, HandViews, Openings
from slbench.modeling.uni_sign.graph import (
    LENGTH_STEP,
    GraphConvolution,
    Packing,
    SpatialChain,
    TemporalChain,
    adjacency,
)
from slbench.modeling.uni_sign.language import IGNORED, build_language_model
from slbench.modeling.uni_sign.poses import BODY_JOINT, PARTS

NONE: Mapping[str, HandViews] = MappingProxyType({})
"""No pictures."""


@dataclass(frozen=True)
class Encoded:
    """What the text decoder attends to.

    Attributes:
        states_bld: the encoder's output.
        mask_bl: 1 for a prompt token or a vector that was heard.
        openings: see `Heard`.
    """

    states_bld: Tensor
    mask_bl: Tensor
    openings: Openings | None = None


class UniSignNetwork(HandFusion):
    """Uni-Sign (paper section 3; released `models.py`).

    Args:
        config: of all parts.
        pictures: whether there is a branch for pictures of the hands; without it these parameters are not there.
    """

    def __init__(self, config: UniSignConfig, pictures: bool = False) -> None:
        super().__init__()
        self.config = config
        spatial, temporal = config.spatial_dims, config.temporal_dims
        self.proj_linear = nn.ModuleDict()
        self.gcn_modules = nn.ModuleDict()
        self.fusion_gcn_modules = nn.ModuleDict()
        for name, part in PARTS.items():
            graph = adjacency(len(part.points), part.edges)
            self.proj_linear[name] = nn.Linear(3, config.point_dim)
            self.gcn_modules[name] = SpatialChain(config.point_dim, spatial, graph)
            self.fusion_gcn_modules[name] = TemporalChain(spatial[-1], temporal, graph, config.temporal_kernel)
        for modules in (self.proj_linear, self.gcn_modules, self.fusion_gcn_modules):
            modules["right"] = modules["left"]  # both hands share all weights
        joined = len(PARTS) * temporal[-1]
        self.part_para = nn.Parameter(torch.zeros(joined))
        self.pose_proj = nn.Linear(joined, config.language_model.d_model)
        self._start_pose_branch()
        self.mt5_model = build_language_model(config.language_model)
        self.ctc: nn.Linear | None = None
        if config.ctc_weight:
            self.ctc = nn.Linear(config.language_model.d_model, config.language_model.vocab_size)
            nn.init.normal_(self.ctc.weight, std=config.language_model.d_model**-0.5)
        if config.ctc_compression:
            self.ctc_place = nn.Parameter(torch.tensor(1.0))
        self.pictures = pictures
        if pictures:
            self.add_fusion(spatial[-1], config.rgb)

    def _start_pose_branch(self) -> None:
        for linear in (*self.proj_linear.values(), self.pose_proj):
            assert isinstance(linear, nn.Linear)
            nn.init.trunc_normal_(linear.weight, std=self.config.linear_std)
            nn.init.zeros_(linear.bias)
        for module in self.modules():
            if isinstance(module, GraphConvolution):
                module.A.data.add_(torch.randn_like(module.A), alpha=self.config.adjacency_noise)

    def spatial_features(self, parts: Mapping[str, Tensor], packing: Packing) -> dict[str, Tensor]:
        """Parts, each (n, V, 3) packed, -> x_nvc of each frame by itself."""
        points = {name: self.proj_linear[name](parts[name]) for name in self.config.parts}
        return {name: self.gcn_modules[name](x_nvc, packing) for name, x_nvc in points.items()}

    def joined_features(self, spatial: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """x_nvc of the parts -> x_nd with d the language model's width."""
        features = [self._part_features(name, spatial, packing) for name in PARTS]
        joined_nd = torch.cat(features, dim=-1) + self.part_para
        return packing.project(self.pose_proj, F.dropout(joined_nd, self.config.pose_dropout, self.training))

    def _part_features(self, name: str, spatial: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """x_nd of one part, given the body's detached feature at its matching joint; zeros for a part not looked at."""
        if name not in spatial:
            return self.part_para.new_zeros(len(packing.slots_n), self.config.temporal_dims[-1])
        x_nvc = spatial[name]
        if name in BODY_JOINT and "body" in spatial:
            x_nvc = x_nvc + spatial["body"].detach()[:, BODY_JOINT[name], None]
        features: Tensor = self.fusion_gcn_modules[name](x_nvc, packing).mean(dim=1)
        return features

    def hear(self, parts: Mapping[str, Tensor], lengths: Sequence[int], views: Mapping[str, HandViews] = NONE) -> Heard:
        """What the language model is to read.

        Args:
            parts: packed part inputs.
            lengths: frames of each clip; their sum is n.
            views: crops by hand; a hand of which there is none in the batch is left out.
        """
        packing = self._packing(lengths)
        spatial, openings = self.spatial_features(parts, packing), []
        for name, seen in views.items():
            spatial[name], opening_kv = self.fused(spatial[name], seen)
            openings.append(opening_kv)
        heard = self._heard(self.joined_features(spatial, packing), packing, lengths)
        if not openings:
            return heard
        clips_k = torch.cat([seen.clips_k for seen in views.values()])
        return replace(heard, openings=Openings(clips_k, torch.cat(openings)))

    def _heard(self, pose_nd: Tensor, packing: Packing, lengths: Sequence[int]) -> Heard:
        if self.ctc is None:
            return Heard(pose_nd, lengths)
        ctc_nv = packing.project(self.ctc, pose_nd)
        if self.config.ctc_compression:
            return compressed(pose_nd, ctc_nv, lengths)
        return Heard(pose_nd, lengths, ctc_nv=ctc_nv)

    def embeddings(self, heard: Heard, prompt_p: Tensor) -> tuple[Tensor, Tensor]:
        """The prompt's embeddings, then what was heard: embeds_bld, and mask_bl (1 where there is something)."""
        vectors_md, lengths = heard.vectors_md, heard.lengths
        if self.config.ctc_compression:
            places = torch.cat([torch.arange(length, device=vectors_md.device) for length in lengths])
            vectors_md = vectors_md + self.ctc_place * place_codes(places, vectors_md.shape[1])
        packing = self._packing(lengths)
        prompt_bpd = self.mt5_model.encoder.embed_tokens(prompt_p).expand(len(lengths), -1, -1)
        heard_bt = packing.unpack(torch.ones_like(packing.slots_n))
        mask_bl = torch.cat([heard_bt.new_ones(len(lengths), len(prompt_p)), heard_bt], dim=1)
        return torch.cat([prompt_bpd.to(vectors_md.dtype), packing.unpack(vectors_md)], dim=1), mask_bl

    def _packing(self, lengths: Sequence[int]) -> Packing:
        return Packing.of(lengths, self.part_para.device, step=1 if self.training else LENGTH_STEP)

    def read(self, heard: Heard, prompt_p: Tensor) -> Encoded:
        """The encoder's states."""
        embeds_bld, mask_bl = self.embeddings(heard, prompt_p)
        states = self.mt5_model.encoder(inputs_embeds=embeds_bld, attention_mask=mask_bl).last_hidden_state
        return Encoded(states, mask_bl, heard.openings)

    def loss(self, encoded: Encoded, labels_bl: Tensor) -> Tensor:
        """Mean cross entropy over target tokens, with label smoothing."""
        logits = self.mt5_model(
            encoder_outputs=(encoded.states_bld,), attention_mask=encoded.mask_bl, labels=labels_bl
        ).logits
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            labels_bl.flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.config.label_smoothing,
        )
