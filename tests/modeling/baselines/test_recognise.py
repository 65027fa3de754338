"""Networks for continuous recognition: exact lengths, the vocabulary, refusals, and no neighbour's influence."""

import numpy as np
import pytest
import torch
from fakes import made_up_clip
from torch import nn

from slbench.engine.determinism import make_deterministic
from slbench.engine.models import Checkpoint, load_weights, save_weights
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Setting
from slbench.modeling.baselines.bilstm_ctc import BiLSTMCTC
from slbench.modeling.baselines.cosign_ctc import CoSignCTC, distillation
from slbench.modeling.baselines.recognise import Recogniser
from slbench.modeling.baselines.temporal import RecogniserConfig, Temporal, pooled_length
from slbench.modeling.uni_sign.poses import PARTS

SMALL = {"hidden_size": 16, "pools": [2, 2]}
KINDS = {
    BiLSTMCTC: SMALL,
    CoSignCTC: SMALL | {"point_dim": 4, "spatial_dims": [4], "temporal_dims": [8], "adjacency_noise": 0.6},
}
TARGETS = ["B A", "C C B"]
LENGTHS = (1, 2, 3, 4, 5, 64, 63, 100, 7, 130, 12)
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def fresh(kind: type[Recogniser], glosses: tuple[str, ...] = (), seed: int = 0) -> Recogniser:
    make_deterministic(seed)
    return kind(KINDS[kind], Setting("cslr", "English", glosses, num_beams=3, decoding="closed" if glosses else "open"))


def fitted(kind: type[Recogniser], targets: list[str] = TARGETS) -> Recogniser:
    model = fresh(kind)
    model.fit([Examples("cslr", targets, [])])
    return model


def inputs_of(model: Recogniser, frames: int, seed: int = 0):
    return model.prepare(made_up_clip(f"c{seed}", frames, seed))


@pytest.mark.parametrize("pools", [(2, 2), (2, 1), (1, 1), (3, 2)])
def test_each_clip_is_what_plain_layers_make_of_it_alone(pools: tuple[int, ...]) -> None:
    """Frames of one clip without any padding but the convolution's own, through PyTorch's own layers."""
    make_deterministic(0)
    network = Temporal(6, 5, RecogniserConfig(hidden_size=8, pools=pools), visual=True).eval()
    for norm in network.norms:
        nn.init.uniform_(norm.running_mean, -0.2, 0.2)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    layers = [
        layer
        for convolution, norm, pool in zip(network.convolutions, network.norms, pools, strict=True)
        for layer in (convolution, norm, nn.ReLU(), nn.MaxPool1d(pool))
    ]
    lengths = [20, 9, 6, 31, 7]
    with torch.no_grad():
        frames = torch.randn(sum(lengths), 6)
        steps = network(frames, lengths)
        for clip, logits, visual in zip(
            frames.split(lengths),
            steps.logits_nv.split(steps.lengths),
            steps.visual_nv.split(steps.lengths),
            strict=True,
        ):
            features = nn.Sequential(*layers)(clip.T[None]).transpose(1, 2)
            torch.testing.assert_close(visual, network.visual(features)[0])
            torch.testing.assert_close(logits, network.classifier(network.lstm(features)[0])[0])


def test_fewer_frames_than_are_pooled_become_one_step() -> None:
    assert [pooled_length(frames, (2, 2)) for frames in (1, 2, 3, 4, 7, 8, 12, 13)] == [1, 1, 1, 1, 1, 2, 3, 3]
    network = Temporal(6, 5, RecogniserConfig(hidden_size=8)).eval()
    steps = network(torch.randn(6, 6), [1, 2, 3])
    assert steps.lengths == [1, 1, 1]
    assert torch.isfinite(steps.logits_nv).all()


@kinds
def test_all_bits_are_the_same_in_any_batch(kind: type[Recogniser]) -> None:
    model = fitted(kind)
    clips = [inputs_of(model, frames, seed) for seed, frames in enumerate(LENGTHS)]
    model.loss(clips, ["A"] * len(clips))  # for the running statistics
    model.network.eval()
    with torch.inference_mode():
        alone = [model.encode([clip]).logits_nv for clip in clips]
        for size in (2, 3, len(clips)):
            for start in range(0, len(clips), size):
                steps = model.encode(clips[start : start + size])
                for found, expected in zip(steps.logits_nv.split(steps.lengths), alone[start:], strict=False):
                    assert torch.equal(found, expected)
    assert len({row.item() for logits in alone for row in logits[:, 0]}) > len(LENGTHS), "clips differ"


