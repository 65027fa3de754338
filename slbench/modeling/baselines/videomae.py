"""VideoMAE as a classifier of isolated signs: a plain vision transformer over tubelets of the whole video.

Tong, Song, Wang and Wang, "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training", NeurIPS 2022. The network is transformers' `VideoMAEForVideoClassification`, the default sizes are those
of `MCG-NJU/videomae-base`; frames are spread over the clip as the paper does it for Something-Something V2. It reads
pictures; the poses only say where the signer is.

Otherwise than in the paper: the picture is a square around the signer; an answer comes from one view of a clip, where
the paper averages several; there is no repeated augmentation, RandAugment, mixup, cutmix, random erasing, drop path or
learning rate by layer; and no flip, which would make another sign of some.

Suffixes: b clips, f frames, 3 colours, h and w pixels, g glosses.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from transformers import VideoMAEConfig as HubConfig
from transformers import VideoMAEForVideoClassification, VideoMAEModel

from slbench.data.clip import Clip
from slbench.data.pictures import Region
from slbench.data.signer import Numbers, signer_box, signer_square, square_regions
from slbench.errors import ClipError, ModelError
from slbench.modeling.base import Inputs
from slbench.modeling.baselines.classify import Classifier
from slbench.modeling.pretrained import load_into, of_transformers
from slbench.modeling.uni_sign.fusion import normalised
from slbench.modeling.uni_sign.poses import chance
from slbench.modeling.uni_sign.sampling import resized

PART = "videomae"
"""What can begin with weights of others: all but the last norm and the classifier."""
Size = Annotated[int, Field(ge=1)]


class VideoMAESizes(BaseModel):
    """Names of transformers' `VideoMAEConfig`; weights from the hub must have the same ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    image_size: Size = 224
    patch_size: Size = 16
    num_frames: Size = 16
    tubelet_size: Size = 2
    hidden_size: Size = 768
    num_hidden_layers: Size = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072


class VideoMAEConfig(VideoMAESizes):
    """The sizes, and what of a clip is looked at; the defaults are the paper's, where it has them."""

    score_threshold: float = 0.3
    """Points scoring this or less are not seen."""
    margin: Annotated[float, Field(gt=0, le=4)] = 1.2
    """Side of the square that is looked at by the longer side of the box that the signer's points fill."""
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """In training, largest relative change of the square's side, and largest shift of it in sides."""

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        pairs = {
            "image_size": "patch_size",
            "num_frames": "tubelet_size",
            "hidden_size": "num_attention_heads",
        }
        for whole, part in pairs.items():
            if getattr(self, whole) % getattr(self, part):
                raise ValueError(f"{whole}: {getattr(self, whole)} is no multiple of {part} = {getattr(self, part)}")
        return self


class VideoMAE(Classifier):
    """Sees one square of a clip in evenly spread frames."""

    Config = VideoMAEConfig
    label_smoothing = 0.1
    """As the paper fine-tunes."""

    def build(self, classes: int) -> nn.Module:
        """The encoder, the mean over its tubelets, a norm and a linear layer."""
        values: dict[str, Any] = {**self._sizes(), "num_labels": classes}
        return VideoMAEForVideoClassification(HubConfig(**values))

    def _sizes(self) -> dict[str, int]:
        return {key: getattr(self.config, key) for key in VideoMAESizes.model_fields}

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """`frames_f3hw`, bytes; raises ClipError where there are no pictures of the clip, or they cannot be read."""
        if clip.video is None:
            raise ClipError(
                f"clip {clip.id}: there are no pictures of it, and videomae looks at nothing else; name the folder of "
                "the corpus's videos with --videos"
            )
        pictures = clip.video.regions(self.regions(clip, clip.video.size(), draw))
        return {"frames_f3hw": np.stack([resized(picture, self.config.image_size) for picture in pictures])}

    def regions(self, clip: Clip, size: tuple[int, int], draw: int = 0) -> list[Region]:
        """What is looked at: the same square of each frame, moved a little in training.

        Args:
            size: width and height of the pictures.
            draw: see `Model.prepare`.
        """
        config = self.config
        box = signer_box(clip.keypoints, clip.scores, config.score_threshold)
        centre, side = signer_square(box, size, config.margin)
        generator = chance(self.setting.seed, clip.id, draw) if draw else None
        numbers = spread_frames(clip.frames, config.num_frames, generator)
        if generator is not None:
            shift, growth = np.split(generator.uniform(-config.jitter, config.jitter, 3), [2])
            centre, side = centre + shift * side, side * float(1 + growth[0])
        return square_regions(numbers, centre, side)

    def scores(self, batch: Sequence[Inputs]) -> Tensor:
        """scores_bg, before the softmax.

        Outside training clips go through one at a time: kernels are chosen by the size of a batch, and sum in different
        orders.
        """
        frames_bf3hw = torch.from_numpy(np.stack([inputs["frames_f3hw"] for inputs in batch])).to(self.device)
        groups = [frames_bf3hw] if self.network.training else frames_bf3hw[:, None]
        return torch.cat([self.network(normalised(frames)).logits for frames in groups])

    def load_pretrained(self, part: str, source: str) -> None:
        """Give the encoder the weights of a folder or a repository of the Hugging Face hub.

        Raises:
            ModelError: it is another part, or the weights cannot be had or do not fit.
        """
        if part != PART:
            raise ModelError(f"--pretrained {part}: videomae takes the part {PART} alone: --pretrained {PART}=SOURCE")
        found = of_transformers(VideoMAEModel, PART, source, use_mean_pooling=True)
        sizes = {key: (getattr(found.config, key), own) for key, own in self._sizes().items()}
        others = [f"{key} {there} there, {own} here" for key, (there, own) in sizes.items() if there != own]
        if others:
            raise ModelError(
                f"{PART} from {source}: has other sizes: {'; '.join(others)}; set its sizes under [config]"
            )
        load_into(self.network.videomae, found.state_dict(), f"{PART} from {source}")


def spread_frames(frames: int, wanted: int, generator: np.random.RandomState | None) -> Numbers:
    """(wanted,): sorted numbers of frames, one from each of so many equal parts of a clip; short clips repeat some.

    Args:
        frames: of the clip.
        generator: draws the place within each part; None: it is the middle.
    """
    places = np.full(wanted, 0.5) if generator is None else generator.uniform(0, 1, wanted)
    return ((np.arange(wanted) + places) * frames / wanted).astype(np.intp)
