import logging

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from slbench.metrics.base import Answer, resampled_totals, scores
from slbench.metrics.bleu import Bleu
from slbench.metrics.chrf import Chrf

TEXTS = st.text("abC é你🤟 .", max_size=14)
CORPORA = st.lists(st.builds(Answer, TEXTS, TEXTS), min_size=1, max_size=12)
LETTERS = np.array(list("abcdeé你 "))


def split(answers) -> tuple[list[str], list[list[str]]]:
    return [a.hypothesis for a in answers], [[a.reference for a in answers]]


def values(metric, answers) -> list[float]:
    return metric.reduce(metric.statistics(answers).sum(0)).tolist()


def noisy_corpus(seed: int, size: int) -> list[Answer]:
    """Random texts of every length from 0, answered with some letters wrong, missing or added."""
    chance = np.random.default_rng(seed)

    def noisy(text: str) -> str:
        return "".join(chance.choice([letter, letter, letter, "", "x"]) for letter in text)

    references = ["".join(chance.choice(LETTERS, chance.integers(0, 25))) for _ in range(size)]
    return [Answer(reference, noisy(reference)) for reference in references]


@given(CORPORA)
def test_bleu_is_that_of_sacrebleu(answers) -> None:
    expected = [BLEU(tokenize="char", max_ngram_order=n).corpus_score(*split(answers)).score for n in (1, 2, 3, 4)]
    assert values(Bleu("char"), answers) == pytest.approx(expected, abs=1e-9)
    whole = sacrebleu.corpus_bleu(*split(answers), tokenize="char").score
    assert values(Bleu("char", orders=(4,)), answers) == pytest.approx([whole], abs=1e-9)


@given(CORPORA)
def test_chrf_is_that_of_sacrebleu(answers) -> None:
    assert values(Chrf(), answers) == pytest.approx([sacrebleu.corpus_chrf(*split(answers)).score], abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_larger_corpora_too(seed: int) -> None:
    answers = noisy_corpus(seed, 50)
    expected = sacrebleu.corpus_bleu(*split(answers), tokenize="char").score
    assert 0 < expected < 100
    assert values(Bleu("char"), answers)[3] == pytest.approx(expected, abs=1e-9)
    assert values(Chrf(), answers) == pytest.approx([sacrebleu.corpus_chrf(*split(answers)).score], abs=1e-9)


def test_other_tokenizers() -> None:
    answers = [
        Answer("The house, the big one, is red.", "The house, the big one is red."),
        Answer("Yes, it is.", "It is!"),
    ]
    expected = sacrebleu.corpus_bleu(*split(answers), tokenize="13a").score
    assert values(Bleu("13a"), answers)[3] == pytest.approx(expected, abs=1e-9)
    assert values(Bleu("char"), answers)[3] != pytest.approx(expected)


@pytest.mark.parametrize("metric", [Bleu("char"), Chrf()])
def test_resampled_corpora_are_corpora(metric) -> None:
    """The bootstrap's first scores against sacrebleu on the same draws made clip by clip."""
    answers = noisy_corpus(3, 30)
    draws = np.random.default_rng(9).multinomial(30, np.full(30, 1 / 30), size=25)
    found = metric.reduce(resampled_totals(metric.statistics(answers), 9))[:25, -1]
    for row, value in zip(draws, found, strict=True):
        drawn = split([a for a, n in zip(answers, row, strict=True) for _ in range(n)])
        judge = BLEU(tokenize="char") if isinstance(metric, Bleu) else CHRF()
        assert value == pytest.approx(judge.corpus_score(*drawn).score, abs=1e-9)


@given(st.lists(TEXTS.filter(lambda text: len("".join(text.split())) >= 4), min_size=1, max_size=8))
def test_identical_corpora_score_100(texts) -> None:
    answers = [Answer(text, text) for text in texts]
    assert values(Bleu("char"), answers) == pytest.approx([100] * 4)
    assert values(Chrf(), answers) == pytest.approx([100])


def test_a_corpus_of_short_words_has_no_bleu_4() -> None:
    """sacrebleu's rule: no 4-gram, no score."""
    assert values(Bleu("char"), [Answer("abc", "abc")]) == pytest.approx([100, 100, 100, 0])


@given(CORPORA, CORPORA, st.sampled_from([Bleu("char"), Chrf()]))
def test_statistics_add_up(first, second, metric) -> None:
    apart = metric.statistics(first).sum(0) + metric.statistics(second).sum(0)
    np.testing.assert_array_equal(apart, metric.statistics(first + second).sum(0))


@pytest.mark.parametrize("metric", [Bleu("char"), Chrf()])
def test_failed_clips_are_empty_answers(metric) -> None:
    failed, empty = Answer("abcde", None), Answer("abcde", "")
    assert metric.statistics([failed]).tolist() == metric.statistics([empty]).tolist()
    assert set(values(metric, [failed])) == {0}
    alone = Answer("abcde", "abcde")
    assert values(metric, [alone, failed])[-1] < values(metric, [alone])[-1]


@pytest.mark.parametrize("metric", [Bleu("char"), Chrf()])
def test_nothing_on_both_sides_scores_0(metric) -> None:
    assert set(values(metric, [Answer("", "")])) == {0}
    assert set(values(metric, [Answer("", "abcdefg")])) == {0}


@pytest.mark.parametrize("metric", [Bleu("char"), Chrf()])
def test_intervals_hold_the_value(metric) -> None:
    for score in scores(metric, noisy_corpus(4, 80)):
        assert 0 < score.low < score.value < score.high < 100
        assert score.better == "higher"
        assert score.samples == 80


def test_signatures_are_those_of_sacrebleu() -> None:
    """But for the key of its version, since slbench's own stands there as well."""
    for metric, judge, prefix in ((Bleu("char"), BLEU(tokenize="char"), "bleu:4"), (Chrf(), CHRF(), "chrf:2")):
        judge.corpus_score(["a"], [["a"]])
        theirs = judge.get_signature().format().replace("version:", "sacrebleu:")
        assert sacrebleu.__version__ in theirs
        assert list(metric.signatures.values())[-1] == f"{prefix}|{theirs}|failed:empty"


def test_sacrebleu_does_not_chatter(caplog) -> None:
    """It warns of sentence scores and of tokenized text; neither is meant here."""
    with caplog.at_level(logging.WARNING):
        Bleu("char").statistics([Answer("a .", "a .")] * 120)
    assert caplog.records == []
