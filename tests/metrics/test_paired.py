from dataclasses import replace
from fractions import Fraction
from itertools import product

import jiwer
import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest
from scipy.stats import binomtest, kstest

from slbench.errors import DataError
from slbench.metrics import paired
from slbench.metrics.accuracy import ClassAccuracy, InstanceAccuracy
from slbench.metrics.base import RESAMPLES, Answer, scores
from slbench.metrics.bleu import Bleu
from slbench.metrics.chrf import Chrf
from slbench.metrics.paired import TRIALS, Comparison, changes, compare
from slbench.metrics.wer import ErrorRate

SACREBLEU_SEED = 12345
BLEU4 = Bleu("13a", orders=(4,))
WORDS = np.array(["der", "die", "wetter", "regen", "schnee", "sonne", "heute", "morgen", "nacht", "im", "am", "und"])
SYSTEMS = st.lists(st.tuples(*[st.sampled_from("ABC")] * 3), min_size=1, max_size=15).map(
    lambda rows: ([Answer(r, a) for r, a, _ in rows], [Answer(r, b) for r, _, b in rows])
)


def corpora(seed: int, size: int, right_a: float = 0.7, right_b: float = 0.7) -> tuple[list[Answer], list[Answer]]:
    """Sentences of 4 to 14 words, and two systems that hear each word with the given chances."""
    chance = np.random.default_rng(seed)

    def heard(words, right: float) -> str:
        return " ".join(np.where(chance.random(len(words)) < right, words, chance.choice(WORDS, len(words))))

    said = [chance.choice(WORDS, chance.integers(4, 15)) for _ in range(size)]
    first, second = ([Answer(" ".join(words), heard(words, right)) for words in said] for right in (right_a, right_b))
    return first, second


def signs(seed: int, size: int, right_a: float = 0.6, right_b: float = 0.6) -> tuple[list[Answer], list[Answer]]:
    """Signs of six classes, and two systems that are right with the given chances."""
    chance = np.random.default_rng(seed)
    shown = chance.choice(list("ABCDEF"), size)
    first, second = ([Answer(s, s if chance.random() < right else "") for s in shown] for right in (right_a, right_b))
    return first, second


def texts(answers) -> tuple[list[str], list[str]]:
    return [a.hypothesis for a in answers], [a.reference for a in answers]


def bleu(answers) -> float:
    hypotheses, references = texts(answers)
    return sacrebleu.corpus_bleu(hypotheses, [references]).score


def chrf(answers) -> float:
    hypotheses, references = texts(answers)
    return sacrebleu.corpus_chrf(hypotheses, [references]).score


def wer(answers) -> float:
    hypotheses, references = texts(answers)
    return 100 * jiwer.wer(references, hypotheses)


def accuracy(answers) -> float:
    return 100 * np.mean([a.hypothesis == a.reference for a in answers])


def by_class(answers) -> float:
    return np.mean([accuracy([a for a in answers if a.reference == name]) for name in {a.reference for a in answers}])


JUDGES = [(BLEU4, bleu), (Chrf(), chrf), (ErrorRate("words"), wer), (InstanceAccuracy(), accuracy)]


def only(metric, a, b, seed: int = 0) -> Comparison:
    return compare(metric, a, b, seed)[0]


def sacrebleu_p(judge, a, b, test: str) -> float:
    systems = [("a", texts(a)[0]), ("b", texts(b)[0])]
    _, found = PairedTest(systems, {"judge": judge}, [texts(a)[1]], test_type=test)()
    (rows,) = (rows for name, rows in found.items() if name != "System")
    return rows[1].p_value


def monte_carlo_error(p: float, trials: int) -> float:
    return 5 * np.sqrt(p * (1 - p) / trials) + 1 / trials


