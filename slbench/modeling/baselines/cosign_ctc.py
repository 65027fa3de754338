"""CoSign: a graph encoder for each group of points, temporal convolutions, a BiLSTM and CTC.

Jiao, Min, Li, Wang, Lei and Chen, "CoSign: Exploring Co-occurrence Signals in Skeleton-based Continuous Sign Language
Recognition", ICCV 2023: the network with one stream (CoSign-1s). Each group of points has a spatial-temporal GCN of its
own, both hands share theirs; features are averaged over joints and joined by a linear layer of 1024. What follows is
`Temporal`, as in VAC (Min et al., ICCV 2021, arXiv 2104.02330), from where two further losses come: CTC on the features
of the convolutions, and their distance to what the BiLSTM says. Sizes of the groups' blocks (64, 64, 128, 256 channels,
5 frames) are those of code released for a later network of the same kind; weights and
temperature of the losses are those of github.com/VIPL-SLP/VAC_CSLR (`configs/baseline.yaml`, `modules/criterions.py`).

Otherwise than there: the group encoder is Uni-Sign's (`PoseEncoder`), which counts the mouth to the face, tells the
other groups of the body, and has one block more, that sees one frame; there is no complementary regularisation (two
views with other groups hidden, and the distance between what is said of them) and no second stream for motion; the
linear layers are not normalised.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from slbench.modeling.baselines.recognise import Recogniser
from slbench.modeling.baselines.temporal import RecogniserConfig, Steps, Temporal
from slbench.modeling.uni_sign.config import PoseConfig, Size
from slbench.modeling.uni_sign.ctc import BLANK, ctc_loss
from slbench.modeling.uni_sign.encoder import PoseEncoder

TEMPERATURE = 8.0
"""Of both distributions whose distance is a loss."""


class CoSignConfig(PoseConfig, RecogniserConfig):
    """Sizes and weights of the losses; the defaults are the papers'."""

    spatial_dims: Annotated[tuple[Size, ...], Field(min_length=1)] = (64,)
    temporal_dims: Annotated[tuple[Size, ...], Field(min_length=1)] = (64, 128, 256)
    linear_std: Annotated[float, Field(gt=0)] = 0.3
    """Deviation at the start of the layers around the encoder: 0.02, as in Uni-Sign, is made for its language model."""
    visual_weight: Annotated[float, Field(ge=0)] = 1.0
    """Of CTC on the convolutions' features."""
    distillation_weight: Annotated[float, Field(ge=0)] = 10.0
    """Of their distance to the BiLSTM's."""


class CoSignNetwork(nn.Module):
    """`PoseEncoder`, a linear layer, `Temporal`."""

    def __init__(self, config: CoSignConfig, classes: int) -> None:
        super().__init__()
        self.encoder = PoseEncoder(config, config.hidden_size)
        self.temporal = Temporal(config.hidden_size, classes, config, visual=True)

    def forward(self, parts: Mapping[str, Tensor], lengths: Sequence[int]) -> Steps:
        """Parts, each (n, V, 3) packed."""
        x_nh = F.relu(self.encoder(parts, self.encoder.packing(lengths)))
        steps: Steps = self.temporal(x_nh, lengths)
        return steps


class CoSignCTC(Recogniser):
    """CoSign-1s: see the module."""

    Config = CoSignConfig

    def build(self, classes: int) -> nn.Module:
        """A fresh network."""
        return CoSignNetwork(self.config, classes)

    def steps_loss(self, steps: Steps, labels: Sequence[Sequence[int]]) -> Tensor:
        """CTC of both layers, and the distance of the first one from the second."""
        assert steps.visual_nv is not None
        visual = ctc_loss(steps.visual_nv, steps.lengths, labels)
        distance = distillation(steps.visual_nv, steps.logits_nv.detach())
        more: Tensor = self.config.visual_weight * visual + self.config.distillation_weight * distance
        return super().steps_loss(steps, labels) + more


def distillation(logits_nv: Tensor, teacher_nv: Tensor) -> Tensor:
    """Mean over time steps of the Kullback-Leibler divergence between what two layers say of the glosses.

    The blank is left out of both, as in VAC's code; 0 where there is one gloss alone.
    """
    said_ng, taught_ng = (logits[:, BLANK + 1 :].float() / TEMPERATURE for logits in (logits_nv, teacher_nv))
    divergence = F.kl_div(said_ng.log_softmax(-1), taught_ng.log_softmax(-1), reduction="batchmean", log_target=True)
    scaled: Tensor = divergence * TEMPERATURE**2
    return scaled
