"""The branch for pictures against figures that the authors' released code gave for inputs that formulas make."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_golden import GOLDEN as POSE
from test_golden import SIZES, TOLERANCE, batch_of, filled, generated, golden_clip

from slbench.data.clip import Clip
from slbench.modeling.uni_sign import fusion
from slbench.modeling.uni_sign.config import InputConfig, UniSignConfig
from slbench.modeling.uni_sign.fusion import RGB_NAMES, HandViews, PositionBias, PriorGuidedAttention
from slbench.modeling.uni_sign.language import build_tokenizer, padded_labels
from slbench.modeling.uni_sign.network import UniSignNetwork
from slbench.modeling.uni_sign.poses import read_frames
from slbench.modeling.uni_sign.sampling import HANDS, doubts, drawn_frames, places_in, regions_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "uni_sign_rgb.json").read_text(encoding="utf-8"))
PROMPT = torch.tensor(build_tokenizer("byt5")("Translate sign language video to Chinese: ").input_ids)


@pytest.fixture(scope="module")
def network() -> UniSignNetwork:
    return filled(UniSignNetwork(UniSignConfig.model_validate({"language_model": SIZES}), pictures=True)).eval()


def golden_views(clips: list[int], hand: int) -> HandViews:
    frames, owners, crops, places, start = [], [], [], [], 0
    for row, c in enumerate(clips):
        t = np.arange(hand + c, POSE["lengths"][c], 10)[:, None]
        j = np.arange(21)[None]
        drawn = np.random.RandomState(1000 + 10 * c + hand).standard_normal(len(t) * 3 * 112 * 112)
        x, y = 0.5 + 0.4 * np.sin(0.3 * j + 0.1 * t + hand), 0.5 + 0.4 * np.cos(0.2 * j + 0.1 * t + hand)
        frames.append(start + t[:, 0])
        owners.append(np.full(len(t), row))
        crops.append(drawn.reshape(-1, 3, 112, 112).astype(np.float32))
        places.append(np.stack([x, y], axis=-1).astype(np.float32))
        start += POSE["lengths"][c]
    return HandViews(*(torch.from_numpy(np.concatenate(arrays)) for arrays in (frames, owners, crops, places)))


def golden_heard(network: UniSignNetwork, clips: list[int]):
    return network.hear(*batch_of(clips), {name: golden_views(clips, hand) for hand, name in enumerate(HANDS)})


def fused(network: UniSignNetwork) -> tuple[torch.Tensor, torch.Tensor]:
    """What comes before the gate, (5, 256, 21), and the gate's opening, (5, 1, 21)."""
    joints = torch.from_numpy(np.random.RandomState(1).standard_normal((5, 256, 21))).float().transpose(1, 2)
    crops = torch.from_numpy(np.random.RandomState(2).standard_normal((5, 256, 4, 4))).float()
    places = torch.from_numpy(np.random.RandomState(3).uniform(size=(5, 21, 2))).float()
    with torch.no_grad():
        found = network.fusion_pose_rgb_DA(joints, crops, places)
        new, opening = network.mixed(joints, crops, places)
    mixed = opening[..., None] * found + (1 - opening[..., None]) * joints
    torch.testing.assert_close(new, mixed, rtol=1e-5, atol=1e-5)
    return found.transpose(1, 2).double(), opening[:, None].double()


