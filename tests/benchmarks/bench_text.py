"""Metrics on synthetic texts of the size of How2Sign's test split (2,349 sentences) and CSL-Daily's (1,176)."""

from functools import cache

import numpy as np
import pytest

from slbench.metrics.base import Answer, resampled_totals
from slbench.metrics.bleu import Bleu
from slbench.metrics.chrf import Chrf
from slbench.metrics.rouge import RougeL
from slbench.metrics.ter import Ter

VOCABULARY = [f"w{number}" for number in range(3000)]


@cache
def corpus(sentences: int) -> list[Answer]:
    """Sentences of 1 to 40 words, frequent words more often; of the answer's words two in three are right."""
    chance = np.random.default_rng(0)

    def words(count: int) -> list[str]:
        return [VOCABULARY[place] for place in chance.zipf(1.3, count) % len(VOCABULARY)]

    references = [words(chance.integers(1, 41)) for _ in range(sentences)]
    return [
        Answer(" ".join(text) + ".", " ".join(w if chance.random() < 0.67 else words(1)[0] for w in text) + ".")
        for text in references
    ]


@pytest.mark.parametrize("tokenizer", ["13a", "none"])
def test_bleu_with_1000_resamples(benchmark, tokenizer: str) -> None:
    metric, answers = Bleu(tokenizer), corpus(2349)
    found = benchmark(lambda: metric.reduce(resampled_totals(metric.statistics(answers), 0)))
    assert found.shape == (1000, 4)


def test_reduce_bleu(benchmark) -> None:
    metric = Bleu("none")
    totals = resampled_totals(metric.statistics(corpus(2349)), 0)
    assert benchmark(metric.reduce, totals).shape == (1000, 4)


@pytest.mark.parametrize("form", ["rouge", "mscoco", "tf_seq2seq", "rouge_score"])
def test_rouge(benchmark, form: str) -> None:
    assert benchmark(RougeL(form).statistics, corpus(1176)).shape == (1176, 4)


@pytest.mark.parametrize("word_order", [0, 2])
def test_chrf(benchmark, word_order: int) -> None:
    assert len(benchmark(Chrf(word_order).statistics, corpus(1176))) == 1176


def test_ter(benchmark) -> None:
    assert benchmark(Ter().statistics, corpus(50)).shape == (50, 2)
