"""From features a frame to scores a time step: temporal convolutions, two BiLSTM layers, a linear layer.

The part that networks for continuous recognition share since VAC (Min et al., ICCV 2021, arXiv 2104.02330; released
`modules/tconv.py` and `modules/BiLSTM.py`): convolutions over 5 frames, each with a maximum over 2 frames after it,
then 1024 hidden values, those of both directions together. Lengths are exact for each clip: frames are packed (see
`uni_sign.graph`), a clip has zeros around it, and the odd last frame that a maximum drops is the clip's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from slbench.modeling.uni_sign.config import InputConfig, Size
from slbench.modeling.uni_sign.graph import LENGTH_STEP, SMALL_INPUT, Packing, normalise

KERNEL = 5
"""Frames that a convolution sees."""
LSTM_LAYERS = 2
FILLERS = 4
"""Empty clips beside the others outside training: with fewer rows a product is summed in another order."""


class RecogniserConfig(BaseModel):
    """What all networks of this kind can be told; the defaults are VAC's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    inputs: InputConfig = InputConfig()
    hidden_size: Annotated[int, Field(ge=2, multiple_of=2)] = 1024
    """Channels of the convolutions, and of both directions of the LSTM together."""
    pools: Annotated[tuple[Size, ...], Field(min_length=1)] = (2, 2)
    """After each convolution, of how many frames the maximum is taken; 1: each stays."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Between the LSTM layers and before the last linear layer."""


@dataclass(frozen=True)
class Steps:
    """What a network says of a batch.

    Attributes:
        logits_nv: packed, a row a time step.
        lengths: time steps of each clip.
        visual_nv: the same from the convolutions alone, if the network has a layer for that.
    """

    logits_nv: Tensor
    lengths: Sequence[int]
    visual_nv: Tensor | None = None


def pooled_length(frames: int, pools: Sequence[int]) -> int:
    """Time steps that are left of so many frames; at least 1."""
    for pool in pools:
        frames = max(1, frames // pool)
    return frames


class Temporal(nn.Module):
    """x_nc -> `Steps`.

    Args:
        channels: of a frame.
        classes: labels, the blank among them.
        visual: whether the convolutions' features are given a linear layer of their own.
    """

    def __init__(self, channels: int, classes: int, config: RecogniserConfig, visual: bool = False) -> None:
        super().__init__()
        hidden, self.pools = config.hidden_size, config.pools
        widths = [channels, *(hidden for _ in self.pools)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, hidden, KERNEL, padding=KERNEL // 2) for width in widths[:-1]
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in self.pools)
        self.lstm = nn.LSTM(
            hidden, hidden // 2, LSTM_LAYERS, batch_first=True, dropout=config.dropout, bidirectional=True
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(hidden, classes)
        self.visual = nn.Linear(hidden, classes) if visual else None

    def forward(self, x_nc: Tensor, lengths: Sequence[int]) -> Steps:
        """Frames of all clips of a batch, packed."""
        for convolution, norm, pool in zip(self.convolutions, self.norms, self.pools, strict=True):
            packing = self._packing(lengths)
            x_nc = packing.pack(convolved(cast(nn.Conv1d, convolution), packing.unpack(x_nc)))
            x_nc = F.relu(normalised(cast(nn.BatchNorm1d, norm), x_nc))
            x_nc, lengths = pooled(x_nc, lengths, pool)
        packing = self._packing(lengths)
        visual_nv = None if self.visual is None else packing.project(self.visual, x_nc)
        read_nh = self.dropout(self._read(x_nc, lengths, packing))
        return Steps(packing.project(self.classifier, read_nh), lengths, visual_nv)

    def _packing(self, lengths: Sequence[int]) -> Packing:
        return Packing.of(lengths, self.classifier.weight.device, step=1 if self.training else LENGTH_STEP)

    def _read(self, x_nh: Tensor, lengths: Sequence[int], packing: Packing) -> Tensor:
        """The LSTM, in float32; each direction begins at its own end of each clip."""
        fillers = 0 if self.training else FILLERS
        x_bth = F.pad(packing.unpack(x_nh).float(), (0, 0, 0, 0, 0, fillers))
        rows = torch.tensor([*lengths, *(packing.longest for _ in range(fillers))])
        with torch.autocast(x_nh.device.type, enabled=False):
            sequences = pack_padded_sequence(x_bth, rows, batch_first=True, enforce_sorted=False)
            read_bth, _ = pad_packed_sequence(self.lstm(sequences)[0], batch_first=True, total_length=packing.longest)
        return packing.pack(read_bth[: packing.batch])


def convolved(convolution: nn.Conv1d, x_btc: Tensor) -> Tensor:
    """The convolution on channels-last input; a second, empty clip where one small clip would be summed otherwise."""
    x_bct = x_btc.transpose(1, 2)
    if len(x_bct) == 1 and x_bct.numel() <= SMALL_INPUT:
        x_bct = torch.cat([x_bct, torch.zeros_like(x_bct)])
    return cast(Tensor, convolution(x_bct)[: len(x_btc)]).transpose(1, 2)


def normalised(norm: nn.BatchNorm1d, x_nc: Tensor) -> Tensor:
    """Batch norm; of a single row, which has no deviation, by the running statistics in training too."""
    if len(x_nc) > 1:
        return normalise(norm, x_nc)
    return F.batch_norm(x_nc, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def pooled(x_nc: Tensor, lengths: Sequence[int], pool: int) -> tuple[Tensor, list[int]]:
    """Maxima over `pool` frames, and what lengths are left; fewer frames become one. No x may be below 0."""
    frames = Packing.of(lengths, x_nc.device, step=pool)
    shorter = [pooled_length(length, [pool]) for length in lengths]
    maxima_bsc = frames.unpack(x_nc).view(len(lengths), -1, pool, x_nc.shape[1]).amax(2)
    packing = Packing.of(shorter, x_nc.device, step=1)
    return packing.pack(maxima_bsc[:, : packing.longest]), shorter
