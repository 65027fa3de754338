"""Beam search over any decoder that is asked token by token; the clips of a batch do not disturb each other.

The length penalty is that of Wu et al. (2016, section 7), which JoeyNMT uses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

TEXTS_AT_ONCE = 8
"""A decoder takes a step for at least so many texts, since products of a few rows alone are summed in another order."""
Decoder = Callable[[Tensor, Tensor], Tensor]
"""Is given the latest token of every beam (B, k), and which beam of the step before each goes on (B, k); gives the
log-likelihoods of the next token (B, k, V). It is first asked with the token that begins a text in all beams."""


@dataclass(frozen=True)
class Beams:
    """How a search goes.

    Attributes:
        width: texts that are kept a clip; 1 is greedy.
        longest: most tokens of a text, its end not counted.
        alpha: of the length penalty; 0: log-likelihoods are compared as they are, larger ones favour longer texts.
        begin, end: tokens around a text.
        never: tokens that no text holds.
    """

    width: int
    longest: int
    alpha: float
    begin: int
    end: int
    never: tuple[int, ...] = ()

    def penalty(self, length: int) -> float:
        """What the log-likelihood of a text of so many tokens, with its end, is divided by."""
        return float(((5 + length) / 6) ** self.alpha)


def filled(clips: int, width: int, device: torch.device) -> Tensor:
    """Numbers of the clips, the last again and again until their beams are at least `TEXTS_AT_ONCE`."""
    return torch.arange(max(clips, -(-TEXTS_AT_ONCE // width)), device=device).clamp(max=clips - 1)


def beam_search(decoder: Decoder, clips: int, beams: Beams, device: torch.device) -> list[list[int]]:
    """For each clip the tokens of the likeliest text that was found, without its begin and end.

    A beam that ends leaves the search, so that a width of 1 is greedy. After `longest` tokens every beam ends. A clip
    is done when no text that could still come is likelier than the one that it has.
    """
    width = beams.width
    texts_bkt = torch.full((clips, width, 1), beams.begin, device=device)
    parents_bk = torch.arange(width, device=device).expand(clips, width)
    scores_bk = torch.full((clips, width), -torch.inf, device=device)
    scores_bk[:, 0] = 0  # all beams are alike at first
    best = _Best(clips, beams, device)
    for length in range(1, beams.longest + 2):
        next_bkv = _allowed(decoder(texts_bkt[..., -1], parents_bk).float(), beams, length)
        scores_bk, flat_bk = (scores_bk[..., None] + next_bkv).flatten(1).topk(width)
        parents_bk, tokens_bk = flat_bk // next_bkv.shape[2], flat_bk % next_bkv.shape[2]
        texts_bkt = torch.cat([_rows(texts_bkt, parents_bk), tokens_bk[..., None]], dim=2)
        ended_bk = tokens_bk == beams.end
        best.take(texts_bkt, scores_bk.masked_fill(~ended_bk, -torch.inf) / beams.penalty(length))
        scores_bk = scores_bk.masked_fill(ended_bk, -torch.inf)
        if best.beat(scores_bk / beams.penalty(beams.longest + 1)):
            break
    return best.texts()


def _rows(x_bkt: Tensor, rows_bk: Tensor) -> Tensor:
    """The beams of each clip, in another order."""
    return x_bkt.gather(1, rows_bk[..., None].expand(-1, -1, x_bkt.shape[2]))


def _allowed(next_bkv: Tensor, beams: Beams, length: int) -> Tensor:
    """Log-likelihoods with what may not come at minus infinity."""
    forbidden_v = torch.zeros(next_bkv.shape[2], dtype=torch.bool, device=next_bkv.device)
    if length > beams.longest:
        forbidden_v[:] = True
        forbidden_v[beams.end] = False
    forbidden_v[list(beams.never)] = True
    return next_bkv.masked_fill(forbidden_v, -torch.inf)


class _Best:
    """The likeliest ended text of each clip so far."""

    def __init__(self, clips: int, beams: Beams, device: torch.device) -> None:
        self.end = beams.end
        self.scores_b = torch.full((clips,), -torch.inf, device=device)
        self.texts_bl = torch.full((clips, beams.longest + 2), beams.end, device=device)

    def take(self, texts_bkt: Tensor, scores_bk: Tensor) -> None:
        """Keep what is likelier; a score of minus infinity stands for a text that has not ended."""
        found_b, beam_b = scores_bk.max(1)
        better_b = found_b > self.scores_b
        self.scores_b = torch.where(better_b, found_b, self.scores_b)
        text_bt = _rows(texts_bkt, beam_b[:, None])[:, 0]
        length = text_bt.shape[1]
        self.texts_bl[:, :length] = torch.where(better_b[:, None], text_bt, self.texts_bl[:, :length])
        self.texts_bl[:, length:].masked_fill_(better_b[:, None], self.end)

    def beat(self, bounds_bk: Tensor) -> bool:
        """Whether none of the beams can become likelier, given the most that each can still reach."""
        return bool((bounds_bk.max(1).values <= self.scores_b).all())

    def texts(self) -> list[list[int]]:
        """Tokens up to the end."""
        rows: list[list[int]] = self.texts_bl[:, 1:].tolist()
        return [row[: row.index(self.end)] for row in rows]
