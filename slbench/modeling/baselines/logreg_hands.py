"""Logistic regression on pooled hands: a floor that learns, from no more than what hands look like in the mean.

Fitted by scikit-learn (Pedregosa et al., JMLR 2011); no paper of sign recognition is followed. A network that does not
beat it has not learned to read time.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from slbench.data.clip import Array, Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Inputs
from slbench.modeling.baselines.classify import GlossScorer
from slbench.modeling.baselines.hands import NO_HANDS, normalised_hands

SPANS = 3
"""Into which a clip is cut."""
FEATURES = (2 + SPANS) * 2 * 21 * 2
"""Of x and y of the points of both hands: mean, deviation, and the mean of each span."""
UNSEEN = -1e3
"""Score of a gloss that no training clip shows."""


class LogregHandsConfig(BaseModel):
    """Names are those of scikit-learn's `LogisticRegression`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    C: Annotated[float, Field(gt=0)] = 1.0
    """The larger, the less the coefficients are held small."""
    max_iter: Annotated[int, Field(ge=1)] = 1000


class Regression(nn.Module):
    """Standardised features, then a linear layer: x_f -> scores_g."""

    mean_f: Tensor
    deviation_f: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean_f", torch.zeros(FEATURES))
        self.register_buffer("deviation_f", torch.ones(FEATURES))
        self.linear = nn.Linear(FEATURES, classes)

    def forward(self, x_f: Tensor) -> Tensor:
        """scores_g, before the softmax."""
        scores_g: Tensor = self.linear((x_f - self.mean_f) / self.deviation_f)
        return scores_g


class LogregHands(GlossScorer):
    """ISLR."""

    Config = LogregHandsConfig

    def build(self, classes: int) -> nn.Module:
        """One layer."""
        return Regression(classes)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:  # noqa: ARG002 - there is no training by epochs
        """`pooled` (`FEATURES`,)."""
        return {"pooled": pooled(normalised_hands(clip, isolated=True))}

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg; each clip by itself, so that the last bits, too, depend on nothing else."""
        return torch.stack([self.network(torch.from_numpy(one["pooled"]).to(self.device)) for one in batch])

    def fit(self, examples: Sequence[Examples]) -> None:
        """Solve the regression.

        Raises:
            ModelError: the clips show one gloss alone, or no hand.
        """
        super().fit(examples)
        features_kf = np.stack([inputs["pooled"] for one in examples for inputs in one.inputs]).astype(np.float64)
        if not features_kf.any():
            raise ModelError(NO_HANDS)
        scaler = StandardScaler().fit(features_kf)
        solved = LogisticRegression(C=self.config.C, max_iter=self.config.max_iter)
        solved.fit(scaler.transform(features_kf), [target for one in examples for target in one.targets])
        self._take(scaler, solved)

    def _take(self, scaler: StandardScaler, solved: LogisticRegression) -> None:
        """Copy what was found into the network."""
        weights_cf, bias_c = solved.coef_, solved.intercept_
        if len(solved.classes_) == 2:  # scikit-learn scores the second against the first
            weights_cf, bias_c = np.stack([0 * weights_cf[0], weights_cf[0]]), np.stack([0 * bias_c[0], bias_c[0]])
        rows = [self.network.vocabulary.texts.index(gloss) for gloss in solved.classes_]
        with torch.no_grad():
            self.network.mean_f.copy_(torch.from_numpy(scaler.mean_))
            self.network.deviation_f.copy_(torch.from_numpy(scaler.scale_))
            self.network.linear.weight.zero_()[rows] = torch.from_numpy(weights_cf).float()
            self.network.linear.bias.fill_(UNSEEN)[rows] = torch.from_numpy(bias_c).float()


def pooled(hands_thvc: Array) -> Array:
    """(`FEATURES`,) of hands (T, 2, 21, 2); the spans of a clip with fewer frames share some."""
    points_td = hands_thvc.reshape(len(hands_thvc), -1)
    starts = [span * len(points_td) // SPANS for span in range(SPANS + 1)]
    spans = [points_td[start : max(end, start + 1)].mean(0) for start, end in pairwise(starts)]
    return np.concatenate([points_td.mean(0), points_td.std(0), *spans])
