import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from texts import drawn_corpora, noisy_corpus, released, values

from slbench.metrics.base import Answer, scores
from slbench.metrics.rouge import RougeL, common_words

FORMS = ("rouge", "mscoco", "tf_seq2seq", "rouge_score")
PLAIN = [form for form in FORMS if form != "rouge"]
TEXTS = st.lists(st.sampled_from(["a", "b", "C", "é", "你", " ", " ", "  ", "\t", ".", "。", "_2"]), max_size=16).map(
    "".join
)
CORPORA = st.lists(st.builds(Answer, TEXTS, TEXTS), min_size=1, max_size=6)
WORDS = st.lists(st.sampled_from("abcd"), max_size=7)
EACH = pytest.mark.parametrize("form", FORMS)


def longest(a, b) -> int:
    """Length of the longest common subsequence, by trying all of the shorter side."""
    a, b = sorted((tuple(a), tuple(b)), key=len)

    def inside(words) -> bool:
        rest = iter(b)
        return all(word in rest for word in words)

    return next(n for n in range(len(a), -1, -1) if any(map(inside, combinations(a, n))))


def sentence(form: str, reference: str, hypothesis: str, **options) -> list[float]:
    """F, P, R."""
    return RougeL(form, **options).statistics([Answer(reference, hypothesis)])[0, :3].tolist()


@given(CORPORA)
def test_rouge_is_that_of_the_package_wherever_that_gives_a_number(answers) -> None:
    rouge = pytest.importorskip("rouge").Rouge()
    scored = [a for a in answers if a.reference.strip(".") and a.hypothesis.strip(".")]
    for answer in scored:
        theirs = rouge.get_scores(answer.hypothesis, answer.reference)[0]["rouge-l"]
        found = sentence("rouge", answer.reference, answer.hypothesis)
        assert found == pytest.approx([theirs["f"], theirs["p"], theirs["r"]], abs=1e-12)
    if scored:
        mean = rouge.get_scores([a.hypothesis for a in scored], [a.reference for a in scored], avg=True)
        assert values(RougeL("rouge"), scored) == pytest.approx([100 * mean["rouge-l"]["f"]], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_rouge_on_longer_texts(seed: int) -> None:
    rouge = pytest.importorskip("rouge").Rouge()
    answers = [a for a in noisy_corpus(seed, 30, "abc   .", 80) if a.reference.strip(".") and a.hypothesis.strip(".")]
    mean = rouge.get_scores([a.hypothesis for a in answers], [a.reference for a in answers], avg=True)["rouge-l"]
    assert 0.2 < mean["f"] < 0.9
    assert values(RougeL("rouge"), answers) == pytest.approx([100 * mean["f"]], abs=1e-12)


@pytest.mark.parametrize("nothing", ["", ".", "...."])
def test_where_the_package_raises(nothing) -> None:
    rouge = pytest.importorskip("rouge").Rouge()
    for reference, hypothesis in (("a b", nothing), (nothing, "a b"), (nothing, nothing)):
        with pytest.raises(ValueError, match="empty"):
            rouge.get_scores(hypothesis, reference)
        assert sentence("rouge", reference, hypothesis) == [0, 0, 0]
    assert "|empty:0|" in RougeL("rouge").signatures["ROUGE-L"]


def test_the_package_cannot_do_long_sentences() -> None:
    rouge = pytest.importorskip("rouge").Rouge()
    words = [str(number) for number in range(3000)]
    with pytest.raises(RecursionError):
        rouge.get_scores(" ".join(words[:1200]), " ".join(words[:1200]))
    assert sentence("rouge", " ".join(words), " ".join(words)) == pytest.approx([1, 1, 1], abs=1e-8)
    assert sentence("rouge", " ".join(words), " ".join(words[::-1]))[1] == 1 / 3000
    assert sentence("rouge", " ".join(words), " ".join(words[1000:]))[2] == 2 / 3
    assert sentence("rouge", "a b", " ".join(["a"] * 3000))[1:] == [1, 0.5]


@given(WORDS, st.permutations("abcd"))
def test_common_words_lie_on_a_longest_common_subsequence(reference, hypothesis) -> None:
    """Each word is in the hypothesis once, so the set is as large as the subsequence is long."""
    found = common_words(reference, hypothesis)
    assert len(found) == longest(reference, hypothesis)
    assert longest([word for word in hypothesis if word in found], reference) == len(found)


def test_which_of_several_subsequences() -> None:
    """From behind, the hypothesis gives way where both would do."""
    assert common_words("ab", "ba") == {"b"}
    assert common_words("abcd", "cdab") == {"c", "d"}
    assert {frozenset(common_words("abc", order)) for order in permutations("abc")} == {
        frozenset(words) for words in ("abc", "ab", "ac", "bc", "c")
    }


@given(WORDS, WORDS)
def test_the_other_forms_count_the_longest_common_subsequence(reference, hypothesis) -> None:
    for form in PLAIN:
        _, precision, recall = sentence(form, " ".join(reference), " ".join(hypothesis))
        if reference and hypothesis:
            assert precision * len(hypothesis) == pytest.approx(longest(reference, hypothesis))
            assert recall * len(reference) == pytest.approx(longest(reference, hypothesis))


def test_figures_by_hand() -> None:
    """Three words in common of four in the reference and six in the hypothesis."""
    texts = ("we meet here now", "now we all meet up here")
    p, r = 3 / 6, 3 / 4
    assert sentence("rouge", *texts)[0] == pytest.approx(2 * p * r / (p + r), abs=1e-7)
    assert sentence("mscoco", *texts)[0] == pytest.approx(2.44 * p * r / (r + 1.44 * p))
    beta2 = (p / r) ** 2
    assert sentence("tf_seq2seq", *texts)[0] == pytest.approx((1 + beta2) * p * r / (r + beta2 * p))
    assert sentence("rouge_score", *texts)[0] == pytest.approx(2 * p * r / (p + r))
    for form in FORMS:
        assert sentence(form, *texts)[1:] == [p, r]


def test_what_splits() -> None:
    """coco-caption splits at each space and at nothing else; the caller of tf_seq2seq at all white space."""
    assert sentence("mscoco", "a b", "a  b")[1:] == pytest.approx([2 / 3, 1])
    assert sentence("mscoco", "a b", "a\tb") == [0, 0, 0]
    for text in ("a  b", "a\tb", " a b\u3000"):
        assert sentence("tf_seq2seq", "a b", text) == pytest.approx([1, 1, 1])
        assert sentence("rouge_score", "a b", text) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("form", ["mscoco", "tf_seq2seq"])
def test_an_empty_text_is_an_empty_word(form) -> None:
    assert sentence(form, "a b", "") == sentence(form, "", "a b") == [0, 0, 0]
    assert sentence(form, "", "") == pytest.approx([1, 1, 1])


class RunsOfLetters:
    """A tokenizer as rouge_score takes it: lower-cased runs of what Python calls alphanumeric."""

    def tokenize(self, text: str) -> list[str]:
        return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in text.lower()).split()


