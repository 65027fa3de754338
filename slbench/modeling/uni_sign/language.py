"""The language model: mT5 of any size through transformers, with an `lm_head` of its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of the client that it uses
from torch import Tensor, nn
from transformers import AutoTokenizer, ByT5Tokenizer, MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerBase

from slbench.errors import ModelError
from slbench.modeling.uni_sign.config import LanguageModelConfig

IGNORED = -100
"""Label of a padded position."""
LOGITS_AT_ONCE = 1 << 23
"""Logits a clip that ranking the glosses may hold at once; 32 MiB."""
HUB_SECONDS = 20
"""That the hub may take to answer at all."""
TOKENS_AT_ONCE = 128
"""Decoder positions of a clip that ranking the glosses may hold at once."""


def build_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """`byt5`, or whatever `AutoTokenizer.from_pretrained` finds under a folder or hub name.

    Raises:
        ModelError: there is no such folder and the hub does not have or cannot give it.
    """
    if name == "byt5":
        return ByT5Tokenizer()
    try:
        return _here(name) or _fetched(name)
    except (OSError, ValueError, HTTPError) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise ModelError(
            f"tokenizer {name!r} cannot be loaded, from a folder or the hub ({reason}): where there is a network, "
            f"`hf download {name} --include '*.json' --include 'spiece.model' --local-dir FOLDER` fetches it without "
            "any weights; then name that folder under [config.language_model] tokenizer in a copy of the model's card"
        ) from error


def _here(name: str) -> PreTrainedTokenizerBase | None:
    """From a folder, or what was fetched before; None where neither is there."""
    if Path(name).is_dir():
        return AutoTokenizer.from_pretrained(name)
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError):
        return None


def _fetched(name: str) -> PreTrainedTokenizerBase:
    """From the hub; it is asked once first, since without a network the library tries for a minute."""
    HfApi().model_info(name, timeout=HUB_SECONDS)
    return AutoTokenizer.from_pretrained(name)


def build_language_model(config: LanguageModelConfig) -> MT5ForConditionalGeneration:
    """A freshly initialised mT5.

    transformers 5 ties the output layer to the input embedding for every `MT5Config`; mT5-base, and so every
    Uni-Sign checkpoint, has two different tensors. They are parted here, before anything is loaded. The new
    `lm_head` starts with deviation d_model^-0.5, so that logits start near 1.
    """
    sizes = config.model_dump(exclude={"tokenizer"})
    model = MT5ForConditionalGeneration(MT5Config(**sizes))
    model.config.tie_word_embeddings = False
    model.lm_head.weight = nn.Parameter(torch.empty(config.vocab_size, config.d_model))
    nn.init.normal_(model.lm_head.weight, std=config.d_model**-0.5)
    return model


def padded_labels(tokens: list[list[int]], device: torch.device) -> Tensor:
    """(B, L) token ids with `IGNORED` after each target's end."""
    rows = [torch.tensor(row) for row in tokens]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED).to(device)


def sequence_log_likelihoods(
    model: MT5ForConditionalGeneration,
    states_bld: Tensor,
    mask_bl: Tensor,
    candidates: Sequence[Sequence[int]],
    tokens_at_once: int = TOKENS_AT_ONCE,
) -> Tensor:
    """(B, G): log-likelihood of each candidate's tokens (its end token included) for each encoded clip.

    Many candidates are one decoder sequence: every beginning that some of them share is in it once, and sees only
    itself and what it begins with. So the clip's keys and values are computed once for all of them, and "s" of a
    thousand glosses once. This is what each candidate gets by itself, but for the last bits.

    Args:
        states_bld, mask_bl: encoder output and its mask.
        candidates: token ids, each ending with the end token.
        tokens_at_once: decoder positions of a clip in one pass. It must not depend on the batch, since it moves the
            last bits.
    """
    scores_bg = torch.empty(len(states_bld), len(candidates), device=states_bld.device)
    for chosen, places in prefix_trees(candidates, tokens_at_once):
        hidden_bqd = _hidden(model, states_bld, mask_bl, places)
        scores_bg[:, chosen] = _summed(model, hidden_bqd, places, [candidates[index] for index in chosen])
    return scores_bg


