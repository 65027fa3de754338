"""Who made poses: `extractor.json` beside them or in a folder above.

Poses of another estimator, version or weights give other scores: with poses from rtmlib, users of Uni-Sign's weights
measured 58.65 on WLASL2000 where the paper has 63.13 (github.com/ZechengLi19/Uni-Sign, issue 21).
"""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, ValidationError

from slbench.cards import Digest, Frozen
from slbench.errors import DataError
from slbench.files import text_digest, write_text

FILE = "extractor.json"


class Extractor(Frozen):
    """An estimator of poses, to the byte."""

    name: str
    """With its mode: `rtmlib Wholebody performance`."""
    version: str = ""
    weights: dict[str, Digest] = Field(default_factory=dict)
    """Role (`det`, `pose`) -> sha256."""
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """What else changes its output; not the device, which changes no more than its rounding."""
    files: tuple[str, ...] = ()
    """Those below the folder that are meant, such as archives; empty: everything there."""

    def label(self) -> str:
        """One line for records and tables; it differs where anything but the files does, in its last eight digits."""
        weights = ", ".join(f"{role} {digest[:8]}" for role, digest in sorted(self.weights.items()))
        version = ", ".join(part[:12] for part in self.version.split(", "))  # commits have forty digits
        about = self.model_dump(exclude={"files"}, exclude_defaults=True)
        digest = text_digest(json.dumps(about, sort_keys=True))[:8] if weights or self.settings else ""
        return " ".join(filter(None, (self.name, version, f"({weights})" * bool(weights), f"#{digest}" * bool(digest))))

    def made(self, names: Iterable[str]) -> bool:
        """Whether it speaks of all these files, paths below its folder."""
        return not self.files or set(self.files).issuperset(names)


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


def extractor_of(place: Path, files: Iterable[Path]) -> Extractor | None:
    """Who made files: what the nearest `extractor.json` says, in a place or above it.

    Args:
        place: a file, an archive or a folder.
        files: in it, or it alone.

    Returns:
        None where nobody says who made them, or not of every one.

    Raises:
        DataError: what says so is damaged.
    """
    place = place.absolute()
    for folder in (place, *place.parents):
        found = read_extractor(folder)
        if found is not None:
            return found if found.made(file.absolute().relative_to(folder).as_posix() for file in files) else None
    return None
