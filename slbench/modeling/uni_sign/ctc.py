"""A CTC layer on the pose features, which Uni-Sign does not have; both uses are off unless the card asks for them.

As an auxiliary loss it teaches the pose encoder where signs lie long before the decoder can (as VAC, Min et al.,
ICCV 2021, does for recognition). As a compressor it hands the language model one vector for each token that it finds
instead of one for each frame (Gaido et al., EACL 2021), so that the decoder need not find the signs itself; each
is given its place in the order, since T5 knows distances only and copies badly without.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

BLANK = 0
"""Token id of the blank; T5's padding, which no text holds."""


def ctc_loss(logits_nv: Tensor, lengths: Sequence[int], targets: Sequence[Sequence[int]]) -> Tensor:
    """Mean over clips of the CTC loss a target token.

    Args:
        logits_nv: packed, one row a frame.
        lengths: frames of each clip.
        targets: token ids of each clip, none of them `BLANK`. A clip with too few frames for its target is left out.
    """
    rows = logits_nv.float().log_softmax(-1).split(list(lengths))  # type: ignore[no-untyped-call]
    return F.ctc_loss(
        pad_sequence(list(rows)),
        torch.tensor([token for target in targets for token in target], device=logits_nv.device),
        torch.tensor(lengths),
        torch.tensor([len(target) for target in targets]),
        blank=BLANK,
        zero_infinity=True,
    )


def place_codes(places_m: Tensor, width: int) -> Tensor:
    """(m, width): sines and cosines of each place, of wavelengths from 2 pi to 600 pi (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=places_m.device) * (-math.log(300) / width))
    angles = places_m[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def compressed(x_nd: Tensor, labels_n: Tensor, lengths: Sequence[int]) -> tuple[Tensor, list[int]]:
    """Means over runs of frames with one label, blank runs left out; a clip of blanks becomes one mean of all.

    Args:
        x_nd: packed features.
        labels_n: the likeliest token of each frame.
        lengths: frames of each clip.

    Returns:
        x_md packed, and the number of rows of each clip, at least 1.
    """
    clip_n = torch.repeat_interleave(torch.tensor(lengths, device=labels_n.device))
    base = int(labels_n.max()) + 1
    runs_k, run_n, frames_k = torch.unique_consecutive(
        clip_n * base + labels_n, return_inverse=True, return_counts=True
    )
    means_kd = x_nd.new_zeros(len(runs_k), x_nd.shape[1]).index_add(0, run_n, x_nd) / frames_k[:, None]
    clip_k, spoken_k = runs_k // base, runs_k % base != BLANK
    silent_b = torch.bincount(clip_k[spoken_k], minlength=len(lengths)) == 0
    kept_k = spoken_k | silent_b[clip_k]
    return means_kd[kept_k], torch.bincount(clip_k[kept_k], minlength=len(lengths)).tolist()