Places = dict[tuple[int, ...], int]
"""Beginning of a candidate -> its place in the decoder's sequence; a shorter one lies before those that go on."""


def prefix_trees(candidates: Sequence[Sequence[int]], most: int) -> Iterator[tuple[list[int], Places]]:
    """Candidates, by number, and the places of all their beginnings.

    Args:
        most: places in one tree, unless a candidate alone needs more.
    """
    chosen, places = list[int](), Places()
    for index in sorted(range(len(candidates)), key=lambda index: tuple(candidates[index])):  # neighbours share most
        beginnings = [tuple(candidates[index][:end]) for end in range(len(candidates[index]))]
        if chosen and len(places) + sum(beginning not in places for beginning in beginnings) > most:
            yield chosen, places
            chosen, places = [], Places()
        chosen.append(index)
        for beginning in beginnings:
            places.setdefault(beginning, len(places))
    yield chosen, places


def _hidden(model: MT5ForConditionalGeneration, states_bld: Tensor, mask_bl: Tensor, places: Places) -> Tensor:
    """(B, q, d): the decoder's state after each beginning."""
    device, batch = states_bld.device, len(states_bld)
    start = model.config.decoder_start_token_id
    tokens_q = torch.tensor([beginning[-1] if beginning else start for beginning in places], device=device)
    hidden: Tensor = model.decoder(
        input_ids=tokens_q.expand(batch, -1),
        attention_mask=_tree_mask(model, places, device)[None],
        encoder_hidden_states=states_bld,
        encoder_attention_mask=mask_bl,
        use_cache=False,
    ).last_hidden_state
    return hidden


def _tree_mask(model: MT5ForConditionalGeneration, places: Places, device: torch.device) -> Tensor:
    """(H, q, q): what is added to the attention, so that beginnings are as far apart as they are in their candidate.

    T5 itself adds its relative position bias by place in the sequence; the difference from that by length is given
    with the mask. All layers share the bias of the first.
    """
    count = len(places)
    visible_qq = torch.zeros(count, count, dtype=torch.bool)
    for beginning, place in places.items():
        visible_qq[place, [places[beginning[:end]] for end in range(len(beginning) + 1)]] = True
    lengths_q = torch.tensor([len(beginning) for beginning in places], device=device)
    first: Any = model.decoder.block[0]
    bias_hqq: Tensor = first.layer[0].SelfAttention.compute_bias(count, count, device)[0]
    wanted_hqq = bias_hqq[:, lengths_q[:, None], lengths_q]
    return (wanted_hqq - bias_hqq).masked_fill(~visible_qq.to(device), torch.finfo(bias_hqq.dtype).min)


def _summed(
    model: MT5ForConditionalGeneration, hidden_bqd: Tensor, places: Places, candidates: Sequence[Sequence[int]]
) -> Tensor:
    """(B, G): sums of the log-likelihoods of each candidate's tokens."""
    steps = [
        (owner, places[tuple(ids[:end])], ids[end]) for owner, ids in enumerate(candidates) for end in range(len(ids))
    ]
    owner_s, place_s, token_s = torch.tensor(steps, device=hidden_bqd.device).unbind(1)
    scores = hidden_bqd.new_zeros(len(hidden_bqd), len(candidates), dtype=torch.float32)
    width = max(1, LOGITS_AT_ONCE // model.config.vocab_size)
    for begin in range(0, hidden_bqd.shape[1], width):
        here = (place_s >= begin) & (place_s < begin + width)
        logits_bqv = model.lm_head(hidden_bqd[:, begin : begin + width]).float()
        place_h = place_s[here] - begin
        found_bh = logits_bqv[:, place_h, token_s[here]] - logits_bqv.logsumexp(-1)[:, place_h]
        scores.index_add_(1, owner_s[here], found_bh)
    return scores
