"""Uni-Sign against figures that the authors' released code gave for inputs that formulas make."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from slbench.modeling.uni_sign.config import UniSignConfig
from slbench.modeling.uni_sign.language import build_tokenizer, padded_labels
from slbench.modeling.uni_sign.network import Encoded, UniSignNetwork
from slbench.modeling.uni_sign.poses import PARTS, part_inputs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "uni_sign_pose.json").read_text(encoding="utf-8"))
SIZES = {
    "tokenizer": "byt5", "vocab_size": 384, "d_model": 768, "d_kv": 64, "d_ff": 256,
    "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "dropout_rate": 0.0,
}  # fmt: skip
TOLERANCE = 1e-4
CLIPS = range(3)


def golden_clip(c: int) -> tuple[np.ndarray, np.ndarray]:
    t, j = np.arange(GOLDEN["lengths"][c])[:, None], np.arange(133)[None]
    x = 0.5 + 0.25 * np.sin(0.37 * j + c) + 0.05 * np.sin(0.11 * t + 0.29 * j)
    y = 0.5 + 0.25 * np.cos(0.53 * j + c) + 0.05 * np.cos(0.13 * t + 0.31 * j)
    scores = 0.55 + 0.45 * np.sin(0.7 * j + 0.05 * t + c)
    if c == 1:
        scores[:, 91:112] *= 0.35
    if c == 2:
        scores *= 1.5
    return np.stack([x, y], axis=-1), scores


def golden_tensor(name: str, value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point():
        return value
    w = np.random.RandomState(zlib.crc32(name.replace("left", "right").encode())).standard_normal(value.numel())
    w = w.reshape(tuple(value.shape))
    if name.endswith("positional_encoding_gaussian_matrix"):
        return torch.from_numpy(w).float()
    if name.endswith("running_var"):
        w = 1 + 0.25 * w**2
    elif name.endswith(("running_mean", "bias")):
        w = 0.1 * w
    elif name.endswith(".A"):
        w = value.double().numpy() + 0.05 * w
    elif value.dim() <= 1:
        w = 1 + 0.1 * w
    else:
        w = w / np.sqrt(np.prod(value.shape[1:]))
    return torch.from_numpy(w).float()


def filled(network: UniSignNetwork) -> UniSignNetwork:
    """The network with the weights that the formulas make of its tensors' names."""
    state = {name: golden_tensor(name, value) for name, value in network.state_dict().items()}
    embedding = state["mt5_model.decoder.embed_tokens.weight"]
    state |= {"mt5_model.shared.weight": embedding, "mt5_model.encoder.embed_tokens.weight": embedding}
    network.load_state_dict(state, strict=True)
    return network


def generated(network: UniSignNetwork, encoded: Encoded) -> list[list[int]]:
    """Ids of the search that the figures were made with."""
    ids = network.mt5_model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states_bld),
        attention_mask=encoded.mask_bl,
        num_beams=4,
        min_new_tokens=8,
        max_new_tokens=24,
    )
    return ids.tolist()


@pytest.fixture(scope="module")
def network() -> UniSignNetwork:
    return filled(UniSignNetwork(UniSignConfig.model_validate({"language_model": SIZES}))).eval()


@pytest.fixture(scope="module")
def prompt() -> torch.Tensor:
    return torch.tensor(build_tokenizer("byt5")("Translate sign language video to Chinese: ").input_ids)


def batch_of(clips: list[int]) -> tuple[dict[str, torch.Tensor], list[int]]:
    inputs = [part_inputs(*golden_clip(c)) for c in clips]
    parts = {name: torch.cat([torch.from_numpy(i[name]) for i in inputs]) for name in PARTS}
    return parts, [GOLDEN["lengths"][c] for c in clips]


@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str) -> None:
    part, expected = part_inputs(*golden_clip(0))[name], GOLDEN["parts"][name]
    assert list(part.shape) == expected["shape"]
    assert part.sum(dtype=float) == pytest.approx(expected["sum"], rel=1e-6)
    assert np.abs(part).sum(dtype=float) == pytest.approx(expected["abs_sum"], rel=1e-6)
    np.testing.assert_allclose(part[0].ravel(), expected["frame0"], atol=1e-6)
    np.testing.assert_allclose(part[-1].ravel(), expected["last"], atol=1e-6)


def test_state_dict_has_the_released_names_and_shapes(network: UniSignNetwork) -> None:
    shapes = {k: list(v.shape) for k, v in network.state_dict().items() if not k.startswith("mt5_model.")}
    assert shapes == GOLDEN["state_dict"]


def test_lm_head_is_a_tensor_of_its_own(network: UniSignNetwork) -> None:
    model = network.mt5_model
    assert not torch.equal(model.lm_head.weight, model.shared.weight)
    assert model.encoder.embed_tokens.weight is model.shared.weight


@pytest.mark.parametrize("clips", [[0], [1], [2], [0, 1, 2], [2, 0]])
def test_embeddings(network: UniSignNetwork, prompt: torch.Tensor, clips: list[int]) -> None:
    """A clip gives the figures of the clip alone, whatever is beside it."""
    parts, lengths = batch_of(clips)
    with torch.no_grad():
        embeds, mask = network.embeddings(network.hear(parts, lengths), prompt)
    assert len(prompt) == GOLDEN["prefix_tokens"]
    for row, c in enumerate(clips):
        expected = GOLDEN["single"][c]
        pose = embeds[row, len(prompt) : len(prompt) + lengths[row]].double()
        assert mask[row].sum() == len(prompt) + lengths[row]
        assert pose.sum().item() == pytest.approx(expected["sum"], rel=TOLERANCE)
        assert pose.abs().sum().item() == pytest.approx(expected["abs_sum"], rel=TOLERANCE)
        np.testing.assert_allclose(
            pose[[0, -1], :8], expected["first8_of_first_and_last_frame"], rtol=TOLERANCE, atol=TOLERANCE
        )


@pytest.mark.parametrize("c", CLIPS)
def test_loss(network: UniSignNetwork, prompt: torch.Tensor, c: int) -> None:
    labels = padded_labels([build_tokenizer("byt5")(GOLDEN["texts"][c]).input_ids], torch.device("cpu"))
    with torch.no_grad():
        loss = network.loss(network.read(network.hear(*batch_of([c])), prompt), labels)
    assert loss.item() == pytest.approx(GOLDEN["single"][c]["loss_label_smoothing_0.2"], rel=TOLERANCE)


@pytest.mark.parametrize("clips", [[0], [1], [2], [0, 1, 2]])
def test_generated_ids(network: UniSignNetwork, prompt: torch.Tensor, clips: list[int]) -> None:
    with torch.no_grad():
        encoded = network.read(network.hear(*batch_of(clips)), prompt)
        ids = generated(network, encoded)
    assert ids == [GOLDEN["single"][c]["beams4"] for c in clips]


def test_parameters_at_the_papers_size() -> None:
    """587.75 M pose-only: 582.40 M of mT5-base with its untied output layer, and 5.35 M of the pose encoders."""
    with torch.device("meta"):
        network = UniSignNetwork(UniSignConfig())
    count = sum(parameter.numel() for parameter in network.parameters())
    language = sum(parameter.numel() for parameter in network.mt5_model.parameters())
    assert round(language / 1e6, 2) == 582.40
    assert round((count - language) / 1e6, 2) == 5.35
    assert round(count / 1e6, 2) == 587.75
