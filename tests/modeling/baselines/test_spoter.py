"""SPOTER: its two normalisations, its mask, and its sizes."""

import numpy as np
import pytest
import torch
from fakes import GLOSSES, made_up_clip

from slbench.modeling.base import Setting
from slbench.modeling.baselines.spoter import (
    WIDTH,
    Spoter,
    SpoterConfig,
    SpoterNetwork,
    body_places,
    hand_places,
)

SETTING = Setting("islr", "English", GLOSSES)
SMALL = {"layers": 1, "feed_forward": 16}
NECK = 11


def body(frames: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Shoulders 0.2 apart, left eye 0.3 above the neck."""
    points = np.zeros((frames, 12, 2), np.float32)
    points[:, 1], points[:, 5], points[:, 6], points[:, NECK] = (0.5, 0.2), (0.6, 0.5), (0.4, 0.5), (0.5, 0.5)
    points[:, 10] = (0.5, 1.3)
    return points, np.ones((frames, 12), bool)


def test_the_signing_space_is_six_head_units_around_the_neck() -> None:
    places = body_places(*body())[0]
    np.testing.assert_allclose(places[5], [0.1 / 1.2, (0.5 - 0.1) / 1.2 - 0.5], atol=1e-6)
    np.testing.assert_allclose(places[NECK, 0], 0, atol=1e-6)
    np.testing.assert_allclose(places[10, 1], 0.5, atol=1e-6)  # 0.1 + 6 * 0.2: the lower edge


def test_size_and_place_of_the_signer_do_not_matter() -> None:
    points, seen = body()
    np.testing.assert_allclose(body_places(points * 0.4 + 0.3, seen), body_places(points, seen), atol=1e-6)


def test_a_frame_without_shoulders_takes_the_space_of_the_one_before() -> None:
    points, seen = body(4)
    points[2:] *= 2
    seen[[0, 3], 5:7] = seen[[0, 3], NECK] = False
    places = body_places(points, seen)
    np.testing.assert_allclose(places[0, 1], places[1, 1], atol=1e-6)  # none before: the first that has one
    np.testing.assert_allclose(places[3, 1], places[2, 1], atol=1e-6)
    assert not places[3, 5].any()


@pytest.mark.parametrize("hidden", [slice(0, 12), slice(1, 2)], ids=["nothing seen", "no eye"])
def test_without_a_signing_space_there_are_no_places(hidden: slice) -> None:
    points, seen = body()
    seen[:, hidden] = False
    assert not body_places(points, seen).any()


def test_hands_fill_a_square_but_for_its_margin() -> None:
    chance = np.random.default_rng(0)
    points = chance.uniform(0.2, 0.4, (5, 21, 2)).astype(np.float32) * (1, 0.5)
    places = hand_places(points, np.ones((5, 21), bool))
    np.testing.assert_allclose(np.abs(places[..., 0]).max(axis=1), 0.5 / 1.2, atol=1e-6)
    assert np.abs(places[..., 1]).max() < 0.4
    offsets, found = (p - p.mean(axis=1, keepdims=True) for p in (points, places))
    scale = (points[..., 0].max(axis=1) - points[..., 0].min(axis=1)) * 1.2
    np.testing.assert_allclose(found * scale[:, None, None], offsets, atol=1e-6)


def test_unseen_points_of_a_hand_are_zero_and_change_nothing() -> None:
    points, seen = np.random.default_rng(0).uniform(0, 1, (2, 21, 2)), np.ones((2, 21), bool)
    seen[0, 4], seen[1] = False, False
    places = hand_places(points, seen)
    assert not places[0, 4].any()
    assert not places[1].any()
    points[0, 4] = 9
    np.testing.assert_array_equal(hand_places(points, seen), places)


def test_padding_is_not_looked_at() -> None:
    torch.manual_seed(0)
    network = SpoterNetwork(SpoterConfig.model_validate(SMALL), 3).eval()
    poses, padding = torch.randn(2, 64, WIDTH), torch.zeros(2, 64, dtype=torch.bool)
    padding[:, 40:] = True
    other = poses.clone()
    other[:, 40:] = 7
    with torch.inference_mode():
        torch.testing.assert_close(network(other, padding), network(poses, padding))
        assert not torch.allclose(network(other, ~padding), network(poses, ~padding))


def test_the_order_of_frames_matters() -> None:
    model = Spoter(SMALL, SETTING)
    model.network.eval()
    poses = model.prepare(made_up_clip("c", 20, 0))["poses"]
    assert poses.shape == (20, WIDTH)
    with torch.inference_mode():
        one, other = model.scores([{"poses": poses}, {"poses": poses[::-1].copy()}])
    assert (one - other).abs().max() > 1e-4


def test_sizes_of_the_paper() -> None:
    """PyTorch's own layers of the paper's sizes, less the decoder's self-attention with its norm."""
    with torch.device("meta"):
        network = SpoterNetwork(SpoterConfig(), classes=100)
        encoder = torch.nn.TransformerEncoderLayer(108, 9, 2048)
        decoder = torch.nn.TransformerDecoderLayer(108, 9, 2048)
        decoder.self_attn, decoder.norm1 = torch.nn.Identity(), torch.nn.Identity()
        layers = [*[encoder, decoder] * 6, torch.nn.LayerNorm(108), torch.nn.LayerNorm(108)]
    expected = sum(p.numel() for layer in layers for p in layer.parameters())
    assert sum(p.numel() for p in network.parameters()) == expected + 64 * 108 + 108 + 100 * 109
