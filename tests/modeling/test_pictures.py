"""Uni-Sign that looks at pictures: its answers, its gate, its gradients."""

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import GLOSSES, TINY, made_up_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from test_invariance import answers
from torch import nn
from torch.nn import functional as F

from slbench.cards import ModelCard
from slbench.data.clip import Clip
from slbench.data.rendered import RenderedHands
from slbench.data.skeleton import LEFT_HAND
from slbench.engine.determinism import make_deterministic
from slbench.engine.models import build_model
from slbench.errors import CardError, ClipError
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.fusion import CROPS_AT_ONCE, RGB_NAMES, HandViews, Openings, bilinear
from slbench.modeling.uni_sign.model import UniSign
from slbench.records import significant

SETTING = Setting("islr", "English", GLOSSES, inputs="rgb+pose")
UNUSED = {"fusion_pose_rgb_linear.weight", "fusion_pose_rgb_linear.bias"}
"""In the released checkpoints, but nothing reads them."""
UNMOVED = {"fusion_pose_rgb_DA.rel_pos_bias.mlp.2.bias"}
"""The same for all places that a joint looks at, so that softmax does not see it."""


def pictured(clip: Clip) -> Clip:
    return replace(clip, video=RenderedHands(clip.keypoints, clip.scores))


def clips_of(*lengths: int, seed: int = 0) -> list[Clip]:
    return [pictured(made_up_clip(f"c{i}", frames, seed + i)) for i, frames in enumerate(lengths)]


def unseen(clip: Clip) -> Clip:
    return pictured(replace(clip, scores=np.minimum(clip.scores, 0.25)))


@pytest.fixture(scope="module")
def model() -> UniSign:
    """Statistics as after training, and a gate that is open here and closed there."""
    make_deterministic(0)
    model = UniSign(TINY, SETTING)
    model.network.fusion_gate[2].weight.data.normal_()
    norms = [module for module in model.network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the mean of all batches so far
    model.network.train()
    model.loss([model.prepare(clip) for clip in clips_of(60, 80, 70, seed=100)], GLOSSES)
    model.network.eval()
    return model


def rounded(measures: Mapping[str, float]) -> dict[str, float]:
    """As a prediction file has them."""
    return {name: significant(value) for name, value in measures.items()}


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=6), size=st.integers(1, 6), chance=st.randoms())
def test_same_answer_in_any_batch_and_order(model: UniSign, lengths, size, chance) -> None:
    clips = clips_of(*lengths, seed=sum(lengths))
    if len(clips) > 2:
        clips[1] = unseen(clips[1])
    order = list(range(len(clips)))
    alone = answers(model, clips, order, 1)
    chance.shuffle(order)
    together = answers(model, clips, order, size)
    for i in range(len(clips)):
        assert together[i].text == alone[i].text
        assert rounded(together[i].measures) == rounded(alone[i].measures)
        np.testing.assert_allclose(together[i].log_likelihoods, alone[i].log_likelihoods, atol=1e-4)


def test_a_crop_has_the_same_bits_among_any_others() -> None:
    """At the paper's size: one crop, some, and more than go through at once."""
    make_deterministic(0)
    config = {"language_model": TINY["language_model"]}
    network = UniSign(config, SETTING).network.eval()
    x_nvc, places = torch.randn(40, 21, 256).relu(), torch.rand(40, 21, 2)
    crops = torch.randn(2 * CROPS_AT_ONCE + 3, 3, 112, 112)

    def fused(chosen: list[int]) -> torch.Tensor:
        views = HandViews(torch.tensor(chosen), torch.zeros(len(chosen)), crops[chosen], places[chosen])
        with torch.inference_mode():
            return network.fused(x_nvc, views)[0][chosen]

    together = fused(list(range(len(crops))))
    for chosen in ([0], [17], [5, 3, 18], list(range(18, 6, -1))):
        assert torch.equal(fused(chosen), together[chosen])


def test_pictures_change_the_answer(model: UniSign) -> None:
    clip, other = clips_of(20, 20)
    swapped = replace(clip, video=other.video)
    found = [answers(model, [one], [0], 1)[0] for one in (clip, swapped)]
    assert np.abs(np.subtract(found[0].log_likelihoods, found[1].log_likelihoods)).max() > 1e-4
    assert found[0].measures != found[1].measures


def test_a_closed_gate_answers_as_poses_alone(model: UniSign) -> None:
    """As do clips without a candidate frame, whose gate has nothing to open for."""
    closed = copy.deepcopy(model)
    for value in closed.network.fusion_gate.parameters():
        value.data.zero_()
    alone = UniSign(TINY, replace(SETTING, inputs="pose"))
    state = closed.network.state_dict()
    alone.network.load_state_dict({k: v for k, v in state.items() if not k.startswith(RGB_NAMES)}, strict=True)
    alone.network.eval()
    clips = clips_of(30, 7)
    expected = answers(alone, clips, [0, 1], 2)
    found = answers(closed, clips, [0, 1], 2)
    assert [found[i].log_likelihoods for i in found] == [expected[i].log_likelihoods for i in expected]
    assert [found[i].measures for i in found] == [{"gate": 0.0}, {"gate": 0.0}]
    assert closed.self_check() == {"gate": 0.0}
    blind = [unseen(clip) for clip in clips]
    assert answers(model, blind, [0, 1], 2) == answers(alone, blind, [0, 1], 2)


