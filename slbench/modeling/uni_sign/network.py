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
from slbench.modeling.uni_sign.encoder import PoseEncoder
from slbench.modeling.uni_sign.fusion import HandFusion, HandViews, Openings
from slbench.modeling.uni_sign.graph import Packing
from slbench.modeling.uni_sign.language import IGNORED, build_language_model

NONE: Mapping[str, HandViews] = MappingProxyType({})
"""No pictures."""


@dataclass(frozen=True)
class Encoded:
    """What the text decoder attends to.

    Attributes:
        states_bld: the encoder's output.
        mask_bl: 1 for a prompt token or a vector that was heard.
        heard: what the encoder read.
    """

    states_bld: Tensor
    mask_bl: Tensor
    heard: Heard


class UniSignNetwork(PoseEncoder, HandFusion):
    """Uni-Sign (paper section 3; released `models.py`).

    Args:
        config: of all parts.
        pictures: whether there is a branch for pictures of the hands; without it these parameters are not there.
    """

    config: UniSignConfig

    def __init__(self, config: UniSignConfig, pictures: bool = False) -> None:
        super().__init__(config, out=config.language_model.d_model)
        self.mt5_model = build_language_model(config.language_model)
        self.ctc: nn.Linear | None = None
        if config.ctc_weight:
            self.ctc = nn.Linear(config.language_model.d_model, config.language_model.vocab_size)
            nn.init.normal_(self.ctc.weight, std=config.language_model.d_model**-0.5)
        if config.ctc_compression:
            self.ctc_place = nn.Parameter(torch.tensor(1.0))
        self.pictures = pictures
        if pictures:
            self.add_fusion(config.spatial_dims[-1], config.rgb)

    def hear(self, parts: Mapping[str, Tensor], lengths: Sequence[int], views: Mapping[str, HandViews] = NONE) -> Heard:
        """What the language model is to read.

        Args:
            parts: packed part inputs.
            lengths: frames of each clip; their sum is n.
            views: crops by hand; a hand of which there is none in the batch is left out.
        """
        packing = self.packing(lengths)
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
        packing = self.packing(lengths)
        prompt_bpd = self.mt5_model.encoder.embed_tokens(prompt_p).expand(len(lengths), -1, -1)
        heard_bt = packing.unpack(torch.ones_like(packing.slots_n))
        mask_bl = torch.cat([heard_bt.new_ones(len(lengths), len(prompt_p)), heard_bt], dim=1)
        return torch.cat([prompt_bpd.to(vectors_md.dtype), packing.unpack(vectors_md)], dim=1), mask_bl

    def read(self, heard: Heard, prompt_p: Tensor) -> Encoded:
        """The encoder's states."""
        embeds_bld, mask_bl = self.embeddings(heard, prompt_p)
        states = self.mt5_model.encoder(inputs_embeds=embeds_bld, attention_mask=mask_bl).last_hidden_state
        return Encoded(states, mask_bl, heard)

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
