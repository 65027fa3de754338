import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from texts import drawn_corpora, noisy_corpus, split, values

from slbench.metrics.base import Answer, scores
from slbench.metrics.ter import Ter

SENTENCES = st.lists(st.sampled_from(["a", "A", "b", "cd", "你好", "."]), max_size=8).map(" ".join)
CORPORA = st.lists(st.builds(Answer, SENTENCES, SENTENCES), min_size=1, max_size=6)


@given(CORPORA)
def test_ter_is_that_of_sacrebleu(answers) -> None:
    expected = sacrebleu.corpus_ter(*split(answers)).score
    assert values(Ter(), answers) == pytest.approx([expected], abs=1e-9)


def test_figures_by_hand() -> None:
    """One moved run of words is one edit, where word errors are four."""
    moved = Answer("we meet at the station", "at the station we meet")
    assert values(Ter(), [moved]) == [20]
    assert values(Ter(), [Answer("a b c d", "A B"), Answer("a", "a x y")]) == [80]
    assert values(Ter(), [Answer("a", "x y z")]) == [300]


def test_empty_references() -> None:
    assert values(Ter(), [Answer("", "")]) == [0]
    assert values(Ter(), [Answer("", "a b")]) == [100]
    assert values(Ter(), [Answer("", "a b"), Answer("c d e f", "c d e f")]) == [50]


def test_a_failed_clip_is_all_deleted() -> None:
    assert values(Ter(), [Answer("a b", None)]) == values(Ter(), [Answer("a b", "")]) == [100]


def test_resampled_corpora_are_corpora() -> None:
    metric = Ter()
    for answers, value in drawn_corpora(metric, noisy_corpus(3, 12, letters="ab  "), 9, 15):
        assert value == pytest.approx(sacrebleu.corpus_ter(*split(answers)).score, abs=1e-9)


def test_intervals_hold_the_value() -> None:
    (score,) = scores(Ter(), noisy_corpus(4, 80, letters="abc  "))
    assert 0 < score.low < score.value < score.high
    assert (score.name, score.better, score.unit) == ("TER", "lower", "%")


def test_parts() -> None:
    metric = Ter()
    totals = metric.statistics([Answer("a b c", "a c"), Answer("d", "d")]).sum(0)
    assert metric.parts(totals) == {"edits": 1, "references": 4}


def test_the_signature_is_that_of_sacrebleu() -> None:
    judge = sacrebleu.TER()
    judge.corpus_score(["a"], [["a"]])
    theirs = judge.get_signature().format().replace("version:", "sacrebleu:")
    assert Ter().signatures == {"TER": f"ter:all|{theirs}|failed:empty"}


def test_thousands_of_repeated_words() -> None:
    """What a decoder that is caught in a loop gives."""
    assert values(Ter(), [Answer("a b c", " ".join(["a"] * 3000))]) == pytest.approx([100 * 2999 / 3])
