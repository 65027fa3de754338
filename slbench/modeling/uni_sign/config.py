"""The sizes and choices of a Uni-Sign model; the defaults are the paper's."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

PartName = Literal["body", "left", "right", "face_all"]
PartScale = Literal["body", "own"]
Size = Annotated[int, Field(ge=1)]
Widths = Annotated[tuple[Size, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"{kernel} is even; a kernel has a middle frame")
    return kernel


Kernel = Annotated[Size, AfterValidator(_odd)]


def _template(prompt: str) -> str:
    try:
        prompt.format(language="English", family="slt")
    except (KeyError, IndexError, AttributeError, ValueError) as error:
        raise ValueError("only {language} and {family} may stand in braces") from error
    return prompt


class LanguageModelConfig(BaseModel):
    """The text model, an mT5 of any size. Names are those of transformers' `MT5Config`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    tokenizer: str = "google/mt5-base"
    """`byt5` (bytes, needs no file), a folder, or a name on the Hugging Face hub."""
    vocab_size: Size = 250112
    d_model: Size = 768
    d_kv: Size = 64
    d_ff: Size = 2048
    num_layers: Size = 12
    num_decoder_layers: Size = 12
    num_heads: Size = 12
    dropout_rate: Share = 0.1


class FrameConfig(BaseModel):
    """Which frames and points of a clip are read. The released code trims and mirrors nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    max_length: Size = 256
    """Longest clip in frames; longer ones are sub-sampled."""
    isolated_max_length: Size = 64
    """The same for isolated signs (ISLR)."""
    frame_step: Size = 1
    """Every frame, every second, ... is read; of isolated signs every one."""
    redraw: bool = False
    """Whether the frames of longer clips are drawn anew in each epoch of training, as the released code does."""
    score_threshold: float = 0.3
    """Points scoring this or less are not seen."""
    trim_rest: bool = False
    """ISLR: drop the resting frames before and after the sign."""
    dominant_hand: Literal["as-signed", "right"] = "as-signed"
    """`right` mirrors the clips whose left hand signs."""


class InputConfig(FrameConfig):
    """How a clip becomes the network's input."""

    part_scale: PartScale = "body"
    """What hands and face are measured in: the body's box, as released, or their own reach in the clip."""


def _halved_five_times(side: int) -> int:
    if side % 32 or side < 64:
        raise ValueError(f"{side} is not a multiple of 32 from 64 up; the backbone halves crops five times")
    return side


class RGBConfig(BaseModel):
    """The branch that looks at crops of the hands; it is there where the model is asked for rgb+pose."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Of the frames that show a hand, how many have it looked at; likelier those with a finger tip in doubt."""
    crop_size: Annotated[Size, AfterValidator(_halved_five_times)] = 112
    """Side in pixels to which crops are brought."""
    width: Annotated[float, Field(gt=0)] = 1.0
    """Channels of the backbone, by those of EfficientNet-B0."""
    depth: Annotated[float, Field(gt=0)] = 1.0
    """The same of its blocks."""
    stochastic_depth: Share = 0.2
    """Chance in training that the backbone's last block is skipped; it rises to this from 0 at the first."""
    heads: Size = 8
    """Of the cross attention; they divide `spatial_dims[-1]`."""
    groups: Size = 8
    """Of the deformable attention, each with places of its own; they divide `spatial_dims[-1]`."""
    gate_bias: Annotated[float, Field(gt=0)] = 0.1
    """What the gate starts with. The released code starts with 0, from where no gradient leads away."""


