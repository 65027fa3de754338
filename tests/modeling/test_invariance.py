"""A prediction never depends on its neighbours."""

import dataclasses

import numpy as np
import pytest
import torch
from fakes import GLOSSES, TINY, made_up_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from slbench.engine.determinism import make_deterministic
from slbench.modeling.base import Output, Setting
from slbench.modeling.uni_sign.model import UniSign

LENGTHS = st.lists(st.integers(1, 80), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def model() -> UniSign:
    make_deterministic(0)
    model = UniSign(TINY, Setting("islr", "English", GLOSSES))
    with torch.no_grad():  # statistics as after training, and a bias that lets padding show
        for name, value in model.network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value.uniform_(0.5, 1.5)
    model.network.eval()
    return model


def answers(model: UniSign, clips: list, order: list[int], size: int) -> dict[int, Output]:
    found: dict[int, Output] = {}
    with torch.inference_mode():
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            outputs = model.decode(model.encode([model.prepare(clips[i]) for i in batch]))
            found |= dict(zip(batch, outputs, strict=True))
    return found


@settings(max_examples=25, deadline=None)
@given(lengths=LENGTHS, size=st.integers(1, 6), seed=st.integers(0, 99), chance=st.randoms())
def test_same_answer_in_any_batch_and_order(model, lengths, size, seed, chance) -> None:
    clips = [made_up_clip(f"c{i}", frames, seed + i) for i, frames in enumerate(lengths)]
    order = list(range(len(clips)))
    alone = answers(model, clips, order, 1)
    chance.shuffle(order)
    together = answers(model, clips, order, size)
    for i in range(len(clips)):
        assert together[i].text == alone[i].text
        np.testing.assert_allclose(together[i].log_likelihoods, alone[i].log_likelihoods, atol=1e-4)


def test_padding_would_be_seen() -> None:
    """The property above can fail: with a frame more, the answer's likelihoods differ."""
    make_deterministic(0)
    model = UniSign(TINY, Setting("islr", "English", GLOSSES))
    model.network.eval()
    clip = made_up_clip("c", 20, 0)
    longer = dataclasses.replace(
        clip,
        keypoints=np.concatenate([clip.keypoints, clip.keypoints[-1:]]),
        scores=np.concatenate([clip.scores, clip.scores[-1:]]),
    )
    short, long = (answers(model, [c], [0], 1)[0].log_likelihoods for c in (clip, longer))
    assert np.abs(np.subtract(short, long)).max() > 1e-4


@pytest.mark.parametrize("frames", [1, 5000])
def test_extreme_lengths(model: UniSign, frames: int) -> None:
    clip = made_up_clip("c", frames, 0)
    assert len(model.prepare(clip)["body"]) == min(frames, 64)
    assert np.isfinite(answers(model, [clip], [0], 1)[0].log_likelihoods).all()


@pytest.mark.parametrize("hidden", [slice(0, 133), slice(91, 133)], ids=["all scores 0", "no hands"])
def test_unseen_points(model: UniSign, hidden: slice) -> None:
    clip = made_up_clip("c", 12, 0)
    clip.scores[:, hidden] = 0
    assert np.isfinite(answers(model, [clip], [0], 1)[0].log_likelihoods).all()
    moved = dataclasses.replace(clip, keypoints=np.where(clip.scores[..., None] == 0, 0.9, clip.keypoints))
    assert answers(model, [moved], [0], 1) == answers(model, [clip], [0], 1)
