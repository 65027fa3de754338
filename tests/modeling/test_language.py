import pytest
import sentencepiece
import torch
from fakes import TINY
from huggingface_hub.errors import HTTPError
from tokenizers_made_here import sentencepiece_folder

from slbench.errors import ModelError
from slbench.modeling.uni_sign import language
from slbench.modeling.uni_sign.config import LanguageModelConfig
from slbench.modeling.uni_sign.language import (
    build_language_model,
    build_tokenizer,
    prefix_trees,
    sequence_log_likelihoods,
)

CANDIDATES = ["HELPER", "A", "HELP", "two words", "HELPING", "你好", "two worlds", "HELD", "AA"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_language_model(LanguageModelConfig.model_validate(TINY["language_model"])).eval()


@pytest.mark.parametrize("tokens_at_once", [128, 1, 9])
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


@pytest.fixture
def far_sighted(model):
    """The model with position biases so large that a wrong distance would be seen."""
    bias = model.decoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    before = bias.detach().clone()
    bias.data.normal_(std=3.0)
    yield model
    bias.data.copy_(before)


def test_distances_are_those_within_a_candidate(far_sighted) -> None:
    tokenizer = build_tokenizer("byt5")
    states, mask = torch.randn(1, 7, 16), torch.ones(1, 7, dtype=torch.long)
    ids = [tokenizer(candidate).input_ids for candidate in CANDIDATES]
    with torch.no_grad():
        together = sequence_log_likelihoods(far_sighted, states, mask, ids)[0]
        alone = [sequence_log_likelihoods(far_sighted, states, mask, [one])[0, 0] for one in ids]
        logits = far_sighted(encoder_outputs=(states,), attention_mask=mask, labels=torch.tensor([ids[0]])).logits[0]
    labels = torch.tensor(ids[0])
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[0], logits.log_softmax(-1).gather(-1, labels[:, None]).sum())


def test_what_candidates_share_is_computed_once() -> None:
    [(chosen, places)] = prefix_trees([[7, 8, 1], [7, 8, 9, 1], [5, 1]], 99)
    assert sorted(chosen) == [0, 1, 2]
    assert set(places) == {(), (5,), (7,), (7, 8), (7, 8, 9)}
    assert all(places[beginning[:-1]] < place for beginning, place in places.items() if beginning)


def test_no_tree_is_larger_than_asked() -> None:
    candidates = [[first, second, 1] for first in range(5, 9) for second in range(5, 9)]
    trees = list(prefix_trees(candidates, 6))
    assert sorted(index for chosen, _ in trees for index in chosen) == list(range(16))
    assert all(len(places) <= 6 for _, places in trees)


def test_lm_head_is_trained_apart(model) -> None:
    assert model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
    assert model.lm_head.weight.std().item() == pytest.approx(16**-0.5, rel=0.05)


def test_unknown_tokenizer_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="cannot be loaded, from a folder or the hub"):
        build_tokenizer(str(tmp_path / "nothing"))


def test_without_a_network_the_hub_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself would try for a minute."""
    asked: list[dict[str, object]] = []

    def from_pretrained(name: str, **options: object) -> None:
        asked.append(options)
        raise OSError("not here")

    def model_info(*_: object, **__: object) -> None:
        raise HTTPError("Name or service not known")

    monkeypatch.setattr(language.AutoTokenizer, "from_pretrained", from_pretrained)
    monkeypatch.setattr(language.HfApi, "model_info", model_info)
    with pytest.raises(ModelError, match=r"\(Name or service not known\): .*`hf download google/mt5-base --include"):
        build_tokenizer("google/mt5-base")
    assert asked == [{"local_files_only": True}]


def test_sentencepiece_tokenizer_from_a_folder(tmp_path) -> None:
    """mT5's file format (`spiece.model`), against sentencepiece itself; the model is made here."""
    sentencepiece_folder(tmp_path, [f"sign number {n} says hello to the world" for n in range(200)])
    tokenizer = build_tokenizer(str(tmp_path))
    pieces = sentencepiece.SentencePieceProcessor(str(tmp_path / "spiece.model"))
    for sentence in ("hello world", "sign number 17 says hello"):
        ids = tokenizer(sentence).input_ids
        assert ids == [*pieces.encode(sentence), 1]
        assert tokenizer.decode(ids, skip_special_tokens=True) == sentence
