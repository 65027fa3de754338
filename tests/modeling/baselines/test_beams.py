"""The search over CTC's paths against all paths written out, and a clip's independence from its neighbours."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slbench.modeling.baselines.ctc import NEVER, beams, greedy, search, steps_needed
from slbench.modeling.uni_sign.ctc import BLANK, ctc_loss

SHORT = st.lists(st.integers(1, 5), min_size=1, max_size=3)
LONG = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def spelled(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != BLANK)


def all_masses(logits: torch.Tensor) -> dict[tuple[int, ...], float]:
    """Every text that paths through one clip spell -> their summed probability."""
    probabilities = logits.double().softmax(-1).tolist()
    masses: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        masses[spelled(path)] += math.prod(row[label] for row, label in zip(probabilities, path, strict=True))
    return masses


def made_up(lengths: list[int], labels: int, seed: int, sharpness: float = 2.0) -> torch.Tensor:
    return sharpness * torch.randn(sum(lengths), labels, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(SHORT, st.integers(2, 4), st.integers(0, 10**6))
def test_beams_enough_for_all_prefixes_are_exact(lengths: list[int], labels: int, seed: int) -> None:
    """Each text is found once with its whole mass: repeats, blanks and merged prefixes are right."""
    logits = made_up(lengths, labels, seed)
    expected = [all_masses(clip) for clip in logits.split(lengths)]
    found = beams(logits, lengths, width=max(map(len, expected)) + 3)
    for clip, masses in enumerate(expected):
        totals = found.total_bk[clip]
        ends, alive = found.ends_bk[clip], totals > NEVER
        texts = [tuple(found.labels_bkl[clip, k, : ends[k]].tolist()) for k in alive.nonzero()[0]]
        assert sorted(texts) == sorted(masses)
        assert dict(zip(texts, np.exp(totals[alive]), strict=True)) == pytest.approx(masses, rel=1e-4)
        assert tuple(found.best()[clip]) == max(masses, key=masses.__getitem__)


def plain_search(scores: list[list[float]], width: int) -> tuple[int, ...]:
    """One clip's prefix beam search with a table of prefixes, as in the paper, step by step."""
    table = {(): (1.0, 0.0)}
    for row in scores:
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, label) in table.items():
            grown[prefix][0] += (blank + label) * row[BLANK]
            for new in range(1, len(row)):
                repeats = prefix[-1:] == (new,)
                if repeats:
                    grown[prefix][1] += label * row[new]
                grown[(*prefix, new)][1] += (blank if repeats else blank + label) * row[new]
        kept = sorted(grown, key=lambda prefix: -sum(grown[prefix]))[:width]
        table = {prefix: (grown[prefix][0], grown[prefix][1]) for prefix in kept}
    return max(table, key=lambda prefix: sum(table[prefix]))


@settings(max_examples=60, deadline=None)
@given(LONG, st.integers(2, 12), st.integers(2, 5), st.integers(0, 10**6))
def test_few_beams_find_what_a_plain_search_finds(lengths: list[int], labels: int, width: int, seed: int) -> None:
    logits = made_up(lengths, labels, seed)
    expected = [plain_search(clip.double().softmax(-1).tolist(), width) for clip in logits.split(lengths)]
    assert [tuple(text) for text in search(logits, lengths, width)] == expected


def test_search_sums_paths_where_greedy_takes_one() -> None:
    """Two steps of 0.6 blank, 0.4 A: the likeliest path is empty (0.36), and A has 0.64 in three paths."""
    logits = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert search(logits, [2], 1) == greedy(logits, [2]) == [[]]
    assert search(logits, [2], 2) == [[1]]


def test_greedy_joins_repeats_and_drops_blanks_within_a_clip() -> None:
    labels = [1, 1, 0, 1, 2, 2, 0, 2, 3, 0, 0]
    logits = torch.nn.functional.one_hot(torch.tensor(labels), 4).float()
    assert greedy(logits, [5, 3, 1, 2]) == [[1, 1, 2], [2, 2], [3], []]


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_clip_has_the_same_answer_in_any_batch(width: int) -> None:
    lengths = [1, 40, 7, 40, 23, 2]
    logits = made_up(lengths, 9, seed=3, sharpness=1.0)
    together = search(logits, lengths, width)
    alone = [search(clip, [len(clip)], width)[0] for clip in logits.split(lengths)]
    backwards = search(torch.cat(logits.split(lengths)[::-1]), lengths[::-1], width)[::-1]
    assert together == alone == backwards
    if width > 1:
        all_bits = beams(logits, lengths, width).total_bk
        rows = [beams(clip, [len(clip)], width).total_bk[0] for clip in logits.split(lengths)]
        assert np.array_equal(all_bits, np.stack(rows))


@pytest.mark.parametrize("width", [1, 3])
def test_a_vocabulary_of_nothing_answers_nothing(width: int) -> None:
    assert search(torch.zeros(5, 1), [2, 3], width) == [[], []]


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [2, 2], [1, 1, 1, 2, 2]])
def test_loss_is_finite_from_the_steps_needed_on(labels: list[int]) -> None:
    """PyTorch's own loss says from where on there is a path; with fewer steps it would be infinite, and is left out."""
    needed = steps_needed(labels)
    for steps in range(1, 10):
        logits = torch.zeros(steps, 3)
        enough = ctc_loss(logits, [steps], [labels]).item() > 0
        assert enough == (steps >= needed)
