"""What every model must do, as checks that take nothing but its card; see `slbench.modeling.base`.

`python -m interface CARD ...` checks models by name or file, as the tests of plug-ins and of the pages in `docs` do.
"""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from fakes import GLOSSES, TINY, TINY_BASELINES, TINY_VIDEO, made_up_clip

from slbench import catalog
from slbench.cards import Family, ModelCard, TaskCard
from slbench.catalog import resolve
from slbench.data.clip import Clip
from slbench.data.mock import NO_HANDS, SINGLE_FRAME, MockSplit
from slbench.data.rendered import RenderedHands
from slbench.engine.determinism import PRECISIONS, make_deterministic
from slbench.engine.models import (
    Checkpoint,
    autocast,
    build_model,
    load_weights,
    looking_at,
    save_weights,
    setting_of,
)
from slbench.engine.predict import DECIMALS
from slbench.modeling.base import Examples, Fitted, Model, Output

TOLERANCE = 0.1 * 10**-DECIMALS
"""A tenth of the last digit that a prediction file keeps of a log-likelihood."""
MEASURED = 1e-5
"""The same for measures, of which a file has four digits."""


def small(card: ModelCard) -> ModelCard:
    """The card with the sizes of `fakes` wherever its class knows them; its other choices, dropout too, are kept."""
    known = resolve(card.implementation, card).Config.model_fields
    sizes = {key: value for key, value in (TINY | TINY_BASELINES | TINY_VIDEO).items() if key in known}
    if "language_model" in sizes:
        tiny = {key: value for key, value in TINY["language_model"].items() if key != "dropout_rate"}
        sizes["language_model"] = card.config.get("language_model", {}) | tiny
    if "rgb" in sizes:
        sizes["rgb"] = card.config.get("rgb", {}) | TINY["rgb"]
    return card.model_copy(update={"config": card.config | sizes})


def task_of(family: Family) -> TaskCard:
    return TaskCard(
        name="interface", title="", version="1.0", family=family, dataset="mock", language="English", protocol="none",
        glosses=GLOSSES if family == "islr" else (),
    )  # fmt: skip


class Subject:
    """A model after one step of training (zeros and ones of a fresh one would hide faults), and clips for it."""

    def __init__(self, card: ModelCard, family: Family) -> None:
        self.card, self.task = small(card), task_of(family)
        split = MockSplit(self.task, seed=0)
        self.clips = [self.seen(split.clip(index)) for index in range(len(split))]
        self.targets = [self.task.target(clip.text, clip.gloss) for clip in self.clips]
        self.model = self.trained()

    def seen(self, clip: Clip) -> Clip:
        """The clip as of a prepared corpus: arrays that cannot be written, and pictures if the model wants them."""
        clip.keypoints.flags.writeable = clip.scores.flags.writeable = False
        pictures = RenderedHands(clip.keypoints, clip.scores) if self.card.inputs == "rgb+pose" else None
        return replace(clip, video=pictures)

    def fresh(self, seed: int = 0) -> Model:
        make_deterministic(seed)
        return build_model(self.card, setting_of(self.task, num_beams=2, seed=0, inputs=self.card.inputs))

    def trained(self) -> Model:
        model = self.fresh()
        inputs = [model.prepare(clip) for clip in self.clips]
        if isinstance(model, Fitted):
            model.fit([Examples(self.task.family, self.targets, inputs)])
        if hasattr(model, "loss"):
            optimizer = torch.optim.SGD(model.network.parameters(), lr=1e-2)
            model.network.train()
            model.loss(inputs, self.targets).backward()
            optimizer.step()
        model.network.eval()
        return model

    @cached_property
    def alone(self) -> list[Output]:
        """Each clip's answer when it is by itself."""
        return answers(self.model, self.clips, 1)


def answers(model: Model, clips: Sequence[Clip], size: int) -> list[Output]:
    """What the engine gets: prepared clips in batches, no gradients."""
    found: list[Output] = []
    with torch.inference_mode():
        for start in range(0, len(clips), size):
            found += model.decode(model.encode([model.prepare(clip) for clip in clips[start : start + size]]))
    return found


def assert_same(found: Sequence[Output], expected: Sequence[Output]) -> None:
    """Exactly the same texts, and numbers that a prediction file cannot tell apart."""
    assert [output.text for output in found] == [output.text for output in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.log_likelihoods, other.log_likelihoods, rtol=0, atol=TOLERANCE)
        assert one.measures.keys() == other.measures.keys()
        for name, value in one.measures.items():
            np.testing.assert_allclose(value, other.measures[name], rtol=MEASURED)


