"""EfficientNet's features (Tan & Le, ICML 2019), of any width and depth; B0 unless told otherwise.

Names of modules are torchvision's, below `features`: its tensor `features.<i>...` is `<i>...` here, and
`rgb_support_backbone.0.<i>...` in Uni-Sign's checkpoints. So weights of either load strictly.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

STRIDE = 32
"""Pixels of the picture for each place of the features, along each side."""


@dataclass(frozen=True)
class Stage:
    """Blocks that share a kernel and a width; the first of them takes every `stride`-th place."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1), Stage(6, 3, 2, 24, 2), Stage(6, 5, 2, 40, 2), Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3), Stage(6, 5, 2, 192, 4), Stage(6, 3, 1, 320, 1),
)  # fmt: skip
"""Of B0 (table 1 of the paper)."""
STEM, LAST_EXPANSION, SQUEEZE = 32, 4, 4


def rounded_channels(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and never less than nine tenths of what is asked for."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def convolution(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without bias and its batch norm."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    return [layer, nn.BatchNorm2d(out)]


class Squeeze(nn.Module):
    """Squeeze and excitation: every channel is scaled by what the whole picture says."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x_nchw: Tensor) -> Tensor:
        """x_nchw -> x_nchw."""
        means_nc11 = x_nchw.mean((2, 3), keepdim=True)
        scales: Tensor = self.fc2(nn.functional.silu(self.fc1(means_nc11))).sigmoid()
        return scales * x_nchw


class Block(nn.Module):
    """Inverted residual (MBConv): widen, look around, squeeze, narrow; added to its input where shapes allow.

    Attributes:
        skip: chance in training that a picture passes unchanged (stochastic depth; Huang et al., ECCV 2016).
    """

    def __init__(self, channels: int, out: int, stage: Stage, stride: int, skip: float) -> None:
        super().__init__()
        wide = rounded_channels(channels * stage.expansion)
        layers: list[nn.Module] = []
        if wide != channels:
            layers.append(nn.Sequential(*convolution(channels, wide), nn.SiLU()))
        layers.append(nn.Sequential(*convolution(wide, wide, stage.kernel, stride, groups=wide), nn.SiLU()))
        layers.append(Squeeze(wide, max(1, channels // SQUEEZE)))
        layers.append(nn.Sequential(*convolution(wide, out)))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out
        self.skip = skip

    def forward(self, x_nchw: Tensor) -> Tensor:
        """x_nchw -> x_ndhw, or half as high and wide."""
        y: Tensor = self.block(x_nchw)
        if not self.residual:
            return y
        if self.training and self.skip:
            kept_n111 = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.skip
            y = y * kept_n111 / (1 - self.skip)
        return x_nchw + y


class EfficientNetFeatures(nn.Sequential):
    """Everything before the pooling: pictures (n, 3, H, W) -> (n, channels, H / 32, W / 32).

    Args:
        width, depth: multipliers of B0's channels and blocks.
        skip: chance of the last block's stochastic depth; it rises from 0 at the first.
    """

    def __init__(self, width: float = 1.0, depth: float = 1.0, skip: float = 0.2) -> None:
        stem = rounded_channels(STEM * width)
        stages = list(_stages(stem, width, depth, skip))
        narrow = rounded_channels(STAGES[-1].channels * width)
        self.channels = LAST_EXPANSION * narrow
        last = nn.Sequential(*convolution(narrow, self.channels), nn.SiLU())
        super().__init__(nn.Sequential(*convolution(3, stem, 3, 2), nn.SiLU()), *stages, last)


def _stages(channels: int, width: float, depth: float, skip: float) -> Iterator[nn.Sequential]:
    counts = [math.ceil(stage.blocks * depth) for stage in STAGES]
    built = 0
    for stage, count in zip(STAGES, counts, strict=True):
        blocks = []
        for number in range(count):
            out, stride = rounded_channels(stage.channels * width), 1 if number else stage.stride
            blocks.append(Block(channels, out, stage, stride, skip * built / sum(counts)))
            channels, built = out, built + 1
        yield nn.Sequential(*blocks)
