"""Pose-TGCN: what a node is, the learned graph, and its sizes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import GLOSSES, made_up_clip

from slbench.data.clip import Clip
from slbench.modeling.base import Setting
from slbench.modeling.baselines.pose_tgcn import (
    NODES,
    CompleteGraphConvolution,
    PoseTgcn,
    PoseTgcnConfig,
    PoseTgcnNetwork,
)

SETTING = Setting("islr", "English", GLOSSES)
SMALL = {"frames": 5, "hidden": 8, "stages": 1}
LEFT_SHOULDER, RIGHT_SHOULDER, NECK, LEFT_TIP, RIGHT_WRIST_OF_HAND = 5, 6, 11, 13 + 8, 13 + 21


def places(clip: Clip) -> np.ndarray:
    """(55, frames, 2)."""
    return PoseTgcn(SMALL, SETTING).prepare(clip)["places"].reshape(NODES, -1, 2)


def test_nodes_are_points_in_frames_spread_over_the_clip() -> None:
    clip = made_up_clip("c", 9, 0)
    clip.scores[:] = 1.0
    found = places(clip)
    body = clip.keypoints[:, [0, *range(1, 11)]]
    shoulders = clip.keypoints[:, [5, 6]].mean(axis=1, keepdims=True)
    points = np.concatenate([body, shoulders], axis=1)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    side = (high - low).max()
    expected = ((points - (low + high) / 2) / side * 2)[[0, 2, 4, 6, 8]]
    np.testing.assert_allclose(found[:12].transpose(1, 0, 2), expected, atol=1e-5)
    assert not found[RIGHT_WRIST_OF_HAND].any()  # hands are relative to their wrists
    assert found[LEFT_TIP].any()


def test_a_short_clip_has_frames_twice() -> None:
    found = places(made_up_clip("c", 2, 0))
    np.testing.assert_array_equal(found[:, 1], found[:, 0])
    np.testing.assert_array_equal(found[:, 3], found[:, 4])
    assert (found[:, 0] != found[:, 4]).any()


@pytest.mark.parametrize("hidden", [LEFT_SHOULDER, RIGHT_SHOULDER])
def test_a_neck_needs_both_shoulders(hidden: int) -> None:
    clip = made_up_clip("c", 9, 0)
    clip.scores[:] = 1.0
    assert places(clip)[NECK].any()
    clip.scores[:, hidden] = 0
    assert not places(clip)[NECK].any()


def test_nothing_seen_is_zero() -> None:
    clip = made_up_clip("c", 9, 0)
    assert not places(replace(clip, scores=0 * clip.scores)).any()


def test_nodes_can_be_exchanged_together_with_their_graph() -> None:
    torch.manual_seed(0)
    layer = CompleteGraphConvolution(4, 6).eval()
    order, x_bvc = torch.randperm(NODES), torch.randn(3, NODES, 4)
    with torch.no_grad():
        expected = layer(x_bvc)[:, order]
        assert not torch.allclose(layer(x_bvc[:, order]), expected, atol=1e-3)
        layer.adjacency.copy_(layer.adjacency[order][:, order])
        torch.testing.assert_close(layer(x_bvc[:, order]), expected)


def test_one_clip_can_be_learned_from() -> None:
    model = PoseTgcn(SMALL, SETTING)
    loss = model.loss([model.prepare(made_up_clip("c", 9, 0))], ["WORLD"])
    loss.backward()
    assert model.network.body[0].linear.weight.grad.abs().sum() > 0


def test_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        network = PoseTgcnNetwork(PoseTgcnConfig(), classes=2000)

    def layer(channels: int) -> int:
        return 55 * 55 + channels * 256 + 256 + 2 * 55 * 256

    expected = layer(100) + 24 * 2 * layer(256) + 2000 * 257
    assert sum(p.numel() for p in network.parameters()) == expected
