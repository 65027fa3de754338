"""Seconds that a comparison of two systems takes, on corpora of the size of How2Sign and WLASL2000."""

import numpy as np

from slbench.metrics import paired
from slbench.metrics.accuracy import ClassAccuracy
from slbench.metrics.base import Answer
from slbench.metrics.bleu import Bleu


def sentences(chance, size: int) -> tuple[list[Answer], list[Answer]]:
    """Sentences of 17 words in the mean, as How2Sign has, and two systems that miss every third word."""

    def heard(words) -> str:
        return " ".join(np.where(chance.random(len(words)) < 0.3, "thing", words))

    spoken = [chance.integers(0, 8000, chance.integers(1, 34)).astype(str) for _ in range(size)]
    first, second = ([Answer(" ".join(words), heard(words)) for words in spoken] for _ in range(2))
    return first, second


def signs(chance, size: int, classes: int) -> tuple[list[Answer], list[Answer]]:
    """Every class at least once, and two systems that are right on six signs of ten."""
    shown = [str(i % classes) for i in range(size)]
    first, second = ([Answer(sign, sign if chance.random() < 0.6 else "") for sign in shown] for _ in range(2))
    return first, second


def test_bleu_on_1000_resampled_corpora_of_2349_sentences(benchmark) -> None:
    """Statistics of both systems included."""
    a, b = sentences(np.random.default_rng(0), 2349)

    def resample() -> None:
        metric = Bleu("13a")
        paired._resampled_differences(metric, *paired._statistics(metric, a, b), 0)

    benchmark.pedantic(resample, rounds=3)


def test_bleu_compared_on_2349_sentences(benchmark) -> None:
    """Resamples, and 10,000 trials of randomisation."""
    benchmark.pedantic(paired.compare, (Bleu("13a"), *sentences(np.random.default_rng(0), 2349)), rounds=2)


def test_class_accuracy_compared_on_2878_signs_of_2000_classes(benchmark) -> None:
    benchmark.pedantic(paired.compare, (ClassAccuracy(), *signs(np.random.default_rng(0), 2878, 2000)), rounds=2)


def test_changes_of_bleu_on_2349_sentences(benchmark) -> None:
    a, b = sentences(np.random.default_rng(0), 2349)
    benchmark.pedantic(paired.changes, (Bleu("13a"), a, b, [str(i) for i in range(2349)]), rounds=2)
