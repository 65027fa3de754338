import pytest
import torch
from fakes import TINY

from slbench.errors import ModelError
from slbench.modeling.uni_sign.config import LanguageModelConfig
from slbench.modeling.uni_sign.language import build_language_model, build_tokenizer, sequence_log_likelihoods

CANDIDATES = ["A", "HELLO", "two words", "你好"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_language_model(LanguageModelConfig.model_validate(TINY["language_model"])).eval()


@pytest.mark.parametrize("tokens_at_once", [None, 1, 9])
def test_log_likelihoods_are_those_of_each_candidate_alone(model, tokens_at_once) -> None:
    tokenizer = build_tokenizer("byt5")
    states, mask = torch.randn(3, 7, 16), torch.ones(3, 7, dtype=torch.long)
    mask[1, 4:] = 0
    ids = [tokenizer(candidate).input_ids for candidate in CANDIDATES]
    with torch.no_grad():
        together = sequence_log_likelihoods(model, states, mask, ids, tokens_at_once)
        for column, candidate in enumerate(ids):
            labels = torch.tensor([candidate] * 3)
            logits = model(encoder_outputs=(states,), attention_mask=mask, labels=labels).logits
            alone = logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0].sum(1)
            torch.testing.assert_close(together[:, column], alone, atol=1e-4, rtol=1e-5)


def test_lm_head_is_trained_apart(model) -> None:
    assert model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
    assert model.lm_head.weight.std().item() == pytest.approx(16**-0.5, rel=0.05)


def test_unknown_tokenizer_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="not a local folder"):
        build_tokenizer(str(tmp_path / "nothing"))
