"""Sign Language Transformers: recognition and translation by one transformer (Camgöz et al., CVPR 2020).

An encoder reads the frames; a CTC layer on it names the glosses, and a decoder writes the sentence. Trained on both
tasks of a corpus, the encoder learns from both losses. Sizes, norms, initial weights and losses are those of the
authors' code (github.com/neccam/slt, configs/sign.yaml, built on JoeyNMT). Otherwise than there, a frame is the points
of its pose instead of features of a CNN, and the two losses come from batches of their own; the card lists the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.data.clip import Clip
from slbench.errors import ModelError, some
from slbench.modeling.base import Examples, Inputs, Output, Setting
from slbench.modeling.baselines import ctc
from slbench.modeling.baselines.poses import checked, lengths_of, packed, pose_inputs
from slbench.modeling.baselines.search import Beams, beam_search, filled
from slbench.modeling.baselines.temporal import normalised
from slbench.modeling.baselines.texts import Texts, check_glosses, saved_texts
from slbench.modeling.baselines.transformer import Decoder, Encoder, KeysValues
from slbench.modeling.baselines.vocabulary import (
    BEGIN,
    END,
    PADDING,
    SPECIAL,
    UNKNOWN,
    TextUnit,
    Vocabulary,
    learned_pieces,
)
from slbench.modeling.uni_sign.config import InputConfig, PartName, Size
from slbench.modeling.uni_sign.ctc import ctc_loss, place_codes
from slbench.modeling.uni_sign.graph import LENGTH_STEP, Packing
from slbench.modeling.uni_sign.poses import PARTS

SLOWEST = 10000
"""Positions are sines and cosines of wavelengths up to 2 pi times this, as in JoeyNMT."""


class SignTransformerConfig(BaseModel):
    """Sizes and choices; the defaults are the authors'."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    parts: Annotated[tuple[PartName, ...], Field(min_length=1)] = ("body", "left", "right", "face_all")
    """That are looked at."""
    d_model: Size = 512
    d_ff: Size = 2048
    num_layers: Size = 3
    """Of the encoder, and of the decoder."""
    num_heads: Size = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    text_unit: TextUnit = "words"
    """What the decoder writes one after another."""
    min_frequency: Size = 1
    """A word or character that occurs less often in the training texts is not known."""
    max_new_tokens: Size = 30
    """Longest answer of a translation, in these units."""
    length_alpha: Annotated[float, Field(ge=0)] = 1.0
    """Of the penalty by which texts of different lengths are compared. The authors try none, and 0 to 5, on dev."""
    recognition_weight: Annotated[float, Field(gt=0)] = 1.0
    """Of the CTC loss; that of the other is 1."""
    inputs: InputConfig = InputConfig(max_length=400)


@dataclass(frozen=True)
class Memory:
    """What the encoder makes of B clips.

    Attributes:
        states_btd: zero or anything where a clip has ended.
        mask_bt: true where there is a frame.
        packing: where the frames lie.
    """

    states_btd: Tensor
    mask_bt: Tensor
    packing: Packing


