"""The embedded corpus: fingerspelled letters in the PyPI package `spoken-to-signed`.

The package carries MediaPipe Holistic recordings as `.pose` files with an `index.csv`.
They are read in place. `index.csv` also lists French letters that have no file, and its
`end` is a time in the source video, past the end of the clip, so it is not used.
"""

import csv
import importlib.util
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from slbench.data.clip import Clip
from slbench.data.poses import PoseFile
from slbench.data.readers.base import Entry
from slbench.errors import ClipError, DataError, MissingExtraError

LANGUAGES: dict[str, tuple[str, ...]] = {
    "train": ("asq", "bzs", "cse", "csq", "eso", "ise", "lls", "psr", "swl", "tsm"),
    "dev": ("gsg", "ssp"),
    "test": ("ase", "mfs", "sgg", "svk"),
}
"""Signed languages (ISO 639-3) of each split; no alphabet is shared."""


class FingerspellingReader:
    """Single letters A-Z of 16 signed languages, one clip a letter and language."""

    @cached_property
    def root(self) -> Path:
        """Folder of `index.csv`; the package is located without being imported."""
        package = importlib.util.find_spec("spoken_to_signed")
        if package is None or importlib.util.find_spec("pose_format") is None:
            raise MissingExtraError("the fingerspelling corpus", "demo")
        return Path(str(package.origin)).parent / "assets" / "fingerspelling_lexicon"

    @cached_property
    def letters(self) -> dict[tuple[str, str], Path]:
        """(language, letter) -> file, sorted."""
        index = self.root / "index.csv"
        try:
            with index.open(encoding="utf-8", newline="") as file:
                rows = [(row["signed_language"], row["words"], row["path"]) for row in csv.DictReader(file)]
        except (OSError, KeyError) as error:
            raise DataError(
                f"{index}: cannot be read as the letter index ({error}); install spoken-to-signed==0.4.0 again"
            ) from error
        wanted = {language for group in LANGUAGES.values() for language in group}
        letters = [(lang, word.upper(), path) for lang, word, path in rows if lang in wanted and _is_letter(word)]
        return {(lang, letter): self.root / path for lang, letter, path in sorted(letters)}

    def sources(self) -> dict[str, Path]:
        """`index.csv` and every recording of a kept letter."""
        files = [self.root / "index.csv", *self.letters.values()]
        return {path.relative_to(self.root).as_posix(): path for path in files}

    def entries(self, split: str) -> Iterator[Entry]:
        """Clips of the split's languages, by language and letter."""
        for (language, letter), path in self.letters.items():
            if language in LANGUAGES[split]:
                clip_id = f"{language}-{letter}"
                yield Entry(clip_id, text=letter, gloss=letter, load=partial(read_pose, path, clip_id, letter))


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def read_pose(path: Path, clip_id: str, letter: str) -> Clip:
    """Read one MediaPipe Holistic `.pose` file.

    Raises:
        ClipError: the file is absent, truncated, or holds other components.
    """
    try:
        poses = PoseFile(path).read()
    except ClipError as error:
        raise ClipError(f"clip {clip_id}: {error}") from error
    return Clip(clip_id, poses.keypoints, poses.scores, poses.fps, text=letter, gloss=letter)
