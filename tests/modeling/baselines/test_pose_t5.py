"""The T5 on poses: sizes, batches, lengths, and weights of a T5 of others."""

from pathlib import Path

import pytest
import torch
from fakes import TINY, made_up_clip
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration, T5Model

from slbench import catalog
from slbench.engine.determinism import make_deterministic
from slbench.errors import ModelError
from slbench.modeling.base import Setting
from slbench.modeling.baselines.pose_t5 import PoseT5, PoseT5Config, PoseT5Network
from slbench.modeling.baselines.poses import checked

SIZES = {key: value for key, value in TINY["language_model"].items() if key != "tokenizer"}


def pose_t5(num_beams: int = 4, **config) -> PoseT5:
    make_deterministic(0)
    tiny = {"language_model": TINY["language_model"], "max_new_tokens": 8}
    model = PoseT5(tiny | config, Setting("slt", "English", num_beams=num_beams))
    model.network.eval()
    return model


def test_parameters_at_the_papers_size() -> None:
    """T5 v1.1 base has 247,577,856 (of transformers' `google/t5-v1_1-base`); the linear layer, 69 points of three."""
    with torch.device("meta"):
        network = PoseT5Network(PoseT5Config())
    assert sum(value.numel() for value in network.t5.parameters()) == 247_577_856
    assert sum(value.numel() for value in network.project.parameters()) == (69 * 3 + 1) * 768


def test_the_card_has_the_defaults() -> None:
    assert checked(PoseT5Config, catalog.get_model("pose-t5").config) == PoseT5Config()


@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_clip_has_the_same_bits_in_any_batch(num_beams: int) -> None:
    model = pose_t5(num_beams)
    clips = [model.prepare(made_up_clip(f"c{i}", frames, i)) for i, frames in enumerate((3, 170, 1, 20, 33))]
    with torch.inference_mode():
        together = model.encode(clips)
        texts = [output.text for output in model.decode(together)]
        for row, clip in enumerate(clips):
            alone = model.encode([clip])
            frames = int(alone.mask_bt.sum())
            assert torch.equal(alone.states_btd[0, :frames], together.states_btd[row, :frames])
            assert model.decode(alone)[0].text == texts[row]


def test_every_second_frame_is_read() -> None:
    model = PoseT5(catalog.get_model("pose-t5").config | {"language_model": TINY["language_model"]}, Setting("slt", ""))
    assert len(model.prepare(made_up_clip("c", 21, 0))["body"]) == 11
    assert len(model.prepare(made_up_clip("c", 1000, 0))["body"]) == 256


def test_only_the_parts_asked_for_are_read() -> None:
    model = pose_t5(parts=["right"])
    inputs = model.prepare(made_up_clip("c", 5, 0))
    others = {name: value if name == "right" else value + 1 for name, value in inputs.items()}
    with torch.inference_mode():
        assert torch.equal(model.encode([inputs]).states_btd, model.encode([others]).states_btd)
        hand = inputs | {"right": inputs["right"] + 1}
        assert not torch.equal(model.encode([inputs]).states_btd, model.encode([hand]).states_btd)


def test_loss_is_the_mean_over_the_tokens() -> None:
    model = pose_t5()
    inputs = [model.prepare(made_up_clip(f"c{i}", 20, i)) for i in range(2)]
    with torch.inference_mode():
        together = model.loss(inputs, ["ab", "abcdefg"])
        alone = [model.loss([one], [text]) for one, text in zip(inputs, ["ab", "abcdefg"], strict=True)]
    assert together.item() == pytest.approx((3 * alone[0].item() + 8 * alone[1].item()) / 11, rel=1e-5)


@pytest.fixture
def t5(tmp_path: Path) -> Path:
    """A T5 v1.1, whose output layer is a tensor of its own; transformers 5 writes none, so it is added."""
    config = T5Config(**SIZES, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    weights = tmp_path / "t5" / "model.safetensors"
    output = {"lm_head.weight": torch.randn(SIZES["vocab_size"], SIZES["d_model"])}
    save_file(load_file(weights) | output, weights, {"format": "pt"})
    return tmp_path / "t5"


def test_a_t5_answers_as_it_did(t5: Path) -> None:
    """Loaded into this network, it computes what transformers' own T5 does before the output layer of the file."""
    model, saved = pose_t5(), T5Model.from_pretrained(t5).eval()
    model.load_pretrained("t5", str(t5))
    states, tokens = torch.randn(2, 7, SIZES["d_model"]), torch.tensor([[0, 5, 6], [0, 9, 9]])
    with torch.inference_mode():
        ours = model.network.t5(inputs_embeds=states, decoder_input_ids=tokens).logits
        hidden = saved(inputs_embeds=states, decoder_input_ids=tokens).last_hidden_state
        expected = hidden @ load_file(t5 / "model.safetensors")["lm_head.weight"].T
    torch.testing.assert_close(ours, expected)


def test_other_parts_and_absent_weights(t5: Path) -> None:
    model = pose_t5()
    with pytest.raises(ModelError, match="--pretrained t6: .*did you mean t5"):
        model.load_pretrained("t6", str(t5))
    with pytest.raises(ModelError, match="t5 from .*: cannot be loaded.*--pretrained t5=FOLDER"):
        model.load_pretrained("t5", str(t5 / "nothing"))
