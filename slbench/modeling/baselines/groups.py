"""Networks that see a whole clip at once, outside training by groups of one size."""

import torch
from torch import Tensor, nn

CLIPS_AT_ONCE = 8
"""Libraries choose kernels by the size of a batch, and these sum in different orders; see `uni_sign.fusion`."""


def in_groups(network: nn.Module, *inputs_b: Tensor) -> Tensor:
    """What the network makes of the batch, the same bits for a clip in any batch.

    Args:
        network: from inputs (B, ...) to one output (B, ...), no row depending on another.
        inputs_b: in training they go through at once; otherwise in groups, the last filled up with its first clip.
    """
    if network.training:
        whole: Tensor = network(*inputs_b)
        return whole
    groups = zip(*(x_b.split(CLIPS_AT_ONCE) for x_b in inputs_b), strict=True)  # type: ignore[no-untyped-call]
    return torch.cat([network(*map(_filled, group))[: len(group[0])] for group in groups])


def _filled(x_b: Tensor) -> Tensor:
    return torch.cat([x_b, x_b[:1].expand(CLIPS_AT_ONCE - len(x_b), *x_b.shape[1:])])
