"""What a training leaves: the best and the last weights, each with a card, and a note when it has ended."""

from dataclasses import dataclass
from pathlib import Path

import tomli_w
import torch
from pydantic import ValidationError

from slbench.cards import Frozen, ModelCard, Weights, read_card
from slbench.engine.courses import UNSCORED
from slbench.engine.identity import Identity
from slbench.engine.models import find_checkpoint, save_weights
from slbench.errors import OutputError
from slbench.files import write_text


class Ended(Frozen):
    """`training.json`: a training that got to its end."""

    identity: Identity
    """Everything that decided the weights."""
    best: str
    """sha256 of the best weights."""
    last: str
    """sha256 of the weights after the last epoch."""


@dataclass(frozen=True)
class KeptModels:
    """The output folder of a training."""

    folder: Path
    card: ModelCard
    command: str
    """Makes these weights again."""
    trained_on: str
    """Task and split."""
    seed: int
    selected_on: str = "dev"
    """Split that `best` is chosen on."""
    stage: str = ""
    """Of a training in several."""
    begun_on: str = ""
    """The split that the weights were chosen on that the training begins with."""

    def save(self, name: str, network: torch.nn.Module, when: str) -> str:
        """Write <name>-<digest>.safetensors, then the card <name>.toml that names it, then drop older weights.

        The card always names a whole file: a kill at any moment leaves the older pair or the newer.

        Returns:
            sha256 of the weights.

        Raises:
            OutputError: they cannot be written; the older pair is as it was.
        """
        older = set(self.folder.glob(f"{name}-*.safetensors"))
        unnamed = self.folder / f".{name}.safetensors"
        selected_on = self._selected_on(name)
        digest = save_weights(network, unnamed, selected_on)
        path = unnamed.replace(self.folder / f"{name}-{digest[:8]}.safetensors")
        weights = Weights(
            file=path.name,
            sha256=digest,
            command=self.command,
            trained_on=f"{self.trained_on}; {when}",
            seed=self.seed,
            selected_on=selected_on,
            stage=self.stage,
        )
        # What is released is another's weights, and sizes are decided: this card names the weights beside it.
        undone = dict.fromkeys(("notes", "released", "variants", "commands"), ())
        card = self.card.model_copy(update={"weights": weights, **undone})
        write_text(self.folder / f"{name}.toml", tomli_w.dumps(card.model_dump(mode="json", exclude_none=True)))
        for old in older - {path}:
            old.unlink()
        return digest

    def _selected_on(self, name: str) -> str:
        """Of `best` or `last`, which nothing chose; but what was chosen on test has seen test ever after."""
        if self.begun_on == "test":
            return self.begun_on
        return self.selected_on if name == "best" else UNSCORED

    def exist(self) -> bool:
        """Whether there is any model in the folder, this one or another."""
        return any(any(self.folder.glob(pattern)) for pattern in ("*.toml", "*.safetensors"))

    def check_best(self, digest: str | None = None) -> None:
        """See whether the best weights are whole, and those with this sha256.

        Raises:
            CardError, ModelError: they are not, or their card is gone.
            OutputError: they are others.
        """
        found = find_checkpoint(read_card(self.folder / "best.toml", ModelCard)).sha256
        if digest not in (None, found):
            raise OutputError(
                f"{self.folder}: best.toml names weights {found}, but the training wrote {digest}; "
                "put that card back, or train again in another folder"
            )

    def ended(self) -> Ended | None:
        """The note, if the training has ended.

        Raises:
            OutputError: it cannot be read.
        """
        path = self._note
        try:
            return Ended.model_validate_json(path.read_bytes()) if path.is_file() else None
        except (OSError, ValidationError) as error:
            raise OutputError(f"{path}: cannot be read; name another --output") from error

    def end(self, ended: Ended) -> None:
        """Leave the note."""
        write_text(self._note, ended.model_dump_json(indent=1) + "\n")

    @property
    def _note(self) -> Path:
        return self.folder / "training.json"
