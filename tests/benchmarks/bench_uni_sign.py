"""Clips a second of `uni-sign-mini`-sized networks, alone and in batches: read the ratio, not the seconds."""

import pytest
import torch
from fakes import made_up_clip

from slbench import catalog
from slbench.engine.models import build_model, setting_of


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_encode_and_decode(benchmark, batch_size: int) -> None:
    task = catalog.get_task("fingerspelling-islr")
    model = build_model(catalog.get_model("uni-sign-mini"), setting_of(task))
    model.network.eval()
    inputs = [model.prepare(made_up_clip(str(i), 24, i)) for i in range(32)]

    def answer_all() -> None:
        with torch.inference_mode():
            for start in range(0, 32, batch_size):
                model.decode(model.encode(inputs[start : start + batch_size]))

    benchmark(answer_all)


def test_prepare(benchmark) -> None:
    task = catalog.get_task("fingerspelling-islr")
    model = build_model(catalog.get_model("uni-sign-mini"), setting_of(task))
    clip = made_up_clip("clip", 256, 0)
    benchmark(model.prepare, clip)
