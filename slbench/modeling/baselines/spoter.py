"""SPOTER: a transformer that reads one pose a frame, and a decoder with a single query for the class.

Boháček and Hrúz, Sign Pose-based Transformer for Word-level Sign Language Recognition, WACV Workshops 2022:
54 points of body and hands, 108 numbers a frame, which are the width of the network; six layers of encoder and decoder,
nine heads, feed-forward layers of 2048; the decoder has no self-attention, since one query has nothing to ask itself.

The signing space is measured as in the released code (`body_normalization.py`), but not cut at the edge of the picture.
Each frame has a place code of its own; the released code adds the same vector to all frames. A layer of the decoder has
no residual around the self-attention that it lacks. Points that are not seen lie in the middle of their box.
Augmentation is that of the recipe.
"""

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from slbench.data.clip import Array, Clip
from slbench.data.skeleton import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER
from slbench.modeling.base import Inputs
from slbench.modeling.baselines.classify import Classifier
from slbench.modeling.baselines.groups import in_groups
from slbench.modeling.baselines.upper_body import LEFT_EYE, NECK, upper_body
from slbench.modeling.uni_sign.config import FrameConfig, Share, Size
from slbench.modeling.uni_sign.poses import read_frames

WIDTH = 108
"""x and y of 54 points: nose, eyes, ears, shoulders, elbows, wrists, neck, and 21 of each hand."""
HEADS = 9
MARGIN = 0.1
"""Of a hand's box, by its longer side."""
SIGNING_SPACE = 6
"""Width and height of a body's box, in head units."""


class SpoterConfig(BaseModel):
    """Sizes; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    layers: Size = 6
    """Of the encoder, and of the decoder."""
    feed_forward: Size = 2048
    dropout: Share = 0.1
    inputs: FrameConfig = FrameConfig()


def body_places(points: Array, seen: np.ndarray) -> Array:
    """Places in the signing space, which reaches from -0.5 to 0.5 and is as wide and high as six head units.

    A head unit is the distance of the shoulders. The space has the neck in its middle and begins half a unit above the
    left eye. A frame in which these are not seen takes the space of the last one before it, or of the first that has
    one.

    Args:
        points: (T, 12, 2), as `upper_body` has them.
        seen: (T, 12).

    Returns:
        (T, 12, 2), zeros where a point is not seen.
    """
    unit = np.linalg.norm(points[:, LEFT_SHOULDER] - points[:, RIGHT_SHOULDER], axis=-1)
    found = np.flatnonzero(seen[:, NECK] & seen[:, LEFT_EYE] & (unit > 0))
    if not len(found):
        return np.zeros_like(points)
    frames = found[np.maximum(np.searchsorted(found, np.arange(len(points)), side="right") - 1, 0)]
    top = points[frames, LEFT_EYE, 1] - unit[frames] / 2
    middle = np.stack([points[frames, NECK, 0], top + SIGNING_SPACE / 2 * unit[frames]], axis=-1)
    places: Array = (points - middle[:, None]) / (SIGNING_SPACE * unit[frames])[:, None, None]
    return np.where(seen[..., None], places, 0).astype(np.float32)


def hand_places(points: Array, seen: np.ndarray) -> Array:
    """Places in the square around the hand in each frame, with a margin, from -0.5 to 0.5.

    Args:
        points: (T, 21, 2).
        seen: (T, 21).

    Returns:
        (T, 21, 2), zeros where a point is not seen.
    """
    low = np.where(seen[..., None], points, np.inf).min(axis=1)
    high = np.where(seen[..., None], points, -np.inf).max(axis=1)
    usable = (high > low).any(axis=-1)  # two points seen in different places
    low, high = (np.where(usable[:, None], corner, 0.5) for corner in (low, high))
    side = np.where(usable, (high - low).max(axis=-1) * (1 + 2 * MARGIN), 1)
    places = (points - (low + high)[:, None] / 2) / side[:, None, None]
    return np.where(seen[..., None] & usable[:, None, None], places, 0).astype(np.float32)


class ClassQueryLayer(nn.Module):
    """A decoder layer without self-attention: the query looks at the frames, then a feed-forward layer."""

    def __init__(self, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, dropout, batch_first=True)
        self.feed = nn.Sequential(
            nn.Linear(WIDTH, feed_forward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feed_forward, WIDTH)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, query_b1d: Tensor, frames_btd: Tensor, padding_bt: Tensor) -> Tensor:
        """query_b1d -> query_b1d."""
        found_b1d, _ = self.attention(
            query_b1d, frames_btd, frames_btd, key_padding_mask=padding_bt, need_weights=False
        )
        query_b1d = self.norms[0](query_b1d + self.dropout(found_b1d))
        next_b1d: Tensor = self.norms[1](query_b1d + self.dropout(self.feed(query_b1d)))
        return next_b1d


class SpoterNetwork(nn.Module):
    """Encoder of frames, decoder of one query, linear layer."""

    def __init__(self, config: SpoterConfig, classes: int) -> None:
        super().__init__()
        sizes = config.feed_forward, config.dropout
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, *sizes, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.decoder = nn.ModuleList(ClassQueryLayer(*sizes) for _ in range(config.layers))
        self.norm = nn.LayerNorm(WIDTH)
        for values in self.parameters():
            if values.dim() > 1:
                nn.init.xavier_uniform_(values)
        self.places = nn.Parameter(torch.rand(config.inputs.isolated_max_length, WIDTH))
        self.query = nn.Parameter(torch.rand(WIDTH))
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, poses_btd: Tensor, padding_bt: Tensor) -> Tensor:
        """(B, T, 108), T as many as there are places, and whether a frame is padding -> scores_bg."""
        frames_btd = self.encoder(poses_btd + self.places, src_key_padding_mask=padding_bt)
        query_b1d = self.query.expand(len(poses_btd), 1, -1)
        for layer in self.decoder:
            query_b1d = layer(query_b1d, frames_btd, padding_bt)
        scores_bg: Tensor = self.head(self.norm(query_b1d[:, 0]))
        return scores_bg


class Spoter(Classifier):
    """ISLR by a transformer with one class query."""

    Config = SpoterConfig

    def build(self, classes: int) -> nn.Module:
        """The network."""
        return SpoterNetwork(self.config, classes)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """(T, 108)."""
        read = read_frames(clip, self.config.inputs, True, self.setting.seed, draw)
        points, scores = upper_body(read.keypoints, read.scores)
        seen = read.scores > (threshold := self.config.inputs.score_threshold)
        body = body_places(points[:, : NECK + 1], scores[:, : NECK + 1] > threshold)
        hands = [hand_places(read.keypoints[:, hand], seen[:, hand]) for hand in (LEFT_HAND, RIGHT_HAND)]
        return {"poses": np.concatenate([body, *hands], axis=1).reshape(read.keypoints.shape[0], WIDTH)}

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg, before the softmax."""
        longest = self.config.inputs.isolated_max_length
        poses = torch.zeros(len(batch), longest, WIDTH)
        padding = torch.ones(len(batch), longest, dtype=torch.bool)
        for row, inputs in enumerate(batch):
            frames = len(inputs["poses"])
            poses[row, :frames] = torch.from_numpy(inputs["poses"])
            padding[row, :frames] = False
        return in_groups(self.network, poses.to(self.device), padding.to(self.device))