@given(CORPORA)
@settings(deadline=None)  # the first of them imports nltk
def test_rouge_score_is_that_of_the_package(answers) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    for name, tokenizer in (("ascii", None), ("unicode", RunsOfLetters())):
        theirs = RougeScorer(["rougeL"], use_stemmer=False, tokenizer=tokenizer)
        for answer in answers:
            expected = theirs.score(answer.reference, answer.hypothesis)["rougeL"]
            found = sentence("rouge_score", answer.reference, answer.hypothesis, tokenizer=name)
            assert found == pytest.approx([expected.fmeasure, expected.precision, expected.recall], abs=1e-12)


def test_tokenizers_of_rouge_score() -> None:
    assert sentence("rouge_score", "你 好", "你 好", tokenizer="ascii") == [0, 0, 0]
    assert sentence("rouge_score", "你 好", "你 好") == pytest.approx([1, 1, 1])
    assert sentence("rouge_score", "ＡＢＣ, １", "abc! 1") == pytest.approx([1, 1, 1])
    assert len({*RougeL("rouge_score").signatures.values(), *RougeL("rouge_score", "ascii").signatures.values()}) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csl-daily.dev", [54.302414, 52.554278, 51.696081]),
        ("csl-daily.test", [55.003543, 53.290649, 52.364826]),
        ("how2sign.test", [34.506174, 32.005435, 31.007695]),
    ],
)
def test_figures_of_uni_sign(name: str, expected: list[float]) -> None:
    """Uni-Sign's released predictions under the code of three lineages."""
    answers = released(name)
    found = [values(RougeL(form), answers)[0] for form in ("rouge", "mscoco", "tf_seq2seq")]
    assert found == pytest.approx(expected, abs=1e-6)


@EACH
def test_the_score_is_the_mean_over_sentences(form) -> None:
    metric, answers = RougeL(form), noisy_corpus(7, 25, "abc  .")
    alone = [values(metric, [answer])[0] for answer in answers]
    assert values(metric, answers) == pytest.approx([math.fsum(alone) / 25])
    for drawn, value in drawn_corpora(metric, answers, 3, 10):
        assert values(metric, drawn) == pytest.approx([value])


@EACH
def test_parts_are_mean_precision_and_recall(form) -> None:
    answers = [Answer("a b c d", "a b"), Answer("e f", "e f")]
    metric = RougeL(form)
    assert metric.parts(metric.statistics(answers).sum(0)) == pytest.approx({"precision": 100, "recall": 75})


@EACH
def test_failed_clips_are_empty_answers(form) -> None:
    failed, empty = Answer("a b", None), Answer("a b", "")
    assert RougeL(form).statistics([failed]).tolist() == RougeL(form).statistics([empty]).tolist() == [[0, 0, 0, 1]]


@EACH
def test_intervals_hold_the_value(form) -> None:
    (score,) = scores(RougeL(form), noisy_corpus(4, 80, "abc  "))
    assert 0 < score.low < score.value < score.high < 100
    assert (score.name, score.better, score.unit) == ("ROUGE-L", "higher", "points")


def test_signatures_tell_forms_apart_and_have_each_key_once() -> None:
    found = [RougeL(form).signatures["ROUGE-L"] for form in FORMS]
    assert len(set(found)) == 4
    for signature in found:
        keys = [pair.split(":")[0] for pair in signature.split("|")]
        assert len(set(keys)) == len(keys)


def test_reduce_keeps_leading_dimensions() -> None:
    table = RougeL("mscoco").statistics(noisy_corpus(5, 12, "ab  "))
    cube = RougeL("mscoco").reduce(table.reshape(3, 4, 4))
    assert cube.shape == (3, 4, 1)
    np.testing.assert_array_equal(cube[..., 0], 100 * table[:, 0].reshape(3, 4))