class NormedEmbedding(nn.Module):
    """Batch norm and softsign after an embedding of frames or words; padding is not among its rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x_nd: Tensor) -> Tensor:
        """x_nd -> x_nd; one row alone has no variance, so it does not count as a batch."""
        return F.softsign(normalised(self.norm, x_nd))


class SignTransformerNetwork(nn.Module):
    """Both heads are always there; what no task was named for says nothing: the CTC layer has the blank alone.

    Args:
        glosses: label 0 is the blank, the first gloss is 1.
        pieces: words or characters; see `Vocabulary`.
    """

    def __init__(self, config: SignTransformerConfig, glosses: Sequence[str] = (), pieces: Sequence[str] = ()) -> None:
        super().__init__()
        self.vocabulary, self.pieces = Texts(glosses), Texts(pieces)
        width, values = config.d_model, 3 * sum(len(PARTS[name].points) for name in config.parts)
        sizes = config.num_layers, width, config.d_ff, config.num_heads, config.dropout
        self.frame = nn.Linear(values, width)
        self.frame_norm = NormedEmbedding(width)
        self.encoder = Encoder(*sizes)
        self.recognise = nn.Linear(width, 1 + len(glosses))
        self.word = nn.Embedding(SPECIAL + len(pieces), width)
        self.word_norm = NormedEmbedding(width)
        self.decoder = Decoder(*sizes)
        self.write = nn.Linear(width, SPECIAL + len(pieces), bias=False)
        self.dropout = nn.Dropout(config.dropout)
        for name, value in self.named_parameters():
            if value.dim() > 1:
                nn.init.xavier_uniform_(value)
            elif name.endswith("bias"):
                nn.init.zeros_(value)

    def read(self, frames_nc: Tensor, lengths: Sequence[int]) -> Memory:
        """Packed frames -> the encoder's states."""
        packing = Packing.of(lengths, frames_nc.device, step=1 if self.training else LENGTH_STEP)
        x_btd = packing.unpack(self.frame_norm(packing.project(self.frame, frames_nc)))
        mask_bt = packing.unpack(torch.ones_like(packing.slots_n)).bool()
        return Memory(self.encoder(self._placed(x_btd), mask_bt), mask_bt, packing)

    def _placed(self, x_btd: Tensor, first: int = 0) -> Tensor:
        """With the codes of places from `first`."""
        places_t = torch.arange(first, first + x_btd.shape[1], device=x_btd.device)
        placed: Tensor = self.dropout(x_btd + place_codes(places_t, x_btd.shape[2], SLOWEST))
        return placed

    def gloss_logits(self, memory: Memory) -> Tensor:
        """logits_nv, packed."""
        return memory.packing.pack(self.recognise(memory.states_btd))

    def word_logits(self, tokens_bl: Tensor, memory: Memory) -> Tensor:
        """logits_blv of the token after each."""
        there_bl = tokens_bl != PADDING
        x_nd = self.word_norm(self.word(tokens_bl[there_bl]))
        x_bld = x_nd.new_zeros(*tokens_bl.shape, x_nd.shape[1])
        x_bld[there_bl] = x_nd
        clips, nothing = self.decoder.look(memory.states_btd), [None] * len(self.decoder.layers)
        x_bld, _ = self.decoder(self._placed(x_bld), clips, memory.mask_bt, nothing)
        logits_blv: Tensor = self.write(x_bld)
        return logits_blv


class Writing:
    """The decoder at work on texts of some clips, for `beam_search`; it keeps what it needs of the tokens so far."""

    def __init__(self, network: SignTransformerNetwork, memory: Memory) -> None:
        self.network, self.mask_bt = network, memory.mask_bt
        self.clips = network.decoder.look(memory.states_btd)
        self.past: Sequence[KeysValues | None] = [None] * len(self.clips)
        self.length = 0

    def __call__(self, tokens_bk: Tensor, parents_bk: Tensor) -> Tensor:
        """See `search.Decoder`."""
        clips, width = tokens_bk.shape
        rows_n = (torch.arange(clips, device=tokens_bk.device)[:, None] * width + parents_bk).flatten()
        past = [None if known is None else (known[0][rows_n], known[1][rows_n]) for known in self.past]
        network = self.network
        x_nd = network.word_norm(network.word(tokens_bk.flatten()))
        x_n1d = network._placed(x_nd[:, None], self.length)  # noqa: SLF001 - the network's own other half
        x_n1d, self.past = network.decoder(x_n1d, self.clips, self.mask_bt, past)
        self.length += 1
        likelihoods_bkv: Tensor = network.write(x_n1d[:, 0]).float().log_softmax(-1).view(clips, width, -1)
        return likelihoods_bkv