@kinds
def test_no_loss_or_gradient_is_nan(kind: type[Recogniser]) -> None:
    """One frame, an empty target, too many glosses for the steps, nothing seen; alone, so that norms have one row."""
    model = fitted(kind)
    model.network.train()
    unseen = {name: np.zeros((9, len(part.points), 3), np.float32) for name, part in PARTS.items()}
    for clip, target in ((inputs_of(model, 1), ""), (inputs_of(model, 1), "A B C"), (unseen, "A"), (unseen, "")):
        model.network.zero_grad()
        loss = model.loss([clip], [target])
        assert torch.isfinite(loss)
        loss.backward()
        assert all(
            torch.isfinite(weight.grad).all() for weight in model.network.parameters() if weight.grad is not None
        )


@kinds
def test_clip_with_too_few_steps_is_refused(kind: type[Recogniser]) -> None:
    model = fitted(kind)
    clip = inputs_of(model, 12)
    assert model.refusal(clip, "A B C") == model.refusal(clip, "") == model.refusal(clip, "A A") == ""
    assert model.refusal(clip, "A B C B A") == "12 frames are 3 steps after pooling, its 5 glosses need 5"
    assert model.refusal(clip, "C C B B") == "12 frames are 3 steps after pooling, its 4 glosses need 6"


@kinds
def test_loss_is_that_of_the_layers_at_the_glosses_places(kind: type[Recogniser]) -> None:
    """What says exactly `B A`, 2 and 1 in the sorted vocabulary, has no CTC loss for it, and a large one else."""
    model = fitted(kind)
    clip = inputs_of(model, 12)
    steps = model.encode([clip])
    sure = 50 * nn.functional.one_hot(torch.tensor([2, 0, 1]), 4).float()
    said = type(steps)(sure, [3], sure)
    assert model.steps_loss(said, [model._labels("B A")]).item() == pytest.approx(0, abs=1e-4)
    assert model.steps_loss(said, [model._labels("A B")]).item() > 10
    assert [output.text for output in model.decode(said)] == ["B A"]


def test_distillation_is_the_divergence_without_blanks() -> None:
    logits, teacher = torch.randn(5, 4), torch.randn(5, 4)
    said, taught = ((rows[:, 1:] / 8).softmax(-1) for rows in (logits, teacher))
    expected = 64 * (taught * (taught.log() - said.log())).sum(1).mean()
    assert distillation(logits, teacher).item() == pytest.approx(expected.item(), rel=1e-4)
    assert distillation(logits, logits).item() == pytest.approx(0, abs=1e-5)
    assert distillation(logits[:, :2], teacher[:, :2]).item() == 0


@kinds
def test_vocabulary_goes_with_the_weights(kind: type[Recogniser], tmp_path) -> None:
    model = fitted(kind)
    assert model.network.vocabulary.texts == ("A", "B", "C")
    digest = save_weights(model.network, tmp_path / "w.safetensors")
    for other in (fresh(kind, seed=1), fresh(kind, ("C", "A", "B"), seed=1), fitted(kind)):
        load_weights(other, Checkpoint(tmp_path / "w.safetensors", digest))
        other.network.eval(), model.network.eval()
        clip = inputs_of(model, 30)
        assert other.network.vocabulary.texts == ("A", "B", "C")
        assert torch.equal(other.encode([clip]).logits_nv, model.encode([clip]).logits_nv)
    for foreign in (fresh(kind, ("A", "B")), fitted(kind, ["A B D"])):
        with pytest.raises(ModelError, match=r"answers with 3 glosses.*has C besides"):
            load_weights(foreign, Checkpoint(tmp_path / "w.safetensors", digest))


@kinds
def test_nothing_to_recognise_is_an_error(kind: type[Recogniser]) -> None:
    with pytest.raises(ModelError, match="no train clip has a gloss"):
        fresh(kind).fit([Examples("cslr", ["", " "], [])])
