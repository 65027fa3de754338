"""The language model: mT5 of any size through transformers, with an `lm_head` of its own."""

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, ByT5Tokenizer, MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerBase

from slbench.errors import ModelError
from slbench.modeling.uni_sign.config import LanguageModelConfig

IGNORED = -100
"""Label of a padded position."""
LOGITS_AT_ONCE = 1 << 23
"""Logits a clip that ranking the glosses may hold at once; 32 MiB."""


def build_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """`byt5`, or whatever `AutoTokenizer.from_pretrained` finds under a folder or hub name.

    Raises:
        ModelError: there is no such folder and the hub does not have or cannot give it.
    """
    if name == "byt5":
        return ByT5Tokenizer()
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"tokenizer {name!r} cannot be loaded, from a folder or the hub ({str(error).splitlines()[0]}): "
            f"download it once with `hf download {name}`, or name a folder under [config.language_model] tokenizer"
        ) from error
    return tokenizer


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
    candidates: list[list[int]],
    tokens_at_once: int | None = None,
) -> Tensor:
    """(B, G): log-likelihood of each candidate's tokens (its end token included) for each encoded clip.

    Several candidates lie side by side in one decoder sequence, each seeing only itself, so that the keys
    and values of the clip are computed once for all of them. Relative positions depend on distance alone,
    so this is exactly what each candidate gets by itself.

    Args:
        states_bld, mask_bl: encoder output and its mask.
        candidates: token ids, each ending with the end token.
        tokens_at_once: decoder positions a clip in one pass, which bounds the memory for logits; by default
            fewer for a larger vocabulary. It must not depend on the batch, since it moves the last bits.
    """
    budget = tokens_at_once or min(256, max(32, LOGITS_AT_ONCE // model.config.vocab_size))
    scores, chunk = [], list[list[int]]()
    for candidate in candidates:
        if chunk and sum(map(len, chunk)) + len(candidate) > budget:
            scores.append(_chunk_log_likelihoods(model, states_bld, mask_bl, chunk))
            chunk = []
        chunk.append(candidate)
    return torch.cat([*scores, _chunk_log_likelihoods(model, states_bld, mask_bl, chunk)], dim=1)


def _chunk_log_likelihoods(
    model: MT5ForConditionalGeneration, states_bld: Tensor, mask_bl: Tensor, candidates: list[list[int]]
) -> Tensor:
    device, batch = states_bld.device, len(states_bld)
    start = model.config.decoder_start_token_id
    inputs_q = torch.tensor([token for ids in candidates for token in (start, *ids[:-1])], device=device)
    labels_q = torch.tensor([token for ids in candidates for token in ids], device=device)
    owner_q = torch.repeat_interleave(
        torch.arange(len(candidates), device=device), torch.tensor([len(ids) for ids in candidates], device=device)
    )
    visible_qq = (owner_q[:, None] == owner_q).tril()
    bias_qq = torch.zeros_like(visible_qq, dtype=states_bld.dtype).masked_fill_(
        ~visible_qq, torch.finfo(states_bld.dtype).min
    )
    hidden = model.decoder(
        input_ids=inputs_q.expand(batch, -1),
        attention_mask=bias_qq.expand(batch, 1, -1, -1),
        encoder_hidden_states=states_bld,
        encoder_attention_mask=mask_bl,
        use_cache=False,
    ).last_hidden_state
    logits_bqv = model.lm_head(hidden).float()
    chosen_bq = logits_bqv.gather(-1, labels_q.expand(batch, -1)[..., None])[..., 0] - logits_bqv.logsumexp(-1)
    scores = chosen_bq.new_zeros(batch, len(candidates))
    summed: Tensor = scores.index_add(1, owner_q, chosen_bq)
    return summed