@pytest.mark.parametrize(("seed", "right_b"), [(0, 0.7), (1, 0.72), (2, 0.66), (3, 0.75), (4, 0.9)])
@pytest.mark.parametrize(("metric", "judge"), [(BLEU4, BLEU()), (Chrf(), CHRF())])
def test_bootstrap_p_is_that_of_sacrebleu(metric, judge, seed, right_b, monkeypatch) -> None:
    """With sacrebleu's own draws to the digit, with ours as near as 1,000 draws come."""
    a, b = corpora(seed, 80, right_b=right_b)
    expected = sacrebleu_p(judge, a, b, "bs")
    ours = only(metric, a, b).p_bootstrap
    assert ours == pytest.approx(expected, abs=np.sqrt(2) * monte_carlo_error(expected, 1000))
    drawn = np.random.default_rng(SACREBLEU_SEED).choice(80, size=(1000, 80), replace=True)
    monkeypatch.setattr(paired, "resampled_totals", lambda statistics, seed: statistics[drawn].sum(1))
    assert only(metric, a, b).p_bootstrap == expected


@pytest.mark.parametrize(
    ("seed", "right_b", "numbers_at_once"),
    [(0, 0.7, paired.NUMBERS_AT_ONCE), (1, 0.72, 83 * 500), (2, 0.66, 1), (3, 0.9, 83 * 500)],
)
def test_randomisation_p_is_that_of_sacrebleu(seed, right_b, numbers_at_once, monkeypatch) -> None:
    """To the digit with sacrebleu's seed, however many trials are held at once."""
    monkeypatch.setattr(paired, "NUMBERS_AT_ONCE", numbers_at_once)
    a, b = corpora(seed, 83, right_b=right_b)
    expected = sacrebleu_p(BLEU(), a, b, "ar")
    assert only(BLEU4, a, b, SACREBLEU_SEED).p_randomisation == expected
    assert only(BLEU4, a, b).p_randomisation == pytest.approx(expected, abs=2 * monte_carlo_error(expected, TRIALS))


@pytest.mark.parametrize(("metric", "judge"), [*JUDGES, (ClassAccuracy(), by_class)])
@pytest.mark.parametrize("seed", range(3))
def test_randomisation_p_is_the_share_of_all_swaps(metric, judge, seed) -> None:
    """All 2^7 ways to swap answers, each scored by another library; swaps of equal size count."""
    short = isinstance(metric, InstanceAccuracy | ClassAccuracy)
    a, b = signs(seed, 7, 0.3, 0.8) if short else corpora(seed, 7, 0.5, 0.7)
    observed = abs(judge(b) - judge(a))
    sizes = []
    for swaps in product([False, True], repeat=7):
        mixed = [(y, x) if swap else (x, y) for swap, x, y in zip(swaps, a, b, strict=True)]
        sizes.append(abs(judge([x for x, _ in mixed]) - judge([y for _, y in mixed])))
    exact = np.mean(np.array(sizes) >= observed - 1e-9)
    assert only(metric, a, b).p_randomisation == pytest.approx(exact, abs=monte_carlo_error(exact, TRIALS))


@pytest.mark.parametrize(("seed", "right_b"), [(0, 0.6), (1, 0.7), (2, 0.65), (3, 0.55)])
def test_theory_of_accuracy(seed, right_b) -> None:
    """For shares of right clips randomisation is the sign test, and the variance of the difference is known."""
    a, b = signs(seed, 400, right_b=right_b)
    right = np.array([[x.hypothesis == x.reference for x in answers] for answers in (a, b)], int)
    gained, lost = int((right[1] > right[0]).sum()), int((right[1] < right[0]).sum())
    found = only(InstanceAccuracy(), a, b)
    expected = binomtest(gained, gained + lost).pvalue
    assert found.p_randomisation == pytest.approx(expected, abs=monte_carlo_error(expected, TRIALS))
    assert found.difference == pytest.approx(100 * (gained - lost) / 400)
    error = 100 * (right[1] - right[0]).std() / 20
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