def assert_valid(subject: Subject, found: Sequence[Output], clips: int) -> None:
    assert len(found) == clips
    for output in found:
        assert isinstance(output.text, str)
        assert len(output.log_likelihoods) == len(subject.task.glosses)
        assert all(np.isfinite(value) and value < TOLERANCE for value in output.log_likelihoods)
        assert all(map(np.isfinite, output.measures.values()))


def check_one_valid_answer_a_clip(subject: Subject) -> None:
    assert_valid(subject, subject.alone, len(subject.clips))


def check_any_batch_size(subject: Subject) -> None:
    for size in (2, len(subject.clips)):
        assert_same(answers(subject.model, subject.clips, size), subject.alone)


def check_any_order(subject: Subject) -> None:
    for order in (range(7, -1, -1), (3, 0, 7, 1, 6, 2, 5, 4)):
        found = answers(subject.model, [subject.clips[i] for i in order], len(subject.clips))
        assert_same(found, [subject.alone[i] for i in order])


def check_a_long_neighbour(subject: Subject) -> None:
    neighbour = subject.seen(made_up_clip("long", 400, seed=1))
    for clip, expected in zip(subject.clips[:3], subject.alone, strict=False):
        assert_same(answers(subject.model, [clip, neighbour], 2)[:1], [expected])


def check_answering_changes_nothing(subject: Subject) -> None:
    before = {name: value.clone() for name, value in subject.model.network.state_dict().items()}
    first, second = (answers(subject.model, subject.clips, len(subject.clips)) for _ in range(2))
    assert first == second
    assert all(torch.equal(before[name], value) for name, value in subject.model.network.state_dict().items())


def check_same_seed_same_model(subject: Subject) -> None:
    one, other = subject.trained(), subject.trained()
    states = zip(one.network.state_dict().items(), other.network.state_dict().items(), strict=True)
    assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in states)
    size = len(subject.clips)
    assert answers(one, subject.clips, size) == answers(other, subject.clips, size)


def check_saved_and_loaded(subject: Subject) -> None:
    other = subject.fresh(seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        load_weights(other, Checkpoint(path, save_weights(subject.model.network, path)))
    other.network.eval()
    size = len(subject.clips)
    assert answers(other, subject.clips, size) == answers(subject.model, subject.clips, size)


def check_extreme_clips(subject: Subject) -> None:
    """One frame, no hands, nothing seen at all, very long; together and alone."""
    figure = subject.clips[0]
    unseen = subject.seen(replace(figure, keypoints=0 * figure.keypoints, scores=0 * figure.scores))
    extremes = [
        subject.clips[SINGLE_FRAME],
        subject.clips[NO_HANDS],
        unseen,
        subject.seen(made_up_clip("long", 2000, 0)),
    ]
    assert extremes[0].frames == 1
    alone = answers(subject.model, extremes, 1)
    assert_valid(subject, alone, 4)
    assert_same(answers(subject.model, extremes, 4), alone)


def check_inputs_depend_on_the_clip_alone(subject: Subject) -> None:
    for clip in subject.clips:
        first, second = subject.model.prepare(clip), subject.model.prepare(clip)
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[name], second[name]) for name in first)


def check_loss_reaches_the_weights(subject: Subject) -> None:
    """In float32 and in the recipe's precision; nothing to check for a model that cannot be trained."""
    model = subject.trained()
    if not hasattr(model, "loss"):
        return
    for precision in {"float32", subject.card.recipe.precision}:
        model.network.train()
        model.network.zero_grad()
        with autocast(model, PRECISIONS[precision]):
            loss = model.loss([model.prepare(clip) for clip in subject.clips], subject.targets)
        assert loss.shape == ()
        assert torch.isfinite(loss)
        loss.backward()
        gradients = [value.grad for value in model.network.parameters() if value.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients)


CHECKS = (
    check_one_valid_answer_a_clip,
    check_any_batch_size,
    check_any_order,
    check_a_long_neighbour,
    check_answering_changes_nothing,
    check_same_seed_same_model,
    check_saved_and_loaded,
    check_extreme_clips,
    check_inputs_depend_on_the_clip_alone,
    check_loss_reaches_the_weights,
)


def cases_of(card: ModelCard) -> list[tuple[ModelCard, Family]]:
    """The card as it looks at each of its modalities, on each of its families."""
    looks = [looking_at(card, modality) for modality in card.modalities or (card.inputs,)]
    return [(look, family) for look in looks for family in card.families]


def check_models(names: Iterable[str]) -> None:
    """Every check on every family and modality that each card names."""
    for name in names:
        for card, family in cases_of(catalog.get_model(name)):
            subject = Subject(card, family)
            for check in CHECKS:
                check(subject)


if __name__ == "__main__":
    torch.set_num_threads(1)
    check_models(sys.argv[1:])
