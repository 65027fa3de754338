import importlib.metadata
from functools import cache

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared

from slbench.metrics.base import Answer, resampled_totals, scores
from slbench.metrics.wer import ErrorRate

WORDS = ErrorRate("words")
CHARACTERS = ErrorRate("characters")
WEIGHTED = ErrorRate("words", "3-3-4")
WEIGHTED_CHARACTERS = ErrorRate("characters", "3-3-4")
METRICS = [WORDS, CHARACTERS, WEIGHTED, WEIGHTED_CHARACTERS]
SENTENCES = st.lists(st.sampled_from(["A", "B", "b", "HAUS", "ß", "é", "你好", "🤟"]), max_size=6).map(" ".join)
TEXTS = st.text("aB é你 ", max_size=8)
CORPORA = st.lists(st.builds(Answer, SENTENCES, SENTENCES), min_size=1, max_size=12)
TEXT_CORPORA = st.lists(st.builds(Answer, TEXTS, TEXTS), min_size=1, max_size=12)


def values(metric: ErrorRate, answers) -> dict[str, float]:
    return dict(zip(metric.signatures, metric.reduce(metric.statistics(answers).sum(0)), strict=True))


def distance(a, b) -> int:
    """Fewest substitutions, deletions and insertions, straight from the definition."""

    @cache
    def rest(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j
        return min(rest(i + 1, j + 1) + (a[i] != b[j]), rest(i + 1, j) + 1, rest(i, j + 1) + 1)

    return rest(0, 0)


@given(CORPORA)
def test_wer_is_that_of_jiwer(answers) -> None:
    references, hypotheses = [a.reference for a in answers], [a.hypothesis for a in answers]
    found = jiwer.process_words(references, hypotheses)
    parts = (found.substitutions, found.deletions, found.insertions)
    length = max(sum(len(r.split()) for r in references), 1)
    assert list(values(WORDS, answers).values()) == pytest.approx([100 * n / length for n in (sum(parts), *parts)])
    assert values(WORDS, answers)["WER"] == pytest.approx(100 * jiwer.wer(references, hypotheses))


@given(TEXT_CORPORA)
def test_cer_is_that_of_jiwer(answers) -> None:
    references, hypotheses = [a.reference for a in answers], [a.hypothesis for a in answers]
    assert values(CHARACTERS, answers)["CER"] == pytest.approx(100 * jiwer.cer(references, hypotheses))


@given(SENTENCES, SENTENCES)
def test_word_errors_are_the_edit_distance(reference, hypothesis) -> None:
    subs, dels, ins, hits = WORDS.statistics([Answer(reference, hypothesis)])[0]
    assert subs + dels + ins == distance(tuple(reference.split()), tuple(hypothesis.split()))
    assert subs + dels + hits == len(reference.split())
    assert subs + ins + hits == len(hypothesis.split())


@given(TEXTS, TEXTS)
def test_character_errors_are_the_edit_distance_with_inner_spaces(reference, hypothesis) -> None:
    subs, dels, ins, hits = CHARACTERS.statistics([Answer(reference, hypothesis)])[0]
    assert subs + dels + ins == distance(reference.strip(), hypothesis.strip())
    assert subs + dels + hits == len(reference.strip())


@given(CORPORA, CORPORA)
def test_parts_sum_to_the_whole_and_corpora_add_up(first, second) -> None:
    whole, *parts = values(WORDS, first).values()
    assert sum(parts) == pytest.approx(whole)
    apart = WORDS.statistics(first).sum(0) + WORDS.statistics(second).sum(0)
    np.testing.assert_array_equal(apart, WORDS.statistics(first + second).sum(0))


@given(CORPORA)
def test_zero_means_the_same_words(answers) -> None:
    same = all(a.reference.split() == a.hypothesis.split() for a in answers)
    assert (values(WORDS, answers)["WER"] == 0) == same


def test_figures_by_hand() -> None:
    answers = [Answer("A B C D", "A X C"), Answer("A", "A B B"), Answer("E", "e")]
    assert values(WORDS, answers) == pytest.approx(
        {"WER": 500 / 6, "WER-sub": 200 / 6, "WER-del": 100 / 6, "WER-ins": 200 / 6}
    )
    assert values(WORDS, [Answer("A", "B C D")])["WER"] == 300
    assert values(CHARACTERS, [Answer("new york", "newyork")])["CER"] == pytest.approx(100 / 8)


@pytest.mark.parametrize("metric", METRICS)
def test_a_failed_clip_is_all_deleted(metric) -> None:
    assert metric.statistics([Answer("A B", None)]).tolist() == metric.statistics([Answer("A B", "")]).tolist()
    assert list(values(metric, [Answer("A B", None)]).values()) == [100, 0, 100, 0]


@pytest.mark.parametrize("metric", METRICS)
def test_empty_references(metric) -> None:
    """Errors that have no reference to be divided by count whole, as in jiwer."""
    assert list(values(metric, [Answer("", "")]).values()) == [0, 0, 0, 0]
    assert list(values(metric, [Answer(" ", "A")]).values()) == [100, 0, 0, 100]
    assert list(values(metric, [Answer("", "A"), Answer(" ", "B"), Answer("", None)]).values()) == [200, 0, 0, 200]
    assert list(values(metric, [Answer("", ""), Answer("", None)]).values()) == [0, 0, 0, 0]
    mixed = metric.statistics([Answer("", "A"), Answer("A B", ""), Answer("", ""), Answer("A", "A")])
    assert mixed[:, [0, 2, 3]].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_empty_references_among_others() -> None:
    assert values(WORDS, [Answer("", "A B"), Answer("A B C D", "A B C D")])["WER-ins"] == 50


def test_intervals_hold_the_value_and_come_from_the_clips() -> None:
    chance = np.random.default_rng(1)
    answers = [Answer("A B C D", "".join(c for c in "A B C D" if chance.random() < 0.7)) for _ in range(60)]
    found = scores(WORDS, answers, seed=5)
    assert [s.name for s in found] == ["WER", "WER-sub", "WER-del", "WER-ins"]
    assert all(s.better == "lower" and s.samples == 60 for s in found)
    assert all(s.low <= s.value <= s.high for s in found)
    counts = np.random.default_rng(5).multinomial(60, np.full(60, 1 / 60), size=20)
    for row, value in zip(counts, WORDS.reduce(resampled_totals(WORDS.statistics(answers), 5))[:20, 0], strict=True):
        drawn = [a for a, n in zip(answers, row, strict=True) for _ in range(n)]
        by_jiwer = jiwer.wer([a.reference for a in drawn], [a.hypothesis for a in drawn])
        assert value == pytest.approx(100 * by_jiwer)


@given(TEXT_CORPORA)
def test_a_corpus_in_one_call_is_as_its_sentences_alone(answers) -> None:
    for metric in METRICS:
        alone = [metric.statistics([answer])[0].tolist() for answer in answers]
        assert metric.statistics(answers).tolist() == alone


@pytest.mark.parametrize(("metric", "name"), [(WORDS, "process_words"), (CHARACTERS, "process_characters")])
def test_jiwer_is_called_once(monkeypatch, metric, name) -> None:
    calls = []
    align = getattr(jiwer, name)
    monkeypatch.setattr(jiwer, name, lambda *sides: calls.append(sides) or align(*sides))
    metric.statistics([Answer("A B", "A"), Answer("A", None), Answer("", "B")])
    assert calls == [(["A B", "A", ""], ["A", "", "B"])]


@given(CORPORA)
def test_weighted_errors_are_never_fewer(answers) -> None:
    fewest, weighted = WORDS.statistics(answers), WEIGHTED.statistics(answers)
    assert (weighted[:, :3].sum(1) >= fewest[:, :3].sum(1)).all()
    assert (weighted @ [4, 3, 3, 0] <= fewest @ [4, 3, 3, 0]).all()
    np.testing.assert_array_equal(weighted[:, [0, 1, 3]].sum(1), fewest[:, [0, 1, 3]].sum(1))


def test_weighted_figures_by_hand() -> None:
    """Keeping D and E costs an error more than five substitutions, and less in sclite's terms."""
    answers = [Answer("A B C D E", "D E X Y Z")]
    assert values(WORDS, answers)["WER"] == 100
    assert values(WEIGHTED, answers) == {"WER": 120, "WER-sub": 0, "WER-del": 60, "WER-ins": 60}
    spelled = values(WEIGHTED_CHARACTERS, [Answer("ABCDE", " DEXYZ ")])
    assert spelled == {"CER": 120, "CER-sub": 0, "CER-del": 60, "CER-ins": 60}


def shared_lines(name: str) -> list[str]:
    return shared(f"predictions/{name}").read_text().splitlines()


@pytest.mark.parametrize(
    ("split", "whole", "deletions", "insertions", "substitutions"),
    [
        ("dev", 64.620897, 19.810448, 12.690707, 32.119741),
        ("test", 63.614683, 19.551016, 12.489631, 31.574036),
    ],
)
def test_the_figures_of_uni_sign(split, whole, deletions, insertions, substitutions) -> None:
    """Uni-Sign's released CSL-Daily files under Uni-Sign's own function, characters as glosses."""
    references, hypotheses = (
        [line.split(mark, 1)[1] for line in shared_lines(f"uni-sign/csl-daily.{split}.{kind}.txt")]
        for kind, mark in (("refs", "ground-truth: "), ("pres", "prediction: "))
    )
    found = values(WEIGHTED, list(map(Answer, references, hypotheses)))
    expected = {"WER": whole, "WER-sub": substitutions, "WER-del": deletions, "WER-ins": insertions}
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_figure_of_a_published_board() -> None:
    """Isharah, signer-independent dev: 7.3123 on its board. Both costs lead to 333 errors on 4,554 glosses."""
    references = dict(line.split("|") for line in shared_lines("isharah/SI.dev.references.txt")[1:])
    hypotheses = dict(line.split(",") for line in shared_lines("isharah/SI.dev.predictions.csv")[1:])
    assert references.keys() == hypotheses.keys()
    answers = [Answer(gloss, hypotheses[clip]) for clip, gloss in references.items()]
    for metric, parts in ((WORDS, [118, 146, 69, 4290]), (WEIGHTED, [114, 148, 71, 4292])):
        assert values(metric, answers)["WER"] == pytest.approx(7.3123, abs=5e-5)
        assert metric.statistics(answers).sum(0).tolist() == parts


def test_signatures_say_part_unit_and_library() -> None:
    assert len(set(WORDS.signatures.values()) | set(CHARACTERS.signatures.values())) == 8
    version = importlib.metadata.version("jiwer")
    parts = ("all", "substitutions", "deletions", "insertions")
    for part, signature in zip(parts, WORDS.signatures.values(), strict=True):
        assert signature.startswith(f"wer:{part}|unit:words|")
        assert f"|jiwer:{version}|" in signature


def test_signatures_stay_and_tell_costs_apart() -> None:
    packages = "|".join(f"{name}:{importlib.metadata.version(name)}" for name in ("jiwer", "rapidfuzz"))
    rules = "wer:all|unit:words|spaces:separate|case:mixed"
    assert WORDS.signatures["WER"] == f"{rules}|costs:1-1-1|failed:empty|{packages}"
    assert WEIGHTED.signatures["WER"] == f"{rules}|costs:3-3-4|failed:empty|ties:hit-sub-ins-del"
    for metric in METRICS:
        for signature in metric.signatures.values():
            keys = [pair.split(":", 1)[0] for pair in signature.split("|")]
            assert len(set(keys)) == len(keys)
    assert len({signature for metric in METRICS for signature in metric.signatures.values()}) == 16