@pytest.mark.parametrize("metric", [Bleu("13a"), Chrf(), ErrorRate("words")])
def test_intervals_are_over_the_corpora_of_the_scores(metric) -> None:
    """A system that says nothing has the same score on every corpus, so only the other's interval remains."""
    a, _ = corpora(0, 60)
    silent = [replace(answer, hypothesis=None) for answer in a]
    for found, alone in zip(compare(metric, silent, a, seed=4), scores(metric, a, seed=4), strict=True):
        assert (found.name, found.a, found.b) == (alone.name, found.b - found.difference, alone.value)
        assert (found.low, found.high) == pytest.approx((alone.low - found.a, alone.high - found.a))


class Mean:
    """The mean of numbers, answers without one left out; NaN where there is none at all."""

    better = "higher"
    unit = "points"
    signatures = {"mean": "mean:all"}  # noqa: RUF012 - as the interface has it

    def statistics(self, answers) -> np.ndarray:
        return np.array([[float(a.hypothesis), 1] if a.hypothesis else [0, 0] for a in answers])

    def reduce(self, totals) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return totals[..., :1] / totals[..., 1:]

    def parts(self, totals) -> dict[str, float]:
        return {}


def numbers(values) -> list[Answer]:
    return [Answer("", str(value)) for value in values]


def test_p_without_a_difference(monkeypatch) -> None:
    """Over many experiments randomisation gives every p as often; sacrebleu's bootstrap counts one tail."""
    monkeypatch.setattr(paired, "TRIALS", 399)
    chance = np.random.default_rng(8)
    experiments = [chance.normal(size=(2, 50)) + chance.normal(size=50) for _ in range(400)]
    found = [only(Mean(), *map(numbers, systems), seed) for seed, systems in enumerate(experiments)]
    assert kstest([c.p_randomisation for c in found], "uniform").pvalue > 0.01
    assert np.mean([c.p_randomisation <= 0.05 for c in found]) == pytest.approx(0.05, abs=0.03)
    assert np.mean([c.p_bootstrap <= 0.05 for c in found]) == pytest.approx(0.10, abs=0.04)
    assert np.mean([c.low <= 0 <= c.high for c in found]) == pytest.approx(0.95, abs=0.03)


def test_a_real_difference_is_found() -> None:
    found = only(BLEU4, *corpora(0, 300, 0.6, 0.8))
    assert found.p_bootstrap == 1 / (RESAMPLES + 1)
    assert found.p_randomisation == 1 / (TRIALS + 1)
    assert 0 < found.low < found.difference < found.high


@given(SYSTEMS, st.sampled_from([InstanceAccuracy(), ClassAccuracy(), ErrorRate("words")]))
@settings(max_examples=50, deadline=None)
def test_swapped_systems(systems, metric) -> None:
    for there, back in zip(compare(metric, *systems), compare(metric, *systems[::-1]), strict=True):
        assert (back.a, back.b, back.difference) == (there.b, there.a, -there.difference)
        assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
        assert (back.p_bootstrap, back.p_randomisation) == (there.p_bootstrap, there.p_randomisation)
        assert 0 < there.p_bootstrap <= 1
        assert 0 < there.p_randomisation <= 1


@given(SYSTEMS, st.sampled_from([InstanceAccuracy(), ClassAccuracy(), BLEU4, ErrorRate("words")]))
@settings(max_examples=25, deadline=None)
def test_identical_systems(systems, metric) -> None:
    for found in compare(metric, systems[0], list(systems[0])):
        assert found.a == found.b
        assert (found.difference, found.low, found.high) == (0, 0, 0)
        assert (found.p_bootstrap, found.p_randomisation) == (1, 1)


def test_a_tie_and_a_single_sample_are_no_difference() -> None:
    tie = only(InstanceAccuracy(), [Answer("A", "A"), Answer("B", "")] * 20, [Answer("A", ""), Answer("B", "B")] * 20)
    assert (tie.difference, tie.p_randomisation) == (0, 1)
    assert tie.low < 0 < tie.high
    assert tie.p_bootstrap > 0.3
    alone = only(InstanceAccuracy(), [Answer("A", "")], [Answer("A", "A")])
    assert (alone.difference, alone.low, alone.high, alone.samples) == (100, 100, 100, 1)
    assert (alone.p_bootstrap, alone.p_randomisation) == (1, 1)


