"""Corpora for tests of metrics on text, and what most of those tests do with a metric."""

import numpy as np
from hypothesis import strategies as st
from shared import shared

from slbench.metrics.base import Answer, resampled_totals

WORDS = st.text("abCé你🤟.", min_size=1, max_size=4)
TEXTS = st.text("abC é你🤟 .", max_size=14)
CORPORA = st.lists(st.builds(Answer, TEXTS, TEXTS), min_size=1, max_size=12)


def split(answers) -> tuple[list[str], list[list[str]]]:
    """As sacrebleu takes them."""
    return [a.hypothesis for a in answers], [[a.reference for a in answers]]


def values(metric, answers) -> list[float]:
    return metric.reduce(metric.statistics(answers).sum(0)).tolist()


def noisy_corpus(seed: int, size: int, letters: str = "abcdeé你 ", length: int = 25) -> list[Answer]:
    """Random texts of every length from 0, answered with some letters wrong, missing or added."""
    chance = np.random.default_rng(seed)

    def noisy(text: str) -> str:
        return "".join(chance.choice([letter, letter, letter, "", "x"]) for letter in text)

    references = ["".join(chance.choice(list(letters), chance.integers(0, length))) for _ in range(size)]
    return [Answer(reference, noisy(reference)) for reference in references]


def drawn_corpora(metric, answers, seed: int, draws: int):
    """Corpora drawn as the bootstrap does, sample by sample, each with the metric's score of the resampled sums."""
    n = len(answers)
    found = metric.reduce(resampled_totals(metric.statistics(answers), seed))[:draws, -1]
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    for row, value in zip(counts, found, strict=True):
        yield [a for a, times in zip(answers, row, strict=True) for _ in range(times)], value


def released(name: str) -> list[Answer]:
    """Uni-Sign's released outputs and references of one split; the test is skipped where they are not."""

    def lines(end: str, key: str) -> list[str]:
        text = shared(f"predictions/uni-sign/{name}.{end}.txt").read_text("utf-8")
        return [line.split(f", {key}: ", 1)[1] for line in text.removesuffix("\n").split("\n")]

    pairs = zip(lines("refs", "ground-truth"), lines("pres", "prediction"), strict=True)
    return [Answer(reference, hypothesis) for reference, hypothesis in pairs]