class SignTransformer:
    """Recognition by the encoder's CTC layer, translation by the decoder."""

    Config = SignTransformerConfig

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config = checked(SignTransformerConfig, config)
        self.setting = setting
        self.network = SignTransformerNetwork(self.config)

    def fit(self, examples: Sequence[Examples]) -> None:
        """Take the glosses of all recognition tasks, and the words of all translation tasks.

        Raises:
            ModelError: the clips of a kind of task have none.
        """
        said = [target for one in examples if one.family == "cslr" for target in one.targets]
        written = [target for one in examples if one.family == "slt" for target in one.targets]
        glosses = sorted({gloss for target in said for gloss in target.split()})
        pieces = learned_pieces(written, self.config.text_unit, self.config.min_frequency)
        for targets, found, kind in ((said, glosses, "gloss"), (written, pieces, self.config.text_unit)):
            if targets and not found:
                raise ModelError(f"none of the {len(targets)} training clips has a {kind} in its target to learn from")
        self.network = SignTransformerNetwork(self.config, glosses, pieces)

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Answer with the glosses and words of saved weights."""
        glosses, pieces = saved_texts(tensors, "vocabulary"), saved_texts(tensors, "pieces")
        if not (glosses if self.setting.family == "cslr" else pieces):
            raise ModelError(_untrained(self.setting.family))
        check_glosses(glosses, self.network.vocabulary.texts or self.setting.glosses)
        unwritten = sorted(set(self.network.pieces.texts) - set(pieces))
        if unwritten:
            raise ModelError(
                f"writes {len(pieces)} {self.config.text_unit}, and the training has others besides: "
                f"{some(unwritten, 5)}. Begin without these weights, or with those of a training on the same texts"
            )
        self.network = SignTransformerNetwork(self.config, glosses, pieces)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.frame.weight.device

    @property
    def vocabulary(self) -> Vocabulary:
        """Of the decoder."""
        return Vocabulary(self.network.pieces.texts, self.config.text_unit)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """The four parts, each (T, V, 3)."""
        return pose_inputs(clip, self.config.inputs, self.setting, draw)

    def encode(self, batch: Sequence[Inputs]) -> Memory:
        """The encoder's states."""
        parts = [packed(batch, name, self.device).flatten(1) for name in self.config.parts]
        return self.network.read(torch.cat(parts, dim=1), lengths_of(batch))

    def decode(self, encoded: Memory) -> list[Output]:
        """CSLR: glosses by CTC prefix beam search; SLT: text by beam search."""
        texts = self._recognised(encoded) if self.setting.family == "cslr" else self._translated(encoded)
        return [Output(text) for text in texts]

    def _recognised(self, memory: Memory) -> list[str]:
        lengths, glosses = memory.mask_bt.sum(1).tolist(), self.network.vocabulary.texts
        rows = ctc.search(self.network.gloss_logits(memory), lengths, self.setting.num_beams)
        return [" ".join(glosses[label - 1] for label in row) for row in rows]

    def _translated(self, memory: Memory) -> list[str]:
        clips, width = len(memory.mask_bt), self.setting.num_beams
        shown_b = filled(clips, width, self.device)
        shown = Memory(memory.states_btd[shown_b], memory.mask_bt[shown_b], memory.packing)
        never = (PADDING, BEGIN, UNKNOWN)
        beams = Beams(width, self.config.max_new_tokens, self.config.length_alpha, BEGIN, END, never)
        rows = beam_search(Writing(self.network, shown), len(shown_b), beams, self.device)
        return [self.vocabulary.text(row) for row in rows[:clips]]

    def refusal(self, inputs: Inputs, target: str) -> str:
        """CSLR: too few frames for the glosses, since CTC takes a frame for each, and one more between two alike."""
        needed = ctc.steps_needed(self._labels(target)) if self.setting.family == "cslr" else 0
        [frames] = lengths_of([inputs])
        return f"{frames} frames, and CTC needs {needed} for its glosses" if needed > frames else ""

    def _labels(self, target: str) -> list[int]:
        places = {gloss: place for place, gloss in enumerate(self.network.vocabulary.texts, start=1)}
        return [places[gloss] for gloss in target.split()]

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """CSLR: mean CTC loss a gloss; SLT: mean over clips of the cross entropy of all tokens."""
        memory = self.encode(batch)
        if self.setting.family == "cslr":
            labels = [self._labels(target) for target in targets]
            found = ctc_loss(self.network.gloss_logits(memory), lengths_of(batch), labels)
            return self.config.recognition_weight * found
        return self._text_loss(memory, targets)

    def _text_loss(self, memory: Memory, targets: Sequence[str]) -> Tensor:
        rows = [torch.tensor(self.vocabulary.tokens(target)) for target in targets]
        tokens_bl = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING).to(self.device)
        logits_blv = self.network.word_logits(tokens_bl[:, :-1], memory).float()
        wanted_n = tokens_bl[:, 1:].flatten()
        return F.cross_entropy(logits_blv.flatten(0, 1), wanted_n, ignore_index=PADDING, reduction="sum") / len(targets)


def _untrained(family: str) -> str:
    """Of weights that cannot do this family."""
    did, does = ("recognition (CSLR)", "glosses") if family == "cslr" else ("translation (SLT)", "words")
    other = "SLT" if family == "cslr" else "CSLR"
    return (
        f"was trained without {did}, so it knows no {does}. Use it for {other}, or train one network on both: "
        "slbench train --task TASK-cslr --task TASK-slt"
    )