def test_rounding_does_not_break_ties() -> None:
    """Tenths are no binary fractions, so the 2 of 128 ways that are as large as observed differ in their last bits."""
    tenths = only(Mean(), numbers([0.1] * 7), numbers([0.3] * 7))
    whole = only(Mean(), numbers([1] * 7), numbers([3] * 7))
    assert tenths.p_randomisation == whole.p_randomisation == pytest.approx(2 / 128, abs=0.007)
    assert tenths.p_bootstrap == 1 / (RESAMPLES + 1)


def test_what_cannot_be_computed_is_not_significant() -> None:
    """Of the 16 ways to swap two are as large as observed, and two leave one system without a number."""
    found = only(Mean(), numbers([1, "", "", ""]), numbers(["", 11, 11, 11]))
    assert (found.difference, found.low, found.high, found.p_bootstrap) == (10, 10, 10, 1)
    assert found.p_randomisation == pytest.approx(4 / 16, abs=monte_carlo_error(0.25, TRIALS))


def test_comparisons_name_what_they_were_made_with() -> None:
    a, b = corpora(0, 30)
    found = compare(ErrorRate("words"), a, b, seed=7)
    assert [c.name for c in found] == ["WER", "WER-sub", "WER-del", "WER-ins"]
    assert found == compare(ErrorRate("words"), a, b, seed=7)
    assert found[0].p_randomisation != compare(ErrorRate("words"), a, b, seed=8)[0].p_randomisation
    for comparison in found:
        assert (comparison.samples, comparison.better, comparison.unit) == (30, "lower", "%")
        assert comparison.signature.startswith(ErrorRate("words").signatures[comparison.name] + "|bs:1000|ar:10000|")
        keys = [pair.split(":", 1)[0] for pair in comparison.signature.split("|")]
        assert keys[-4:] == ["bs", "ar", "seed", "version"]
        assert len(set(keys)) == len(keys)


def test_systems_with_other_samples_are_refused() -> None:
    a, b = [Answer("A", "A"), Answer("B", "B"), Answer("C", "")], [Answer("A", ""), Answer("C", ""), Answer("B", "")]
    with pytest.raises(DataError, match="2 of 3 references differ, first that of sample 2: 'B' and 'C'; bring"):
        compare(InstanceAccuracy(), a, b)
    with pytest.raises(DataError, match="there are 3 of the first system and 2 of the second"):
        compare(InstanceAccuracy(), a, a[:2])
    with pytest.raises(DataError, match="at least one; there are 0"):
        compare(InstanceAccuracy(), [], [])


@pytest.mark.parametrize(("metric", "judge"), [*JUDGES, (ClassAccuracy(), by_class)])
def test_influence_is_half_of_what_a_swap_loses(metric, judge) -> None:
    """Every listed sample swapped by hand and scored by another library; what is listed is what moved most."""
    short = isinstance(metric, InstanceAccuracy | ClassAccuracy)
    a, b = signs(0, 40) if short else corpora(0, 40)
    difference = judge(b) - judge(a)

    def by_swap(i: int) -> float:
        swapped = judge([*b[:i], a[i], *b[i + 1 :]]) - judge([*a[:i], b[i], *a[i + 1 :]])
        return (difference - swapped) / 2

    expected = {str(i): by_swap(i) for i in range(40)}
    found = changes(metric, a, b, list(expected), count=40)[0]
    sign = 1 if metric.better == "higher" else -1
    for listed, direction in ((found.gains, sign), (found.losses, -sign)):
        moved = [i for i, influence in expected.items() if direction * influence > 1e-9]
        assert sorted(c.id for c in listed) == sorted(moved)
        assert [c.influence for c in listed] == pytest.approx([expected[c.id] for c in listed], abs=1e-9)
        sizes = [direction * c.influence for c in listed]
        assert sizes == pytest.approx(sorted(sizes, reverse=True), abs=2e-9)


