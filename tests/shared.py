"""Real files that lie beside the repository on some machines; they are never part of it."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / ".." / "shared" / "data"


def shared(name: str) -> Path:
    """A file of that folder; without it the test is skipped."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"needs {name} in a folder shared/data beside the repository")
    return path
