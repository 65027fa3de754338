"""Alignments at sclite's costs against all alignments of short pairs, and against a plain table for long ones."""

import tracemalloc
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.metrics import alignment
from slbench.metrics.alignment import align, weighted_edits

COSTS = {"hit": 0, "sub": 4, "ins": 3, "del": 3}
PREFERRED = list(COSTS)
SHORT = st.lists(st.sampled_from("ABC"), max_size=5)
LONGER = st.lists(st.sampled_from("ABCD"), max_size=40)


@cache
def all_alignments(reference: tuple, hypothesis: tuple) -> list[tuple[str, ...]]:
    """Every way to get from one to the other, step by step from the end."""
    if not reference and not hypothesis:
        return [()]
    found = []
    if reference and hypothesis:
        step = "hit" if reference[-1] == hypothesis[-1] else "sub"
        found += [(step, *rest) for rest in all_alignments(reference[:-1], hypothesis[:-1])]
    if hypothesis:
        found += [("ins", *rest) for rest in all_alignments(reference, hypothesis[:-1])]
    if reference:
        found += [("del", *rest) for rest in all_alignments(reference[:-1], hypothesis)]
    return found


def cost(steps) -> int:
    return sum(COSTS[step] for step in steps)


def counts(steps) -> list[int]:
    number = Counter(steps)
    return [number[step] for step in ("sub", "del", "ins", "hit")]


def traced_back(reference, hypothesis) -> list[int]:
    """As the labs' code does it, in Python's unbounded integers: fill a table, go back from the end."""
    table = {(i, 0): 3 * i for i in range(len(reference) + 1)} | {(0, j): 3 * j for j in range(len(hypothesis) + 1)}
    for i, asked in enumerate(reference, 1):
        for j, answered in enumerate(hypothesis, 1):
            pair = table[i - 1, j - 1] + 4 * (asked != answered)
            table[i, j] = min(pair, table[i - 1, j] + 3, table[i, j - 1] + 3)
    i, j, steps = len(reference), len(hypothesis), []
    while i or j:
        same = i and j and reference[i - 1] == hypothesis[j - 1]
        if i and j and table[i, j] == table[i - 1, j - 1] + 4 * (not same):
            steps, i, j = [*steps, "hit" if same else "sub"], i - 1, j - 1
        elif j and table[i, j] == table[i, j - 1] + 3:
            steps, j = [*steps, "ins"], j - 1
        else:
            steps, i = [*steps, "del"], i - 1
    return counts(steps)


@given(SHORT, SHORT)
def test_the_first_of_the_cheapest_of_all_alignments(reference, hypothesis) -> None:
    """The labs' back-trace takes, step by step from the end, what it prefers among what is cheapest."""
    ways = all_alignments(tuple(reference), tuple(hypothesis))
    least = min(map(cost, ways))
    cheapest = [steps for steps in ways if cost(steps) == least]
    first = min(cheapest, key=lambda steps: [PREFERRED.index(step) for step in steps])
    found = weighted_edits([reference], [hypothesis])[0].tolist()
    assert found == counts(first) == traced_back(reference, hypothesis)
    assert np.dot(found, [4, 3, 3, 0]) == least


@given(LONGER, LONGER)
def test_the_pairs_are_those_that_are_counted(reference, hypothesis) -> None:
    pairs = align(reference, hypothesis)
    assert [asked for asked, _ in pairs if asked is not None] == reference
    assert [answered for _, answered in pairs if answered is not None] == hypothesis
    steps = [
        "ins" if asked is None else "del" if answered is None else "hit" if asked == answered else "sub"
        for asked, answered in pairs
    ]
    assert counts(steps) == traced_back(reference, hypothesis)


def test_which_pairs() -> None:
    """Two substitutions would cost 8 where a deletion and an insertion cost 6; a hit is taken as late as can be."""
    assert align("ABC", "ACD") == [("A", "A"), ("B", None), ("C", "C"), (None, "D")]
    assert align("AA", "A") == [("A", None), ("A", "A")]
    assert align([], ["X"]) == [(None, "X")]
    assert align([], []) == []


@given(st.lists(st.tuples(LONGER, LONGER), max_size=6), st.integers(1, 300))
def test_pairs_do_not_see_each_other(pairs, cells) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "CELLS", cells)
        found = weighted_edits([r for r, _ in pairs], [h for _, h in pairs])
    assert found.shape == (len(pairs), 4)
    assert found.tolist() == [traced_back(*pair) for pair in pairs]


@pytest.mark.parametrize("length", [85, 86, 120, 300])
def test_costs_above_255(length: int) -> None:
    chance = np.random.default_rng(length)
    reference, hypothesis = chance.choice(list("ABCDEFGH"), (2, length)).tolist()
    pairs = [(reference, hypothesis), (reference, []), ([], hypothesis), (reference, ["X"] * length)]
    found = weighted_edits(*zip(*pairs, strict=True)).tolist()
    assert found[0] == traced_back(reference, hypothesis)
    assert found[1:] == [[0, length, 0, 0], [0, 0, length, 0], [length, 0, 0, 0]]


def test_memory_does_not_grow_with_the_product_of_the_lengths() -> None:
    """3,000 against 2,700 tokens: one byte a cell would be 8 MB."""
    reference = [str(number) for number in range(3000)]
    hypothesis = ["X" if number % 10 == 5 else str(number) for number in range(3000) if number % 10]
    weighted_edits([["A"]], [["A"]])
    tracemalloc.start()
    found = weighted_edits([reference, ["A"]], [hypothesis, ["A"]])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == [[300, 300, 0, 2400], [0, 0, 0, 1]]
    assert peak < 3e6


def test_nothing_to_align() -> None:
    assert weighted_edits([], []).shape == (0, 4)
    assert weighted_edits([[], []], [[], []]).tolist() == [[0, 0, 0, 0]] * 2
    with pytest.raises(ValueError, match="2 references, but 1 hypotheses"):
        weighted_edits([["A"], ["B"]], [["A"]])


def test_a_hit_is_worth_one_error_more() -> None:
    """Five substitutions would be five errors; two hits cost an error more."""
    assert weighted_edits(["ABCDE"], ["DEXYZ"]).tolist() == [[0, 3, 3, 2]]
    assert weighted_edits(["ABC"], ["CXY"]).tolist() == [[3, 0, 0, 0]]