def test_changes_carry_the_sample_and_its_own_scores() -> None:
    a, b = corpora(0, 40)
    (found,) = changes(BLEU4, a, b, [f"clip-{i}" for i in range(40)], count=3)
    assert found.name == "BLEU-4"
    assert len(found.gains) == len(found.losses) == 3
    for change in found.gains + found.losses:
        first, second = (answers[int(change.id.removeprefix("clip-"))] for answers in (a, b))
        assert (change.reference, change.hypothesis_a, change.hypothesis_b) == (
            first.reference,
            first.hypothesis,
            second.hypothesis,
        )
        assert (change.a, change.b) == pytest.approx((bleu([first]), bleu([second])))


def test_influences_of_a_mean_are_shares_of_the_difference() -> None:
    a, b = signs(0, 60, right_b=0.7)
    (found,) = changes(InstanceAccuracy(), a, b, [str(i) for i in range(60)], count=60)
    listed = found.gains + found.losses
    assert sum(c.influence for c in listed) == pytest.approx(only(InstanceAccuracy(), a, b).difference)
    assert [abs(c.influence) for c in listed] == pytest.approx([100 / 60] * len(listed))


@pytest.mark.parametrize("seed", range(35, 40))
def test_samples_of_equal_influence_keep_their_order(seed) -> None:
    """In whole fractions: a sign weighs as much as the others of its class, and rounding does not tell them apart."""
    a, b = signs(seed, 44, 0.3, 0.8)
    shown = [x.reference for x in a]
    gained = [(y.hypothesis == y.reference) - (x.hypothesis == x.reference) for x, y in zip(a, b, strict=True)]
    weights = {str(i): gained[i] * Fraction(1, shown.count(shown[i])) for i in range(44)}
    (found,) = changes(ClassAccuracy(), a, b, list(weights), count=44)
    for listed, sign in ((found.gains, 1), (found.losses, -1)):
        moved = [i for i in weights if sign * weights[i] > 0]
        assert [c.id for c in listed] == sorted(moved, key=lambda i: -sign * weights[i])


def test_gains_are_lower_error_rates_and_unchanged_samples_are_not_listed() -> None:
    a = [Answer("A B", "A"), Answer("C D", "C D"), Answer("E F", None), Answer("G H", "X Y")]
    b = [Answer("A B", "A B"), Answer("C D", "C"), Answer("E F", ""), Answer("G H", "Y X")]
    found = {c.name: c for c in changes(ErrorRate("words"), a, b, ["ab", "cd", "ef", "gh"])}
    assert [(c.id, c.a, c.b, c.influence) for c in found["WER"].gains] == [("ab", 50, 0, -12.5)]
    assert [(c.id, c.a, c.b, c.influence) for c in found["WER"].losses] == [("cd", 0, 50, 12.5)]
    assert (found["WER-ins"].gains, found["WER-ins"].losses) == ((), ())
    (failed,) = changes(ErrorRate("words"), a, [replace(x, hypothesis=x.reference) for x in a], "1234")[2].gains[:1]
    assert (failed.id, failed.hypothesis_a, failed.hypothesis_b, failed.a) == ("3", None, "E F", 100)


@given(SYSTEMS)
@settings(max_examples=50, deadline=None)
def test_changes_of_swapped_systems(systems) -> None:
    ids = [str(i) for i in range(len(systems[0]))]
    there, back = (changes(ClassAccuracy(), *pair, ids)[0] for pair in (systems, systems[::-1]))
    assert [(c.id, c.a, c.b) for c in there.gains] == [(c.id, c.b, c.a) for c in back.losses]
    assert [(c.id, c.a, c.b) for c in there.losses] == [(c.id, c.b, c.a) for c in back.gains]


def test_changes_need_an_id_a_sample() -> None:
    a, b = signs(0, 3)
    with pytest.raises(DataError, match="2 ids for 3 answers"):
        changes(InstanceAccuracy(), a, b, ["1", "2"])
    with pytest.raises(DataError, match="do not answer the same samples"):
        changes(InstanceAccuracy(), [Answer("A", "A")], [Answer("B", "A")], ["1"])
