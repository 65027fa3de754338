"""ST-GCN blocks over packed frames.

Frames of all clips of a batch lie one after another, `x_nvc` with n frames, v joints and c
channels, so that padding never enters a layer or a batch-norm statistic. Only the temporal
convolution unpacks them, with the zeros around each clip that a clip alone would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HOPS = 2
"""Adjacency matrices: the joint itself and its neighbours."""
LENGTH_STEP = 64
"""Outside training, clips are padded to a multiple of this. Padding enters no result, but libraries choose other
kernels for very small shapes, which sum in another order; so padded, a clip gives the same bits in any batch. (Widths
that are no multiple of 8, packed LSTMs, and attention over more than some 160 frames still differ in the last bits.)"""
SMALL_INPUT = 20480
"""For one input of at most so many values PyTorch takes another convolution on the CPU, with other last bits;
a second, empty clip prevents that."""


@dataclass(frozen=True)
class Packing:
    """Where the frames of each clip lie.

    Attributes:
        slots_n: (n,) place of each packed frame in a padded (B * T) layout.
        batch, longest: B and T.
    """

    slots_n: Tensor
    batch: int
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device, step: int = LENGTH_STEP) -> "Packing":
        """Packing of clips of these lengths, T being a multiple of `step`."""
        longest = -(-max(lengths) // step) * step
        slots = [b * longest + torch.arange(length) for b, length in enumerate(lengths)]
        return cls(torch.cat(slots).to(device), len(lengths), longest)

    def unpack(self, x_n: Tensor) -> Tensor:
        """(n, ...) -> (B, T, ...), zero where a clip has ended."""
        padded = x_n.new_zeros(self.batch * self.longest, *x_n.shape[1:])
        return padded.index_copy(0, self.slots_n, x_n).view(self.batch, self.longest, *x_n.shape[1:])

    def pack(self, x_bt: Tensor) -> Tensor:
        """(B, T, ...) -> (n, ...), padding left out."""
        return x_bt.flatten(0, 1).index_select(0, self.slots_n)

    def project(self, layer: nn.Linear, x_nd: Tensor) -> Tensor:
        """A linear layer on padded rows: a product of one or two rows alone would be summed in another order."""
        return self.pack(layer(self.unpack(x_nd)))


def adjacency(joints: int, edges: Sequence[tuple[int, int]]) -> Tensor:
    """(2, V, V): self and neighbours, each column divided by the joint's degree, self-loop included."""
    neighbours = torch.zeros(joints, joints)
    for a, b in edges:
        neighbours[a, b] = neighbours[b, a] = 1
    degree = neighbours.sum(0) + 1
    return torch.stack([torch.eye(joints), neighbours]) / degree


def no_adjacency(joints: int) -> Tensor:
    """(2, V, V): each joint has itself and no neighbours."""
    return torch.stack([torch.eye(joints), torch.zeros(joints, joints)])


def pointwise(convolution: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution of kernel 1 on channels-last input; the weights keep the released (out, in, 1, ...) shape."""
    return F.linear(x, convolution.weight.flatten(1), convolution.bias)


def normalise(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Batch norm over the last axis of any (..., c)."""
    return cast(Tensor, norm(x.flatten(0, -2))).view_as(x)


class GraphConvolution(nn.Module):
    """Spatial graph convolution with a learnable adjacency: x_nvc -> x_nwd."""

    A: Tensor

    def __init__(self, channels: int, out: int, adjacency_kvw: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(adjacency_kvw.clone())
        self.conv = nn.Conv2d(channels, HOPS * out, 1)
        self.bn = nn.BatchNorm1d(out)

    def fix(self) -> None:
        """Make the adjacency a constant that is saved and not learned."""
        fixed = self.A.data
        del self.A
        self.register_buffer("A", fixed)

    def forward(self, x_nvc: Tensor) -> Tensor:
        """Sum over hops and joints of the hop's features times `A[k, v, w]`; batch norm; ReLU."""
        frames, joints, _ = x_nvc.shape
        hops_nvkd = pointwise(self.conv, x_nvc).view(frames, joints * HOPS, -1)
        mixing_wu = self.A.permute(2, 1, 0).flatten(1).to(hops_nvkd.dtype)
        x_nwd = torch.bmm(mixing_wu.expand(frames, -1, -1), hops_nvkd)  # `matmul` would copy all frames
        return F.relu(normalise(self.bn, x_nwd))


class GraphBlock(nn.Module):
    """Graph convolution, temporal convolution where the kernel is longer than one frame, and a residual."""

    def __init__(self, channels: int, out: int, adjacency_kvw: Tensor, kernel: int = 1) -> None:
        super().__init__()
        self.gcn = GraphConvolution(channels, out, adjacency_kvw)
        if kernel > 1:
            convolution = nn.Conv2d(out, out, (kernel, 1), padding=(kernel // 2, 0))
            self.tcn = nn.Sequential(convolution, nn.BatchNorm1d(out))
        if channels != out:
            self.residual = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm1d(out))

    def forward(self, x_nvc: Tensor, packing: Packing) -> Tensor:
        """x_nvc -> x_nvd."""
        residual = x_nvc
        if hasattr(self, "residual"):
            residual = normalise(
                cast(nn.BatchNorm1d, self.residual[1]), pointwise(cast(nn.Conv2d, self.residual[0]), x_nvc)
            )
        x = self.gcn(x_nvc)
        if hasattr(self, "tcn"):
            x = self._along_time(x, packing)
        return F.relu(x + residual)

    def _along_time(self, x_nvc: Tensor, packing: Packing) -> Tensor:
        convolution, norm = self.tcn
        x_bctv = packing.unpack(x_nvc).permute(0, 3, 1, 2)
        if len(x_bctv) == 1 and x_bctv.numel() <= SMALL_INPUT:
            x_bctv = torch.cat([x_bctv, torch.zeros_like(x_bctv)])
        return normalise(cast(nn.BatchNorm1d, norm), packing.pack(convolution(x_bctv).permute(0, 2, 3, 1).contiguous()))


class SpatialChain(nn.Module):
    """Blocks that look at one frame each; named `layer{i}_0` as released."""

    def __init__(self, channels: int, widths: Sequence[int], adjacency_kvw: Tensor) -> None:
        super().__init__()
        for i, out in enumerate(widths):
            self.add_module(f"layer{i}_0", GraphBlock(channels, out, adjacency_kvw))
            channels = out

    def forward(self, x_nvc: Tensor, packing: Packing) -> Tensor:
        """x_nvc -> x_nvd."""
        for block in self.children():
            x_nvc = block(x_nvc, packing)
        return x_nvc


class TemporalChain(SpatialChain):
    """Blocks that also look along time; named `layer0_{i}` as released."""

    def __init__(self, channels: int, widths: Sequence[int], adjacency_kvw: Tensor, kernel: int) -> None:
        nn.Module.__init__(self)
        for i, out in enumerate(widths):
            self.add_module(f"layer0_{i}", GraphBlock(channels, out, adjacency_kvw, kernel))
            channels = out
