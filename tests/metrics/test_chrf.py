from collections import Counter

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF
from texts import CORPORA, WORDS, drawn_corpora, noisy_corpus, split, values

from slbench.metrics.base import Answer, scores
from slbench.metrics.chrf import Chrf

BOTH = pytest.mark.parametrize("metric", [Chrf(), Chrf(2)], ids=["chrF2", "chrF2++"])


@given(CORPORA, st.sampled_from([0, 2]), st.booleans())
def test_chrf_is_that_of_sacrebleu(answers, word_order, lowercase) -> None:
    expected = CHRF(word_order=word_order, lowercase=lowercase).corpus_score(*split(answers)).score
    assert values(Chrf(word_order, lowercase=lowercase), answers) == pytest.approx([expected], abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
@BOTH
def test_larger_corpora_too(metric, seed: int) -> None:
    answers = noisy_corpus(seed, 50)
    expected = sacrebleu.corpus_chrf(*split(answers), word_order=metric.orders - 6).score
    assert 0 < expected < 100
    assert values(metric, answers) == pytest.approx([expected], abs=1e-9)


@given(CORPORA)
def test_statistics_are_counts_of_n_grams(answers) -> None:
    """What sacrebleu's private function gives, against n-grams cut here: an update may change it."""

    def grams(text: str, order: int) -> Counter:
        letters = "".join(text.split())
        return Counter(letters[i : i + order] for i in range(len(letters) - order + 1))

    for answer, row in zip(answers, Chrf().statistics(answers), strict=True):
        for order, counts in enumerate(row.reshape(6, 3), 1):
            ours, theirs = grams(answer.hypothesis, order), grams(answer.reference, order)
            assert counts.tolist() == [ours.total() if theirs else 0, theirs.total(), (ours & theirs).total()]


def test_words_count_only_with_plusses_and_case_only_without_lowercase() -> None:
    answers = [Answer("ab cd", "abc d"), Answer("Yes", "yes")]
    assert values(Chrf(), answers[:1]) == pytest.approx([100])
    assert values(Chrf(2), answers[:1])[0] < 100
    assert values(Chrf(), answers)[0] < values(Chrf(lowercase=True), answers)[0] == pytest.approx(100)


@BOTH
def test_resampled_corpora_are_corpora(metric) -> None:
    judge = CHRF(word_order=metric.orders - 6)
    for answers, value in drawn_corpora(metric, noisy_corpus(3, 30), 9, 25):
        assert value == pytest.approx(judge.corpus_score(*split(answers)).score, abs=1e-9)


@given(st.lists(st.lists(WORDS, min_size=2, max_size=4).map(" ".join), min_size=1, max_size=8))
def test_identical_corpora_score_100(texts) -> None:
    answers = [Answer(text, text) for text in texts]
    assert values(Chrf(), answers) == values(Chrf(2), answers) == pytest.approx([100])


@given(CORPORA, CORPORA, st.sampled_from([0, 2]))
def test_statistics_add_up(first, second, word_order) -> None:
    metric = Chrf(word_order)
    apart = metric.statistics(first).sum(0) + metric.statistics(second).sum(0)
    np.testing.assert_array_equal(apart, metric.statistics(first + second).sum(0))


@BOTH
def test_failed_clips_are_empty_answers(metric) -> None:
    failed, empty, alone = Answer("abcde", None), Answer("abcde", ""), Answer("abcde", "abcde")
    assert metric.statistics([failed]).tolist() == metric.statistics([empty]).tolist()
    assert values(metric, [failed]) == [0]
    assert values(metric, [alone, failed]) < values(metric, [alone])


@BOTH
def test_nothing_on_both_sides_scores_0(metric) -> None:
    assert values(metric, [Answer("", "")]) == values(metric, [Answer("", "abcdefg")]) == [0]


@BOTH
def test_intervals_hold_the_value(metric) -> None:
    (score,) = scores(metric, noisy_corpus(4, 80))
    assert 0 < score.low < score.value < score.high < 100
    assert (score.better, score.unit, score.samples) == ("higher", "points", 80)


@BOTH
def test_parts_are_sums_over_orders(metric) -> None:
    totals = metric.statistics([Answer("ab cd", "ab d")]).sum(0)
    words = {"hypothesis n-grams": 3, "reference n-grams": 3, "both": 1}
    letters = {"hypothesis n-grams": 6, "reference n-grams": 10, "both": 4}
    more = words if metric.orders == 8 else dict.fromkeys(words, 0)
    assert metric.parts(totals) == {name: letters[name] + more[name] for name in letters}


@pytest.mark.parametrize(("word_order", "name"), [(0, "chrF2"), (2, "chrF2++")])
def test_signatures_are_those_of_sacrebleu(word_order, name) -> None:
    """But for the key of its version, since slbench's own stands there as well."""
    judge = CHRF(word_order=word_order, lowercase=True)
    assert judge.corpus_score(["a"], [["a"]]).name == name
    theirs = judge.get_signature().format().replace("version:", "sacrebleu:")
    assert Chrf(word_order, lowercase=True).signatures == {name: f"chrf:2|{theirs}|failed:empty"}
