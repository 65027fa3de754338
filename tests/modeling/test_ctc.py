"""The CTC layer against brute force, and a clip's independence from its neighbours with the layer switched on."""

import itertools
import math

import pytest
import torch
from fakes import TINY, made_up_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from slbench.engine.determinism import make_deterministic
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.config import UniSignConfig
from slbench.modeling.uni_sign.ctc import BLANK, Heard, compressed, ctc_loss, place_codes, recombined
from slbench.modeling.uni_sign.model import UniSign

WITH_CTC = TINY | {"ctc_weight": 0.5, "ctc_compression": True, "prompt": "{family}"}


def spelled(labels: tuple[int, ...]) -> list[int]:
    """What a path of labels spells: repeats joined, blanks dropped."""
    return [label for label, _ in itertools.groupby(labels) if label != BLANK]


@pytest.mark.parametrize("target", [[1], [1, 2], [2, 2], [1, 2, 1]])
def test_loss_is_the_sum_over_all_paths(target: list[int]) -> None:
    logits = torch.randn(5, 3)
    probabilities = logits.softmax(-1)
    paths = [path for path in itertools.product(range(3), repeat=5) if spelled(path) == target]
    total = sum(math.prod(float(probabilities[t, label]) for t, label in enumerate(path)) for path in paths)
    expected = -math.log(total) / len(target)
    assert ctc_loss(logits, [5], [target]).item() == pytest.approx(expected, rel=1e-5)


def test_loss_of_a_batch_is_the_mean_over_its_clips() -> None:
    logits, targets = torch.randn(12, 4), [[1, 2], [3], [2, 1, 3]]
    alone = [ctc_loss(part, [len(part)], [t]) for part, t in zip(logits.split([4, 3, 5]), targets, strict=True)]
    assert ctc_loss(logits, [4, 3, 5], targets).item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)


def test_clip_too_short_for_its_target_adds_nothing() -> None:
    logits = torch.randn(6, 4, requires_grad=True)
    loss = ctc_loss(logits, [1, 5], [[1, 2], [3]])
    loss.backward()
    assert torch.isfinite(loss)
    assert not logits.grad[0].any()
    assert logits.grad[1:].any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=4))
def test_compression_is_the_mean_of_each_run(clips: list[list[int]]) -> None:
    lengths = [len(labels) for labels in clips]
    x = torch.randn(sum(lengths), 5)
    expected, counts = [], []
    for labels, frames in zip(clips, x.split(lengths), strict=True):
        runs, start = [], 0
        for label, group in itertools.groupby(labels):
            length = len(list(group))
            runs += [frames[start : start + length].mean(0)] if label != BLANK else []
            start += length
        expected += runs or [frames.mean(0)]
        counts.append(len(runs) or 1)
    logits = torch.nn.functional.one_hot(torch.tensor([label for labels in clips for label in labels]), 4).float()
    heard = compressed(x, logits, lengths)
    assert heard.lengths == counts
    torch.testing.assert_close(heard.vectors_md, torch.stack(expected))
    assert heard.labels_m.tolist() == [label for labels in clips for label in spelled(tuple(labels)) or [BLANK]]


def test_recombined_sentences_spell_what_their_vectors_stand_for() -> None:
    labels = torch.tensor([3, 1, 4, BLANK, 2, 2])
    heard = Heard(labels[:, None] * torch.ones(6, 5, requires_grad=True), [3, 1, 2], labels)
    more, spelled_out = recombined(heard, 50)
    assert len(more.lengths) == len(spelled_out) == 50
    assert set(more.lengths) == {1, 2, 3}
    assert [len(tokens) for tokens in spelled_out] == more.lengths
    assert more.vectors_md[:, 0].tolist() == [token for tokens in spelled_out for token in tokens]
    assert BLANK not in more.vectors_md
    assert not more.vectors_md.requires_grad


def test_nothing_found_gives_nothing_to_recombine() -> None:
    more, spelled_out = recombined(Heard(torch.ones(2, 5), [1, 1], torch.tensor([BLANK, BLANK])), 4)
    assert (len(more.vectors_md), more.lengths, spelled_out) == (0, [], [])


def test_places_have_different_codes_of_one_length() -> None:
    codes = place_codes(torch.arange(200), 16)
    assert codes.shape == (200, 16)
    torch.testing.assert_close(codes.norm(dim=1), torch.full((200,), math.sqrt(8)))
    assert torch.cdist(codes, codes).fill_diagonal_(1).min() > 0.05


@pytest.fixture(scope="module", params=["cslr", "slt"])
def model(request: pytest.FixtureRequest) -> UniSign:
    """Weights that let the layer find tokens and blanks in the made-up clips."""
    make_deterministic(0)
    model = UniSign(WITH_CTC | {"linear_std": 0.5}, Setting(request.param, "English"))
    model.network.eval()
    with torch.no_grad():
        usual = model._heard([model.prepare(made_up_clip("usual", 40, 99))]).ctc_nv.mean(0)
        model.network.ctc.bias.sub_(usual)
        model.network.ctc.bias[BLANK] += 0.02
    return model


