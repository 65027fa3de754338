"""What a run is asked for."""

import os
from dataclasses import dataclass
from pathlib import Path

from slbench.cards import Modality
from slbench.engine.checks import check_seed
from slbench.engine.determinism import PRECISIONS
from slbench.errors import OptionError
from slbench.modeling.base import Decoding


@dataclass(frozen=True)
class RunRequest:
    """What `slbench run` was asked for; names as on the command line."""

    model: str
    task: str
    split: str = "test"
    limit: int | None = None
    batch_size: int = 32
    workers: int = 0
    device: str = "auto"
    precision: str = "float32"
    num_beams: int = 4
    seed: int = 0
    output: Path = Path("results")
    fresh: bool = False
    mock: bool = False
    """Made-up clips, `limit` or 8 of them; without weights on its card the model stays untrained."""
    modality: Modality | None = None
    """What the model looks at; None: what its card says."""
    checkpoint: Path | None = None
    """The user's own weights instead of the card's."""
    decoding: Decoding = "open"
    videos: Path | None = None
    """Folder of the corpus's videos, for a model that looks at pictures; None: where `data prepare` found them."""

    def check(self) -> None:
        """Raise OptionError for a number that makes no sense, here or anywhere."""
        for option, least in (("batch_size", 1), ("workers", 0), ("num_beams", 1), ("limit", 1)):
            value = getattr(self, option)
            if value is not None and value < least:
                raise OptionError(f"--{option.replace('_', '-')} {value}: must be at least {least}")
        most = 4 * (os.cpu_count() or 1)
        if self.workers > most:
            raise OptionError(f"--workers {self.workers}: must be at most {most}, four a core")
        check_seed(self.seed)
        if self.precision not in PRECISIONS:
            raise OptionError(f"--precision {self.precision}: known are {', '.join(PRECISIONS)}")
