"""Weights of parts from elsewhere: an mT5 whose two tensors differ, and torchvision's EfficientNet."""

import hashlib
from pathlib import Path

import pytest
import torch
from fakes import TINY
from safetensors.torch import load_file, save_file
from transformers import MT5Config, MT5ForConditionalGeneration

from slbench.errors import ModelError
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.model import UniSign

SIZES = {key: value for key, value in TINY["language_model"].items() if key != "tokenizer"}


def uni_sign(inputs="pose") -> UniSign:
    return UniSign(TINY, Setting("slt", "English", inputs=inputs))


@pytest.fixture
def mt5(tmp_path: Path) -> Path:
    """As transformers saves one, with an output layer of its own, as mT5-base has."""
    model = MT5ForConditionalGeneration(MT5Config(**SIZES))
    folder = tmp_path / "mt5"
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = torch.randn(SIZES["vocab_size"], SIZES["d_model"])
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_embedding_and_output_layer_arrive_as_they_were_saved(mt5: Path) -> None:
    model = uni_sign()
    model.load_pretrained("mt5_model", str(mt5))
    saved, loaded = load_file(mt5 / "model.safetensors"), model.network.mt5_model.state_dict()
    assert not torch.equal(saved["lm_head.weight"], saved["shared.weight"])
    assert torch.equal(loaded["lm_head.weight"], saved["lm_head.weight"])
    for name in ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        assert torch.equal(loaded[name], saved["shared.weight"]), name
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())


def test_an_mt5_of_another_size_is_told_by_both_sizes(mt5: Path) -> None:
    model = UniSign(TINY | {"language_model": TINY["language_model"] | {"d_ff": 24}}, Setting("slt", "English"))
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    with pytest.raises(ModelError, match=r"wi_0.weight \(16, 16\) there, \(24, 16\) in the network.*config"):
        model.load_pretrained("mt5_model", str(mt5))
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())


def test_an_mt5_with_more_layers_is_told(mt5: Path) -> None:
    model = UniSign(TINY | {"language_model": TINY["language_model"] | {"num_layers": 2}}, Setting("slt", "English"))
    with pytest.raises(ModelError, match=r"network: 9 missing: encoder.block.1.*or as many layers$"):
        model.load_pretrained("mt5_model", str(mt5))


def test_an_mt5_that_lacks_tensors(mt5: Path) -> None:
    tensors = load_file(mt5 / "model.safetensors")
    del tensors["encoder.block.0.layer.0.SelfAttention.q.weight"]
    save_file(tensors, mt5 / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="lacks encoder.block.0.layer.0.SelfAttention.q.weight"):
        uni_sign().load_pretrained("mt5_model", str(mt5))


@pytest.mark.parametrize("damage", ["absent", "cut off"])
def test_an_mt5_that_cannot_be_read(mt5: Path, damage: str) -> None:
    weights = mt5 / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    source = str(mt5) if damage == "cut off" else str(mt5 / "nothing")
    with pytest.raises(ModelError, match="mt5_model from .*: cannot be loaded.*--pretrained mt5_model=FOLDER"):
        uni_sign().load_pretrained("mt5_model", source)


def test_unknown_parts(mt5: Path) -> None:
    with pytest.raises(ModelError, match="--pretrained mt5.*did you mean mt5_model"):
        uni_sign().load_pretrained("mt5", str(mt5))
    with pytest.raises(ModelError, match="no such part; with pictures it is --modality rgb"):
        uni_sign().load_pretrained("rgb_support_backbone", str(mt5))


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """Weights as torchvision names them: `features.` for what the released checkpoints call `0.`, and a classifier."""
    own = uni_sign("rgb+pose").network.rgb_support_backbone.state_dict()
    tensors = {
        "features." + name.removeprefix("0."): torch.randn(value.shape) if value.is_floating_point() else value + 7
        for name, value in own.items()
    }
    assert "features.0.0.weight" in tensors
    path = tmp_path / "efficientnet.pth"
    torch.save(tensors | {"classifier.1.weight": torch.zeros(3, 3), "classifier.1.bias": torch.zeros(3)}, path)
    return path


def test_imagenet_weights_lie_where_the_released_names_say(imagenet: Path) -> None:
    model = uni_sign("rgb+pose")
    model.load_pretrained("rgb_support_backbone", str(imagenet))
    saved, loaded = torch.load(imagenet), model.network.state_dict()
    assert torch.equal(loaded["rgb_support_backbone.0.0.0.weight"], saved["features.0.0.weight"])
    assert torch.equal(loaded["rgb_support_backbone.0.8.1.running_var"], saved["features.8.1.running_var"])
    assert loaded["rgb_support_backbone.0.8.1.num_batches_tracked"] == 7


@pytest.mark.parametrize("name", ["good", "damaged"])
def test_an_address_is_fetched_once_and_its_digest_checked(
    imagenet: Path, tmp_path: Path, monkeypatch, name: str
) -> None:
    monkeypatch.setenv("SLBENCH_HOME", str(tmp_path / "home"))
    fetched = []

    def download(url, target, hash_prefix, progress):
        fetched.append(url)
        data = imagenet.read_bytes()
        if not hashlib.sha256(data).hexdigest().startswith(hash_prefix):
            raise RuntimeError("invalid hash value")
        Path(target).write_bytes(data)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    digest = hashlib.sha256(imagenet.read_bytes()).hexdigest()[:8] if name == "good" else "00000000"
    address = f"https://nowhere.example/efficientnet_b0-{digest}.pth"
    model = uni_sign("rgb+pose")
    if name == "damaged":
        with pytest.raises(ModelError, match=r"invalid hash value.*download https:.*=FILE"):
            model.load_pretrained("rgb_support_backbone", address)
        return
    for _ in range(2):
        model.load_pretrained("rgb_support_backbone", address)
    assert fetched == [address]
    assert (tmp_path / "home" / "weights" / f"efficientnet_b0-{digest}.pth").is_file()


def test_another_file_is_no_efficientnet(tmp_path: Path) -> None:
    model = uni_sign("rgb+pose")
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"features.0.0.weight": [1, 2]}, tmp_path / "numbers.pth")
    torch.save({0: torch.zeros(1)}, tmp_path / "unnamed.pth")
    torch.save({"model": {"features.0.0.weight": torch.zeros(1)}}, tmp_path / "wrapped.pth")
    (tmp_path / "text.pth").write_text("hello")
    for name, message in (
        ("resnet", "it has conv1.weight"),
        ("list", "holds a list"),
        ("numbers", "holds features.0.0.weight, which is no tensor with a name"),
        ("unnamed", "holds 0, which is no tensor"),
        ("wrapped", "holds model, which is no tensor with a name; it must hold such alone"),
        ("text", "cannot be loaded"),
        ("absent", "No such file"),
    ):
        with pytest.raises(ModelError, match=message):
            model.load_pretrained("rgb_support_backbone", str(tmp_path / f"{name}.pth"))


def test_missing_and_unexpected_tensors_are_told_apart(imagenet: Path) -> None:
    """And nothing is said of sizes, which are right."""
    tensors = torch.load(imagenet)
    del tensors["features.0.0.weight"]
    torch.save(tensors | {"features.99.bias": torch.zeros(1)}, imagenet)
    with pytest.raises(ModelError) as raised:
        uni_sign("rgb+pose").load_pretrained("rgb_support_backbone", str(imagenet))
    assert "1 missing: 0.0.0.weight; 1 unexpected: 0.99.bias; name other weights" in str(raised.value)
    assert "config" not in str(raised.value)