def test_the_measure_is_the_mean_opening(model: UniSign) -> None:
    half = copy.deepcopy(model)
    gate = half.network.fusion_gate[2]
    torch.nn.init.zeros_(gate.weight)
    torch.nn.init.constant_(gate.bias, np.arctanh(0.3))
    first, second = clips_of(30, 7)
    found = answers(half, [first, unseen(second)], [0, 1], 2)
    assert found[0].measures["gate"] == pytest.approx(0.3)
    assert found[1].measures == {}
    assert half.self_check()["gate"] == pytest.approx(0.3)
    openings = Openings(torch.tensor([0, 2, 0]), torch.tensor([[0.0, 0.2], [0.5, 0.7], [0.4, 0.6]]))
    np.testing.assert_allclose(openings.means(3), [0.3, np.nan, 0.6], rtol=1e-6)


def test_self_check(model: UniSign) -> None:
    assert model.self_check() == model.self_check()
    assert 0 < model.self_check()["gate"] < 1
    assert UniSign(TINY, replace(SETTING, inputs="pose")).self_check() == {}


def gradients(network: torch.nn.Module) -> dict[str, bool]:
    """By name: whether a gradient reaches the parameters of the branch for pictures."""
    return {
        name: value.grad is not None and bool(value.grad.any()) and bool(value.grad.isfinite().all())
        for name, value in network.named_parameters()
        if name.startswith(RGB_NAMES)
    }


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_first_step_moves_every_parameter_of_the_branch(precision: torch.dtype) -> None:
    make_deterministic(0)
    model = UniSign(TINY | {"rgb": TINY["rgb"] | {"depth": 1.0, "stochastic_depth": 0.0}}, SETTING)
    model.network.train()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        loss = model.loss([model.prepare(clip) for clip in clips_of(60, 80, 40)], ["help", "world", "sign"])
    loss.backward()
    reached = gradients(model.network)
    assert {name for name, yes in reached.items() if not yes} - UNMOVED == UNUSED


def test_as_released_no_parameter_of_the_branch_would_move() -> None:
    """The test above can fail: it does for a gate that starts as in the released code."""
    make_deterministic(0)
    model = UniSign(TINY, SETTING)
    for value in model.network.fusion_gate.parameters():
        value.data.zero_()
    model.network.train()
    model.loss([model.prepare(clip) for clip in clips_of(60, 80)], ["help", "world"]).backward()
    assert not any(gradients(model.network).values())


@pytest.mark.parametrize("blind", [1, 2])
def test_training_with_clips_that_show_no_hand(blind: int) -> None:
    make_deterministic(0)
    model = UniSign(TINY, SETTING)
    model.network.train()
    clips = [unseen(clip) for clip in clips_of(9, 5)][:blind] + clips_of(9, 5)[blind:]
    loss = model.loss([model.prepare(clip) for clip in clips], ["help", "world"])
    loss.backward()
    assert torch.isfinite(loss)
    assert any(gradients(model.network).values()) == (blind == 1)


def test_training_with_one_crop() -> None:
    """Batch norms get their statistics from the places of that one crop."""
    make_deterministic(0)
    model = UniSign(TINY, SETTING)
    model.network.train()
    clip = made_up_clip("c", 5, 0)
    clip.scores[:, LEFT_HAND] = 0
    loss = model.loss([model.prepare(pictured(clip))], ["help"])
    assert torch.isfinite(loss)


def test_each_epoch_looks_at_other_frames(model: UniSign) -> None:
    clip = clips_of(60)[0]
    first, again, other = (model.prepare(clip, draw) for draw in (0, 0, 1))
    assert np.array_equal(first["left_crops"], again["left_crops"])
    assert not np.array_equal(first["left_frames"], other["left_frames"])
    assert np.array_equal(first["body"], other["body"])


def test_a_clip_without_pictures(model: UniSign) -> None:
    with pytest.raises(ClipError, match="clip c: there are no pictures of it"):
        model.prepare(made_up_clip("c", 9, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {"dominant_hand": "right"}}, "mirrors keypoints, not pictures"),
        ({"parts": ["body", "face_all"]}, "no hand whose pictures"),
        ({"spatial_dims": [4, 12]}, r"ends with 12; .* multiple of rgb.heads = 8"),
        ({"rgb": {"heads": 1, "groups": 3}}, r"ends with 8; .* rgb.groups = 3"),
        ({"rgb": {"crop_size": 100}}, "100 is not a multiple of 32"),
        ({"rgb": {"crop_size": 32}}, "32 is not a multiple of 32 from 64 up"),
        ({"rgb": {"gate_bias": 0.0}}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_with_pictures(change, message) -> None:
    card = ModelCard(
        name="m", title="", implementation="slbench.modeling.uni_sign.model:UniSign", families=("islr",),
        inputs="rgb+pose", paper="", config=TINY | change,
    )  # fmt: skip
    with pytest.raises(CardError, match=message):
        build_model(card, SETTING)
    if "rgb" not in change:
        build_model(card, replace(SETTING, inputs="pose"))


@pytest.mark.parametrize("side", [1, 2, 4])
def test_bilinear_is_grid_sample(side: int) -> None:
    """Within the crop, at its rim and far outside."""
    features, places = torch.randn(3, 5, side, side), torch.rand(3, 40, 2) * 4 - 2
    expected = F.grid_sample(features, places[:, :, None], align_corners=False)[..., 0]
    found = features.flatten(2) @ bilinear(places, side).transpose(1, 2)
    torch.testing.assert_close(found, expected)