class PoseConfig(BaseModel):
    """Sizes of a `PoseEncoder`; the defaults are Uni-Sign's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    parts: Annotated[tuple[PartName, ...], Field(min_length=1)] = ("body", "left", "right", "face_all")
    """Parts that are looked at; the features of the others are zero. (Merely hiding a part's points would give its
    batch norms constants to divide by, and the hands share theirs.)"""
    graph: bool = True
    """Whether joints see others. Without, each is only given its own features: the adjacency is the identity and not
    learned. (The weights of the neighbours' hop are there, and used by nothing.)"""
    body_features: bool = True
    """Whether hands and face are given the body's feature at their joint."""
    point_dim: Size = 64
    """Width of a point after the first linear layer."""
    spatial_dims: Widths = (64, 128, 256)
    """Widths of the blocks that look at one frame."""
    temporal_dims: Widths = (256, 256, 256)
    """Widths of the blocks that look along time."""
    temporal_kernel: Kernel = 5
    """Frames a temporal block sees; odd."""
    adjacency_noise: Annotated[float, Field(ge=0)] = 0.0
    """Deviation of what is added to the adjacency at the start. The graph of a hand is alike for all fingers; noise
    lets joints differ from the first step."""
    linear_std: Annotated[float, Field(gt=0)] = 0.02
    """Deviation at the start of the linear layers before and after the part encoders."""
    pose_dropout: Share = 0.0
    """Share of the joined part features that is dropped in training."""


class UniSignConfig(PoseConfig):
    """Everything that decides the shape of the network."""

    prompt: Annotated[str, AfterValidator(_template)] = "Translate sign language video to {language}: "
    """Read before the frames; `{language}` and `{family}` are the task's."""
    label_smoothing: Share = 0.2
    max_target_tokens: Size = 50
    """Longer targets are cut in training."""
    max_new_tokens: Size = 100
    """Longest generated text."""
    ctc_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of a CTC loss on the pose features, which spells the glosses (ISLR, CSLR); 0: there is no such layer."""
    ctc_compression: bool = False
    """The language model reads a vector for each token that the CTC layer finds, instead of one for each frame."""
    ctc_only: bool = False
    """ISLR, CSLR: train the pose encoder alone. A language model that has learned to guess while CTC finds nothing yet
    does not unlearn it; so it begins when there is something to read. Until then CSLR is answered with what the CTC
    layer spells (right for glosses of one token each, such as letters); ISLR's answers mean nothing: go on from `last`.
    """
    ctc_recombined: Annotated[int, Field(ge=0)] = 0
    """CSLR: made-up sentences that the language model learns from for each training clip, of the vectors found in the
    batch in random order. Only for glosses of one token each, such as letters."""
    inputs: InputConfig = InputConfig()
    rgb: RGBConfig = RGBConfig()
    language_model: LanguageModelConfig = LanguageModelConfig()

    @model_validator(mode="after")
    def _compression_needs_a_layer(self) -> Self:
        if self.ctc_compression and not self.ctc_weight:
            raise ValueError("ctc_compression: needs the layer that a ctc_weight above 0 trains")
        if self.ctc_only and not self.ctc_weight:
            raise ValueError("ctc_only: needs a ctc_weight above 0")
        if self.ctc_recombined and not self.ctc_compression:
            raise ValueError("ctc_recombined: needs ctc_compression, which finds what is recombined")
        return self

    @model_validator(mode="after")
    def _pictures_fit(self, info: ValidationInfo) -> Self:
        """Only where the validation's context says that the model looks at pictures."""
        if (info.context or {}).get("inputs") != "rgb+pose":
            return self
        if self.inputs.dominant_hand == "right":
            raise ValueError(
                'inputs.dominant_hand = "right" mirrors keypoints, not pictures; for rgb+pose leave it out'
            )
        if not {"left", "right"} & set(self.parts):
            raise ValueError("parts: has no hand whose pictures could be looked at; add left or right, or ask for pose")
        width = self.spatial_dims[-1]
        if width % 2 or width % self.rgb.heads or width % self.rgb.groups:
            raise ValueError(
                f"spatial_dims: ends with {width}; for rgb+pose that must be even and a multiple of "
                f"rgb.heads = {self.rgb.heads} and rgb.groups = {self.rgb.groups}"
            )
        return self
