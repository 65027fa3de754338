"""What a training is asked for."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slbench.cards import Modality


@dataclass(frozen=True)
class TrainingRequest:
    """What `slbench train` was asked for; names as on the command line."""

    model: str
    tasks: Sequence[str]
    output: Path
    init: str | None = None
    """Model card, or file, whose weights to begin with; None: random ones."""
    seed: int = 0
    device: str = "auto"
    changes: Sequence[str] = ()
    """Of the card, as `--set` takes them."""
    resume: bool = False
    """Go on where an interrupted training of the same arguments was; from the start if there is none."""
    checkpoint_seconds: float = 60.0
    """Between two checkpoints within an epoch; 0: one at every step."""
    stage: str | None = None
    """Of a training in several, from the model's card."""
    modality: Modality | None = None
    """What the model looks at; None: what the stage or its card says."""
    pretrained: Sequence[str] = ()
    """`PART=SOURCE`, in place of the stage's."""
    videos: Path | None = None
    """Folder of the corpus's videos, for a model that looks at pictures; None: where `data prepare` found them."""
    select_on_test: bool = False
    """Score test after each epoch and keep the best on it, in place of dev."""

    @property
    def command(self) -> str:
        """The same request for a shell, without --resume."""
        words = ["--model", self.model, *(w for task in self.tasks for w in ("--task", task))]
        words += ["--stage", self.stage] if self.stage else []
        words += ["--modality", self.modality] if self.modality else []
        words += ["--init", self.init] if self.init else []
        words += [w for source in self.pretrained for w in ("--pretrained", source)]
        words += ["--videos", str(self.videos)] if self.videos else []
        words += ["--select-on-test"] if self.select_on_test else []
        words += ["--output", str(self.output), "--seed", str(self.seed), "--device", self.device]
        words += [w for change in self.changes for w in ("--set", change)]
        return shlex.join(["slbench", "train", *words])