def test_batch_changes_no_state_and_no_text(model: UniSign) -> None:
    clips = [model.prepare(made_up_clip(f"c{i}", frames, i)) for i, frames in enumerate((3, 70, 1, 20, 33))]
    with torch.inference_mode():
        together = model.encode(clips)
        texts = [output.text for output in model.decode(together)]
        assert together.mask_bl.sum(1).unique().numel() > 1, "no clip was compressed otherwise than another"
        for row, clip in enumerate(clips):
            alone = model.encode([clip])
            length = int(alone.mask_bl.sum())
            assert torch.equal(alone.states_bld[0, :length], together.states_bld[row, :length])
            assert model.decode(alone)[0].text == texts[row]


def test_loss_has_a_ctc_part_for_glosses_only() -> None:
    losses = {}
    for weight in (0.5, 1.5):
        for family in ("cslr", "slt"):
            make_deterministic(0)
            model = UniSign(WITH_CTC | {"ctc_weight": weight}, Setting(family, "English"))
            inputs = [model.prepare(made_up_clip("c", 20, 0))]
            losses[family, weight] = model.loss(inputs, ["A B"]).item()
    assert losses["slt", 0.5] == losses["slt", 1.5]
    assert losses["cslr", 1.5] > losses["cslr", 0.5] + 1


def test_without_the_layer_there_are_no_tensors_of_it() -> None:
    names = UniSign(TINY, Setting("cslr", "English")).network.state_dict()
    assert not [name for name in names if name.startswith("ctc")]
    names = UniSign(WITH_CTC, Setting("cslr", "English")).network.state_dict()
    assert [name for name in names if name.startswith("ctc")] == ["ctc_place", "ctc.weight", "ctc.bias"]


def test_what_needs_the_layer_is_refused_without() -> None:
    with pytest.raises(ValueError, match="ctc_weight above 0"):
        UniSignConfig(ctc_compression=True)
    with pytest.raises(ValueError, match="ctc_compression, which"):
        UniSignConfig(ctc_weight=1.0, ctc_recombined=2)
    with pytest.raises(ValueError, match="ctc_weight above 0"):
        UniSignConfig(ctc_only=True)


def test_ctc_alone_leaves_the_language_model_as_it_is() -> None:
    model = UniSign(WITH_CTC | {"ctc_only": True}, Setting("cslr", "English"))
    model.loss([model.prepare(made_up_clip("c", 20, 0))], ["A B"]).backward()
    assert all(parameter.grad is None for parameter in model.network.mt5_model.parameters())
    assert model.network.pose_proj.weight.grad.any()


@pytest.mark.parametrize("compression", [True, False])
def test_ctc_alone_answers_what_it_spells(compression: bool) -> None:
    """Each clip's likeliest path by hand, repeats joined and blanks dropped; weights are chance."""
    config = WITH_CTC | {"ctc_only": True, "ctc_compression": compression}
    make_deterministic(0)
    model = UniSign(config, Setting("cslr", "English"))
    model.network.eval()
    torch.nn.init.normal_(model.network.ctc.bias)
    torch.nn.init.normal_(model.network.ctc.weight, std=100.0)  # so that frames differ
    clips = [model.prepare(made_up_clip(f"c{i}", 20 + i, i)) for i in range(3)]
    with torch.inference_mode():
        encoded = model.encode(clips)
        rows = encoded.heard.ctc_nv.argmax(-1).split([20, 21, 22])
        answers = [output.text for output in model.decode(encoded)]
    expected = []
    for row in rows:
        expected.append(" ".join(model.tokenizer.decode([label]) for label in spelled(tuple(row.tolist()))))
    assert answers == expected
    assert len(set(answers)) == 3, "clips differ"


def test_recombined_sentences_count_in_training(model: UniSign) -> None:
    """The made-up sentences are text of letters between spaces, and change the loss of recognition alone."""
    inputs = [model.prepare(made_up_clip(f"c{i}", 30, i)) for i in range(3)]
    losses = []
    for count in (0, 2):
        model.config = model.config.model_copy(update={"ctc_recombined": count})
        losses.append(model.loss(inputs, ["A B", "C", "D E"]).item())
    assert (losses[0] == losses[1]) == (model.setting.family == "slt")


def test_every_second_frame_is_read_of_sentences_but_not_of_signs() -> None:
    config = TINY | {"inputs": {"frame_step": 2}}
    clip = made_up_clip("c", 21, 0)
    assert len(UniSign(config, Setting("cslr", "English")).prepare(clip)["body"]) == 11
    assert len(UniSign(config, Setting("islr", "English", ("A",))).prepare(clip)["body"]) == 21
