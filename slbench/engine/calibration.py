"""A fixed piece of work, timed beside each run, so that speeds of unlike machines can be compared."""

import time

import torch

REPEATS = 3
"""The fastest counts: whatever else the machine does can only slow it."""
SIZE = 384
ROUNDS = 8


def calibration_seconds(device: torch.device) -> float:
    """How long products of matrices and sweeps through memory take here, in about the mix of a small network.

    Nothing is drawn, so that no seed changes it, and it changes nothing that is drawn after it.
    """
    values = torch.linspace(-1, 1, SIZE * SIZE, device=device).reshape(SIZE, SIZE)
    return round(min(_timed(values, device) for _ in range(REPEATS)), 6)


def _timed(values: torch.Tensor, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    found = values
    with torch.inference_mode():
        for _ in range(ROUNDS):
            found = torch.tanh(found @ values / SIZE) + values.roll(1, 0)
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
