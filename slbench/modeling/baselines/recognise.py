"""What the networks for continuous recognition by CTC share: a vocabulary, the loss, the search."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from slbench.data.clip import Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Inputs, Output, Setting
from slbench.modeling.baselines.ctc import search, steps_needed
from slbench.modeling.baselines.poses import checked, lengths_of, packed, pose_inputs
from slbench.modeling.baselines.temporal import RecogniserConfig, Steps, pooled_length
from slbench.modeling.baselines.texts import Texts, check_glosses, saved_texts
from slbench.modeling.uni_sign.ctc import ctc_loss
from slbench.modeling.uni_sign.poses import PARTS


class Recogniser:
    """CSLR by a network that scores every gloss, and the blank, at each time step. A model says what its network is.

    The glosses are those of the training targets, so nothing else can come out, whichever decoding is asked for.
    """

    Config: ClassVar[type[RecogniserConfig]]

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config: Any = checked(self.Config, config)
        self.setting = setting
        self.learned: tuple[str, ...] = ()
        self._answer_with(setting.glosses)

    def build(self, classes: int) -> nn.Module:
        """A fresh network for so many labels, the blank among them: (parts, lengths) -> `Steps`."""
        raise NotImplementedError

    def _answer_with(self, glosses: Sequence[str]) -> None:
        network: Any = self.build(len(glosses) + 1)
        network.vocabulary = Texts(glosses)
        self.network: Any = network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = next(self.network.parameters()).device
        return device

    def fit(self, examples: Sequence[Examples]) -> None:
        """Answer with the glosses of the targets, sorted.

        Raises:
            ModelError: there are none.
        """
        targets = (target for one in examples for target in one.targets)
        self.learned = tuple(sorted({gloss for target in targets for gloss in target.split()}))
        if not self.learned:
            raise ModelError("no train clip has a gloss, so there is nothing to recognise; look at the corpus's lists")
        self._answer_with(self.learned)

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Answer with the glosses of saved weights, in their order."""
        glosses = saved_texts(tensors, "vocabulary")
        check_glosses(glosses, self.learned or self.setting.glosses)
        self._answer_with(glosses)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """The four parts, each (T, V, 3)."""
        return pose_inputs(clip, self.config.inputs, self.setting, draw)

    def refusal(self, inputs: Inputs, target: str) -> str:
        """Too few time steps for any path that spells the target."""
        frames, needed = lengths_of([inputs])[0], steps_needed(self._labels(target))
        steps = pooled_length(frames, self.config.pools)
        if steps >= needed:
            return ""
        return f"{frames} frames are {steps} steps after pooling, its {len(target.split())} glosses need {needed}"

    def encode(self, batch: Sequence[Inputs]) -> Steps:
        """Scores of every label at each time step."""
        parts = {name: packed(batch, name, self.device) for name in PARTS}
        steps: Steps = self.network(parts, lengths_of(batch))
        return steps

    def decode(self, encoded: Steps) -> list[Output]:
        """The glosses with the largest mass of paths that `num_beams` beams find; 1: those of the likeliest path."""
        glosses = self.network.vocabulary.texts
        found = search(encoded.logits_nv, encoded.lengths, self.setting.num_beams)
        return [Output(" ".join(glosses[label - 1] for label in labels)) for labels in found]

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Mean over clips of the CTC loss a gloss."""
        return self.steps_loss(self.encode(batch), [self._labels(target) for target in targets])

    def steps_loss(self, steps: Steps, labels: Sequence[Sequence[int]]) -> Tensor:
        """The loss of what the network says, given each clip's labels."""
        return ctc_loss(steps.logits_nv, steps.lengths, labels)

    def _labels(self, target: str) -> list[int]:
        labels = {gloss: place + 1 for place, gloss in enumerate(self.network.vocabulary.texts)}
        return [labels[gloss] for gloss in target.split()]
