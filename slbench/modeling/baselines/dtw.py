"""Dynamic time warping of one sequence against many at once.

The symmetric form of Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition" (IEEE
TASSP 1978), without a slope constraint: a step along both sequences counts its distance twice, a step along one of
them once, so the weights of every path between sequences of n and m frames sum to n + m. Divided by that, distances
of sequences of any length can be compared.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

INF = float("inf")


@dataclass(frozen=True)
class Sequences:
    """Sequences of d numbers a frame.

    Attributes:
        frames_tkd: frame t of sequence k; anything where it has ended. Time comes first, since the vectors that are
            computed with go over the sequences.
        lengths_k: at least 1 each.
    """

    frames_tkd: Tensor
    lengths_k: Tensor


def warped_distances(query_nd: Tensor, others: Sequences, band: float) -> Tensor:
    """(K,): the warping distance from the query to each sequence, divided by the sum of their lengths.

    Args:
        query_nd: of at least one frame. Frames differ by their Euclidean distance.
        band: see `within_band`.
    """
    longest, count, _ = others.frames_tkd.shape
    costs = torch.cdist(query_nd, others.frames_tkd.flatten(0, 1), compute_mode="donot_use_mm_for_euclid_dist")
    costs_ntk = costs.view(len(query_nd), longest, count)
    allowed = within_band(len(query_nd), longest, band).to(costs.device)
    costs_ntk.masked_fill_(~allowed.index_select(2, others.lengths_k - 1), INF)
    return _last_cells(costs_ntk, others.lengths_k) / (len(query_nd) + others.lengths_k)


def within_band(n: int, longest: int, band: float) -> Tensor:
    """(n, M, M): whether frame i of n may meet frame j of m, at [i, j, m - 1], for every m up to the longest M.

    As shares of their sequences the middles of the two frames, (i + 1/2) / n and (j + 1/2) / m, differ by the band at
    most, or by one frame of the shorter sequence where that is more: so there always is a path.
    """
    i, j = torch.arange(n)[:, None, None], torch.arange(longest)[:, None]
    m = torch.arange(longest) + 1
    apart = ((2 * i + 1) * m - (2 * j + 1) * n).abs()  # all times 2 * n * m
    return apart <= torch.maximum(2 * n * m * torch.tensor(band, dtype=torch.float64), 2 * m.clamp(min=n))


def _last_cells(costs_ntk: Tensor, lengths_k: Tensor) -> Tensor:
    """(K,): what the cheapest path costs that ends where the query and each sequence end; not yet divided.

    The cells of a diagonal, i + j = s, depend on the two diagonals before it alone, and so are computed at once. They
    stand in rows i + 1; row 0 is before the query.
    """
    n, longest, count = costs_ntk.shape
    flat_k = costs_ntk.flatten(0, 1)
    before, previous = costs_ntk.new_full((2, n + 1, count), INF)
    before[0] = 0  # where all paths begin
    ends = []
    for s in range(n + longest - 1):
        low, high = max(0, s - longest + 1), min(n - 1, s)
        step = longest - 1  # from cell (i, j) to (i + 1, j - 1)
        cost = flat_k[low * step + s : high * step + s + 1 : max(1, step)]
        current = torch.full_like(previous, INF)
        straight = torch.minimum(previous[low : high + 1], previous[low + 1 : high + 2])
        current[low + 1 : high + 2] = torch.minimum(straight + cost, before[low : high + 1] + 2 * cost)
        before, previous = previous, current
        ends.append(current[n])
    return torch.stack(ends).gather(0, (n + lengths_k - 2)[None])[0]
