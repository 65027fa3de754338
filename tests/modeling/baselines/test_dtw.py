import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slbench.modeling.baselines.dtw import Sequences, warped_distances, within_band

BANDS = (0.0, 0.05, 0.2, 0.5, 1.0)


def by_hand(one: np.ndarray, other: np.ndarray, band: float) -> float:
    """Sakoe and Chiba's recurrence, cell by cell, in float64."""
    n, m = len(one), len(other)
    best = {(-1, -1): 0.0}
    for i in range(n):
        for j in range(m):
            if abs((i + 0.5) / n - (j + 0.5) / m) <= max(band, 1 / min(n, m)) + 1e-12:
                cost = float(np.linalg.norm(one[i] - other[j]))
                steps = ((i - 1, j, 1), (i - 1, j - 1, 2), (i, j - 1, 1))
                best[i, j] = min(best.get((a, b), math.inf) + weight * cost for a, b, weight in steps)
    return best[n - 1, m - 1] / (n + m)


def sequences(arrays: list[np.ndarray]) -> Sequences:
    """Padded with what must never count."""
    tensors = [torch.from_numpy(array) for array in arrays]
    padded = torch.nn.utils.rnn.pad_sequence(tensors, padding_value=math.nan)
    return Sequences(padded, torch.tensor([len(array) for array in arrays]))


def made_up(lengths: list[int], seed: int) -> list[np.ndarray]:
    chance = np.random.default_rng(seed)
    return [chance.normal(size=(length, 3)).astype(np.float32) for length in lengths]


LENGTHS = st.lists(st.integers(1, 9), min_size=2, max_size=6)


@settings(deadline=None, max_examples=60)
@given(lengths=LENGTHS, band=st.sampled_from(BANDS), seed=st.integers(0, 99))
def test_the_same_as_cell_by_cell(lengths: list[int], band: float, seed: int) -> None:
    query, *others = made_up(lengths, seed)
    found = warped_distances(torch.from_numpy(query), sequences(others), band)
    wanted = [by_hand(query, other, band) for other in others]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_path_that_can_be_counted_on_fingers() -> None:
    """0 0 1 on 0 1 1: one frame of each is held, everything meets its like; on 1 1 1 two zeros meet a one."""
    query = torch.tensor([[0.0], [0.0], [1.0]])
    others = sequences([np.array([[0], [1], [1]], np.float32), np.ones((3, 1), np.float32)])
    found = warped_distances(query, others, 1.0)
    assert found[0] == 0
    assert found[1] == pytest.approx((2 + 1) / 6)  # along both with the first, then along the query alone


@given(n=st.integers(1, 20), m=st.integers(1, 20), band=st.sampled_from(BANDS))
def test_a_band_always_lets_a_path_through(n: int, m: int, band: float) -> None:
    allowed = within_band(n, m, band)[:, :, m - 1].numpy()
    reached = np.zeros((n + 1, m + 1), bool)
    reached[0, 0] = True
    for i in range(n):
        for j in range(m):
            reached[i + 1, j + 1] = allowed[i, j] and (reached[i, j] or reached[i, j + 1] or reached[i + 1, j])
    assert reached[n, m]
    assert np.array_equal(allowed, allowed[::-1, ::-1])


def test_a_band_keeps_apart() -> None:
    assert within_band(10, 10, 0.2)[:, :, 9].sum(1).tolist() == [3, 4, 5, 5, 5, 5, 5, 5, 4, 3]
    assert within_band(10, 10, 1.0)[:, :, 9].all()


def test_neighbours_and_padding_change_no_bit() -> None:
    query, *others = made_up([7, 3, 9, 5, 1], 0)
    together = warped_distances(torch.from_numpy(query), sequences(others), 0.2)
    alone = [warped_distances(torch.from_numpy(query), sequences([other]), 0.2)[0] for other in others]
    assert together.tolist() == [float(value) for value in alone]
