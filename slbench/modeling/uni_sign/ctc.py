"""A CTC layer on the pose features, which Uni-Sign does not have; both uses are off unless the card asks for them.

As an auxiliary loss it teaches the pose encoder where signs lie long before the decoder can (as VAC, Min et al.,
ICCV 2021, does for recognition). As a compressor it hands the language model one vector for each token that it finds
instead of one for each frame (Gaido et al., EACL 2021), so that the decoder need not find the signs itself; each
is given its place in the order, since T5 knows distances only and copies badly without.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from slbench.modeling.uni_sign.fusion import Openings

BLANK = 0
"""Token id of the blank; T5's padding, which no text holds."""


def ctc_loss(logits_nv: Tensor, lengths: Sequence[int], targets: Sequence[Sequence[int]]) -> Tensor:
    """Mean over clips of the CTC loss a target token.

    Args:
        logits_nv: packed, one row a frame.
        lengths: frames of each clip.
        targets: token ids of each clip, none of them `BLANK`. A clip with too few frames for its target counts as 0.
    """
    rows = logits_nv.float().log_softmax(-1).split(list(lengths))  # type: ignore[no-untyped-call]
    loss = F.ctc_loss(
        pad_sequence(list(rows)).cpu(),  # CUDA has no deterministic gradient of it
        torch.tensor([token for target in targets for token in target], dtype=torch.long),  # there may be none
        torch.tensor(lengths),
        torch.tensor([len(target) for target in targets]),
        blank=BLANK,
        zero_infinity=True,
    )
    return loss.to(logits_nv.device)


def place_codes(places_m: Tensor, width: int, base: float = 300) -> Tensor:
    """(m, width): sines and cosines of each place, of wavelengths from 2 pi to 2 pi `base` (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=places_m.device) * (-math.log(base) / width))
    angles = places_m[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


@dataclass(frozen=True)
class Heard:
    """What the language model is to read of a batch: a vector a frame, or a token that the CTC layer found.

    Attributes:
        vectors_md: packed.
        lengths: vectors of each clip, at least 1; their sum is m.
        labels_m: the token that each vector stands for, `BLANK` where a clip has none; None if these are frames.
        ctc_nv: packed logits of the CTC layer, a row a frame, if there is one.
        openings: of the gate for what was looked at in pictures; None where that is nothing.
    """

    vectors_md: Tensor
    lengths: Sequence[int]
    labels_m: Tensor | None = None
    ctc_nv: Tensor | None = None
    openings: Openings | None = None


def compressed(x_nd: Tensor, ctc_nv: Tensor, lengths: Sequence[int]) -> Heard:
    """Means over runs of frames with one likeliest token, blank runs left out; a clip of blanks becomes one mean.

    Args:
        x_nd: packed features.
        ctc_nv: packed logits.
        lengths: frames of each clip.
    """
    labels_n = ctc_nv.argmax(-1)
    clip_n = torch.repeat_interleave(torch.tensor(lengths, device=labels_n.device))
    base = ctc_nv.shape[1]
    runs_k, run_n, frames_k = torch.unique_consecutive(
        clip_n * base + labels_n, return_inverse=True, return_counts=True
    )
    means_kd = x_nd.new_zeros(len(runs_k), x_nd.shape[1]).index_add(0, run_n, x_nd) / frames_k[:, None]
    clip_k, label_k = runs_k // base, runs_k % base
    silent_b = torch.bincount(clip_k[label_k != BLANK], minlength=len(lengths)) == 0
    kept_k = (label_k != BLANK) | silent_b[clip_k]
    found = torch.bincount(clip_k[kept_k], minlength=len(lengths)).tolist()
    return Heard(means_kd[kept_k], found, label_k[kept_k], ctc_nv)


def recombined(heard: Heard, sequences: int) -> tuple[Heard, list[list[int]]]:
    """New sequences of the found tokens' vectors, drawn from the whole batch, and the tokens that they spell.

    They teach the language model to read what is there rather than to recall the training sentences. Lengths are
    those of the batch's clips. The vectors carry no gradient back: a token that was found wrongly is no example for
    the pose encoder. Draws come from PyTorch's generator.
    """
    assert heard.labels_m is not None
    spoken = (heard.labels_m != BLANK).nonzero()[:, 0]
    if not len(spoken):
        return Heard(heard.vectors_md[:0], []), []
    lengths = [heard.lengths[int(clip)] for clip in torch.randint(len(heard.lengths), (sequences,))]
    picks = spoken[torch.randint(len(spoken), (sum(lengths),)).to(spoken.device)]
    spelled = torch.split(heard.labels_m[picks], lengths)
    return Heard(heard.vectors_md[picks].detach(), lengths), [labels.tolist() for labels in spelled]
