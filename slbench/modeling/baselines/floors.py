"""Floors that never look at a clip: a score that does not beat them has learned nothing of the signs.

`majority` gives every clip the most frequent answer of the training split, `random-train` that of a training clip drawn
by chance. A metric in which they score well, or a split on which they do, is broken.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from slbench.cards import Family
from slbench.data.clip import Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Inputs, Output, Setting
from slbench.modeling.baselines.poses import checked
from slbench.modeling.baselines.texts import Texts, check_family, check_glosses, glosses_of, saved_texts
from slbench.modeling.uni_sign.poses import chance

UNSEEN = 1e-9
"""Times that a gloss counts as seen which no training clip shows, so that its likelihood has a logarithm."""


class NoConfig(BaseModel):
    """There is nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Floor(nn.Module):
    """The answers of the training split, in its order, and the glosses that they are made of."""

    def __init__(self, family: Family, answers: Sequence[str] = (), vocabulary: Sequence[str] = ()) -> None:
        super().__init__()
        self.family = Texts([family])
        self.answers, self.vocabulary = Texts(answers), Texts(vocabulary)


class Majority:
    """The most frequent answer; of equally frequent ones the first in alphabetical order."""

    Config = NoConfig

    def __init__(self, config: Mapping[str, Any], setting: Setting) -> None:
        self.config = checked(NoConfig, config)
        self.setting = setting
        self.network = Floor(setting.family)

    def fit(self, examples: Sequence[Examples]) -> None:
        """Keep the answers.

        Raises:
            ModelError: they are those of several tasks.
        """
        task = only(examples)
        self.network = Floor(task.family, task.targets, glosses_of(task, self.setting))

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Answer with the saved answers."""
        vocabulary = saved_texts(tensors, "vocabulary")
        check_glosses(vocabulary, ranked_glosses(self.setting))
        check_family(tensors, self.setting.family)
        self.network = Floor(self.setting.family, saved_texts(tensors, "answers"), vocabulary)

    def prepare(self, clip: Clip, draw: int = 0) -> Inputs:  # noqa: ARG002 - there is no training by epochs
        """(1,): the clip's own chance, which depends on its id and the seed."""
        return {"chance": chance(self.setting.seed, clip.id).randint(0, 2**32, 1, np.uint64)}

    def encode(self, batch: Sequence[Inputs]) -> list[int]:
        """The chance of each clip."""
        return [int(inputs["chance"][0]) for inputs in batch]

    def decode(self, encoded: list[int]) -> list[Output]:
        """The same for every clip; ISLR's glosses are ranked by how often they are seen."""
        answer = Output(_most_frequent(Counter(self.network.answers.texts)), self._likelihoods())
        return [answer for _ in encoded]

    def _likelihoods(self) -> tuple[float, ...]:
        """Of each gloss of ISLR, by its share of the training clips."""
        seen = Counter(self.network.answers.texts)
        counts = [seen[gloss] or UNSEEN for gloss in ranked_glosses(self.setting)]
        return tuple(math.log(count / sum(counts)) for count in counts)


class RandomTrain(Majority):
    """The answer of a training clip, drawn anew for each clip.

    The glosses of ISLR are ranked by drawing on, without those that were drawn: the order of log-frequencies with
    Gumbel noise.
    """

    def decode(self, encoded: list[int]) -> list[Output]:
        """Each clip's own draw."""
        likelihoods = self._likelihoods()
        return [self._drawn(np.random.RandomState(number), likelihoods) for number in encoded]

    def _drawn(self, generator: np.random.RandomState, likelihoods: tuple[float, ...]) -> Output:
        answers, glosses = self.network.answers.texts, ranked_glosses(self.setting)
        if not glosses or not answers:
            return Output(answers[generator.randint(len(answers))] if answers else "", likelihoods)
        noisy = np.array(likelihoods) + generator.gumbel(size=len(glosses))
        return Output(glosses[int(noisy.argmax())], tuple((noisy - np.logaddexp.reduce(noisy)).tolist()))


def ranked_glosses(setting: Setting) -> tuple[str, ...]:
    """Those that an answer ranks; in closed decoding of sentences there are some that are not."""
    return setting.glosses if setting.family == "islr" else ()


def only(examples: Sequence[Examples]) -> Examples:
    """The examples of the one task that there is.

    Raises:
        ModelError: there are several.
    """
    if len(examples) != 1:
        raise ModelError(f"it learns the answers of one task, and there are {len(examples)}; train them apart")
    return examples[0]


def _most_frequent(seen: Counter[str]) -> str:
    return min(seen, key=lambda answer: (-seen[answer], answer), default="")
