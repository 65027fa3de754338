import logging
import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU
from texts import CORPORA, WORDS, drawn_corpora, noisy_corpus, released, split, values

from slbench.metrics.base import Answer, scores
from slbench.metrics.bleu import Bleu

SETTINGS = st.fixed_dictionaries({
    "tokenizer": st.sampled_from(["13a", "none", "zh", "char", "intl"]),
    "lowercase": st.booleans(),
    "smoothing": st.sampled_from(["exp", "floor", "none"]),
    "floor": st.sampled_from([0.0, 0.01, 0.1, 1.0]),
    "effective_order": st.booleans(),
})  # fmt: skip


def judges(tokenizer: str, smoothing: str, floor: float, **settings) -> list[BLEU]:
    """sacrebleu itself, an order each."""
    value = floor if smoothing == "floor" else None
    same = {"tokenize": tokenizer, "smooth_method": smoothing, "smooth_value": value, **settings}
    return [BLEU(max_ngram_order=n, **same) for n in (1, 2, 3, 4)]


@given(CORPORA, SETTINGS)
def test_bleu_is_that_of_sacrebleu_in_every_setting(answers, setting) -> None:
    expected = [judge.corpus_score(*split(answers)).score for judge in judges(**setting)]
    assert values(Bleu(**setting), answers) == pytest.approx(expected, abs=1e-9)


@given(CORPORA)
def test_the_default_is_that_of_sacrebleu(answers) -> None:
    whole = sacrebleu.corpus_bleu(*split(answers)).score
    assert values(Bleu("13a", orders=(4,)), answers) == pytest.approx([whole], abs=1e-9)


@given(CORPORA)
def test_raw_corpus_bleu(answers) -> None:
    """The rule of neccam/slt and SLRT."""
    found = values(Bleu("none", smoothing="floor", effective_order=True), answers)
    assert found[3] == pytest.approx(sacrebleu.raw_corpus_bleu(*split(answers)).score, abs=1e-9)


def test_settings_matter() -> None:
    """On a corpus with no right 4-gram, and no 4-gram at all."""
    missed, short = [Answer("a b c D e", "a b c d e")], [Answer("a b c", "a b c")]
    smoothings = ("exp", "floor", "none")
    found = [values(Bleu("none", (4,), smoothing=smoothing), missed)[0] for smoothing in smoothings]
    assert found[0] > found[1] > found[2] == 0
    assert values(Bleu("none", (4,), smoothing="floor", floor=0.5), missed) == pytest.approx([found[0]])
    assert values(Bleu("none", (4,), lowercase=True), missed) == pytest.approx([100])
    assert values(Bleu("none", (4,)), short) == [0]
    assert values(Bleu("none", (4,), effective_order=True), short) == pytest.approx([100])


def coco_bleu(totals) -> list[float]:
    """coco-caption's formula with its constants, on lengths, right n-grams and n-grams of a corpus."""
    (hypothesis, reference), right, all_ = totals[:2], totals[2:6], totals[6:]
    ratio = (hypothesis + 1e-15) / (reference + 1e-9)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1
    precisions = [(r + 1e-15) / (n + 1e-9) for r, n in zip(right, all_, strict=True)]
    return [100 * penalty * math.prod(precisions[:n]) ** (1 / n) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("seed", range(5))
def test_coco_caption_is_bleu_without_smoothing(seed: int) -> None:
    metric = Bleu("none", smoothing="none")
    answers = [Answer(" ".join(a.reference), " ".join(a.hypothesis)) for a in noisy_corpus(seed, 40)]
    totals = metric.statistics(answers).sum(0)
    assert 0 < totals[5] < totals[9]
    assert metric.reduce(totals) == pytest.approx(coco_bleu(totals.tolist()), abs=1e-6)
    nothing = metric.statistics([Answer("a b c D e", "a b c d e")]).sum(0)
    assert metric.reduce(nothing)[3] == 0 < coco_bleu(nothing.tolist())[3] < 0.02
    short = metric.statistics([Answer("a b c", "a b c")]).sum(0)
    assert metric.reduce(short)[3] == 0
    assert coco_bleu(short.tolist())[3] == pytest.approx(3.16, abs=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_larger_corpora_too(seed: int) -> None:
    answers = noisy_corpus(seed, 50)
    expected = sacrebleu.corpus_bleu(*split(answers), tokenize="char").score
    assert 0 < expected < 100
    assert values(Bleu("char"), answers)[3] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csl-daily.dev", [53.295070, 40.558279, 31.652884, 25.267627]),
        ("csl-daily.test", [53.869801, 40.994839, 32.086560, 25.698568]),
        ("how2sign.test", [39.381672, 26.443405, 19.217126, 14.498846]),
    ],
)
def test_figures_of_uni_sign(name: str, expected: list[float]) -> None:
    """What the authors' own code says of their released predictions."""
    answers = released(name)
    if name.startswith("csl"):
        assert not any(mark in a.reference for a in answers for mark in "，？")
        assert all(text == " ".join(text.replace(" ", "")) for a in answers for text in (a.reference, a.hypothesis))
    assert values(Bleu("13a"), answers) == pytest.approx(expected, abs=1e-6)


