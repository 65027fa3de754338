"""The network: four pose encoders, and an mT5 that reads their output after a prompt.

Names of modules and parameters are those of the released checkpoints (`mt5_model.`,
`gcn_modules.`, ...), so that these load strictly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.modeling.uni_sign.config import UniSignConfig
from slbench.modeling.uni_sign.ctc import Heard, compressed, place_codes
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


@dataclass(frozen=True)
class Encoded:
    """What the text decoder attends to: states_bld, and mask_bl (1 for a prompt token or a vector that was heard)."""

    states_bld: Tensor
    mask_bl: Tensor


class UniSignNetwork(nn.Module):
    """Uni-Sign's pose branch and language model (paper section 3; released `models.py`)."""

    def __init__(self, config: UniSignConfig) -> None:
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
        for linear in (*self.proj_linear.values(), self.pose_proj):
            assert isinstance(linear, nn.Linear)
            nn.init.trunc_normal_(linear.weight, std=config.linear_std)
            nn.init.zeros_(linear.bias)
        for module in self.modules():
            if isinstance(module, GraphConvolution):
                module.A.data.add_(torch.randn_like(module.A), alpha=config.adjacency_noise)
        self.mt5_model = build_language_model(config.language_model)
        self.ctc: nn.Linear | None = None
        if config.ctc_weight:
            self.ctc = nn.Linear(config.language_model.d_model, config.language_model.vocab_size)
            nn.init.normal_(self.ctc.weight, std=config.language_model.d_model**-0.5)
        if config.ctc_compression:
            self.ctc_place = nn.Parameter(torch.tensor(1.0))

    def pose_features(self, parts: Mapping[str, Tensor], packing: Packing) -> Tensor:
        """Parts, each (n, V, 3) packed, -> x_nd with d the language model's width."""
        spatial: dict[str, Tensor] = {
            name: self.gcn_modules[name](self.proj_linear[name](parts[name]), packing) for name in self.config.parts
        }
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

    def hear(self, parts: Mapping[str, Tensor], lengths: Sequence[int]) -> Heard:
        """What the language model is to read.

        Args:
            parts: packed part inputs.
            lengths: frames of each clip; their sum is n.
        """
        packing = self._packing(lengths)
        pose_nd = self.pose_features(parts, packing)
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
        return Encoded(states, mask_bl)

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
