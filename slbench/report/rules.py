"""The rules of the board, and where the files beside them are."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from slbench.cards import Frozen
from slbench.catalog import builtin_root
from slbench.errors import DataError


class Mark(Frozen):
    """What a reader must know of a row."""

    text: str
    apart: bool = False
    """Whether such rows have no place."""


class Rules(Frozen):
    """`leaderboard/board.toml`."""

    significance: float
    """Two rows share a place unless a paired test tells them apart at this level."""
    most_tests: int
    """Pairs of one group; one with more is ranked by value."""
    by: dict[str, str]
    """Who stands behind a published figure: id -> what it means."""
    marks: dict[str, Mark]
    overlap: dict[str, str]
    """Task -> what of its test split training holds."""
    quantities: dict[str, str]
    """What is counted in `efficiency.csv`: id -> what it means."""


def leaderboard_folder() -> Path:
    """The one that comes with slbench, in a wheel or beside the package."""
    return builtin_root() / "leaderboard"


def committed_results() -> Path:
    """The folder of the records that come with slbench."""
    return builtin_root() / "results"


@cache
def read_rules(folder: Path) -> Rules:
    """The rules in a folder.

    Raises:
        DataError: they cannot be read, or a key is wrong.
    """
    path = folder / "board.toml"
    try:
        return Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise DataError(f"{path}: cannot be read as the rules of a board: {told}") from error
