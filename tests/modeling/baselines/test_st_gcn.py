"""ST-GCN: its mean over time, and its sizes."""

import pytest
import torch
from fakes import GLOSSES, made_up_clip
from pydantic import ValidationError

from slbench.modeling.base import Setting
from slbench.modeling.baselines.poses import lengths_of, packed
from slbench.modeling.baselines.st_gcn import StGcn, StGcnConfig, StGcnNetwork

SETTING = Setting("islr", "English", GLOSSES)
SMALL = {"point_dim": 8, "spatial_dims": [8], "temporal_dims": [16], "linear_std": 0.5}


def test_scores_are_the_head_of_the_mean_over_a_clips_own_frames() -> None:
    torch.manual_seed(0)
    model = StGcn(SMALL, SETTING)
    model.network.eval()
    batch = [model.prepare(made_up_clip(f"c{i}", frames, i)) for i, frames in enumerate((9, 1, 30))]
    encoder, head = model.network.encoder, model.network.head
    with torch.no_grad():
        found = model.scores(batch)
        for inputs, scores in zip(batch, found, strict=True):
            parts = {name: packed([inputs], name, model.device) for name in inputs}
            frames_td = encoder(parts, encoder.packing(lengths_of([inputs])))
            mean_d = sum(frames_td) / len(frames_td)
            torch.testing.assert_close(scores, head.weight @ mean_d + head.bias)
        assert found.std(dim=0).min() > 1e-3  # the clips differ


def test_sizes_of_the_paper() -> None:
    """Nine blocks of the paper's widths along nine frames, one chain for body and face each and one for both hands."""
    with torch.device("meta"):
        network = StGcnNetwork(StGcnConfig(), classes=100)
    widths = [64, 64, 64, 128, 128, 128, 256, 256, 256]
    for name in ("body", "left", "face_all"):
        blocks = [*network.encoder.fusion_gcn_modules[name].children()]
        assert [tuple(block.tcn[0].weight.shape) for block in blocks] == [(w, w, 9, 1) for w in widths]
    assert network.encoder.gcn_modules["left"] is network.encoder.gcn_modules["right"]
    chain, before = 3 * 64 + 64, 64
    for i, width in enumerate([64, *widths]):
        chain += 2 * width * before + 2 * width + 2 * width  # graph convolution of two hops, batch norm
        chain += (9 * width * width + width + 2 * width) * (i > 0)  # along time
        chain += (width * before + 3 * width) * (width != before)  # residual
        before = width
    adjacencies = 10 * 2 * (9**2 + 21**2 + 18**2)
    assert sum(p.numel() for p in network.parameters()) == 3 * chain + adjacencies + 4 * 256 + 100 * (4 * 256 + 1)


@pytest.mark.parametrize(("key", "value"), [("temporal_kernel", 4), ("spatial_dims", []), ("pose_dropout", 1.0)])
def test_sizes_are_checked(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        StGcn({key: value}, SETTING)
