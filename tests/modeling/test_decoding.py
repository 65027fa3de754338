"""Closed-vocabulary decoding: real glosses alone, every one of them, and the likeliest that the search can find."""

import random
from itertools import product

import pytest
import torch
from fakes import TINY, made_up_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers
from tokenizers_made_here import sentencepiece_folder
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from slbench.errors import ModelError
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.decoding import ClosedVocabulary
from slbench.modeling.uni_sign.language import build_tokenizer
from slbench.modeling.uni_sign.model import UniSign

GLOSSES = ("REGEN", "RE", "GEN", "loc-NORD", "WIND", "你好", "ÜBER")
"""One begins another, and one continues that to a third."""
SENTENCES = [" ".join(random.Random(n).choices(GLOSSES, k=5)) for n in range(300)]


@pytest.fixture(scope="module", params=["byt5", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    if request.param == "byt5":
        return build_tokenizer("byt5")
    return build_tokenizer(str(sentencepiece_folder(tmp_path_factory.mktemp("spiece"), SENTENCES, 26)))


def follow(closed: ClosedVocabulary, tokens: list[int]) -> bool:
    """Whether these tokens may be generated, one after the other."""
    return all(token in closed.allowed(0, torch.tensor([0, *tokens[:n]])) for n, token in enumerate(tokens))


@pytest.mark.parametrize("seed", range(20))
def test_a_random_walk_gives_glosses_alone(tokenizer, seed) -> None:
    closed, chance, ids = (
        ClosedVocabulary(tokenizer, GLOSSES, sentences=True, max_new_tokens=40),
        random.Random(seed),
        [0],
    )
    while ids[-1] != closed.end and len(ids) < 40:
        ids.append(chance.choice(closed.allowed(0, torch.tensor(ids))))
    said = closed.text(ids).split()
    assert set(said) <= set(GLOSSES)
    if ids[-1] == closed.end:
        assert said
        assert tokenizer.decode(ids, skip_special_tokens=True) == " ".join(said)


def test_every_sentence_of_glosses_may_come_out(tokenizer) -> None:
    closed = ClosedVocabulary(tokenizer, GLOSSES, sentences=True, max_new_tokens=40)
    for pair in product(GLOSSES, repeat=2):
        tokens = tokenizer(" ".join(pair)).input_ids
        assert follow(closed, tokens)
        assert closed.text([0, *tokens, 0, 0]) == " ".join(pair)


def test_an_isolated_sign_is_one_gloss(tokenizer) -> None:
    closed = ClosedVocabulary(tokenizer, GLOSSES, sentences=False, max_new_tokens=40)
    assert all(follow(closed, tokenizer(gloss).input_ids) for gloss in GLOSSES)
    for text in ("", "RE RE", "REG", "WINDE"):
        assert not follow(closed, tokenizer(text).input_ids)


def test_an_unfinished_gloss_is_dropped(tokenizer) -> None:
    closed = ClosedVocabulary(tokenizer, GLOSSES, sentences=True, max_new_tokens=40)
    whole, cut = tokenizer("WIND REGEN").input_ids[:-1], tokenizer("WIND loc-NORD").input_ids[:-2]
    assert closed.text([0, *whole]) == "WIND REGEN"
    assert closed.text([0, *cut]) == "WIND"


def test_after_the_end_comes_the_end() -> None:
    closed = ClosedVocabulary(build_tokenizer("byt5"), GLOSSES, sentences=True, max_new_tokens=40)
    for tokens in ([1], [next(iter(closed.first.children)), 1], [383]):
        assert closed.allowed(0, torch.tensor([0, *tokens])) == [1]
    assert closed.text([0, 383]) == ""


def test_a_gloss_that_is_too_long_is_named() -> None:
    with pytest.raises(ModelError, match="'loc-NORD' has 8 tokens, and at most 7 can be generated"):
        ClosedVocabulary(build_tokenizer("byt5"), GLOSSES, sentences=True, max_new_tokens=7)


def test_a_tokenizer_that_joins_words_is_refused() -> None:
    """Its pieces may hold spaces, so a sentence is not spelled as its glosses are."""
    pairs = Tokenizer(models.BPE())
    pairs.train_from_iterator(["RE GEN"] * 50, trainers.BpeTrainer(vocab_size=60, special_tokens=["</s>"]))
    joining = PreTrainedTokenizerFast(tokenizer_object=pairs, eos_token="</s>")
    assert len(joining("RE GEN").input_ids) == 1
    with pytest.raises(ModelError, match="'RE RE GEN' are not those of its glosses one by one"):
        ClosedVocabulary(joining, ("RE", "GEN"), sentences=True, max_new_tokens=40)


SIGNS = ("HELP", "WORLD", "SIGN", "HELD", "AN", "A")


def built(family: str, beams: int) -> UniSign:
    torch.manual_seed(3)
    model = UniSign(TINY | {"max_new_tokens": 12}, Setting(family, "English", SIGNS, beams, decoding="closed"))
    model.network.eval()
    with torch.no_grad():
        for value in model.network.mt5_model.parameters():
            value.mul_(2)  # so that clips differ in what is said of them
    return model


def texts(model: UniSign, seeds: list[int]) -> list[str]:
    with torch.inference_mode():
        batch = [model.prepare(made_up_clip(f"c{seed}", 5 + seed % 9, seed)) for seed in seeds]
        return [output.text for output in model.decode(model.encode(batch))]


def test_the_search_finds_the_best_gloss() -> None:
    """With as many beams as glosses: the one whose tokens have the best mean log-likelihood, the end among them."""
    model, clips = built("islr", len(SIGNS)), [made_up_clip(f"c{seed}", 12, seed) for seed in range(8)]
    with torch.inference_mode():
        found = model.decode(model.encode([model.prepare(clip) for clip in clips]))
    for output in found:
        means = [score / (len(gloss) + 1) for score, gloss in zip(output.log_likelihoods, SIGNS, strict=True)]
        assert output.text == SIGNS[means.index(max(means))]


@pytest.mark.parametrize("family", ["islr", "cslr"])
@pytest.mark.parametrize("beams", [1, 4])
def test_a_model_says_glosses_alone(family: str, beams: int) -> None:
    for text in texts(built(family, beams), list(range(12))):
        assert set(text.split()) <= set(SIGNS)
        assert text
        assert family == "cslr" or text in SIGNS


@settings(max_examples=10, deadline=None)
@given(seeds=st.lists(st.integers(0, 50), min_size=2, max_size=5, unique=True), beams=st.sampled_from([1, 4]))
def test_the_same_text_in_any_batch(seeds: list[int], beams: int) -> None:
    model = built("cslr", beams)
    assert texts(model, seeds) == [texts(model, [seed])[0] for seed in seeds]


def test_glosses_are_ranked_for_isolated_signs_alone() -> None:
    with torch.inference_mode():
        for family, ranked in (("islr", len(SIGNS)), ("cslr", 0)):
            model = built(family, 1)
            [output] = model.decode(model.encode([model.prepare(made_up_clip("c", 9, 0))]))
            assert len(output.log_likelihoods) == ranked


@pytest.mark.parametrize("sentences", [True, False])
def test_without_glosses_nothing_can_come_out(tokenizer, sentences: bool) -> None:
    with pytest.raises(ModelError, match="--decoding closed: the task has no glosses"):
        ClosedVocabulary(tokenizer, (), sentences, max_new_tokens=40)
