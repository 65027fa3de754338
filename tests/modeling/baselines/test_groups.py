"""A clip has the same bits in any batch."""

import pytest
import torch
from fakes import GLOSSES, made_up_clip

from slbench.engine.determinism import make_deterministic
from slbench.modeling.base import Setting
from slbench.modeling.baselines.groups import CLIPS_AT_ONCE, in_groups
from slbench.modeling.baselines.pose_tgcn import PoseTgcn
from slbench.modeling.baselines.spoter import Spoter
from slbench.modeling.baselines.st_gcn import StGcn

SMALL = {
    StGcn: {"point_dim": 16, "spatial_dims": [16, 32], "temporal_dims": [32]},
    PoseTgcn: {"frames": 12, "hidden": 32, "stages": 2},
    Spoter: {"layers": 2, "feed_forward": 64},
}
LENGTHS = (1, 2, 30, 64, 90, 7, 13, 64, 5, 40, 3)
SIZES = (2, 3, CLIPS_AT_ONCE, len(LENGTHS))


class Sizes(torch.nn.Module):
    """Says how many rows it was given."""

    def forward(self, x_bd: torch.Tensor) -> torch.Tensor:
        return torch.stack([x_bd[:, 0], torch.full((len(x_bd),), len(x_bd))], dim=1)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 20])
def test_every_group_has_one_size_and_rows_keep_their_order(rows: int) -> None:
    x_bd = torch.arange(rows)[:, None]
    assert in_groups(Sizes().eval(), x_bd).tolist() == [[row, CLIPS_AT_ONCE] for row in range(rows)]
    assert in_groups(Sizes().train(), x_bd).tolist() == [[row, rows] for row in range(rows)]


@pytest.mark.parametrize("model_type", SMALL, ids=lambda model: model.__name__)
def test_the_same_bits_in_any_batch(model_type) -> None:
    make_deterministic(0)
    model = model_type(SMALL[model_type], Setting("islr", "English", GLOSSES))
    for name, values in model.network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            values.uniform_(0.5, 1.5)
    model.network.eval()
    inputs = [model.prepare(made_up_clip(f"c{i}", frames, i)) for i, frames in enumerate(LENGTHS)]
    with torch.inference_mode():
        alone = torch.cat([model.encode([one]) for one in inputs])
        for size in SIZES:
            together = [model.encode(inputs[start : start + size]) for start in range(0, len(inputs), size)]
            assert torch.equal(torch.cat(together), alone), size
        assert torch.equal(model.encode(inputs[::-1]).flip(0), alone)
