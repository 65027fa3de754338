"""Every trained baseline learns 16 clips by heart, but for those it refuses; a network that cannot is wrong."""

import pytest
import torch
from interface import answers, cases_of, task_of

from slbench import catalog
from slbench.cards import Family, ModelCard
from slbench.catalog import resolve
from slbench.data.mock import MockSplit
from slbench.engine.determinism import make_deterministic
from slbench.engine.models import build_model, setting_of
from slbench.modeling.base import Choosy, Examples, Fitted

CLIPS = 16
LARGEST_STEPS = 400
LEARNING_RATE = 2e-3
CASES = {
    f"{name}-{card.inputs}-{family}": (card, family)
    for name in catalog.names(ModelCard)
    for card, family in cases_of(catalog.get_model(name))
    if "baselines" in card.implementation and hasattr(resolve(card.implementation, card), "loss")
}


def laptop(card: ModelCard) -> ModelCard:
    """The card at the sizes that it has for fingerspelling, without dropout: to learn by heart is the aim."""
    card = card.varied(card.variants[0]) if card.variants else card
    known = resolve(card.implementation, card).Config.model_fields
    return card.model_copy(update={"config": card.config | {key: 0.0 for key in known if key.endswith("dropout")}})


@pytest.mark.parametrize("case", CASES)
def test_learns_sixteen_clips_by_heart(case: str) -> None:
    found, wanted = by_heart(*CASES[case])
    assert found == wanted


def by_heart(card: ModelCard, family: Family) -> tuple[list[str], list[str]]:
    """What it answers when it has learned, and what it should."""
    make_deterministic(0)
    task = task_of(family)
    split = MockSplit(task, seed=0, clips=CLIPS, pictures=card.inputs != "pose")
    clips = [split.clip(index) for index in range(CLIPS)]
    targets = [task.target(clip.text, clip.gloss) for clip in clips]
    model = build_model(laptop(card), setting_of(task, num_beams=2, inputs=card.inputs))
    inputs = [model.prepare(clip) for clip in clips]
    if isinstance(model, Fitted):
        model.fit([Examples(family, targets, inputs)])
    if isinstance(model, Choosy):  # as in a training; one clip has a single frame
        kept = [i for i in range(CLIPS) if not model.refusal(inputs[i], targets[i])]
        assert len(kept) >= CLIPS - 1
        clips, targets, inputs = ([values[i] for i in kept] for values in (clips, targets, inputs))
    optimizer = torch.optim.AdamW(model.network.parameters(), LEARNING_RATE, weight_decay=0.0)
    for step in range(1, LARGEST_STEPS + 1):
        model.network.train()
        optimizer.zero_grad()
        model.loss(inputs, targets).backward()
        torch.nn.utils.clip_grad_norm_(model.network.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0 and texts(model, clips) == targets:
            break
    return texts(model, clips), targets


def texts(model, clips) -> list[str]:
    model.network.eval()
    return [output.text for output in answers(model, clips, CLIPS)]
