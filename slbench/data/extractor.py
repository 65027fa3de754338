"""Who made the poses of a folder: `extractor.json` in it, or beside an archive.

Poses of another estimator, version or weights give other scores: with poses from rtmlib, users of Uni-Sign's weights
measured 58.65 on WLASL2000 where the paper has 63.13 (github.com/ZechengLi19/Uni-Sign, issue 21).
"""

from pathlib import Path

from pydantic import Field, ValidationError

from slbench.cards import Digest, Frozen
from slbench.errors import DataError
from slbench.files import write_text

FILE = "extractor.json"


class Extractor(Frozen):
    """An estimator of poses, to the byte."""

    name: str
    """With its mode: `rtmlib Wholebody performance`."""
    version: str = ""
    weights: dict[str, Digest] = Field(default_factory=dict)
    """Role (`det`, `pose`) -> sha256."""
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """What else changes its output."""

    def label(self) -> str:
        """One line for records and tables."""
        weights = ", ".join(f"{role} {digest[:8]}" for role, digest in sorted(self.weights.items()))
        named = " ".join(part for part in (self.name, self.version) if part)
        return f"{named} ({weights})" if weights else named


def write_extractor(folder: Path, extractor: Extractor) -> None:
    """Say who makes the poses of a folder; raises OutputError where that cannot be written."""
    write_text(folder / FILE, extractor.model_dump_json(indent=1) + "\n")


def read_extractor(folder: Path) -> Extractor | None:
    """Who made the poses of a folder; None where nobody has said so.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Extractor.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(
            f"{path}: does not say who made the poses of this folder ({why}); delete it and say so with --pose-source"
        ) from error
