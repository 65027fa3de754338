"""Uni-Sign behind the interface of `slbench.modeling.base`: every task is translation."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from slbench.data.clip import Clip
from slbench.modeling.base import Inputs, Output, Setting
from slbench.modeling.uni_sign.config import UniSignConfig
from slbench.modeling.uni_sign.ctc import BLANK, Heard, compressed, ctc_loss, recombined
from slbench.modeling.uni_sign.decoding import ClosedVocabulary
from slbench.modeling.uni_sign.fusion import RGB_NAMES, HandViews, made_up_opening, normalised
from slbench.modeling.uni_sign.language import build_tokenizer, padded_labels, sequence_log_likelihoods
from slbench.modeling.uni_sign.network import Encoded, UniSignNetwork
from slbench.modeling.uni_sign.poses import PARTS, clip_inputs, read_frames
from slbench.modeling.uni_sign.pretrained import load_pretrained
from slbench.modeling.uni_sign.sampling import HANDS, hand_views


class UniSign:
    """Uni-Sign (arXiv 2501.15187), with pictures of the hands or without; glosses and sentences are generated text."""

    Config = UniSignConfig
    rgb_names = RGB_NAMES
    """How the names begin of the weights that pictures add."""

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config = self.Config.model_validate_json(json.dumps(config), context={"inputs": setting.inputs})
        self.setting = setting
        self.tokenizer = build_tokenizer(self.config.language_model.tokenizer)
        self.network = UniSignNetwork(self.config, setting.inputs == "rgb+pose")
        self.prompt = self._tokens(self.config.prompt.format(language=setting.language, family=setting.family))
        self.candidates = [self._tokens(gloss) for gloss in setting.glosses] if setting.family == "islr" else []
        self.closed = self._closed_vocabulary() if setting.decoding == "closed" else None

    def _tokens(self, text: str) -> list[int]:
        limit = self.config.max_target_tokens
        ids: list[int] = self.tokenizer(text, max_length=limit, truncation=True).input_ids
        return ids

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.part_para.device

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """The four parts, each (T, V, 3); with pictures also what `hand_views` gives."""
        config, seed = self.config, self.setting.seed
        read = read_frames(clip, config.inputs, self.setting.family == "islr", seed, draw)
        parts = clip_inputs(read, config.inputs)
        if not self.network.pictures:
            return parts
        return parts | hand_views(clip, read, config.parts, config.rgb, seed, draw)

    def encode(self, batch: Sequence[Inputs]) -> Encoded:
        """Encoder states of prompt and frames."""
        return self.network.read(self._heard(batch), self._prompt())

    def _heard(self, batch: Sequence[Inputs]) -> Heard:
        parts = {name: self._packed(batch, name) for name in PARTS}
        lengths = [len(inputs["body"]) for inputs in batch]
        hands = [name for name in HANDS if any(len(inputs.get(f"{name}_frames", ())) for inputs in batch)]
        return self.network.hear(parts, lengths, {name: self._views(batch, name, lengths) for name in hands})

    def _packed(self, batch: Sequence[Inputs], name: str) -> Tensor:
        return torch.cat([torch.from_numpy(inputs[name]) for inputs in batch]).to(self.device)

    def _views(self, batch: Sequence[Inputs], hand: str, lengths: Sequence[int]) -> HandViews:
        """Crops of one hand, one clip's after another's."""
        counts = torch.tensor([len(inputs[f"{hand}_frames"]) for inputs in batch])
        clips_k = torch.repeat_interleave(counts).to(self.device)
        starts_b = (torch.tensor(lengths).cumsum(0) - torch.tensor(lengths)).to(self.device)
        return HandViews(
            frames_k=self._packed(batch, f"{hand}_frames") + starts_b[clips_k],
            clips_k=clips_k,
            crops_k3hw=normalised(self._packed(batch, f"{hand}_crops")),
            places_kvx=self._packed(batch, f"{hand}_places"),
        )

    def self_check(self) -> dict[str, float]:
        """What the network says of itself without data: the `gate`'s mean opening on made-up features.

        Empty without pictures. 0 says that pictures change no answer, at least on these features.
        """
        return {"gate": made_up_opening(self.network)} if self.network.pictures else {}

    def begin_gate(self) -> None:
        """Let the gate begin anew, with `config.rgb.gate_bias`."""
        self.network.begin_gate(self.config.rgb)

    def _prompt(self) -> Tensor:
        return torch.tensor(self.prompt, device=self.device)

    def decode(self, encoded: Encoded) -> list[Output]:
        """Beam search as released (`num_beams` beams, `max_new_tokens`), and ISLR's likelihood of every gloss.

        Beams are compared by the mean log-likelihood of a token, as released; so where only glosses may come out, the
        text may be another gloss than the likeliest. With `ctc_only`, CSLR's glosses are those that CTC spells.
        """
        if self.config.ctc_only and self.setting.family == "cslr":
            return [Output(" ".join(glosses)) for glosses in spelled(encoded.heard, self.tokenizer)]
        language_model: Any = self.network.mt5_model
        ids: Tensor = language_model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states_bld),
            attention_mask=encoded.mask_bl,
            num_beams=self.setting.num_beams,
            max_new_tokens=self.config.max_new_tokens,
            do_sample=False,
            prefix_allowed_tokens_fn=None if self.closed is None else self.closed.allowed,
        )
        texts = self._texts(ids)
        answers = zip(texts, self._log_likelihoods(encoded), measures_of(encoded), strict=True)
        return [Output(text, tuple(scores), measures) for text, scores, measures in answers]

    def _closed_vocabulary(self) -> ClosedVocabulary:
        sentences = self.setting.family == "cslr"
        return ClosedVocabulary(self.tokenizer, self.setting.glosses, sentences, self.config.max_new_tokens)

    def _texts(self, ids: Tensor) -> list[str]:
        if self.closed is not None:
            return [self.closed.text(row) for row in ids.tolist()]
        texts: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    def _log_likelihoods(self, encoded: Encoded) -> list[list[float]]:
        if not self.candidates:
            return [[] for _ in encoded.mask_bl]
        scores_bg = sequence_log_likelihoods(
            self.network.mt5_model, encoded.states_bld, encoded.mask_bl, self.candidates
        )
        rows: list[list[float]] = scores_bg.tolist()
        return rows

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Cross entropy of the targets' tokens; with a CTC layer, its loss on the glosses is added."""
        heard = self._heard(batch)
        tokens = [self._tokens(target) for target in targets]
        if self.setting.family == "slt" or heard.ctc_nv is None:
            return self._text_loss(heard, tokens)
        glosses = [[token for gloss in target.split() for token in self._tokens(gloss)[:-1]] for target in targets]
        ctc = self.config.ctc_weight * ctc_loss(heard.ctc_nv, [len(inputs["body"]) for inputs in batch], glosses)
        return ctc if self.config.ctc_only else ctc + self._text_loss(*self._recombined(heard, tokens))

    def load_pretrained(self, part: str, source: str) -> None:
        """Give a part of the network its weights before any training; see `pretrained`."""
        load_pretrained(self.network, part, source)

    def _text_loss(self, heard: Heard, tokens: list[list[int]]) -> Tensor:
        return self.network.loss(self.network.read(heard, self._prompt()), padded_labels(tokens, self.device))

    def _recombined(self, heard: Heard, tokens: list[list[int]]) -> tuple[Heard, list[list[int]]]:
        """The batch with `ctc_recombined` made-up sentences for each of its clips."""
        if not self.config.ctc_recombined or self.setting.family != "cslr":
            return heard, tokens
        more, labels_each = recombined(heard, self.config.ctc_recombined * len(tokens))
        texts = [" ".join(one_each(labels, self.tokenizer)) for labels in labels_each]
        joined = Heard(torch.cat([heard.vectors_md, more.vectors_md]), [*heard.lengths, *more.lengths])
        return joined, tokens + [self._tokens(text) for text in texts]


def spelled(heard: Heard, tokenizer: Any) -> list[list[str]]:
    """The glosses of each clip's likeliest CTC path; only right where each gloss is one token."""
    assert heard.ctc_nv is not None
    found = compressed(heard.vectors_md, heard.ctc_nv, heard.lengths) if heard.labels_m is None else heard
    assert found.labels_m is not None
    return [one_each(labels_k.tolist(), tokenizer) for labels_k in torch.split(found.labels_m, list(found.lengths))]


def one_each(labels: Sequence[int], tokenizer: Any) -> list[str]:
    """The text of each token by itself; of the blank none."""
    texts: list[str] = tokenizer.batch_decode([[label] for label in labels if label != BLANK])
    return texts


def measures_of(encoded: Encoded) -> list[dict[str, float]]:
    """For each clip the mean opening of the `gate`; nothing where no picture was looked at."""
    openings = encoded.heard.openings
    if openings is None:
        return [{} for _ in encoded.mask_bl]
    return [{} if math.isnan(mean) else {"gate": mean} for mean in openings.means(len(encoded.mask_bl))]
