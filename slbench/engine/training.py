"""A training run: from names and options to checkpoints that `slbench run` takes."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tomli_w
import torch
from pydantic import ValidationError

from slbench import catalog
from slbench.cards import ModelCard, TaskCard, Weights
from slbench.data.store import prepare
from slbench.engine.checks import check_readable, check_seed, check_writable, task_dataset
from slbench.engine.determinism import choose_device, make_deterministic
from slbench.engine.models import build_model, check_fit, save_weights, setting_of
from slbench.engine.train import Epoch, Step, Trainer
from slbench.errors import ModelError, OptionError, OutputError
from slbench.files import write_text


class TrainingRun:
    """A training that can start: everything a user can get wrong has been checked.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(
        self, model: str, task: str, output: Path, seed: int = 0, device: str = "auto", changes: Sequence[str] = ()
    ) -> None:
        check_seed(seed)
        self.task: TaskCard = catalog.get_task(task)
        self.card = changed_card(catalog.get_model(model), changes)
        check_fit(self.card, self.task)
        missing = [split for split in ("train", "dev") if split not in self.task.splits]
        if missing:
            raise OptionError(f"{self.task.name} has no {' and no '.join(missing)} split to train with")
        self.output, self.seed = output, seed
        words = ["--model", model, "--task", task, "--output", str(output), "--seed", str(seed), "--device", device]
        self.command = shlex.join(["slbench", "train", *words, *(w for change in changes for w in ("--set", change))])
        target = choose_device(device)
        check_writable(output)
        if any(output.glob("*.toml")):
            raise OutputError(f"--output {output}: holds a model already; name another folder")
        make_deterministic(seed)
        torch.set_num_threads(self.card.recipe.threads or torch.get_num_threads())
        network_model: Any = build_model(self.card, setting_of(self.task, seed=seed))
        if not hasattr(network_model, "loss"):
            raise ModelError(f"{self.card.name} cannot be trained: {self.card.implementation} has no `loss`")
        network_model.network.to(target)
        store = prepare(task_dataset(self.task))
        splits = [store.split(name) for name in ("train", "dev")]
        for split in splits:
            check_readable(self.task, split)
        self.trainer = Trainer(network_model, self.task, self.card.recipe, seed, *splits)

    def execute(self, report: Callable[[Step | Epoch], None] = lambda _: None) -> str:
        """Train; `last` is written after every epoch, `best` when dev is best. The sha256 of the best weights."""
        digest = ""
        for event in self.trainer.run():
            if isinstance(event, Epoch):
                when = f"epoch {event.epoch} of {self.card.recipe.epochs}"
                self._save("last", when)
                if event.best:
                    digest = self._save("best", f"{when}, the best on dev")
            report(event)
        return digest

    def _save(self, name: str, when: str) -> str:
        """Write <name>-<digest>.safetensors, then the card <name>.toml that names it, then drop older weights.

        The card always names a whole file: a kill at any moment leaves the older pair or the newer.
        """
        older = set(self.output.glob(f"{name}-*.safetensors"))
        unnamed = self.output / f".{name}.safetensors"
        digest = save_weights(self.trainer.kept_network, unnamed)
        path = unnamed.replace(self.output / f"{name}-{digest[:8]}.safetensors")
        weights = Weights(
            file=path.name,
            sha256=digest,
            command=self.command,
            trained_on=f"{self.task.name} {self.task.version}, train; {when}",
            seed=self.seed,
        )
        card = self.card.model_copy(update={"weights": weights, "notes": ()})
        write_text(self.output / f"{name}.toml", tomli_w.dumps(card.model_dump(mode="json", exclude_none=True)))
        for old in older - {path}:
            old.unlink()
        return digest


def changed_card(card: ModelCard, changes: Sequence[str]) -> ModelCard:
    """The card with `--set recipe.key=value` and `--set config.key=value` applied; values are JSON, or bare text.

    Raises:
        OptionError: a change names no such key or has a value of the wrong type.
    """
    values = card.model_dump(mode="json")
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or key.partition(".")[0] not in ("recipe", "config"):
            raise OptionError(f"--set {change}: write recipe.KEY=VALUE or config.KEY=VALUE")
        *path, last = key.split(".")
        table = values
        for name in path:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise OptionError(f"--set {change}: {name} has no keys")
        table[last] = _value(text)
    try:
        changed = ModelCard.model_validate_json(json.dumps(values))
    except ValidationError as error:
        faults = [
            f"--set {'.'.join(map(str, e['loc']))}: {'unknown key' if e['type'] == 'extra_forbidden' else e['msg']}"
            for e in error.errors()
        ]
        raise OptionError("\n".join(faults)) from error
    changed._path = card.path  # noqa: SLF001 - a copy of the card keeps its place
    return changed


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