def check_pgf(network: UniSignNetwork) -> None:
    expected = GOLDEN["pgf"]
    found, opening = fused(network)
    assert found.sum().item() == pytest.approx(expected["fused_sum"], rel=TOLERANCE)
    assert found.abs().sum().item() == pytest.approx(expected["fused_abs_sum"], rel=TOLERANCE)
    np.testing.assert_allclose(found[0, :8, 0], expected["fused_0_first8_channels_joint0"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[4, -8:, 20], expected["fused_4_last8_channels_joint20"], rtol=1e-4, atol=1e-5)
    assert list(opening.shape) == expected["gate_shape"]
    assert opening.sum().item() == pytest.approx(expected["gate_sum"], rel=TOLERANCE)
    np.testing.assert_allclose(opening[0, 0], expected["gate_0"], rtol=1e-4, atol=1e-5)


def test_fusion(network: UniSignNetwork) -> None:
    check_pgf(network)


LEFT_OUT = {
    "cross attention": (PriorGuidedAttention, "attended", lambda self, joints, crops, places: 0 * joints),
    "prior": (PriorGuidedAttention, "prior", lambda self, places: 0 * places),
    "offset": (PriorGuidedAttention, "offsets", lambda self, queries: 0 * queries[:, :, :2].transpose(2, 3)),
    "position bias": (PositionBias, "forward", lambda self, asking, asked: 0 * (asking[..., :1] - asked[..., :1])),
    "Fourier code": (fusion.FourierCode, "forward", lambda self, places: places.new_zeros(1)),
    "sinusoid": (fusion, "sinusoid", lambda places, channels, device: torch.zeros(channels)),
}


@pytest.mark.parametrize("part", LEFT_OUT)
def test_fusion_needs_every_part(network: UniSignNetwork, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """The check above can fail: it sees each part of the module."""
    monkeypatch.setattr(*LEFT_OUT[part])
    with pytest.raises(AssertionError):
        check_pgf(network)


def test_backbone(network: UniSignNetwork) -> None:
    crops = torch.from_numpy(np.random.RandomState(1070).standard_normal((2, 3, 112, 112))).float()
    with torch.no_grad():
        features = network.rgb_support_backbone(crops).double()
    assert list(features.shape) == GOLDEN["pgf"]["backbone_shape"]
    assert features.sum().item() == pytest.approx(GOLDEN["pgf"]["backbone_sum"], rel=TOLERANCE)
    assert features.abs().sum().item() == pytest.approx(GOLDEN["pgf"]["backbone_abs_sum"], rel=TOLERANCE)


def test_state_dict_has_the_released_names_and_shapes(network: UniSignNetwork) -> None:
    shapes = {k: list(v.shape) for k, v in network.state_dict().items() if not k.startswith("mt5_model.")}
    assert shapes == POSE["state_dict"] | GOLDEN["added_to_state_dict"]
    assert {k for k in shapes if k.startswith(RGB_NAMES)} == GOLDEN["added_to_state_dict"].keys()


@pytest.mark.parametrize("clips", [[0], [1], [2], [0, 1, 2], [2, 0]])
def test_embeddings(network: UniSignNetwork, clips: list[int]) -> None:
    with torch.no_grad():
        embeds, _ = network.embeddings(golden_heard(network, clips), PROMPT)
    for row, c in enumerate(clips):
        expected = GOLDEN["single"][c]
        pose = embeds[row, len(PROMPT) : len(PROMPT) + POSE["lengths"][c]].double()
        assert pose.sum().item() == pytest.approx(expected["sum"], rel=TOLERANCE)
        assert pose.abs().sum().item() == pytest.approx(expected["abs_sum"], rel=TOLERANCE)
        np.testing.assert_allclose(
            pose[[0, -1], :8], expected["first8_of_first_and_last_frame"], rtol=TOLERANCE, atol=TOLERANCE
        )


@pytest.mark.parametrize("c", range(3))
def test_loss(network: UniSignNetwork, c: int) -> None:
    labels = padded_labels([build_tokenizer("byt5")(POSE["texts"][c]).input_ids], torch.device("cpu"))
    with torch.no_grad():
        loss = network.loss(network.read(golden_heard(network, [c]), PROMPT), labels)
    assert loss.item() == pytest.approx(GOLDEN["single"][c]["loss_label_smoothing_0.2"], rel=TOLERANCE)


@pytest.mark.parametrize("clips", [[0], [1], [2], [0, 1, 2]])
def test_generated_ids(network: UniSignNetwork, clips: list[int]) -> None:
    with torch.no_grad():
        encoded = network.read(golden_heard(network, clips), PROMPT)
        ids = generated(network, encoded)
    assert ids == [GOLDEN["single"][c]["beams4"] for c in clips]


@pytest.mark.parametrize("hand", HANDS)
def test_doubts(hand: str) -> None:
    scores = golden_clip(0)[1][:, HANDS[hand]]
    candidates, likely = doubts(scores)
    expected = GOLDEN["score_aware"][hand]
    assert candidates.tolist() == expected["candidates"]
    np.testing.assert_allclose(likely, expected["p"], rtol=2e-5)
    assert len(drawn_frames(scores, 0.1, np.random.RandomState(0))) == expected["size"]


class Sized:
    def size(self) -> tuple[int, int]:
        return GOLDEN["crops"]["image_width"], GOLDEN["crops"]["image_height"]


def test_crops() -> None:
    expected = GOLDEN["crops"]
    keypoints, scores = (array.astype(np.float32) for array in golden_clip(expected["clip"]))
    clip = Clip("c", keypoints, scores, 25.0, "", video=Sized())
    frames = {hand: np.array(expected[f"{hand}_frames"]) for hand in HANDS}
    read = read_frames(clip, InputConfig(), False, 0)
    regions, size = regions_of(clip, read, frames)
    for hand, boxes in (("left", "left_boxes_x0_y0_x1_y1"), ("right", "right_boxes")):
        assert [region.frame for region in regions[hand]] == expected[f"{hand}_frames"]
        corners = [[r.left, r.top, r.left + r.side, r.top + r.side] for r in regions[hand]]
        assert corners == expected[boxes]
        assert {region.side for region in regions[hand]} == {expected["side"]}
    places = places_in(keypoints[frames["left"]][:, HANDS["left"]], regions["left"], size)
    np.testing.assert_allclose(places[0, :4].ravel(), expected["left_place_frame3_first4"], atol=1e-5)


def test_parameters_at_the_papers_size() -> None:
    """4.89 M more than without pictures: 592.64 M."""
    with torch.device("meta"):
        network = UniSignNetwork(UniSignConfig(), pictures=True)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2) == 592.64
