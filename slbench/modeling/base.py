"""The interface every model meets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel
from torch import Tensor, nn

from slbench.cards import Family, Modality
from slbench.data.clip import Clip

Decoding = Literal["open", "closed"]
"""Whether any text may come out, as in the paper, or only what the glosses of the task can make."""
Inputs = Mapping[str, np.ndarray]
"""One clip as a model wants it; arrays of any shape."""


@dataclass(frozen=True)
class Setting:
    """What a model is used for.

    Attributes:
        family: of the task.
        language: written language of the answer, in English.
        glosses: ISLR's closed vocabulary, to be ranked for every clip; for closed decoding also that of CSLR; otherwise
            empty.
        num_beams: width of the beam search; 1 is greedy.
        seed: of every choice that depends on chance, together with the clip's id.
        inputs: what it looks at; with pictures, clips have a `video`.
        decoding: what may come out.
    """

    family: Family
    language: str
    glosses: tuple[str, ...] = ()
    num_beams: int = 4
    seed: int = 0
    inputs: Modality = "pose"
    decoding: Decoding = "open"


@dataclass(frozen=True)
class Output:
    """A model's answer for one clip.

    Attributes:
        text: glosses or sentence; may be empty.
        log_likelihoods: one for each gloss of the setting, in its order.
        measures: what the model says of its own work on the clip, such as how far a gate was open; a record has means.
    """

    text: str
    log_likelihoods: tuple[float, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


class Model(Protocol):
    """A model in three steps, each answering in the order it was asked; batching is the engine's."""

    Config: ClassVar[type[BaseModel]]
    """Checks the card's [config]."""
    network: nn.Module
    """What is moved between devices, saved and loaded."""

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        """Build from the card's [config]; raises pydantic's ValidationError where that is wrong."""

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:
        """One clip, on the CPU, from nothing but the clip, the seed and the draw; runs in loader workers.

        Args:
            draw: 0 for an answer. In training the epoch, so that what is left to chance differs from one to the next;
                it is the same for a clip that an epoch repeats (`recipe.repeats`).

        Raises:
            ClipError: the clip cannot be used, such as for a video that is shorter than its poses.
        """

    def encode(self, batch: Sequence[Inputs]) -> Any:
        """Read the clips; what comes back is handed to `decode`."""

    def decode(self, encoded: Any) -> list[Output]:
        """One answer a clip."""


class Trainable(Model, Protocol):
    """A model that `slbench train` can train by gradients."""

    def loss(self, batch: Sequence[Inputs], targets: Sequence[str]) -> Tensor:
        """Scalar training loss of a batch."""


@dataclass(frozen=True)
class Examples:
    """The train clips of one task, in order.

    Attributes:
        family: of the task.
        targets: what the answers should be.
        inputs: what `prepare` gives for each clip; made anew each time it is gone through, nothing changed at random.
    """

    family: Family
    targets: Sequence[str]
    inputs: Iterable[Inputs]


@runtime_checkable
class Fitted(Protocol):
    """A model that takes from the train split, at once, a vocabulary or all that it knows.

    One without a `loss` is trained by this alone. What it takes belongs into `network`, so that it is saved; its sizes
    need not be known before.
    """

    def fit(self, examples: Sequence[Examples]) -> None:
        """Take it, before the first step; `network` may be another one afterwards.

        Args:
            examples: of each task of the training; the setting is that of the first.

        Raises:
            ModelError: nothing can be learned from them, such as from clips without hands.
        """

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Give `network` the sizes of saved weights, which are then loaded.

        Raises:
            ModelError: they answer with other glosses than those of the setting, if it has any.
        """


@runtime_checkable
class Choosy(Protocol):
    """A model that cannot learn from every clip."""

    def refusal(self, inputs: Inputs, target: str) -> str:
        """Why `loss` cannot be asked of this clip, such as for fewer frames than glosses; empty if it can."""


@runtime_checkable
class Seeing(Protocol):
    """A model that looks at pictures where its setting says so, through a gate that can be shut."""

    rgb_names: tuple[str, ...]
    """How the names begin of the weights that pictures add; of the class, since checkpoints are told apart by it."""

    def self_check(self) -> Mapping[str, float]:
        """What the network says of itself without data: `gate`, how far it is open in the mean, from 0 to 1.

        Empty where the setting has no pictures. At exactly 0 pictures change no answer.
        """

    def begin_gate(self) -> None:
        """Give the gate the weights of a fresh network, by chance: no gradient leads away from one that is shut."""


@runtime_checkable
class Pretrainable(Trainable, Protocol):
    """A model with parts that others have trained, which a training may begin with (`slbench train --pretrained`)."""

    def load_pretrained(self, part: str, source: str) -> None:
        """Give a part its weights.

        Args:
            part: of the network: all its weights have names that begin with it and a dot.
            source: a file, an address or a name, as the model knows them.

        Raises:
            ModelError: there is no such part, or its weights cannot be had or do not fit.
        """
