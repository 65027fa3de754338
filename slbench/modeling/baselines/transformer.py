"""Transformer layers as in JoeyNMT (Kreutzer et al., EMNLP 2019): norms before each part, and one after the last layer.

PyTorch's own layers have no cache for decoding, and in inference take other kernels than in training.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KeysValues = tuple[Tensor, Tensor]
"""What is attended to: keys and values, each (B, H, S, d / H)."""


class Attention(nn.Module):
    """Scaled dot-product attention of several heads."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def _split(self, x_btd: Tensor) -> Tensor:
        batch, length, _ = x_btd.shape
        return x_btd.view(batch, length, self.heads, -1).transpose(1, 2)  # (B, H, T, d / H)

    def keys_values(self, x_bsd: Tensor) -> KeysValues:
        """Of what is attended to."""
        return self._split(self.key(x_bsd)), self._split(self.value(x_bsd))

    def forward(self, x_btd: Tensor, seen: KeysValues, mask: Tensor | None) -> Tensor:
        """x_btd -> x_btd; the mask, (B or 1, 1, T or 1, S), is true where there is something to see."""
        keys_bhse, values_bhse = seen
        query_bhte = self._split(self.query(x_btd)) * keys_bhse.shape[-1] ** -0.5
        scores_bhts = query_bhte @ keys_bhse.transpose(2, 3)
        if mask is not None:
            scores_bhts = scores_bhts.masked_fill(~mask, -torch.inf)
        shares_bhts = F.dropout(scores_bhts.softmax(-1), self.dropout, self.training)
        joined_btd = (shares_bhts.to(values_bhse.dtype) @ values_bhse).transpose(1, 2).flatten(2)
        mixed_btd: Tensor = self.out(joined_btd)
        return mixed_btd


def feed_forward(width: int, inner: int, dropout: float) -> nn.Sequential:
    """Two linear layers with a ReLU between them."""
    layers = nn.Linear(width, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, width), nn.Dropout(dropout)
    return nn.Sequential(*layers)


class EncoderLayer(nn.Module):
    """Frames that look at each other."""

    def __init__(self, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = feed_forward(width, inner, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_btd: Tensor, mask: Tensor) -> Tensor:
        """x_btd -> x_btd."""
        normed = self.norms[0](x_btd)
        x_btd = x_btd + self.dropout(self.attention(normed, self.attention.keys_values(normed), mask))
        x: Tensor = x_btd + self.feed_forward(self.norms[1](x_btd))
        return x


class DecoderLayer(nn.Module):
    """Tokens that look at those before them, and at the frames.

    Of N texts, several may be of one clip: the texts of a clip lie one after another.
    """

    def __init__(self, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(3))
        self.own = Attention(width, heads, dropout)
        self.frames = Attention(width, heads, dropout)
        self.feed_forward = feed_forward(width, inner, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x_nld: Tensor, clips: KeysValues, clips_mask: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """x_nld -> x_nld, and the keys and values of all tokens up to these.

        Args:
            clips: of the B clips' frames, by `frames.keys_values`.
            past: of the tokens before these; then there is one token a text. None: there are none before.
        """
        normed = self.norms[0](x_nld)
        known = self.own.keys_values(normed)
        if past is not None:
            known = torch.cat([past[0], known[0]], dim=2), torch.cat([past[1], known[1]], dim=2)
        length = x_nld.shape[1]
        earlier = None if length == 1 else torch.ones(length, length, dtype=torch.bool, device=x_nld.device).tril()
        x_nld = x_nld + self.dropout(self.own(normed, known, earlier))
        asked_bqd = self.norms[1](x_nld).reshape(len(clips_mask), -1, x_nld.shape[2])
        x_nld = x_nld + self.dropout(self.frames(asked_bqd, clips, clips_mask)).view_as(x_nld)
        return x_nld + self.feed_forward(self.norms[2](x_nld)), known


class Encoder(nn.Module):
    """Layers and a last norm."""

    def __init__(self, layers: int, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(width, inner, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x_btd: Tensor, mask_bt: Tensor) -> Tensor:
        """x_btd -> x_btd; frames where the mask is false are seen by none."""
        for layer in self.layers:
            x_btd = layer(x_btd, mask_bt[:, None, None])
        x: Tensor = self.norm(x_btd)
        return x


class Decoder(nn.Module):
    """Layers and a last norm."""

    def __init__(self, layers: int, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(width, inner, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def look(self, states_btd: Tensor) -> list[KeysValues]:
        """What each layer will see of the frames."""
        return [layer.frames.keys_values(states_btd) for layer in self.layers]  # type: ignore[operator, union-attr]

    def forward(
        self, x_nld: Tensor, clips: Sequence[KeysValues], mask_bt: Tensor, past: Sequence[KeysValues | None]
    ) -> tuple[Tensor, list[KeysValues]]:
        """x_nld -> x_nld, and of each layer what the next tokens need of all before them."""
        known = []
        for layer, frames, before in zip(self.layers, clips, past, strict=True):
            x_nld, now = layer(x_nld, frames, mask_bt[:, None, None], before)
            known.append(now)
        return self.norm(x_nld), known