def test_figures_of_how2sign_by_tokenizer() -> None:
    answers = released("how2sign.test")
    found = [values(Bleu(name, (4,)), answers)[0] for name in ("intl", "none")]
    found += values(Bleu("13a", (4,), lowercase=True), answers)
    assert found == pytest.approx([16.34, 13.06, 14.96], abs=0.005)


def test_other_tokenizers() -> None:
    answers = [
        Answer("The house, the big one, is red.", "The house, the big one is red."),
        Answer("Yes, it is.", "It is!"),
    ]
    expected = sacrebleu.corpus_bleu(*split(answers), tokenize="13a").score
    assert values(Bleu("13a"), answers)[3] == pytest.approx(expected, abs=1e-9)
    assert values(Bleu("char"), answers)[3] != pytest.approx(expected)


@pytest.mark.parametrize("setting", [{}, {"smoothing": "none"}, {"smoothing": "floor", "effective_order": True}])
def test_resampled_corpora_are_corpora(setting) -> None:
    """The bootstrap's first scores against sacrebleu on the same draws made clip by clip; some lack right 4-grams."""
    metric = Bleu("char", **setting)
    judge = judges("char", metric.smoothing, metric.floor, effective_order=metric.effective_order)[3]
    for answers, value in drawn_corpora(metric, noisy_corpus(3, 6, length=12), 9, 40):
        assert value == pytest.approx(judge.corpus_score(*split(answers)).score, abs=1e-9)


def test_reduce_keeps_leading_dimensions() -> None:
    metric = Bleu("char", orders=(2, 4))
    table = metric.statistics(noisy_corpus(5, 12))
    cube = metric.reduce(table.reshape(3, 4, 10))
    assert cube.shape == (3, 4, 2)
    np.testing.assert_array_equal(cube[1, 2], metric.reduce(table[6]))


@given(st.lists(st.lists(WORDS, min_size=4, max_size=6).map(" ".join), min_size=1, max_size=8))
def test_identical_corpora_score_100(texts) -> None:
    assert values(Bleu("char"), [Answer(text, text) for text in texts]) == pytest.approx([100] * 4)


def test_a_corpus_of_short_words_has_no_bleu_4() -> None:
    """sacrebleu's rule: no 4-gram, no score."""
    assert values(Bleu("char"), [Answer("abc", "abc")]) == pytest.approx([100, 100, 100, 0])


@given(CORPORA, CORPORA)
def test_statistics_add_up(first, second) -> None:
    metric = Bleu("char")
    apart = metric.statistics(first).sum(0) + metric.statistics(second).sum(0)
    np.testing.assert_array_equal(apart, metric.statistics(first + second).sum(0))


def test_failed_clips_are_empty_answers() -> None:
    metric, failed, empty = Bleu("char"), Answer("abcde", None), Answer("abcde", "")
    assert metric.statistics([failed]).tolist() == metric.statistics([empty]).tolist()
    assert values(metric, [failed]) == [0] * 4
    alone = Answer("abcde", "abcde")
    assert values(metric, [alone, failed])[-1] < values(metric, [alone])[-1]


def test_nothing_on_both_sides_scores_0() -> None:
    for setting in ({}, {"smoothing": "floor"}, {"effective_order": True}):
        assert values(Bleu("char", **setting), [Answer("", "")]) == [0] * 4
        assert values(Bleu("char", **setting), [Answer("", "abcdefg")]) == [0] * 4


def test_intervals_hold_the_value() -> None:
    for score in scores(Bleu("char"), noisy_corpus(4, 80)):
        assert 0 < score.low < score.value < score.high < 100
        assert (score.better, score.unit, score.samples) == ("higher", "points", 80)


def test_parts_are_those_of_sacrebleu() -> None:
    answers, metric = noisy_corpus(6, 30), Bleu("char")
    theirs = BLEU(tokenize="char").corpus_score(*split(answers))
    found = metric.parts(metric.statistics(answers).sum(0))
    precisions = {f"p{n}": p for n, p in zip((1, 2, 3, 4), theirs.precisions, strict=True)}
    lengths = {"hyp_len": theirs.sys_len, "ref_len": theirs.ref_len, "bp": theirs.bp}
    assert found == pytest.approx(lengths | precisions)
    assert theirs.bp < 1


@pytest.mark.parametrize("setting", [{}, {"lowercase": True}, {"smoothing": "floor", "effective_order": True}])
def test_signatures_are_those_of_sacrebleu(setting) -> None:
    """But for the key of its version, since slbench's own stands there as well."""
    metric = Bleu("char", **setting)
    rules = {"lowercase": setting.get("lowercase", False), "effective_order": metric.effective_order}
    judge = judges("char", metric.smoothing, metric.floor, **rules)[3]
    judge.corpus_score(["a"], [["a"]])
    theirs = judge.get_signature().format().replace("version:", "sacrebleu:")
    assert sacrebleu.__version__ in theirs
    assert list(metric.signatures.items())[-1] == ("BLEU-4", f"bleu:4|{theirs}|failed:empty")


def test_sacrebleu_does_not_chatter(caplog) -> None:
    """It warns of sentence scores and of tokenized text; neither is meant here."""
    with caplog.at_level(logging.WARNING):
        Bleu("char").statistics([Answer("a .", "a .")] * 120)
    assert caplog.records == []
