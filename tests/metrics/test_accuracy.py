import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.metrics.accuracy import ClassAccuracy, InstanceAccuracy
from slbench.metrics.base import RESAMPLES, Answer, Score, interval, resampled_totals, scores
from slbench.metrics.protocols import get_protocol

GLOSSES = "ABCDEF"
ANSWERS = st.lists(
    st.builds(
        Answer,
        reference=st.sampled_from(GLOSSES),
        hypothesis=st.sampled_from([*GLOSSES, "", "a", "A "]),
        ranking=st.permutations(list(GLOSSES)).map(tuple),
    ),
    min_size=1,
    max_size=40,
)


def score(metric, answers) -> Score:
    (only,) = scores(metric, answers)
    return only


@given(ANSWERS)
def test_instance_accuracy_is_the_share_that_is_right(answers) -> None:
    right = [a for a in answers if a.hypothesis == a.reference]
    assert score(InstanceAccuracy(), answers).value == pytest.approx(100 * len(right) / len(answers))
    within = [a for a in answers if a.reference in a.ranking[:5]]
    assert score(InstanceAccuracy(5), answers).value == pytest.approx(100 * len(within) / len(answers))


@given(ANSWERS)
def test_class_accuracy_is_the_mean_over_present_classes(answers) -> None:
    groups = {g: [a for a in answers if a.reference == g] for g in {a.reference for a in answers}}
    shares = [np.mean([a.hypothesis == a.reference for a in group]) for group in groups.values()]
    assert score(ClassAccuracy(), answers).value == pytest.approx(100 * np.mean(shares))


@given(ANSWERS, st.sampled_from([InstanceAccuracy(), ClassAccuracy(), InstanceAccuracy(5)]))
def test_scores_come_from_sums_and_intervals_hold_them(answers, metric) -> None:
    whole = score(metric, answers)
    statistics = metric.statistics(answers)
    half = len(answers) // 2
    (value,) = metric.reduce(statistics[:half].sum(0) + statistics[half:].sum(0))
    assert value == pytest.approx(whole.value)
    assert 0 <= whole.low <= whole.high <= 100
    assert whole.samples == len(answers)


def test_bootstrap_is_resampling_of_the_answers() -> None:
    """The vectorised sums against the same draws made clip by clip."""
    chance = np.random.default_rng(3)
    answers = [Answer(GLOSSES[i % 6], GLOSSES[i % 6] if chance.random() < 0.6 else "") for i in range(30)]
    statistics = InstanceAccuracy().statistics(answers)
    counts = np.random.default_rng(7).multinomial(30, np.full(30, 1 / 30), size=RESAMPLES)
    by_hand = [
        100 * np.mean([a.hypothesis == a.reference for a, n in zip(answers, row, strict=True) for _ in range(n)])
        for row in counts
    ]
    np.testing.assert_allclose(InstanceAccuracy().reduce(resampled_totals(statistics, 7))[:, 0], by_hand)
    assert interval(np.array(by_hand)) == tuple(np.percentile(by_hand, [2.5, 97.5]))


def test_bootstrap_agrees_with_the_binomial() -> None:
    """Independent theory: the interval of a share of n is about 1.96 standard errors wide."""
    answers = [Answer("A", "A" if i % 10 < 6 else "B") for i in range(400)]
    found = score(InstanceAccuracy(), answers)
    error = 100 * np.sqrt(0.6 * 0.4 / 400)
    assert found.value == pytest.approx(60)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert score(InstanceAccuracy(), answers) == found


def test_protocol_prefixes_the_signature() -> None:
    found = get_protocol("uni-sign", "islr").score([Answer("A", "A", ("A",))])
    assert [s.name for s in found] == ["top1-instance", "top1-class"]
    assert all(s.signature.startswith("protocol:uni-sign|refs:raw|hyps:raw|acc:") for s in found)
    assert all("|version:" in s.signature for s in found)


def test_signatures_are_those_of_the_committed_record() -> None:
    """Records made before and after a change of the code stay comparable; slbench's version at the end may rise."""
    record = next((Path(__file__).parents[2] / "results/fingerspelling-islr/uni-sign-mini").glob("*[0-9a-f].json"))
    committed = [(s["name"], s["signature"].split("|version:")[0]) for s in json.loads(record.read_text())["scores"]]
    found = get_protocol("slbench", "islr").score([Answer("A", "A", tuple("ABCDEFGHIJ"))])
    assert [(s.name, s.signature.split("|version:")[0]) for s in found] == committed
