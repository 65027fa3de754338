"""A fixed piece of work, timed beside each run, so that speeds of unlike machines can be compared."""

import time

import torch

REPEATS = 3
"""At least so often; the fastest counts: whatever else the machine does can only slow it."""
SECONDS = 0.15
"""As often as this allows, besides: a busy machine needs many tries until one is not disturbed."""
SIZE = 384
ROUNDS = 8


def calibration_seconds(device: torch.device) -> float:
    """How long products of matrices and sweeps through memory take here, in about the mix of a small network.

    Nothing is drawn, so that no seed changes it, and it changes nothing that is drawn after it.
    """
    values = torch.linspace(-1, 1, SIZE * SIZE, device=device).reshape(SIZE, SIZE)
    end, times = time.perf_counter() + SECONDS, list[float]()
    while len(times) < REPEATS or time.perf_counter() < end:
        times.append(_timed(values, device))
    return round(min(times), 6)


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
    elif device.type == "mps":
        torch.mps.synchronize()
