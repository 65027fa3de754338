"""What the networks for isolated signs share: one score for each gloss."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.data.clip import Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Inputs, Output, Setting
from slbench.modeling.baselines.poses import checked, pose_inputs
from slbench.modeling.baselines.texts import Texts, check_glosses, saved_texts


class GlossScorer:
    """ISLR by a network that scores every gloss. A model says what its network is, and what it is given."""

    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config: Any = checked(self.Config, config)
        self.setting = setting
        self._answer_with(setting.glosses)

    def build(self, classes: int) -> nn.Module:
        """A fresh network for so many glosses."""
        raise NotImplementedError

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg, before the softmax."""
        raise NotImplementedError

    def _answer_with(self, glosses: Sequence[str]) -> None:
        network: Any = self.build(max(1, len(glosses)))  # there may be none before `make_room`
        network.vocabulary = Texts(glosses)
        self.network: Any = network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = next(self.network.parameters()).device
        return device

    def fit(self, examples: Sequence[Examples]) -> None:
        """Nothing is taken from the clips; the glosses are the task's.

        Raises:
            ModelError: they show one gloss alone, or a task has others than the first one.
        """
        shown, glosses = {target for one in examples for target in one.targets}, set(self.setting.glosses)
        if len(shown) < 2:
            raise ModelError(
                f"it tells glosses apart, and the train clips show none but {', '.join(shown)}; "
                "`majority` does such a task"
            )
        foreign = sorted(shown - glosses)
        if foreign:
            raise ModelError(f"the tasks have different glosses, such as {foreign[0]}; train them apart")

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Answer with the glosses of saved weights, in their order."""
        glosses = saved_texts(tensors, "vocabulary")
        check_glosses(glosses, self.setting.glosses)
        self._answer_with(glosses)

    def encode(self, batch: Sequence[Inputs]) -> Tensor:
        """Log-likelihoods of the setting's glosses, in its order."""
        scores_bg = self.scores(batch).float().log_softmax(-1)
        places = {gloss: place for place, gloss in enumerate(self.network.vocabulary.texts)}
        return scores_bg[:, [places[gloss] for gloss in self.setting.glosses]]

    def decode(self, encoded: Tensor) -> list[Output]:
        """For each clip the likeliest gloss, and the log-likelihood of every one."""
        return [Output(self.setting.glosses[int(row.argmax())], tuple(row.tolist())) for row in encoded]


class Classifier(GlossScorer):
    """One that is trained by gradients, and looks at the parts of Uni-Sign; its configuration has their `inputs`."""

    label_smoothing = 0.0

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """The four parts, each (T, V, 3)."""
        return pose_inputs(clip, self.config.inputs, self.setting, draw)

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Mean cross entropy."""
        places = {gloss: place for place, gloss in enumerate(self.network.vocabulary.texts)}
        wanted_b = torch.tensor([places[target] for target in targets], device=self.device)
        return F.cross_entropy(self.scores(batch).float(), wanted_b, label_smoothing=self.label_smoothing)
