"""Clips a second of `uni-sign-mini`-sized networks, alone and in batches: read the ratio, not the seconds."""

import random
from dataclasses import replace

import pytest
import torch
from fakes import made_up_clip
from torch import Tensor
from torch.nn import functional as F
from transformers import MT5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from slbench import catalog
from slbench.engine.models import build_model, setting_of
from slbench.modeling.uni_sign.language import IGNORED, padded_labels

CHUNK = 64
"""Glosses that are side by side in the decoder where they share nothing."""


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


def ranked_in_chunks(
    model: MT5ForConditionalGeneration, states_1ld: Tensor, mask_1l: Tensor, candidates: list[list[int]]
) -> Tensor:
    """(G): log-likelihoods of candidates side by side, each with all its tokens, which shares nothing."""
    found = []
    for begin in range(0, len(candidates), CHUNK):
        labels_gs = padded_labels(candidates[begin : begin + CHUNK], states_1ld.device)
        count = len(labels_gs)
        states = BaseModelOutput(last_hidden_state=states_1ld.expand(count, -1, -1))
        logits = model(encoder_outputs=states, attention_mask=mask_1l.expand(count, -1), labels=labels_gs).logits
        losses = F.cross_entropy(logits.transpose(1, 2).float(), labels_gs, ignore_index=IGNORED, reduction="none")
        found.append(-losses.sum(1))
    return torch.cat(found)


@pytest.mark.parametrize("shared", [False, True], ids=["side by side", "shared"])
def test_rank_glosses(benchmark, shared: bool) -> None:
    """2,000 made-up glosses for one clip: about as many and as long as WLASL2000's, with the beginnings of English."""
    chance = random.Random(0)
    words = {"".join(chance.choices("etaoinshrdlu", range(12, 0, -1), k=chance.randint(3, 9))) for _ in range(4000)}
    glosses = sorted(words)[:: max(1, len(words) // 2000)][:2000]
    assert len(glosses) == 2000
    setting = setting_of(catalog.get_task("fingerspelling-islr"))
    model = build_model(catalog.get_model("uni-sign-mini"), replace(setting, glosses=tuple(glosses)))
    model.network.eval()

    def rank() -> Tensor:
        with torch.inference_mode():
            encoded = model.encode([model.prepare(made_up_clip("clip", 24, 0))])
            if not shared:
                network = model.network.mt5_model
                return ranked_in_chunks(network, encoded.states_bld, encoded.mask_bl, model.candidates)
            return model._log_likelihoods(encoded)

    benchmark.pedantic(rank, rounds=3, warmup_rounds=1)
