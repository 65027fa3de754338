"""Beam search against all texts there are, and against itself in other company."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from slbench.modeling.baselines.search import TEXTS_AT_ONCE, Beams, beam_search, filled

NEVER, BEGIN, END = range(3)
WORDS = (3, 4)
LONGEST = 4
CPU = torch.device("cpu")


class Table:
    """A decoder that answers by chance: each text of each clip has likelihoods of its own for what comes next."""

    def __init__(self, clips: list[int]) -> None:
        self.clips = clips
        self.texts: list[list[tuple[int, ...]]] = []

    @staticmethod
    def next(clip: int, text: tuple[int, ...]) -> Tensor:
        chance = np.random.default_rng([clip, *text])
        return torch.tensor(chance.normal(0, 2, 3 + len(WORDS))).log_softmax(-1).float()

    def __call__(self, tokens: Tensor, parents: Tensor) -> Tensor:
        before = self.texts or [[()] * tokens.shape[1] for _ in self.clips]
        rows = zip(before, tokens.tolist(), parents.tolist(), strict=True)
        self.texts = [[(*texts[p], t) for t, p in zip(new, old, strict=True)] for texts, new, old in rows]
        rows = zip(self.clips, self.texts, strict=True)
        return torch.stack([torch.stack([self.next(clip, text) for text in texts]) for clip, texts in rows])


def beams(width: int, alpha: float = 0.0) -> Beams:
    return Beams(width, LONGEST, alpha, BEGIN, END, (NEVER, BEGIN))


def score(clip: int, text: tuple[int, ...], alpha: float) -> float:
    """By the formula of Wu et al. (2016)."""
    begun = (BEGIN, *text)
    steps = [Table.next(clip, begun[:end])[token] for end, token in enumerate((*text, END), start=1)]
    return float(sum(steps)) / ((5 + len(steps)) ** alpha / 6**alpha)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
def test_a_wide_search_finds_the_likeliest_of_all_texts(alpha: float) -> None:
    texts = [text for length in range(LONGEST + 1) for text in itertools.product(WORDS, repeat=length)]
    clips = list(range(12))
    found = beam_search(Table(clips), len(clips), beams(64, alpha), CPU)
    expected = [list(max(texts, key=lambda text: score(clip, text, alpha))) for clip in clips]
    assert found == expected
    assert len({len(text) for text in found}) > 1


def test_larger_alphas_favour_longer_texts() -> None:
    clips = list(range(12))
    lengths = [sum(map(len, beam_search(Table(clips), 12, beams(64, alpha), CPU))) for alpha in (0.0, 1.0, 3.0)]
    assert lengths[0] < lengths[1] < lengths[2]


def test_one_beam_is_greedy() -> None:
    clips = list(range(20))
    found = beam_search(Table(clips), len(clips), beams(1, alpha=2.0), CPU)
    for clip, text in zip(clips, found, strict=True):
        greedy = [BEGIN]
        while greedy[-1] != END and len(greedy) <= LONGEST:
            likelihoods = Table.next(clip, tuple(greedy))
            greedy.append(max((END, *WORDS), key=lambda token: float(likelihoods[token])))
        assert text == [token for token in greedy[1:] if token != END]
    assert {len(text) for text in found} >= {0, LONGEST}


@pytest.mark.parametrize("width", [1, 2, 3])
def test_no_clip_disturbs_another(width: int) -> None:
    clips = list(range(10))
    alone = [beam_search(Table([clip]), 1, beams(width, 1.0), CPU)[0] for clip in clips]
    assert beam_search(Table(clips), len(clips), beams(width, 1.0), CPU) == alone


def test_it_stops_when_nothing_better_can_come() -> None:
    steps = []

    def certain(tokens: Tensor, parents: Tensor) -> Tensor:
        steps.append(tokens)
        return torch.tensor([-9.0, -9.0, -0.1, -3.0, -9.0]).expand(*tokens.shape, -1)

    assert beam_search(certain, 2, beams(3), CPU) == [[], []]
    assert len(steps) == 1


def test_the_decoder_has_enough_rows() -> None:
    for clips, width in itertools.product((1, 2, 9), (1, 3, 4)):
        shown = filled(clips, width, CPU).tolist()
        assert len(shown) * width >= TEXTS_AT_ONCE
        assert shown[:clips] == list(range(clips))
        assert set(shown[clips:]) <= {clips - 1}
