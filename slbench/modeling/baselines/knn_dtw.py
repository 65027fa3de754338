"""The answer of the nearest training clip: a floor that looks at the hands and learns nothing.

Nearest by dynamic time warping (`dtw`) of both hands, each around its own wrist and in its own size (`hands`). A model
that does not beat it makes no use of anything but the shape of the hands, or not of their change in time.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from slbench.cards import Family
from slbench.data.clip import Array, Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Inputs, Output, Setting
from slbench.modeling.baselines.dtw import Sequences, warped_distances
from slbench.modeling.baselines.floors import only, ranked_glosses
from slbench.modeling.baselines.hands import NO_HANDS, normalised_hands
from slbench.modeling.baselines.poses import checked
from slbench.modeling.baselines.texts import Texts, check_family, check_glosses, glosses_of, saved_texts

UNSEEN = 1e3
"""Distance of a gloss that no training clip shows; hands are at most some ten of their sizes apart."""
AT_ONCE = 1024
"""Training clips that are compared at a time, to bound the memory."""


class KnnDtwConfig(BaseModel):
    """How clips are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    max_length: Annotated[int, Field(ge=1)] = 64
    """Frames that are kept of a longer clip, evenly spaced."""
    band: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How far two frames that meet may be apart in their clips, as a share of the clips' lengths."""


class Neighbours(nn.Module):
    """The training clips, in their order: hands as `Sequences` has them, answers, and the glosses these are made of."""

    frames_tkd: Tensor
    lengths_k: Tensor

    def __init__(self, family: Family, others: Sequences, answers: Sequence[str], vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.family = Texts([family])
        self.register_buffer("frames_tkd", others.frames_tkd)
        self.register_buffer("lengths_k", others.lengths_k)
        self.answers, self.vocabulary = Texts(answers), Texts(vocabulary)

    def parts(self) -> Iterator[Sequences]:
        """So many at a time as memory allows."""
        for start in range(0, len(self.lengths_k), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            yield Sequences(self.frames_tkd[:, part], self.lengths_k[part])


class KnnDtw:
    """Any task, by the nearest training clip; of equally near ones the first."""

    Config = KnnDtwConfig

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config = checked(KnnDtwConfig, config)
        self.setting = setting
        nobody = Sequences(torch.zeros(1, 1, 84), torch.ones(1, dtype=torch.int64))
        self.network = Neighbours(setting.family, nobody, [""], [])

    def fit(self, examples: Sequence[Examples]) -> None:
        """Keep the clips.

        Raises:
            ModelError: they are those of several tasks, or none of them shows a hand.
        """
        task = only(examples)
        hands = [torch.from_numpy(inputs["hands"]) for inputs in task.inputs]
        if not any(one.any() for one in hands):
            raise ModelError(NO_HANDS)
        lengths_k = torch.tensor([len(one) for one in hands])
        others = Sequences(nn.utils.rnn.pad_sequence(hands), lengths_k)
        self.network = Neighbours(task.family, others, task.targets, glosses_of(task, self.setting))

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Have room for as many clips as were saved."""
        vocabulary = saved_texts(tensors, "vocabulary")
        check_glosses(vocabulary, ranked_glosses(self.setting))
        lacking = [name for name in ("frames_tkd", "lengths_k") if name not in tensors]
        if lacking:
            raise ModelError(f"has no {' and no '.join(lacking)}; name weights that knn-dtw was trained to")
        others = Sequences(torch.zeros(tensors["frames_tkd"].shape), torch.ones(tensors["lengths_k"].shape).long())
        check_family(tensors, self.setting.family)
        self.network = Neighbours(self.setting.family, others, saved_texts(tensors, "answers"), vocabulary)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:  # noqa: ARG002 - there is no training by epochs
        """`hands` (T, 84), T at most the configuration's `max_length`."""
        hands = normalised_hands(clip, self.setting.family == "islr")
        return {"hands": spaced(hands.reshape(len(hands), -1), self.config.max_length)}

    def encode(self, batch: Sequence[Inputs]) -> list[Tensor]:
        """For each clip its distance (K,) to every training clip; a clip by itself, so that others cannot matter."""
        return [self._distances(torch.from_numpy(inputs["hands"])) for inputs in batch]

    def _distances(self, query_nd: Tensor) -> Tensor:
        query_nd = query_nd.to(self.network.frames_tkd.device)
        parts = [warped_distances(query_nd, part, self.config.band) for part in self.network.parts()]
        return torch.cat(parts).cpu()

    def decode(self, encoded: list[Tensor]) -> list[Output]:
        """The nearest clip's answer; each gloss of ISLR by its nearest clip."""
        answers = self.network.answers.texts
        return [Output(answers[int(distances_k.argmin())], self._likelihoods(distances_k)) for distances_k in encoded]

    def _likelihoods(self, distances_k: Tensor) -> tuple[float, ...]:
        """The softmax of negative distances."""
        glosses = ranked_glosses(self.setting)
        nearest = dict.fromkeys(glosses, UNSEEN)
        for answer, distance in zip(self.network.answers.texts, distances_k.tolist(), strict=True):
            nearest[answer] = min(distance, nearest.get(answer, UNSEEN))
        distances_g = torch.tensor([nearest[gloss] for gloss in glosses])
        return tuple((-distances_g).log_softmax(0).tolist())


def spaced(frames: Array, longest: int) -> Array:
    """At most so many of the frames, evenly spaced, the first and the last among them."""
    if len(frames) <= longest:
        return frames
    numbers = np.linspace(0, len(frames) - 1, longest).round().astype(int)
    return np.asarray(frames[numbers], np.float32)
