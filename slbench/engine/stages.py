"""Trainings in several stages: which recipe and which start each has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

from slbench import catalog
from slbench.cards import Augmentation, Modality, ModelCard, Stage, TaskCard, Variant
from slbench.catalog import resolve
from slbench.engine.changes import changed_card
from slbench.engine.fitting import modality_of, picture_names
from slbench.engine.gate import begin_shut_gate
from slbench.engine.models import Checkpoint, find_checkpoint, load_weights, looking_at
from slbench.engine.released import own_checkpoint, starts_for
from slbench.engine.weights import read_tensors
from slbench.errors import OptionError, near
from slbench.modeling.base import Model, Pretrainable

WEIGHT_FILES = (".pth", ".pt", ".safetensors")
"""What --init takes beside cards."""
GATE_ANEW = "begun anew"
"""Of a gate, in cards and in what --resume compares."""


def get_stage(card: ModelCard, name: str | None) -> Stage | None:
    """The stage of this name on the card.

    Raises:
        OptionError: there is none.
    """
    if name is None:
        return None
    if name not in card.stages:
        known = near(name, list(card.stages)) if card.stages else f"; {card.path} has no [stages]"
        raise OptionError(f"--stage {name}: {card.name} has no such stage{known}")
    return card.stages[name]


def variant_for(card: ModelCard, tasks: Sequence[TaskCard]) -> Variant | None:
    """The sizes and the recipe that the card has for the corpora of these tasks, if it has some."""
    corpora = {task.dataset for task in tasks}
    return next((variant for variant in card.variants if corpora <= set(variant.datasets)), None)


def sized_for(card: ModelCard, tasks: Sequence[TaskCard]) -> ModelCard:
    """The card as it is where it is trained on these tasks."""
    variant = variant_for(card, tasks)
    return card if variant is None else card.varied(variant)


def staged_card(card: ModelCard, name: str | None, modality: Modality | None, changes: Sequence[str]) -> ModelCard:
    """The card as this training uses it: recipe and inputs of the stage, then what the user changes.

    Args:
        name: of the stage; None: none.
        modality: what the model is to look at; None: what the stage says first, or the card.
        changes: as `--set` takes them.

    Raises:
        OptionError: there is no such stage, or it does not go with the rest.
    """
    stage = get_stage(card, name)
    if stage is not None and name is not None:
        if modality is not None and modality not in stage.inputs:
            raise OptionError(f"--modality {modality}: the stage {name} looks at {' or '.join(stage.inputs)}")
        recipe, modality = card.recipe_of(name), modality or stage.inputs[0]
        card = card.model_copy(update={"recipe": recipe})
    changed = looking_at(changed_card(card, changes), modality)
    if changed.inputs != "pose" and changed.recipe.augmentation != Augmentation():
        raise OptionError("recipe.augmentation moves the keypoints away from the pictures: leave it out with rgb+pose")
    return changed


@dataclass(frozen=True)
class Start:
    """Weights that a training begins with.

    Attributes:
        stage: that they come from, as far as their card says; otherwise empty.
        inputs: what their model looks at, by its card or the names in the file; None: not known.
    """

    checkpoint: Checkpoint
    stage: str = ""
    inputs: Modality | None = None


def find_start(init: str | None, card: ModelCard, name: str | None) -> Start | None:
    """What `--init` names, a model card or a file of weights, if this stage may begin with it.

    Raises:
        OptionError: the stage begins with others, or with some and none are named.
        CardError, ModelError: they are absent or damaged.
    """
    stage = get_stage(card, name)
    if init is None:
        if stage is not None and stage.after:
            raise OptionError(
                f"--stage {name}: begins with weights of {' or '.join(stage.after)}; name them with --init, the card "
                f"that such a training has left (best.toml) or a file{starts_for(card, stage)}"
            )
        return None
    start = _start(init, card)
    if stage is not None:
        _check_start(init, start, card, stage, str(name))
    return start


def _start(init: str, card: ModelCard) -> Start:
    path = Path(init)
    if path.suffix in WEIGHT_FILES:
        if not path.is_file():
            raise OptionError(f"--init {init}: there is no such file")
        pictures = picture_names(resolve(card.implementation, card))
        inputs = modality_of(read_tensors(path), pictures) if pictures else None
        return Start(own_checkpoint(path, card), inputs=inputs)
    other = catalog.get_model(init)
    return Start(find_checkpoint(other), "" if other.weights is None else other.weights.stage, other.inputs)


def _check_start(init: str, start: Start, card: ModelCard, stage: Stage, name: str) -> None:
    if start.stage and start.stage not in stage.after:
        begins = " or ".join(stage.after) or "no other stage"
        raise OptionError(f"--init {init}: comes from the stage {start.stage}, but {name} begins with {begins}")
    before = [inputs for one in stage.after for inputs in card.stages[one].inputs] or [card.inputs]
    wanted = card.inputs if card.inputs in before else before[0]
    if start.inputs not in (None, wanted):
        raise OptionError(
            f"--init {init}: has weights of a model that looks at {start.inputs}; {name} with {card.inputs} begins "
            f"with those of one that looks at {wanted}"
        )


def may_lack(card: ModelCard, name: str | None, model: Model) -> tuple[str, ...]:
    """How the names of weights begin that no start of this stage has: those for pictures, after pose alone."""
    stage = get_stage(card, name)
    if stage is None or any(card.inputs in card.stages[one].inputs for one in stage.after):
        return ()
    return picture_names(model)


def sources_of(card: ModelCard, name: str | None, changes: Sequence[str]) -> dict[str, str]:
    """Part of the network -> where its weights come from: the stage's, and then what `--pretrained` says.

    Raises:
        OptionError: a change is no PART=SOURCE.
    """
    stage = get_stage(card, name)
    sources = dict(stage.pretrained) if stage is not None else {}
    for change in changes:
        part, equals, source = change.partition("=")
        if not (part and equals and source):
            raise OptionError(f"--pretrained {change}: write PART=FILE, or another place that the model knows")
        sources[part] = source
    return sources


@dataclass(frozen=True)
class Begun:
    """What a training has begun with.

    Attributes:
        pretrained: part -> sha256 of its weights.
        gate_anew: whether the gate of the start was shut, so that it begins as in a fresh network.
    """

    start: Start | None
    pretrained: Mapping[str, str]
    gate_anew: bool

    @property
    def chosen_on(self) -> str:
        """The split that the epoch of the start was chosen on."""
        return "" if self.start is None else self.start.checkpoint.selected_on

    def identity(self) -> dict[str, str | None]:
        """What of it decides the weights."""
        parts = {f"pretrained {part}": digest for part, digest in self.pretrained.items()}
        gate = {"gate": GATE_ANEW} if self.gate_anew else {}
        return {"init": None if self.start is None else self.start.checkpoint.sha256, **parts, **gate}

    def marks(self) -> list[str]:
        """What a reader of the weights' card must know of it."""
        found = {"begun with weights chosen on test": self.chosen_on == "test", f"gate {GATE_ANEW}": self.gate_anew}
        return [mark for mark, holds in found.items() if holds]

    def warnings(self, card: ModelCard, name: str | None) -> Iterator[str]:
        """What a user must know of it before the training."""
        if self.gate_anew:
            yield (
                "--init: in these weights the gate before the pictures is shut, and no gradient leads away from there; "
                "it begins anew, as in a fresh network"
            )
        if card.stages and name is None and self.start is None:
            besides = f" but {', '.join(self.pretrained)}" if self.pretrained else ""
            yield (
                f"{card.name} begins with random weights{besides}; name weights with --init, or one of its stages "
                f"with --stage ({', '.join(card.stages)})"
            )


def begin(model: Model, sources: Mapping[str, str], start: Start | None, lacking: Sequence[str]) -> Begun:
    """Load the weights of the start: first the pretrained parts, then those of an earlier training over them.

    A gate that is shut in them begins anew: the released code leaves it so, and it would stay shut for ever.

    Args:
        lacking: see `may_lack`.

    Raises:
        OptionError: the model has no parts that can be loaded.
        ModelError: weights cannot be had, or do not fit.
    """
    for part, source in sources.items():
        if not isinstance(model, Pretrainable):
            raise OptionError(f"{type(model).__name__} has no `load_pretrained`, so no part of it can begin so")
        model.load_pretrained(part, source)
    digests = {part: _digest(model.network, part) for part in sources}
    if start is None:
        return Begun(None, digests, gate_anew=False)
    load_weights(model, start.checkpoint, tuple(lacking))
    return Begun(start, digests, begin_shut_gate(model))


def _digest(network: torch.nn.Module, part: str) -> str:
    digest = sha256()
    for name, value in _tensors(network, part):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors(network: torch.nn.Module, part: str) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in sorted(network.state_dict().items()):
        if name.startswith(f"{part}."):
            yield name, value
