import pytest
import sentencepiece
import torch
from fakes import TINY

from slbench.errors import ModelError
from slbench.modeling.uni_sign.config import LanguageModelConfig
from slbench.modeling.uni_sign.language import build_language_model, build_tokenizer, sequence_log_likelihoods

CANDIDATES = ["A", "HELP", "two words", "你好"]


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
    with pytest.raises(ModelError, match="cannot be loaded, from a folder or the hub"):
        build_tokenizer(str(tmp_path / "nothing"))


def test_sentencepiece_tokenizer_from_a_folder(tmp_path) -> None:
    """mT5's file format (`spiece.model`), against sentencepiece itself; the model is made here."""
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"sign number {n} says hello to the world" for n in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(tmp_path / "spiece"), vocab_size=50, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        minloglevel=2,
    )  # fmt: skip
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
    tokenizer = build_tokenizer(str(tmp_path))
    pieces = sentencepiece.SentencePieceProcessor(str(tmp_path / "spiece.model"))
    for sentence in ("hello world", "sign number 17 says hello"):
        ids = tokenizer(sentence).input_ids
        assert ids == [*pieces.encode(sentence), 1]
        assert tokenizer.decode(ids, skip_special_tokens=True) == sentence
