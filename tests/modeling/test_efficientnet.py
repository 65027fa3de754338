"""The backbone against torchvision's."""

import pytest
import torch

from slbench.modeling.uni_sign.efficientnet import EfficientNetFeatures, rounded_channels


@pytest.mark.parametrize(("name", "width", "depth"), [("efficientnet_b0", 1.0, 1.0), ("efficientnet_b3", 1.2, 1.4)])
def test_same_as_torchvision(name: str, width: float, depth: float) -> None:
    models = pytest.importorskip("torchvision.models")
    official = getattr(models, name)().eval().features
    features = EfficientNetFeatures(width, depth).eval()
    features.load_state_dict(official.state_dict(), strict=True)
    pictures = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(features(pictures), official(pictures))
    skips = [block.stochastic_depth.p for block in official.modules() if hasattr(block, "stochastic_depth")]
    assert [block.skip for block in features.modules() if hasattr(block, "skip")] == skips


def test_channels_are_multiples_of_eight_and_lose_little() -> None:
    for channels in range(1, 700):
        rounded = rounded_channels(channels)
        assert rounded % 8 == 0
        assert rounded >= 0.9 * channels
        assert abs(rounded - channels) <= 8


def test_a_skipped_block_passes_pictures_unchanged_and_the_others_make_up_for_it() -> None:
    features = EfficientNetFeatures(0.1, 1.0, skip=0.9)
    block = [block for block in features.modules() if hasattr(block, "skip") and block.residual][-1]
    assert block.skip > 0.5
    pictures = torch.randn(64, 24, 2, 2)
    torch.manual_seed(0)
    changes = block.train()(pictures) - pictures
    kept = changes.flatten(1).any(dim=1)
    assert 0 < kept.sum() < 32
    block.block.register_forward_hook(lambda module, inputs, output: torch.ones_like(output))
    changes = block(pictures) - pictures
    kept = changes.flatten(1).any(dim=1)
    torch.testing.assert_close(changes[kept], torch.full_like(changes[kept], 1 / (1 - block.skip)))
    assert torch.equal(block.eval()(pictures), pictures + 1)
