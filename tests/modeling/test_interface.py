"""Every model of the catalog meets the interface; a new card is covered without being named here."""

from functools import cache

import interface
import numpy as np
import pytest
import torch
from interface import CHECKS, Subject, cases_of
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from slbench import catalog
from slbench.cards import ModelCard
from slbench.modeling.base import Output

CASES = {
    f"{name}-{card.inputs}-{family}": (card, family)
    for name in catalog.names(ModelCard)
    for card, family in cases_of(catalog.get_model(name))
}


@cache
def subject_of(case: str) -> Subject:
    return Subject(*CASES[case])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("case", CASES)
def test_interface(case: str, check) -> None:
    check(subject_of(case))


class Sound:
    """All points of a frame, padded, averaged over the frames that are there, a linear layer."""

    class Config(BaseModel):
        pass

    def __init__(self, config, setting) -> None:
        self.glosses = setting.glosses
        self.network = nn.Sequential(nn.Dropout(0.5), nn.Linear(266, len(self.glosses)))

    def prepare(self, clip, draw=0):
        return {"points": clip.keypoints.reshape(clip.frames, -1)}

    def encode(self, batch) -> Tensor:
        points = nn.utils.rnn.pad_sequence([torch.tensor(inputs["points"]) for inputs in batch], batch_first=True)
        return self.network(points.sum(1) / self.lengths(batch)[:, None])

    def lengths(self, batch) -> Tensor:
        return torch.tensor([len(inputs["points"]) for inputs in batch])

    def decode(self, encoded: Tensor) -> list[Output]:
        scores = encoded.log_softmax(-1)
        return [Output(self.glosses[int(row.argmax())], tuple(row.tolist())) for row in scores]

    def loss(self, batch, targets) -> Tensor:
        return F.cross_entropy(self.encode(batch), torch.tensor([self.glosses.index(target) for target in targets]))


class CountsPadding(Sound):
    def lengths(self, batch):
        return super().lengths(batch).max().expand(len(batch))


class LooksAtItsNeighbours(Sound):
    def encode(self, batch):
        encoded = super().encode(batch)
        return encoded - encoded.mean(0)


class TurnsTheOrder(Sound):
    def decode(self, encoded):
        return super().decode(encoded)[::-1]


class SkipsTheLast(Sound):
    def decode(self, encoded):
        return super().decode(encoded)[:-1]


class RanksTooFew(Sound):
    def decode(self, encoded):
        return [Output(output.text, output.log_likelihoods[:-1]) for output in super().decode(encoded)]


class RollsDice(Sound):
    def encode(self, batch):
        return F.dropout(super().encode(batch), 0.5, training=True)


class SeedsItself(Sound):
    def __init__(self, config, setting):
        torch.seed()
        super().__init__(config, setting)


class HidesWeights(Sound):
    """Some are not in the network, so they are neither saved nor trained."""

    def __init__(self, config, setting):
        super().__init__(config, setting)
        self.hidden = torch.randn(len(self.glosses))

    def encode(self, batch):
        return super().encode(batch) + self.hidden


class NeedsTwoFrames(Sound):
    def prepare(self, clip, draw=0):
        points = clip.keypoints.reshape(clip.frames, -1)
        return {"points": points / points.std(axis=0, ddof=1).clip(1e-3)}


class WritesIntoTheClip(Sound):
    def prepare(self, clip, draw=0):
        np.subtract(clip.keypoints, 0.5, out=clip.keypoints)
        return super().prepare(clip)


class ChangesWithEveryLook(Sound):
    def prepare(self, clip, draw=0):
        return {"points": super().prepare(clip)["points"] + np.float32(np.random.rand())}  # noqa: NPY002


class LearnsNothing(Sound):
    def loss(self, batch, targets):
        return 0 * super().loss(batch, targets)


FAULTS = {
    CountsPadding: interface.check_a_long_neighbour,
    LooksAtItsNeighbours: interface.check_any_batch_size,
    TurnsTheOrder: interface.check_any_batch_size,
    SkipsTheLast: interface.check_one_valid_answer_a_clip,
    RanksTooFew: interface.check_one_valid_answer_a_clip,
    RollsDice: interface.check_answering_changes_nothing,
    SeedsItself: interface.check_same_seed_same_model,
    HidesWeights: interface.check_saved_and_loaded,
    NeedsTwoFrames: interface.check_extreme_clips,
    WritesIntoTheClip: interface.check_inputs_depend_on_the_clip_alone,
    ChangesWithEveryLook: interface.check_inputs_depend_on_the_clip_alone,
    LearnsNothing: interface.check_loss_reaches_the_weights,
}
FAILURES = (AssertionError, ValueError)
"""The latter is numpy's, where an array that must not be written is."""


def card_of(model: type[Sound]) -> ModelCard:
    return ModelCard(
        name="m", title="", implementation=f"{__name__}:{model.__name__}", families=("islr",), inputs="pose", paper=""
    )


def test_a_sound_model_passes() -> None:
    subject = Subject(card_of(Sound), "islr")
    for check in CHECKS:
        check(subject)


@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(("model", "check"), FAULTS.items(), ids=[model.__name__ for model in FAULTS])
def test_each_check_finds_its_fault(model: type[Sound], check) -> None:
    with pytest.raises(FAILURES):
        check(Subject(card_of(model), "islr"))
