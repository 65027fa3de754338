"""The pose encoder by itself, and what its switches take away; `test_golden` checks it as it is by default."""

import numpy as np
import pytest
import torch
from fakes import made_up_clip

from slbench.modeling.uni_sign.config import PoseConfig
from slbench.modeling.uni_sign.encoder import PoseEncoder
from slbench.modeling.uni_sign.poses import PARTS, part_inputs

SIZES = {"point_dim": 4, "spatial_dims": (4, 8), "temporal_dims": (8, 8), "linear_std": 0.5}
LENGTHS = [7, 12, 1]
FINGER_TIP = 8
BODY_WRIST = {"left": 7, "right": 8}


def encoder(out: int | None = None, **changes: object) -> PoseEncoder:
    torch.manual_seed(0)
    return PoseEncoder(PoseConfig.model_validate(SIZES | changes), out).eval()


def parts_of(lengths: list[int]) -> dict[str, torch.Tensor]:
    clips = [made_up_clip(f"c{i}", frames, i) for i, frames in enumerate(lengths)]
    inputs = [part_inputs(clip.keypoints, clip.scores) for clip in clips]
    return {name: torch.from_numpy(np.concatenate([one[name] for one in inputs])) for name in PARTS}


def moved(parts: dict[str, torch.Tensor], name: str, joint: int) -> dict[str, torch.Tensor]:
    """The same with one joint of one part elsewhere."""
    part = parts[name].clone()
    part[:, joint] += 0.5
    return parts | {name: part}


@torch.no_grad()
def features(model: PoseEncoder, parts: dict[str, torch.Tensor], lengths: list[int]) -> dict[str, torch.Tensor]:
    """Those of each part, x_nd."""
    joined_nd = model(parts, model.packing(lengths))
    return dict(zip(PARTS, joined_nd.chunk(len(PARTS), dim=-1), strict=True))


@pytest.mark.parametrize(("out", "width"), [(None, 32), (5, 5)])
def test_one_row_a_frame_of_the_width_asked_for(out: int | None, width: int) -> None:
    model = encoder(out)
    assert model.joined == 32
    with torch.no_grad():
        assert model(parts_of(LENGTHS), model.packing(LENGTHS)).shape == (sum(LENGTHS), width)


def test_a_clip_alone_has_the_features_that_it_has_among_others() -> None:
    model, parts = encoder(), parts_of(LENGTHS)
    together = torch.cat([*features(model, parts, LENGTHS).values()], dim=-1).split(LENGTHS)
    for clip, expected in enumerate(together):
        alone = {name: part.split(LENGTHS)[clip] for name, part in parts.items()}
        found = torch.cat([*features(model, alone, [LENGTHS[clip]]).values()], dim=-1)
        assert torch.equal(found, expected)


@torch.no_grad()
def joints_touched(model: PoseEncoder) -> set[int]:
    """Joints of the right hand whose features of a frame change with the tip of its index finger."""
    parts, packing = parts_of(LENGTHS), model.packing(LENGTHS)
    before = model.spatial_features(parts, packing)["right"]
    after = model.spatial_features(moved(parts, "right", FINGER_TIP), packing)["right"]
    return set((before != after).any(dim=-1).any(dim=0).nonzero()[:, 0].tolist())


def test_with_the_graph_a_joint_is_seen_by_its_neighbours() -> None:
    assert joints_touched(encoder()) == {FINGER_TIP, FINGER_TIP - 1, FINGER_TIP - 2}  # two blocks, two bones


def test_without_the_graph_each_joint_is_by_itself() -> None:
    assert joints_touched(encoder(graph=False, adjacency_noise=0.5)) == {FINGER_TIP}


def test_without_the_graph_there_is_none_to_learn() -> None:
    model = encoder(graph=False).train()
    assert not [name for name, _ in model.named_parameters() if name.endswith(".A")]
    assert model.state_dict().keys() == encoder().state_dict().keys()
    tensors = {name: value.clone() for name, value in model.state_dict().items() if name.endswith(".A")}
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    model(parts_of(LENGTHS), model.packing(LENGTHS)).square().sum().backward()
    optimizer.step()
    for name, value in tensors.items():
        assert torch.equal(value, torch.stack([torch.eye(value.shape[1]), 0 * value[0]])), name
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.parametrize("hand", BODY_WRIST)
@pytest.mark.parametrize("given", [True, False])
def test_body_features_reach_the_hand_where_they_are_given(hand: str, given: bool) -> None:
    model, parts = encoder(body_features=given, graph=False), parts_of(LENGTHS)
    before, after = (
        features(model, some, LENGTHS) for some in (parts, moved(parts, "body", BODY_WRIST[hand]))
    )  # fmt: skip
    changed = {name for name in PARTS if not torch.equal(before[name], after[name])}
    assert changed == {"body"} | ({hand} if given else set())
