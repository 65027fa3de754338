"""Translation by a T5 that reads points of the body in place of words (Uthus et al., YouTube-ASL, NeurIPS 2023 D&B).

The points of every second frame are one vector, which a linear layer brings to T5's width; T5.1.1-base does the rest.
Sizes, frames and lengths are those of the paper's section 4. Otherwise than there, a frame is the 69 points of
Uni-Sign's four parts, normalised as there, instead of 85 of MediaPipe's; the card lists the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import MT5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from slbench.data.clip import Clip
from slbench.errors import ModelError, near
from slbench.modeling.base import Inputs, Output, Setting
from slbench.modeling.baselines.poses import checked, lengths_of, packed, pose_inputs
from slbench.modeling.baselines.search import filled
from slbench.modeling.pretrained import load_into, of_transformers
from slbench.modeling.uni_sign.config import InputConfig, LanguageModelConfig, PartName, Size
from slbench.modeling.uni_sign.graph import LENGTH_STEP, Packing
from slbench.modeling.uni_sign.language import IGNORED, build_language_model, build_tokenizer, padded_labels
from slbench.modeling.uni_sign.poses import PARTS

PRETRAINED = "t5"
"""The part of the network that others have trained."""


class PoseT5Config(BaseModel):
    """Sizes and choices; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    parts: Annotated[tuple[PartName, ...], Field(min_length=1)] = ("body", "left", "right", "face_all")
    """That are looked at."""
    max_target_tokens: Size = 128
    """Longer training texts are cut."""
    max_new_tokens: Size = 128
    """Longest answer, in tokens."""
    inputs: InputConfig = InputConfig(frame_step=2, max_length=256)
    language_model: LanguageModelConfig = LanguageModelConfig(tokenizer="google/t5-v1_1-base", vocab_size=32128)


@dataclass(frozen=True)
class Encoded:
    """The encoder's states, and 1 where there is a frame."""

    states_btd: Tensor
    mask_bt: Tensor


class PoseT5Network(nn.Module):
    """A linear layer before a T5 v1.1, whose architecture is that of mT5."""

    def __init__(self, config: PoseT5Config) -> None:
        super().__init__()
        values = 3 * sum(len(PARTS[name].points) for name in config.parts)
        self.project = nn.Linear(values, config.language_model.d_model)
        self.t5 = build_language_model(config.language_model)

    def read(self, frames_nc: Tensor, lengths: Sequence[int]) -> Encoded:
        """Packed frames -> the encoder's states."""
        packing = Packing.of(lengths, frames_nc.device, step=1 if self.training else LENGTH_STEP)
        x_btd = packing.unpack(packing.project(self.project, frames_nc))
        mask_bt = packing.unpack(torch.ones_like(packing.slots_n))
        return Encoded(self.t5.encoder(inputs_embeds=x_btd, attention_mask=mask_bt).last_hidden_state, mask_bt)

    def text_loss(self, encoded: Encoded, labels_bl: Tensor) -> Tensor:
        """Mean cross entropy of the target's tokens."""
        states = (encoded.states_btd,)
        logits_blv = self.t5(encoder_outputs=states, attention_mask=encoded.mask_bt, labels=labels_bl).logits
        return F.cross_entropy(logits_blv.flatten(0, 1).float(), labels_bl.flatten(), ignore_index=IGNORED)


class PoseT5:
    """Translation by generating text from poses."""

    Config = PoseT5Config

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config = checked(PoseT5Config, config)
        self.setting = setting
        self.tokenizer = build_tokenizer(self.config.language_model.tokenizer)
        self.network = PoseT5Network(self.config)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.project.weight.device

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """The four parts, each (T, V, 3)."""
        return pose_inputs(clip, self.config.inputs, self.setting, draw)

    def encode(self, batch: Sequence[Inputs]) -> Encoded:
        """The encoder's states."""
        parts = [packed(batch, name, self.device).flatten(1) for name in self.config.parts]
        return self.network.read(torch.cat(parts, dim=1), lengths_of(batch))

    def decode(self, encoded: Encoded) -> list[Output]:
        """Beam search by transformers, `num_beams` beams and at most `max_new_tokens` tokens."""
        shown_b = filled(len(encoded.mask_bt), self.setting.num_beams, self.device)
        language_model: Any = self.network.t5
        ids: Tensor = language_model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states_btd[shown_b]),
            attention_mask=encoded.mask_bt[shown_b],
            num_beams=self.setting.num_beams,
            max_new_tokens=self.config.max_new_tokens,
            do_sample=False,
        )
        texts: list[str] = self.tokenizer.batch_decode(ids[: len(encoded.mask_bt)], skip_special_tokens=True)
        return [Output(text) for text in texts]

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Mean cross entropy of the targets' tokens."""
        tokens = self.tokenizer(list(targets), max_length=self.config.max_target_tokens, truncation=True).input_ids
        return self.network.text_loss(self.encode(batch), padded_labels(tokens, self.device))

    def load_pretrained(self, part: str, source: str) -> None:
        """Give `t5` the weights of a T5 v1.1, from a folder or the Hugging Face hub.

        Raises:
            ModelError: there is no such part, or the weights cannot be had or do not fit.
        """
        if part != PRETRAINED:
            raise ModelError(f"--pretrained {part}: weights can be had for another part{near(part, [PRETRAINED])}")
        tensors = of_transformers(MT5ForConditionalGeneration, part, source).state_dict()
        load_into(self.network.t5, tensors, f"{part} from {source}")
