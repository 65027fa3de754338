"""The alignment of two sequences at the costs of sclite: insertion 3, deletion 3, substitution 4."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[Sequence[str]]
Ints = NDArray[np.int32]
Lengths = NDArray[np.int64]
Pair = tuple[str | None, str | None]
"""A token of the reference, and that of the hypothesis which stands for it."""

INSERTION, DELETION, SUBSTITUTION = 3, 3, 4
"""Of NIST's sclite, and of signjoey/metrics.py in github.com/neccam/slt@9058882."""
CELLS = 1 << 14
"""Most cells of one row of a bucket of pairs, unless a single pair has more."""


def weighted_edits(references: Tokens, hypotheses: Tokens) -> NDArray[np.int64]:
    """(n, 4): substitutions, deletions, insertions and hits of each pair, along its cheapest alignment.

    Of several cheapest alignments the one of sclite and of the labs' code (neccam/slt, SLRT, Uni-Sign) is counted:
    their back-trace goes from the end and takes a hit or a substitution where it can, else an insertion, else a
    deletion. The alignment is not always one with the fewest errors: two hits can be worth an error more.

    Pairs of similar length are aligned together. Only two rows of the table of costs are held, so memory grows with the
    longer of two lengths, not with their product: 10,000 against 10,000 tokens need a few MB and some seconds. The
    labs' code keeps costs in 8 bits, which 86 tokens overflow; 32 bits hold for 300 million.

    Args:
        references: n sequences of tokens.
        hypotheses: as many, in the same order.

    Raises:
        ValueError: there are more references than hypotheses, or fewer.
    """
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references, but {len(hypotheses)} hypotheses")
    numbers = {token: number for number, token in enumerate(set(chain(*references, *hypotheses)))}
    edits = np.zeros((len(references), 4), np.int64)
    for bucket in _buckets(np.maximum(_lengths(references), _lengths(hypotheses))):
        pairs = [_padded([side[index] for index in bucket], numbers) for side in (references, hypotheses)]
        edits[bucket] = _edits(*pairs)
    return edits


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """The alignment whose errors `weighted_edits` counts, token by token.

    The whole table of costs is held, 4 bytes a cell: 4 MB for 1,000 against 1,000 tokens.

    Returns:
        Tokens of the reference and of the hypothesis, in order; None where the other one stands alone.
    """
    numbers = {token: number for number, token in enumerate({*reference, *hypothesis})}
    tokens = [_padded([side], numbers).tokens for side in (reference, hypothesis)]
    costs = np.stack([row[0] for row, _ in _rows(*tokens)])
    pairs: list[Pair] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        apart = SUBSTITUTION * (i > 0 < j and reference[i - 1] != hypothesis[j - 1])
        if i > 0 < j and costs[i, j] == costs[i - 1, j - 1] + apart:
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif j and costs[i, j] == costs[i, j - 1] + INSERTION:
            j -= 1
            pairs.append((None, hypothesis[j]))
        else:
            i -= 1
            pairs.append((reference[i], None))
    return pairs[::-1]


@dataclass(frozen=True)
class _Sequences:
    """A bucket's references or hypotheses."""

    tokens: Ints
    """(n, longest): numbers of tokens, then -1."""
    lengths: Lengths
    """(n,)"""


def _lengths(sequences: Tokens) -> Lengths:
    return np.array([len(sequence) for sequence in sequences], np.int64)


def _buckets(longest: Lengths) -> Iterator[Lengths]:
    """Indices of pairs, the longest first, `CELLS` or one pair at a time: a long pair makes few others wait for it."""
    order, start = np.argsort(-longest, kind="stable"), 0
    while start < len(order):
        end = start + max(1, CELLS // (int(longest[order[start]]) + 1))
        yield order[start:end]
        start = end


def _padded(sequences: Tokens, numbers: dict[str, int]) -> _Sequences:
    lengths = _lengths(sequences)
    tokens = np.full((len(sequences), lengths.max()), -1, np.int32)
    tokens[np.arange(lengths.max()) < lengths[:, None]] = [numbers[token] for token in chain(*sequences)]
    return _Sequences(tokens, lengths)


def _edits(references: _Sequences, hypotheses: _Sequences) -> NDArray[np.int64]:
    """(n, 4) from the cost and the substitutions in the last cell of each pair, (n,) each."""
    pairs = np.arange(len(references.lengths))
    cost, substitutions = np.zeros((2, len(pairs)), np.int64)
    for row, (costs, counts) in enumerate(_rows(references.tokens, hypotheses.tokens)):
        here = pairs[references.lengths == row]
        cost[here] = costs[here, hypotheses.lengths[here]]
        substitutions[here] = counts[here, hypotheses.lengths[here]]
    # A substitution takes the place of an insertion and a deletion and is cheaper than both by 2, a hit by 6.
    all_apart = DELETION * references.lengths + INSERTION * hypotheses.lengths
    saved = INSERTION + DELETION - SUBSTITUTION
    hits = (all_apart - cost - saved * substitutions) // (INSERTION + DELETION)
    both = substitutions + hits
    return np.stack([substitutions, references.lengths - both, hypotheses.lengths - both, hits], axis=1)


def _rows(references: Ints, hypotheses: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Rows 0, 1, ... of the tables of costs and of substitutions so far, (n, 1 + longest hypothesis) each.

    Cell (i, j) belongs to the first i tokens of the reference and the first j of the hypothesis. A back-trace from a
    cell goes on as one from the cell that it steps to, so its substitutions can be counted from the front.
    """
    columns = np.arange(hypotheses.shape[1] + 1, dtype=np.int32)
    costs = np.tile(INSERTION * columns, (len(hypotheses), 1))
    counts = np.zeros_like(costs)
    yield costs, counts
    for token in references.T:
        other = (token[:, None] != hypotheses).astype(np.int32)
        diagonal = costs[:, :-1] + SUBSTITUTION * other
        costs = costs + DELETION
        np.minimum(costs[:, 1:], diagonal, out=costs[:, 1:])
        # The cheapest way into each cell from the left, over any number of insertions.
        costs = np.minimum.accumulate(costs - INSERTION * columns, axis=1) + INSERTION * columns
        counts = _counted(costs, diagonal, counts, other)
        yield costs, counts


def _counted(costs: Ints, diagonal: Ints, above: Ints, other: Ints) -> Ints:
    """(n, columns): substitutions of this row, along the step that a back-trace prefers in each cell."""
    paired = costs[:, 1:] == diagonal
    inserted = ~paired & (costs[:, 1:] == costs[:, :-1] + INSERTION)
    counts = above.copy()
    counts[:, 1:] = np.where(paired, above[:, :-1] + other, above[:, 1:])
    # A run of insertions has the count of the cell that it starts from.
    starts = np.tile(np.arange(costs.shape[1]), (len(costs), 1))
    starts[:, 1:][inserted] = 0
    return np.take_along_axis(counts, np.maximum.accumulate(starts, axis=1), axis=1)
